"""What a trainer is made of: receives what users hand over; hands it on, or says at once why it
cannot work.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from chainrule import nn, optim, tree
from chainrule.errors import ArgumentError
from chainrule.frontend import trace
from chainrule.train.trainer.callbacks import Callback
from chainrule.train.trainer.steps import Evaluation


def streaming(metrics: Any) -> dict[str, Any]:
    """Metrics by name, each as a state that batches update. Raises ArgumentError for others, and
    for two of one name.
    """
    if not isinstance(metrics, Mapping):
        metrics = list(metrics)
        named = {_name(metric): metric for metric in metrics}
        if len(named) < len(metrics):
            raise ArgumentError(
                "Trainer",
                f"of {len(metrics)} metrics some have one name, {', '.join(named)}",
                "their figures stand under it",
                "pass a dict from names to metrics",
            )
        metrics = named
    for name, metric in metrics.items():
        if not hasattr(metric, "streaming") and not hasattr(metric, "update"):
            raise ArgumentError(
                "Trainer",
                f"the metric {name!r} is a {type(metric).__name__}",
                "the mean over batches of most figures is not the figure of all rows",
                "pass one of cr.metrics, or decorate yours with cr.metrics.averaged",
            )
    return {n: m.streaming() if hasattr(m, "streaming") else m for n, m in metrics.items()}


def _name(metric: Any) -> str:
    return getattr(metric, "__name__", type(metric).__name__.lower())


def precision_of(wish: str, optimizer: optim.Optimizer) -> str:
    """The type that modules compute in. Raises ArgumentError for others, and for float16 without
    scaled gradients.
    """
    scaled = isinstance(optimizer, optim.LossScaling)
    if wish not in ("float32", "mixed", "bfloat16", "float16") or scaled != (wish == "float16"):
        raise ArgumentError(
            "Trainer",
            f"precision={wish!r} with the optimizer {type(optimizer).__name__}",
            "gradients of float16 must be scaled, others need not",
            'choose "float32", "mixed", or "float16" with cr.optim.LossScaling(optimizer)',
        )
    return "bfloat16" if wish == "mixed" else wish


def check_parts(model: Any, loss: Any, optimizer: Any, callbacks: Iterable[Any]) -> None:
    """Raises ArgumentError for what is no model, loss, optimizer or callback."""
    parts: list[tuple[str, Any, bool]] = [
        ("model", model, isinstance(model, nn.Module)),
        ("loss", loss, callable(loss)),
        ("optimizer", optimizer, isinstance(optimizer, optim.Optimizer)),
    ]
    parts += [("callback", c, isinstance(c, Callback)) for c in callbacks]
    for part, given, fits in parts:
        if not fits:
            raise ArgumentError(
                "Trainer",
                f"the {part} is {given!r}",
                "the trainer calls it",
                "make it first, as in Trainer(model, nn.losses.mse, optim.Adam(model))",
            )


def check_optimizer(model: nn.Module, optimizer: optim.Optimizer) -> None:
    """Raises ArgumentError for an optimizer of another model, or one that needs all data."""
    held = set(map(id, model.parameters().values()))
    foreign = [path for path, x in optimizer.parameters.items() if id(x) not in held]
    if foreign:
        raise ArgumentError(
            "Trainer",
            f"the optimizer trains {foreign[0]} of another model",
            "its steps would not change this one",
            "make it with the parameters of this model",
        )
    if isinstance(optimizer, optim.LBFGS):
        raise ArgumentError(
            "Trainer",
            "LBFGS chooses its steps by values, and needs the same data each time",
            "a compiled epoch of batches offers neither",
            "write optimizer.minimize(loss, model, x, y)",
        )


def check_positive(where: str, **numbers: float | None) -> None:
    """Raises ArgumentError for a number that is given and not above 0."""
    for name, number in numbers.items():
        if number is not None and not number > 0:
            raise ArgumentError(
                where, f"{name}={number}", "it is a size or a count", "choose one above 0"
            )


def check_weighable(step: Evaluation, **weights: Any) -> None:
    """Raises ArgumentError for weights of rows or classes beside a loss of the model."""
    for name, given in weights.items():
        if given is not None and step.asks_model:
            raise ArgumentError(
                "fit",
                f"{name} with a loss of the model",
                "such a loss weighs its rows itself",
                "weigh them within the loss, which gets every array of a batch, "
                "or pass a loss of (prediction, target)",
            )


class Labels:
    """The labels that a loss has taken: it sees rows with others as numbers first, for compiled it
    cannot say that there is no such class. No state moves by that.
    """

    def __init__(self, part: Evaluation) -> None:
        self.part = part
        self.low, self.high = math.inf, -math.inf

    def check(self, batch: tuple) -> None:
        """Let the loss see the rows with the least and the greatest label, unless both are known.
        It raises IndexingError for labels of no class.
        """
        if self.part.asks_model or len(batch) < 2:
            return
        if isinstance(batch[1], (dict, list, tuple)):
            return
        labels = np.asarray(batch[1])
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            return
        rows = np.asarray([labels.argmin(), labels.argmax()])
        low, high = labels[rows]
        if low < self.low or high > self.high:
            with trace.training(False):
                self.part.value(tree.map(lambda array: np.asarray(array)[rows], batch))
            self.low, self.high = min(low, self.low), max(high, self.high)
