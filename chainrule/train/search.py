"""Before the long training: receives trainers and data; hands on a learning rate, whether a model
can learn at all, and the best of a grid of hyper-parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr
from chainrule import tree
from chainrule.data.loader import Loader, rows_of
from chainrule.data.split import folds
from chainrule.errors import ArgumentError, TrainingError
from chainrule.train.trainer.arguments import check_positive
from chainrule.train.trainer.feeding import labels_of, loader_of
from chainrule.train.trainer.trainer import Trainer

SMOOTHING, HOPELESS = 0.98, 4.0


class RateTest(NamedTuple):
    """Rates tried, the smoothed loss at each, and the rate at which it falls most steeply."""

    rates: list[float]
    losses: list[float]
    suggestion: float


def find_learning_rate(
    trainer: Trainer,
    data: Any,
    *,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
) -> RateTest:
    """Train for `steps` batches with a rate that grows by a constant factor from `low` to `high`
    (Smith 2017), or until the smoothed loss is 4 times its least; then all state is as before.

    Losses are smoothed with 0.98, corrected for the start, as in fastai; the suggestion is where
    they fall most over a tenth of the rates, behind the first tenth, which is noise. Raises
    ArgumentError unless 0 < low < high, TrainingError for a first loss that is not finite.

    >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    >>> model = cr.nn.Linear(1, 1)
    >>> trainer = cr.train.Trainer(model, cr.nn.losses.mse, cr.optim.SGD(model, 0.1))
    >>> found = cr.train.find_learning_rate(trainer, (x, 2 * x))
    >>> 1e-4 < found.suggestion < 10
    True
    """
    if not 0 < low < high or steps < 3:
        raise ArgumentError(
            "find_learning_rate",
            f"low={low}, high={high}, steps={steps}",
            "the rate grows by a constant factor",
            "choose 0 < low < high and at least 3 steps",
        )
    rates, losses, mean = np.geomspace(low, high, steps).tolist(), [], 0.0
    loader = loader_of(data, batch_size=batch_size, shuffle=True, seed=trainer.seed)
    with _put_back(trainer, loader):
        batches = _endless(loader)
        for number, rate in enumerate(rates, 1):
            trainer.optimizer.learning_rate = rate
            loss = float(trainer.try_batch(next(batches)))
            mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
            losses.append(mean / (1 - SMOOTHING**number))
            if not math.isfinite(loss) or losses[-1] > HOPELESS * min(losses):
                break
    seen = [loss for loss in losses if math.isfinite(loss)]
    if not seen:
        raise TrainingError(
            "find_learning_rate",
            f"the loss is {losses[0]} before the first step",
            "no rate can mend that",
            "look for values of the data that are not finite",
        )
    # Over a span of some batches, whose losses differ more than a step changes them.
    first, span = steps // 10, max(1, steps // 10)
    falls = np.subtract(seen[first + span :], seen[first:-span])
    steepest = first + int(np.argmin(falls)) + span // 2 if len(falls) else 0
    return RateTest(rates[: len(losses)], losses, rates[steepest])


def overfit_one_batch(
    trainer: Trainer, data: Any, *, steps: int = 200, batch_size: int = 32
) -> list[float]:
    """The losses of `steps` steps on the first batch alone; then all state is as before.

    A model that cannot learn one batch by heart will not learn: its loss should come near the least
    that there is. Dropout and weight decay hold it up.

    >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    >>> model = cr.nn.Linear(1, 1)
    >>> trainer = cr.train.Trainer(model, cr.nn.losses.mse, cr.optim.Adam(model, 0.1))
    >>> cr.train.overfit_one_batch(trainer, (x, 2 * x))[-1] < 1e-4
    True
    """
    check_positive("overfit_one_batch", steps=steps)
    loader = loader_of(data, batch_size=batch_size, shuffle=True, seed=trainer.seed)
    with _put_back(trainer, loader):
        batch = next(_endless(loader))
        return [float(trainer.try_batch(batch)) for _ in range(steps)]


@contextmanager
def _put_back(trainer: Trainer, loader: Loader) -> Iterator[None]:
    """Afterwards model, optimizer, its schedule, the random stream and the place in the data are
    what they were.
    """
    numbers = trainer.optimizer.hyperparameters
    rate = vars(numbers)["learning_rate"]
    state, stream, place = trainer.step.state_dict(), cr.random.get_state(), loader.state_dict()
    try:
        yield
    finally:
        if callable(rate):
            numbers.learning_rate = rate
        trainer.step.load_state_dict(state)
        cr.random.set_state(stream)
        loader.load_state_dict(place)


def _endless(loader: Loader) -> Iterator[Any]:
    while True:
        yield from loader


@dataclass(frozen=True)
class Search:
    """One row for each point of a grid: `parameters`, and the figure on the `training` and the
    `validation` rows of each fold.

    >>> pairs = [({"decay": d}, [d]) for d in (0.1, 0.2)]
    >>> rows = [{"parameters": p, "training": v, "validation": v} for p, v in pairs]
    >>> cr.train.Search(rows).best, cr.train.Search(rows, mode="max").best
    ({'decay': 0.1}, {'decay': 0.2})
    """

    rows: list[dict[str, Any]]
    mode: str = "min"

    @property
    def best(self) -> dict[str, Any]:
        """The parameters with the best mean on validation rows."""
        sign = 1 if self.mode == "min" else -1
        return min(self.rows, key=lambda row: sign * np.mean(row["validation"]))["parameters"]

    def curve(self, name: str) -> tuple[list[Any], np.ndarray, np.ndarray]:
        """The validation curve of one parameter: its values, and the figures on training and
        validation rows, [values, folds], means over the other parameters (B-064).
        """
        values = list(dict.fromkeys(row["parameters"][name] for row in self.rows))
        parts = []
        for part in ("training", "validation"):
            of_value = [[r[part] for r in self.rows if r["parameters"][name] == v] for v in values]
            parts.append(np.asarray([np.mean(found, axis=0) for found in of_value]))
        return values, parts[0], parts[1]


def grid_search(
    make: Callable[..., Trainer],
    grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]],
    data: tuple,
    *,
    count: int = 5,
    seed: int = 0,
    monitor: str = "loss",
    mode: str = "min",
    **options: Any,
) -> Search:
    """Cross-validate each point of a grid in `count` folds, stratified (B-064).

    `make(**parameters)` returns a new trainer, `options` are those of its `fit`, and `grid` is one
    of scikit-learn's `ParameterGrid`. Each fold starts from the random stream of `seed`, so that
    points differ by their parameters alone. `monitor` is a figure of `evaluate`.

    >>> x = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    >>> def make(decay):
    ...     model = cr.nn.Linear(1, 1)
    ...     optimizer = cr.optim.AdamW(model, 0.1, weight_decay=decay)
    ...     return cr.train.Trainer(model, cr.nn.losses.mse, optimizer)
    >>> cr.train.grid_search(make, {"decay": [0.0, 10.0]}, (x, x), count=2, epochs=30).best
    {'decay': 0.0}
    """
    from sklearn.model_selection import ParameterGrid

    parts = folds(rows_of(data), count, labels=labels_of(np.asarray(data[1])), seed=seed)
    stream, rows = cr.random.get_state(), []
    try:
        for parameters in ParameterGrid(grid):
            found: dict[str, Any] = {"parameters": parameters, "training": [], "validation": []}
            for pair in parts:
                cr.random.seed(seed)
                trainer = make(**parameters)
                chosen = [tree.map(lambda a, r=r: np.asarray(a)[r], data) for r in pair]
                trainer.fit(chosen[0], quiet=True, **options)
                for name, part in zip(("training", "validation"), chosen, strict=True):
                    found[name].append(trainer.evaluate(part)[monitor])
            rows.append(found)
    finally:
        cr.random.set_state(stream)
    return Search(rows, mode)
