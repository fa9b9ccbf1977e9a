"""Comparing: receives a table; hands on how the network of `fit` does on it beside the models of
`baselines`, all on the same folds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.advisor import check_choices, choose
from chainrule.data import (
    Gathered,
    Part,
    Preprocessing,
    Problem,
    Table,
    folds,
    gather,
    hold_out,
    read,
)
from chainrule.data.columns import DATE, NUMBER, cells, convert, kind_of
from chainrule.data.fitted import Ordinal
from chainrule.data.steps import ONE_HOT
from chainrule.deferred import polars as pl
from chainrule.errors import ArgumentError, DataError
from chainrule.train.baselines import Baseline, Setting, of_task
from chainrule.train.comparing.comparison import NETWORK, Comparison, Entry
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
from chainrule.words import listed, suggestion

# Below, folds are made twice: the greater part of what differs between them is chance.
FEW_ROWS = 1_000
# What `split` leaves to validation, of the rows that are not for the test.
SHARES = (0.75, 0.25)
# Of categories beyond the bins of histograms, boosting takes the numbers as they are.
MOST_CATEGORIES = 254

Predict = Callable[[np.ndarray], Prediction]


@dataclass(frozen=True)
class Folds:
    """How the rows are split: `kind` "stratified", "grouped" or "ordered"; `groups` [rows]."""

    kind: str
    count: int
    repeats: int
    seed: int
    groups: np.ndarray | None = None

    def parts(self, gathered: Gathered) -> list[tuple[np.ndarray, np.ndarray]]:
        """(training rows, test rows) of each fold."""
        labels = gathered.strata
        # Bins of a regression are ours, and fewer rows than folds are no reason to refuse it.
        if not gathered.classes and (
            np.bincount(labels).min() < self.count or self.groups is not None
        ):
            labels = None
        known = {"labels": labels, "groups": self.groups}
        if self.kind == "ordered":
            known = {"ordered": True}
        return [
            pair
            for repeat in range(self.repeats)
            for pair in folds(len(gathered.values), self.count, seed=self.seed + repeat, **known)
        ]

    def validation(self, strata: np.ndarray, rows: np.ndarray) -> Sequence[np.ndarray]:
        """Places among the training rows of the network's own training and validation part."""
        if self.kind == "ordered":
            return hold_out(len(rows), SHARES, ordered=True)
        if self.groups is not None:
            return hold_out(len(rows), SHARES, groups=self.groups[rows], seed=self.seed)
        return hold_out(len(rows), SHARES, labels=strata[rows], seed=self.seed)


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
    table = _in_order(read(source), groups, ordered)
    extra = [column for column in (groups, ordered) if column is not None]
    gathered = gather(table, target, task=task, drop=[*drop, *extra])
    usual = METRICS[gathered.task][len(gathered.classes) > 2]
    metric = meant("compare", "metric", metric or usual, gathered.task, METRICS[gathered.task])
    plan = _plan(gathered, count, repeats, groups, ordered, seed)
    baselines, left_out = _chosen(models, gathered, bool(extra))
    parts = plan.parts(gathered)
    _check_parts(gathered, parts, metric)
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


def _in_order(table: Table, groups: str | None, ordered: str | None) -> Table:
    """The table by rising values of the column `ordered`, in which none may be missing."""
    for column in (groups, ordered):
        if column is not None and column not in table.frame.columns:
            raise DataError(
                table.name,
                f"there is no column '{column}'",
                f"the columns are {listed(table.frame.columns)}",
                suggestion(column, table.frame.columns) or "name one of them",
            )
    if ordered is None:
        return table
    if groups is not None:
        raise ArgumentError(
            "compare",
            "groups and an order are given",
            "later folds would hold groups of earlier ones",
            "choose one of them",
        )
    series = cells(table.frame[ordered])
    kind = kind_of(table.name, series)
    if kind not in (NUMBER, DATE) or series.null_count():
        raise DataError(
            table.name,
            f"rows cannot be ordered by '{ordered}'",
            f"it is a {kind} column, of {series.null_count()} empty cells",
            "name a column of numbers or dates that has no empty cells",
        )
    places = convert(table.name, series, kind).arg_sort()
    return replace(table, frame=table.frame[places])


def _plan(
    gathered: Gathered,
    count: int,
    repeats: int | None,
    groups: str | None,
    ordered: str | None,
    seed: int,
) -> Folds:
    if repeats is not None and repeats < 1:
        raise ArgumentError("compare", f"repeats={repeats}", "", "take 1 or more")
    if ordered is not None:
        return Folds("ordered", count, 1, seed)
    repeats = repeats or (2 if len(gathered.values) < FEW_ROWS else 1)
    if groups is None:
        return Folds("stratified", count, repeats, seed)
    units = cells(gathered.table.frame[groups]).rank("dense").fill_null(0)
    return Folds("grouped", count, repeats, seed, units.to_numpy())


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


def _check_parts(gathered: Gathered, parts: Sequence[Any], metric: str) -> None:
    """Raises DataError where a fold lacks a class that it needs, as groups or time may have it."""
    for number, (taught, tested) in enumerate(parts, 1):
        sides = {"train on": taught, "test": tested} if metric == "AUC" else {"train on": taught}
        for what, rows in sides.items():
            absent = set(gathered.classes) - set(gathered.values[rows].tolist())
            if absent:
                raise DataError(
                    gathered.table.name,
                    f"fold {number} has no rows of class '{min(absent)}' to {what}",
                    "groups or time hold the classes apart",
                    "take fewer folds, or another metric than AUC",
                )


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
        parts = {name: _of_rows(whole, rows) for name, rows in zip(names, places, strict=True)}
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
        setting = Setting(
            bool(target.classes),
            len(part.x),
            self.plan.seed,
            _categorical(problem.preprocessing),
        )
        try:
            return fitted(baseline.make(setting), part.x, part.y, target)
        except Exception as error:  # Of a library that is not ours, and has errors of its own.
            reason = str(error).strip().partition("\n")[0]
            raise _Failure(f"failed: {type(error).__name__}: {reason}") from error


def _of_rows(part: Part, rows: np.ndarray) -> Part:
    return Part(part.x[rows], part.y[rows], part.values[rows], part.rows[rows])


def _categorical(preprocessing: Preprocessing) -> tuple[int, ...]:
    """The columns of the matrix that hold numbers of categories."""
    columns = preprocessing.columns
    widths = [len(column.outputs()) for column in columns]
    starts = [end - width for end, width in zip(accumulate(widths), widths)]
    return tuple(
        start
        for start, column in zip(starts, columns)
        if isinstance(column, Ordinal) and len(column.categories) <= MOST_CATEGORIES
    )


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
