"""Comparing: receives a table; hands on how the network of `fit` does on it beside the models of
`baselines`, all on the same folds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.advisor import check_choices, choose
from chainrule.data import Gathered, Problem, gather, read
from chainrule.data.steps import ONE_HOT
from chainrule.deferred import polars as pl
from chainrule.errors import ArgumentError
from chainrule.train.baselines import Baseline, Setting, categorical, of_task
from chainrule.train.comparing.comparison import NETWORK, Comparison, Entry
from chainrule.train.comparing.plan import Folds, check_parts, in_order, planned
from chainrule.train.fitting import Watcher
from chainrule.train.predict import Predictor
from chainrule.train.run import predict_matrix
from chainrule.train.scores import (
    GREATER_IS_BETTER,
    METRICS,
    Prediction,
    fitted,
    meant,
    scores_of,
)
from chainrule.train.tables.fitting import train_network

Predict = Callable[[np.ndarray], Prediction]


class Onlooker:
    """Is told of each step of a comparison. A subclass overrides what it wants to know.

    >>> class Told(cr.train.Onlooker):
    ...     def done(self, name, fold):
    ...         print(f"{name} has seen fold {fold}")
    """

    def planned(self, gathered: Gathered, metric: str, plan: Folds, models: Sequence[str]) -> None:
        """Before the first fold."""

    def starts(self, name: str, fold: int) -> None:
        """A model is about to be fitted."""

    def done(self, name: str, fold: int) -> None:
        """It was fitted and tested, or failed."""


def compare(
    source: str | Path | pl.DataFrame,
    target: str | None = None,
    *,
    task: str | None = None,
    drop: Sequence[str] = (),
    models: Sequence[str] | None = None,
    metric: str | None = None,
    count: int = 5,
    repeats: int | None = None,
    groups: str | None = None,
    ordered: str | None = None,
    seed: int = 0,
    onlooker: Onlooker | None = None,
    **wanted: Any,
) -> Comparison:
    """The network that `fit` would train, by cross-validation beside classical models: linear ones,
    naive Bayes, a tree, k-NN, SVMs, forests, boosting, stacking (`train.baselines`).

    All have the same `count` folds, made `repeats` times (twice below 1,000 rows), stratified; with
    a column of `groups`, rows of one group are in one fold; with a column to be `ordered` by, each
    fold is later than what was trained on. All have preprocessing fitted to the training rows of
    the fold; of these the network keeps a quarter for validation, as in `fit`. `models` names those
    beside the network, all by default. `metric` is "AUC", "accuracy", "balanced accuracy", "F1" or
    "log loss", by default AUC for two classes and accuracy for more; or "R2", "RMSE", "MAE".
    `wanted` are choices for the network. Ctrl-C ends the comparison with the folds that are done.

    Differences have intervals of the corrected resampled t-test, `metrics.over_folds`. Raises
    DataError, ArgumentError and TrainingError.

    >>> found = cr.train.compare("iris", models=["logistic regression"], count=2, repeats=1,
    ...                          epochs=20)
    >>> sorted(entry.name for entry in found.entries)
    ['logistic regression', 'network']
    """
    check_choices(wanted)
    onlooker = onlooker or Onlooker()
    table = in_order(read(source), groups, ordered)
    extra = [column for column in (groups, ordered) if column is not None]
    gathered = gather(table, target, task=task, drop=[*drop, *extra])
    usual = METRICS[gathered.task][len(gathered.classes) > 2]
    metric = meant("compare", "metric", metric or usual, gathered.task, METRICS[gathered.task])
    plan = planned(gathered, count, repeats, groups, ordered, seed)
    baselines, left_out = _chosen(models, gathered, bool(extra))
    parts = plan.parts(gathered)
    check_parts(gathered, parts, metric)
    models = (NETWORK, *baselines)
    onlooker.planned(gathered, metric, plan, models)
    measured = (_Fold(gathered, plan, *pair, baselines, wanted) for pair in parts)
    entries, whole = _measured(measured, models, left_out, onlooker)
    means = {
        name: float(np.mean([len(pair[place]) for pair in parts]))
        for place, name in enumerate(("trained", "tested"))
    }
    return Comparison(
        {"name": table.name, "rows": len(gathered.values), "sha256": table.sha256},
        gathered.name,
        gathered.task,
        metric,
        {"kind": plan.kind, "count": count, "repeats": plan.repeats, "seed": seed, **means},
        tuple(_sorted(entries, metric)),
        left_out,
        not whole,
    )


def _chosen(
    wanted: Sequence[str] | None, gathered: Gathered, dependent: bool
) -> tuple[dict[str, Baseline], dict[str, str]]:
    """(the models that take part, why others do not)."""
    known = of_task(gathered.task)
    if wanted is not None and not wanted:
        raise ArgumentError("compare", "no models", "", f"name some of {', '.join(known)}")
    names = [meant("compare", "model", name, gathered.task, known) for name in wanted or known]
    asked = [known[name] for name in known if name in names]
    obstacles = {one.name: one.obstacle(len(gathered.values), dependent) for one in asked}
    left_out = {name: why for name, why in obstacles.items() if why}
    return {one.name: one for one in asked if one.name not in left_out}, left_out


class _Failure(Exception):
    """A model could not be fitted."""


class _Fold:
    """Measures models on one pair of training and test rows."""

    def __init__(
        self,
        gathered: Gathered,
        plan: Folds,
        taught: np.ndarray,
        tested: np.ndarray,
        baselines: Mapping[str, Baseline],
        wanted: Mapping[str, Any],
    ) -> None:
        self.gathered, self.plan, self.wanted, self.baselines = gathered, plan, wanted, baselines
        self.rows = {"training": taught, "test": tested}
        self.problems: dict[str, Problem] = {}

    def problem(self, categories: str) -> Problem:
        """The matrices with this encoding of categories, made once."""
        if categories not in self.problems:
            made = self.gathered.problem(self.rows, self.plan.seed, categories=categories)
            self.problems[categories] = made
        return self.problems[categories]

    def measure(self, entry: Entry) -> None:
        """Fit a model and test it. Raises _Failure where a classical one cannot be fitted."""
        from threadpoolctl import threadpool_limits

        baseline = self.baselines.get(entry.name)
        problem = self.problem(baseline.categories if baseline else ONE_HOT)
        test = problem.parts["test"]
        start = time.perf_counter()
        predict = self._classical(baseline, problem) if baseline else self._network(problem)
        fit = time.perf_counter() - start
        thousand = np.resize(test.x, (1000, test.x.shape[1]))
        with threadpool_limits(1):
            found = predict(test.x)
            start = time.perf_counter()
            predict(thousand)
            entry.predict_seconds.append(time.perf_counter() - start)
        entry.fit_seconds.append(fit)
        entry.scores.append(scores_of(problem.target, test.values, found))

    def _network(self, problem: Problem) -> Predict:
        whole = problem.parts["training"]
        places = self.plan.validation(self.gathered.strata, self.rows["training"])
        names = ("training", "validation")
        parts = {name: whole.take(rows) for name, rows in zip(names, places, strict=True)}
        problem = replace(problem, parts={**problem.parts, **parts})
        # The rows of a committee's members are taken at random, which these may not be.
        alike = {} if self.plan.kind == "stratified" else {"committee": False}
        recipe = choose(problem, **{**self.wanted, **alike})
        model, history = train_network(problem, recipe, Watcher())
        if history.stopped == "interrupted":
            raise KeyboardInterrupt
        predictor = Predictor(model)
        return lambda x: predict_matrix(predictor, problem.target, x)

    def _classical(self, baseline: Baseline, problem: Problem) -> Predict:
        part, target = problem.parts["training"], problem.target
        numbered = categorical(problem.preprocessing)
        setting = Setting(bool(target.classes), len(part.x), self.plan.seed, numbered)
        try:
            return fitted(baseline.make(setting), part.x, part.y, target)
        except Exception as error:  # Of a library that is not ours, and has errors of its own.
            reason = str(error).strip().partition("\n")[0]
            raise _Failure(f"failed: {type(error).__name__}: {reason}") from error


def _measured(
    folds: Iterable[_Fold], models: Sequence[str], left_out: dict[str, str], onlooker: Onlooker
) -> tuple[list[Entry], bool]:
    """(what the models did, whether on all folds); those that fail come to `left_out`."""
    entries = {name: Entry(name) for name in models}
    try:
        for number, fold in enumerate(folds):
            for name in list(entries):
                onlooker.starts(name, number)
                try:
                    fold.measure(entries[name])
                except _Failure as failure:
                    left_out[name] = str(failure)
                    del entries[name]
                onlooker.done(name, number)
    except KeyboardInterrupt:
        return _complete(list(entries.values())), False
    return list(entries.values()), True


def _complete(entries: Sequence[Entry]) -> list[Entry]:
    """After an interruption: the folds that all models have done, or the models that have done the
    first; where there is none, the interruption goes on.
    """
    done = min(len(entry.scores) for entry in entries) or 1
    kept = [entry.first(done) for entry in entries if len(entry.scores) >= done]
    if not kept:
        raise KeyboardInterrupt
    return kept


def _sorted(entries: Sequence[Entry], metric: str) -> list[Entry]:
    """The best first; at the end, those without this score."""
    sign = -1 if metric in GREATER_IS_BETTER else 1

    def place(entry: Entry) -> tuple[bool, float]:
        mean = entry.values(metric).mean()
        return bool(np.isnan(mean)), sign * mean

    return sorted(entries, key=place)
