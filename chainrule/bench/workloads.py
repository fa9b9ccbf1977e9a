"""What is measured: each workload is a network, its sizes and its batch. Hands on to contenders the
same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError

GROUPS = ("small", "large", "inference", "epoch")
PRECISIONS = ("float32", "mixed")


@dataclass(frozen=True)
class Workload:
    """A network of `models` with its sizes, fed with x of `shape`, batch first.

    A step is forward, backward and an update by Adam; in the group "inference" it is forward alone.
    In the group "epoch" a call does a step for each `batch` of the rows of x. With `precision`
    "mixed" networks compute in bfloat16 on float32 parameters, each contender as its users do.
    """

    name: str
    title: str
    group: str
    network: str
    shape: tuple[int, ...]
    sizes: Mapping[str, Any] = field(default_factory=dict)
    batch: int = 0
    precision: str = "float32"

    @property
    def mixed(self) -> bool:
        return self.precision == "mixed"

    @property
    def trains(self) -> bool:
        return self.group != "inference"

    @property
    def images(self) -> bool:
        return len(self.shape) == 4

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """x, and the classes that belong to it; the same for all contenders."""
        rng = np.random.default_rng(0)
        if self.network == "gpt":
            words = self.sizes["vocabulary"]
            return rng.integers(0, words, self.shape), rng.integers(0, words, self.shape)
        x = rng.normal(size=self.shape).astype(np.float32)
        # A network with one output learns a truth value.
        single = self.sizes.get("widths", (10,))[-1] == 1
        y = rng.integers(0, 2 if single else 10, self.shape[0])
        return x, y.astype(np.float32) if single else y

    def order(self) -> np.ndarray:
        """The rows of each step of an epoch, shuffled."""
        rows, steps = self.shape[0], self.shape[0] // self.batch
        return np.random.default_rng(1).permutation(rows)[: steps * self.batch].reshape(steps, -1)


_XOR = {"widths": (2, 8, 1)}
_DIGITS = {"widths": (784, 256, 128, 10)}
_WIDE = {"widths": (1024, 1024, 1024, 1024, 10)}
_RESNET20 = {"widths": (16, 32, 64), "blocks": 3}
_RESNET18 = {"widths": (64, 128, 256, 512), "blocks": 2}
_LSTM, _LSTM_LARGE = {"inputs": 64, "hidden": 128}, {"inputs": 512, "hidden": 512}
_GPT = {"layers": 4, "width": 128, "heads": 4, "tokens": 64, "vocabulary": 256}
_GPT_LARGE = {"layers": 6, "width": 384, "heads": 6, "tokens": 256, "vocabulary": 256}
_VIT = {"layers": 12, "width": 192, "heads": 3, "patch": 8, "size": 64}
_MOBILENET = {
    "widths": (
        *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
        *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1)),
        *((1024, 2), (1024, 1)),
    )
}

_SMALL = (
    ("xor", "XOR MLP 2-8-1, batch 4", "mlp", (4, 2), _XOR),
    ("mlp-64", "MLP 784-256-128-10, batch 64", "mlp", (64, 784), _DIGITS),
    ("mlp-512", "MLP 784-256-128-10, batch 512", "mlp", (512, 784), _DIGITS),
    ("lenet", "LeNet-5, 28x28x1, batch 64", "lenet", (64, 28, 28, 1), {}),
    ("resnet20", "ResNet-20, 32x32x3, batch 32", "resnet", (32, 32, 32, 3), _RESNET20),
    ("lstm", "LSTM 64-128, 32 steps, batch 32", "lstm", (32, 32, 64), _LSTM),
    ("gpt", "GPT, 4 layers, d 128, 64 tokens, batch 16", "gpt", (16, 64), _GPT),
)
_LARGE = (
    ("mlp-large", "MLP 1024 x 4, batch 1024", "mlp", (1024, 1024), _WIDE),
    ("resnet18", "ResNet-18, 64x64x3, batch 16", "resnet", (16, 64, 64, 3), _RESNET18),
    ("gpt-large", "GPT, 6 layers, d 384, 256 tokens, batch 4", "gpt", (4, 256), _GPT_LARGE),
    ("lstm-large", "LSTM 512-512, 128 steps, batch 32", "lstm", (32, 128, 512), _LSTM_LARGE),
    ("mobilenet", "MobileNet, 64x64x3, batch 16", "mobilenet", (16, 64, 64, 3), _MOBILENET),
    ("vit", "ViT-tiny, 64x64x3, batch 16", "vit", (16, 64, 64, 3), _VIT),
)
# One example through each network, the two batches of the MLP being one network.
_INFERENCE = [
    (f"{name.removesuffix('-64')}-1", f"{title.rsplit(', batch', 1)[0]}, inference", *rest)
    for name, title, *rest in _SMALL + _LARGE
    if name != "mlp-512"
]


def _all() -> Iterable[Workload]:
    for group, rows in (("small", _SMALL), ("large", _LARGE)):
        for name, title, network, shape, sizes in rows:
            yield Workload(name, title, group, network, shape, sizes)
    for name, title, network, shape, sizes in _INFERENCE:
        yield Workload(name, title, "inference", network, (1, *shape[1:]), sizes)
    title = "MLP 10-32-32-1, 625 steps of batch 32 in a call"
    yield Workload("epoch", title, "epoch", "mlp", (20_000, 10), {"widths": (10, 32, 32, 1)}, 32)


WORKLOADS = {workload.name: workload for workload in _all()}


def named(name: str, precision: str) -> Workload:
    """The workload of this name in "float32" or "mixed" precision. Raises ArgumentError."""
    if precision not in PRECISIONS:
        raise ArgumentError("bench", f"precision is '{precision}'", f"there are {PRECISIONS}")
    found = replace(WORKLOADS[name], precision=precision)
    return replace(found, title=f"{found.title}, bfloat16") if found.mixed else found


def chosen(names: Iterable[str], precision: str = "float32") -> list[Workload]:
    """The workloads of these names and groups, "all" being a group. Raises ArgumentError."""
    found: dict[str, Workload] = {}
    for name in names:
        rows = {n: w for n, w in WORKLOADS.items() if name in (n, w.group, "all")}
        if not rows:
            raise ArgumentError(
                "bench",
                f"there is no workload '{name}'",
                f"there are {', '.join(WORKLOADS)}",
                f"name some of them, or {', '.join(GROUPS)} or all",
            )
        found |= rows
    return [named(name, precision) for name in found]
