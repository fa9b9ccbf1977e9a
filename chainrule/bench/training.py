"""The trainer: measures its epochs in turns with those of a loop by hand; hands on what it adds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np

import chainrule as cr
from chainrule import optim
from chainrule.bench import models
from chainrule.bench.ours import epoch, loss_of
from chainrule.bench.report import machine
from chainrule.bench.workloads import WORKLOADS, Workload
from chainrule.train import Callback, Trainer

DIGITS = Workload(
    "trainer", "MLP 784-256-128-10, batch 64", "epoch", "mlp", (19_200, 784),
    {"widths": (784, 256, 128, 10)}, 64,
)  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """Seconds a step of one workload: medians over the rounds, and of the ratios less 1."""

    title: str
    by_hand: float
    trainer: float
    overhead: float


def training(rounds: int) -> list[Trained]:
    """Each workload in so many rounds: an epoch by hand, an epoch by the trainer, which shuffles as
    the loop does and tells a callback at its end.
    """
    return [_measured(workload, rounds) for workload in (DIGITS, WORKLOADS["epoch"])]


def write(found: list[Trained], path: Path) -> None:
    """All figures as JSON."""
    record = {"machine": machine(), "trainer": [asdict(row) for row in found]}
    path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def _measured(workload: Workload, rounds: int) -> Trained:
    sides = [_by_hand(workload), _by_trainer(workload)]
    for side in sides:
        side(2)  # Compiled before the clock starts.
    steps, times = len(workload.order()), []
    for _ in range(rounds):
        times.append([_marginal(side) / steps for side in sides])
    hand, trainer = zip(*times, strict=True)
    ratios = [b / a for a, b in times]
    return Trained(workload.title, median(hand), median(trainer), median(ratios) - 1)


def _marginal(side: Callable[[int], None], epochs: int = 4) -> float:
    """Seconds that an epoch takes among others: what a call does once is left out."""
    seconds = []
    for count in (1, 1 + epochs):
        start = time.perf_counter()
        side(count)
        seconds.append(time.perf_counter() - start)
    return (seconds[1] - seconds[0]) / epochs


def _by_hand(workload: Workload) -> Callable[[int], None]:
    model = models.mlp(**workload.sizes)
    optimizer, compiled = optim.Adam(model), cr.jit(epoch)
    x, y = map(cr.asarray, workload.data())
    generator, shape = np.random.default_rng(0), workload.order().shape

    def run(epochs: int) -> None:
        for _ in range(epochs):
            order = generator.permutation(len(x))[: shape[0] * shape[1]].reshape(shape)
            float(compiled(model, optimizer, x, y, order))

    return run


class _Told(Callback):
    def epoch_end(self, trainer: Trainer) -> None:
        self.loss = trainer.row["loss"]


def _by_trainer(workload: Workload) -> Callable[[int], None]:
    model = models.mlp(**workload.sizes)
    trainer = Trainer(model, loss_of, optim.Adam(model), callbacks=[_Told()])
    data = workload.data()

    def run(epochs: int) -> None:
        trainer.fit(data, epochs=epochs, batch_size=workload.batch, quiet=True)

    return run
