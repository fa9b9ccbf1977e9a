"""Fitting: receives a step, a matrix with targets and weights, and how long to go on; hands on the
trained model. All epochs, their validation and the choice of the best one are a native call, or a
few.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.frontend.stateful import Buffer, Stateful
from chainrule.train.programs import shared
from chainrule.train.trainer.steps import Evaluation, Step

EVALUATION_ROWS = 64
NEVER = 1 << 62
# Shapes come in few sizes, so that tables of about one size share their programs: powers of two up
# to the first, then eight steps from one to the next.
SMALL_ROWS, SMALL_COLUMNS, SMALL_EPOCHS = 2_048, 16, 256
ORDER = 1 << 17  # Rows of all epochs of a call, at least.
SECONDS_A_CALL = 0.25  # Between two calls Ctrl-C is heard.
FIRST_BATCHES = 64


def padded_size(size: int, small: int) -> int:
    """The least of the sizes in use that is not below this one.

    >>> from chainrule.train.estimators.fitting import padded_size
    >>> padded_size(30, 16), padded_size(1437, 2048), padded_size(100_000, 2048)
    (32, 2048, 106496)
    """
    if size <= small:
        return small
    step = 1 << (size - 1).bit_length() - 1
    step = step if step < 8 * small else step // 8
    return -(-size // step) * step


@dataclass(frozen=True)
class Part:
    """Rows for a network, in arrays that may have more: `rows` to train on, then `held` to judge
    by.
    """

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    rows: int
    held: int

    def batches(self, size: int) -> int:
        """How many an epoch has, the last of which may be smaller."""
        return -(-self.rows // size)


class Fitting(Stateful):
    """What a training moves on: the step's state, the losses of each epoch, and the best model."""

    def __init__(self, step: Step, batch_size: int, epochs: int) -> None:
        self.step, self.batch_size = step, batch_size
        self.evaluation = Evaluation(step.model, step.loss, {})
        self.best = {path: Buffer(box) for path, box in step.model.named_boxes().items()}
        self.lowest = Buffer(cr.asarray(np.inf, dtype=cr.float64))
        self.goal = Buffer(self.lowest)  # What the next loss must be below to count as progress.
        self.factor = Buffer(cr.asarray(1.0, dtype=cr.float64))
        self.stale, self.epoch = Buffer(0), Buffer(0)
        curve = np.zeros(padded_size(epochs, SMALL_EPOCHS), np.float32)
        self.losses, self.held_losses = Buffer(curve), Buffer(curve)
        self.judges = False  # By held-out rows: without them a program is a third shorter.

    def _name(self, box: Any, path: str) -> None:
        """The parts have named their boxes."""

    def restart(self, judges: bool) -> None:
        """No epoch is done; weights and the optimizer's state stay."""
        self.judges = judges
        self.step.reset()
        self.lowest.assign(cr.asarray(np.inf, dtype=cr.float64))
        self.goal.assign(cr.asarray(np.inf, dtype=cr.float64))
        self.factor.assign(cr.asarray(1.0, dtype=cr.float64))
        self.stale.assign(cr.asarray(0))
        self.epoch.assign(cr.asarray(0))

    def curves(self) -> tuple[list[float], list[float]]:
        """The losses of the epochs in training, and of held-out rows where there are some."""
        done = self.epoch.item()
        held = self.held_losses.numpy()[:done].tolist() if self.judges else []
        return self.losses.numpy()[:done].tolist(), [] if np.isnan(held).all() else held

    def keep(self, best: cr.Tensor) -> None:
        """The present model, if it is the best so far."""
        for path, box in self.step.model.named_boxes().items():
            self.best[path].assign(cr.where(best, box, self.best[path]))

    def note(self, over: cr.Tensor, curve: Buffer, loss: cr.Tensor) -> None:
        """Write a loss of an epoch that is over into its curve."""
        here = over & (cr.arange(curve.shape[0]) == self.epoch)
        curve.assign(cr.where(here, cr.astype(loss, cr.float32), curve))

    def in_use(self) -> AbstractContextManager[None]:
        """Within it the model has the weights to use, where an optimizer trains others."""
        return getattr(self.step.optimizer, "evaluation", nullcontext)()

    def settle(self) -> None:
        """Leave the best weights in the model; without held-out rows the last ones."""
        found = self.best
        if not self.judges or np.isnan(self.held_losses.numpy()[0]):
            with self.in_use():
                found = {path: Buffer(box) for path, box in self.step.model.named_boxes().items()}
        for path, box in self.step.model.named_boxes().items():
            box.assign(found[path])


def advance(fitting: Fitting, data: tuple, order: Any, rates: Any, at: dict) -> cr.Tensor:
    """The batches `first` to `last` - 1 of an order, until training is stale; the number of the
    next one. `at` holds numbers: see `run`.
    """

    def epoch(number: Any) -> Any:
        start = number // at["batches"] * at["batches"]
        end = start + at["batches"]
        reached = _batches(fitting, data, order, rates, at, (start, number, end))
        _end(fitting, data, at, reached == end)
        return reached

    def goes_on(number: Any) -> Any:
        return (number < at["last"]) & (fitting.stale < at["patience"])

    return cr.while_loop(goes_on, epoch, at["first"])


