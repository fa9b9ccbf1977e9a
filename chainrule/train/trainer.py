"""The trainer: receives a model, an optimizer and arrays in memory; hands on the model with its
best weights.

An epoch is one native call: the batches are gathered, and the steps taken, inside the compiled
program.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import ArgumentError, TrainingError

Loss = Callable[[Any, Any, Any], Any]
Arrays = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Epoch:
    """One row of the history."""

    number: int
    training_loss: float
    validation_loss: float
    validation_metric: float
    seconds: float


@dataclass
class History:
    """All epochs, which was the best, and why training stopped: "all epochs", "patience" or
    "interrupted".
    """

    epochs: list[Epoch] = field(default_factory=list)
    best: Epoch | None = None
    stopped: str = "all epochs"

    @property
    def compilation(self) -> float:
        """Seconds that the first epoch took longer than a usual one: its programs were compiled or
        loaded.
        """
        usual = sorted(epoch.seconds for epoch in self.epochs)[(len(self.epochs) - 1) // 2]
        return max(0.0, self.epochs[0].seconds - usual)


def _epoch(
    model: nn.Module,
    optimizer: optim.Optimizer,
    loss: Loss,
    x: cr.Tensor,
    y: cr.Tensor,
    batches: cr.Tensor,
    tail: cr.Tensor,
) -> cr.Tensor:
    """Steps over batches of rows, [count, size], then over the rest, [less than size]; returns the
    mean loss.
    """

    def step(total: cr.Tensor, rows: cr.Tensor) -> tuple[cr.Tensor, None]:
        chosen = cr.take(x, rows, axis=0), cr.take(y, rows, axis=0)
        value, gradients = cr.value_and_grad(loss)(model, *chosen)
        optimizer.update(gradients)
        return total + value * rows.shape[0], None

    total = cr.asarray(0.0)
    if batches.shape[0]:
        total, _ = cr.scan(step, total, batches)
    if tail.shape[0]:
        total, _ = step(total, tail)
    return total / (batches.size + tail.size)


def _evaluate(
    model: nn.Module, measures: tuple[Loss, ...], x: cr.Tensor, y: cr.Tensor
) -> list[cr.Tensor]:
    # All measures share one run of the model: equal expressions are computed once.
    return [measure(model, x, y) for measure in measures]


class Trainer:
    """Trains `model` on `loss(model, x, y)`, the mean over the rows of a batch; `metric`, of the
    same form, is told.

    The order of rows comes from `seed`, dropout from the global random stream: with both set, the
    same weights come out, bit for bit, for any number of threads.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: optim.Optimizer,
        loss: Loss,
        metric: Loss | None = None,
        *,
        batch_size: int = 32,
        seed: int = 0,
    ) -> None:
        self.model, self.optimizer, self.batch_size = model, optimizer, batch_size
        self.loss, self.metric = loss, metric or loss
        self.order = np.random.default_rng([seed, 1])
        self._run_epoch, self._run_evaluation = cr.jit(_epoch), cr.jit(_evaluate)

    def epoch(self, x: cr.Tensor, y: cr.Tensor) -> float:
        """One pass over all rows in a new order; the mean of the losses on the way."""
        rows = self.order.permutation(x.shape[0])
        full = len(rows) - len(rows) % self.batch_size
        batches = rows[:full].reshape(-1, self.batch_size)
        return float(
            self._run_epoch(self.model, self.optimizer, self.loss, x, y, batches, rows[full:])
        )

    def evaluate(self, x: cr.Tensor, y: cr.Tensor) -> tuple[float, float]:
        """(loss, metric) in use: nothing is dropped."""
        loss, metric = self._run_evaluation(self.model, (self.loss, self.metric), x, y)
        return float(loss), float(metric)

    def fit(
        self,
        training: Arrays,
        validation: Arrays,
        *,
        epochs: int,
        patience: int | None = None,
        on_epoch: Callable[[Epoch], None] | None = None,
    ) -> History:
        """Train until the validation loss has not fallen for `patience` epochs; bring the best
        weights back. Any fall counts, however small. (A-115)

        Ctrl-C ends training like patience does, once an epoch is done. Raises TrainingError where a
        loss is not finite.
        """
        history, best = History(), {}
        data = [cr.asarray(array) for array in (*training, *validation)]
        _check("training", *data[:2])
        _check("validation", *data[2:])
        try:
            for number in range(1, epochs + 1):
                epoch = self._timed(number, data)
                history.epochs.append(epoch)
                if history.best is None or epoch.validation_loss < history.best.validation_loss:
                    # In this order: Ctrl-C in between must not leave a best epoch without weights.
                    best = self.model.state_dict()
                    history.best = epoch
                if on_epoch is not None:
                    on_epoch(epoch)
                if patience is not None and number - history.best.number >= patience:
                    history.stopped = "patience"
                    break
        except KeyboardInterrupt:
            if history.best is None:
                raise
            history.stopped = "interrupted"
        self.model.load_state_dict(best)
        return history

    def _timed(self, number: int, data: list[cr.Tensor]) -> Epoch:
        start = time.perf_counter()
        training_loss = self.epoch(*data[:2])
        validation_loss, metric = self.evaluate(*data[2:])
        for name, value in (("training", training_loss), ("validation", validation_loss)):
            if not math.isfinite(value):
                raise TrainingError(
                    "fit",
                    f"the {name} loss is {value} after epoch {number}",
                    "the steps were too large, or the data hold values far out of the ordinary",
                    "lower the learning rate, or check the columns' ranges",
                )
        return Epoch(number, training_loss, validation_loss, metric, time.perf_counter() - start)


def _check(part: str, x: cr.Tensor, y: cr.Tensor) -> None:
    if len(x) != len(y) or not len(x):
        raise ArgumentError(
            "fit",
            f"the {part} part has {len(x)} rows of x and {len(y)} of y",
            "each row needs its target, and there must be rows",
            "pass (x, y) of equal length",
        )


class Predictor:
    """Applies a model to any number of rows, in chunks of one size: one program, and a row's result
    does not depend on its neighbours.
    """

    CHUNK = 256

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._run = cr.jit(lambda model, x: model(x))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The model's outputs, [rows, outputs]."""
        parts = []
        for start in range(0, len(x), self.CHUNK):
            rows = x[start : start + self.CHUNK]
            padded = np.zeros((self.CHUNK, *x.shape[1:]), x.dtype)
            padded[: len(rows)] = rows
            parts.append(self._run(self.model, padded).numpy()[: len(rows)])
        return np.concatenate(parts)
