"""The ground of a search: receives a table; hands on what a recipe is worth on rows not for the
test, as a trial.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.advisor import choose
from chainrule.data import Gathered, Problem, folds, split
from chainrule.errors import ArgumentError, TrainingError
from chainrule.train.fitting import Watcher
from chainrule.train.predict import Predictor
from chainrule.train.run import predict_matrix
from chainrule.train.scores import GREATER_IS_BETTER, scores_of
from chainrule.train.tables.fitting import train_network
from chainrule.train.trainer.training import Training
from chainrule.train.tuning.journal import DONE, FAILED, PRUNED, Trial
from chainrule.train.tuning.sampling import hopeless
from chainrule.train.tuning.space import Point, changes, origin, space

# Fewer rows are tried on more folds: one would be chance for the most part.
FEW_ROWS, MANY_ROWS = 1_000, 5_000
CONFIRMING = 5
# A trial is scored on its validation rows, so no member may learn from them.
ALONE = {"committee": False, "linear": False}
WARM_UP = 0.2  # The share of the epochs before a trial can be hopeless.
HOPELESS = "hopeless"  # Why a training ended.


class Ground:
    """What trials are made on: pairs of training and validation rows among those that are not for
    the test.
    """

    def __init__(
        self,
        gathered: Gathered,
        metric: str,
        parts: int | None,
        seed: int,
        wanted: Mapping[str, Any],
    ) -> None:
        self.gathered, self.metric, self.seed, self.wanted = gathered, metric, seed, wanted
        rows = split(gathered.strata, seed)
        self.pool = np.sort(np.concatenate([rows["training"], rows["validation"]]))
        size = len(self.pool)
        self.count = parts or (5 if size < FEW_ROWS else 3 if size < MANY_ROWS else 1)
        if self.count == 1:
            self.problems = [self._problem(rows["training"], rows["validation"], seed)]
        else:
            self.problems = list(self._folds(self.count, seed))
        self.count = len(self.problems)  # A rare class may allow fewer.
        self.default = choose(self.problems[0], **wanted)
        taught = len(self.problems[0].parts["training"].y)
        self.space = space(self.default, taught, asked=wanted)
        self.start = origin(self.default, self.space)

    @property
    def settings(self) -> dict[str, Any]:
        """What trials that are compared have in common."""
        return {
            "data": self.gathered.table.sha256,
            "target": self.gathered.name,
            "task": self.gathered.task,
            "metric": self.metric,
            "parts": self.count,
            "seed": self.seed,
            "wanted": self.wanted,
        }

    def anew(self) -> Iterator[Problem]:
        """Other folds of the same rows, for networks of other seeds."""
        for repeat in range(1, 3 if len(self.pool) < FEW_ROWS else 2):
            yield from self._folds(CONFIRMING, self.seed + repeat)

    def _folds(self, count: int, seed: int) -> Iterator[Problem]:
        labels = self.gathered.strata[self.pool]
        count = min(count, int(np.unique(labels, return_counts=True)[1].min()))
        for taught, tested in folds(len(self.pool), max(2, count), labels=labels, seed=seed):
            yield self._problem(self.pool[taught], self.pool[tested], seed)

    def _problem(self, taught: np.ndarray, tested: np.ndarray, seed: int) -> Problem:
        return self.gathered.problem({"training": taught, "validation": tested}, seed)

    def loss(self, problem: Problem, moved: Mapping[str, Any], watcher: Watcher) -> float:
        """The score of a network with these changes on the validation rows, or its negative, such
        that less is better. Raises TrainingError, _Hopeless and KeyboardInterrupt.
        """
        recipe = choose(problem, **{**self.wanted, **moved, **ALONE})
        model, history = train_network(problem, recipe, watcher)
        if history.stopped == "interrupted":
            raise KeyboardInterrupt
        if history.stopped == HOPELESS:
            raise _Hopeless
        part = problem.parts["validation"]
        found = predict_matrix(Predictor(model), problem.target, part.x)
        score = scores_of(problem.target, part.values, found)[self.metric]
        if not np.isfinite(score):
            raise TrainingError("search", f"the {self.metric} is {score}")
        return -score if self.metric in GREATER_IS_BETTER else score


class _Hopeless(Exception):
    """A trial that ends early."""


class _Watch(Watcher):
    """Ends a training that is hopeless beside the trials before; `steps` has the least validation
    figure until each epoch, which label smoothing and the like do not change.
    """

    def __init__(self, before: Sequence[Trial], steps: dict[int, float]) -> None:
        self.before, self.steps = before, steps

    def epoch_end(self, trainer: Training) -> None:
        row, epoch = trainer.row, trainer.row["epoch"]
        figure = row.get("validation_rmse", 1 - row.get("validation_accuracy", 0.0))
        self.steps[epoch] = min(figure, self.steps.get(epoch - 1, figure))
        if epoch > WARM_UP * trainer.planned and hopeless(self.before, self.steps):
            trainer.stop(HOPELESS)


def tried(ground: Ground, before: Sequence[Trial], stage: str, point: Point) -> Trial:
    """One trial, to its end or until it is hopeless beside those before."""
    start, state, losses = time.perf_counter(), DONE, []
    moved: Point = {}
    steps: dict[int, float] = {}
    try:
        moved = changes(ground.problems[0], ground.wanted, point, ground.start)
        for fold, problem in enumerate(ground.problems):
            watcher = _Watch(before, steps) if ground.count == 1 else Watcher()
            losses.append(ground.loss(problem, moved, watcher))
            if ground.count > 1:
                steps[fold] = float(np.mean(losses))
                if fold + 1 < len(ground.problems) and hopeless(before, steps):
                    raise _Hopeless
    except _Hopeless:
        state = PRUNED
    except TrainingError:
        state = FAILED
    except ArgumentError:  # Of choices that do not go together; alone, each does.
        if not before:
            raise
        state = FAILED
    loss = float(np.mean(losses)) if state == DONE else None
    seconds = time.perf_counter() - start
    return Trial(len(before), stage, point, moved, state, loss, steps, seconds)