def _batches(
    fitting: Fitting, data: tuple, order: Any, rates: Any, at: dict, epoch: tuple
) -> cr.Tensor:
    """Those that are left of an epoch (start, number, end), as far as `last`."""
    start, number, end = epoch
    lanes = cr.arange(fitting.batch_size)
    numbers: Any = fitting.step.optimizer.hyperparameters

    def turn(number: Any) -> Any:
        numbers.learning_rate.assign(fitting.factor * rates[number])
        place = (number - start) * fitting.batch_size + lanes
        fitting.step(_batch(data, order[number], place < at["rows"]))
        return number + 1

    last = cr.minimum(end, at["last"])
    return cr.while_loop(lambda number: number < last, turn, number)


def _batch(data: tuple, rows: Any, counts: Any) -> tuple:
    """Some rows of the data; those that do not count weigh nothing."""
    x, y, weights = (cr.take(array, rows, axis=0) for array in data)
    weights = cr.where(counts, weights, 0)
    if y.ndim > 1:
        weights = cr.broadcast_to(weights[:, None], y.shape)
    return x, y, weights


def _end(fitting: Fitting, data: tuple, at: dict, over: Any) -> None:
    """Judge an epoch if it is over. All that changes is chosen, not branched to: of state that a
    branch may change every turn of the loop makes a copy.
    """
    step = fitting.step
    loss = step.total / step.weight
    fitting.note(over, fitting.losses, loss)
    monitored = _judge(fitting, data, at, over) if fitting.judges else loss
    advances = monitored < fitting.goal
    stale = cr.where(advances, 0, fitting.stale + 1)
    lower = (stale > 0) & (stale % at["shrink_after"] == 0)
    for box, value in (
        (step.total, 0.0),
        (step.weight, 0.0),
        (fitting.goal, cr.where(advances, monitored - at["least"], fitting.goal)),
        (fitting.stale, stale),
        (fitting.epoch, fitting.epoch + 1),
        (fitting.factor, cr.where(lower, fitting.factor * at["shrink"], fitting.factor)),
    ):
        box.assign(cr.where(over, value, box))


def _judge(fitting: Fitting, data: tuple, at: dict, over: Any) -> cr.Tensor:
    """The loss of the held-out rows; the model of the lowest one is kept."""
    with fitting.in_use():
        rows = cr.where(over, at["held"], 0)
        held = _held_loss(fitting.evaluation, data, at["rows"], rows)
        best = over & (held < fitting.lowest)
        fitting.keep(best)
    fitting.note(over, fitting.held_losses, held)
    fitting.lowest.assign(cr.where(best, held, fitting.lowest))
    return held


def _held_loss(evaluation: Evaluation, data: tuple, first: Any, rows: Any) -> cr.Tensor:
    """The mean loss of so many held-out rows from the first one; without any, NaN."""
    evaluation.reset()
    lanes = cr.arange(EVALUATION_ROWS)

    def judge(done: Any) -> Any:
        places = done + lanes
        chosen = first + cr.minimum(places, rows - 1)
        evaluation(_batch(data, chosen, places < rows))
        return done + EVALUATION_ROWS

    cr.while_loop(lambda done: done < rows, judge, cr.asarray(0))
    return evaluation.total / evaluation.weight


@dataclass
class Course:
    """How a training goes on: `rate` is a function of the number of steps taken. It ends after
    `patience` epochs that lowered the loss by less than `least`; each `shrink_after` of them
    multiply the rate by `shrink`.
    """

    epochs: int
    rate: Callable
    generator: np.random.Generator
    shuffle: bool = True
    patience: int | None = None
    least: float = 0.0
    shrink: float = 1.0
    shrink_after: int = 1

    def orders(self, rows: int, size: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """(epochs, the rows of each batch, the rate of each), as many epochs at once as `ORDER`
        holds. What the last batch of an epoch lacks are its first rows again.
        """
        batches = -(-rows // size)
        most = max(1, ORDER // (batches * size))
        for start in range(0, self.epochs, most):
            count = min(most, self.epochs - start)
            order = np.empty((padded_size(batches * size, ORDER) // size, size), np.int64)
            rates = np.empty(len(order), np.float32)
            drawn = np.tile(np.arange(rows), (count, 1))
            if self.shuffle and batches > 1:
                self.generator.permuted(drawn, axis=1, out=drawn)
            whole = drawn[:, np.arange(batches * size) % rows]
            order[: count * batches] = whole.reshape(-1, size)
            steps = cr.arange(start * batches, (start + count) * batches)
            rates[: count * batches] = self.rate(steps).numpy()
            yield count, order, rates

    def numbers(self, part: Part, size: int) -> dict[str, Any]:
        """What the program is told of all this."""
        return {
            "rows": part.rows,
            "batches": part.batches(size),
            "held": part.held,
            "patience": NEVER if self.patience is None else self.patience,
            "least": self.least,
            "shrink": self.shrink,
            "shrink_after": self.shrink_after,
        }


def run(fitting: Fitting, part: Part, course: Course, single: bool = False) -> Iterator[None]:
    """Train; pauses after each native call, or with `single` after each epoch."""
    batches = part.batches(fitting.batch_size)
    data, numbers = (part.x, part.y, part.weights), course.numbers(part, fitting.batch_size)
    kinds = [(array.shape, array.dtype) for array in data]
    pace = FIRST_BATCHES
    for epochs, order, rates in course.orders(part.rows, fitting.batch_size):
        program = shared(advance, fitting, *kinds, len(order))
        first = 0
        while first < epochs * batches:
            last = min(first + (batches if single else pace), epochs * batches)
            start = time.perf_counter()
            reached = program(fitting, data, order, rates, numbers | {"first": first, "last": last})
            pace = max(1, int(SECONDS_A_CALL * (last - first) / (time.perf_counter() - start)))
            yield
            if int(reached) < last or fitting.stale.item() >= numbers["patience"]:
                return
            first = last
