"""Preparing: receives a table; hands on everything a training needs, split before anything is
fitted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.data import target as targets
from chainrule.data.auditing import Audit, audit
from chainrule.data.columns import cells, convert, kind_of, useless
from chainrule.data.preprocess import Preprocessing
from chainrule.data.read import Table
from chainrule.data.split import bins, split
from chainrule.data.steps import fit_transform, names_in
from chainrule.data.target import CLASSIFICATION, Target
from chainrule.deferred import polars as pl
from chainrule.errors import DataError
from chainrule.words import counted, listed, suggestion

NUMBER_NAME = re.compile(r"[+-]?\d+([.,]\d+)?$")


@dataclass(frozen=True)
class Part:
    """The rows of one part: their matrix, their encoded target, their target as it was, and their
    places in the table.

    >>> from chainrule import data
    >>> part = data.prepare(data.read("iris")).parts["test"]
    >>> part.x.shape, part.y[:3], part.values[0]
    ((30, 4), array([0, 0, 0]), 'setosa')
    """

    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    rows: np.ndarray

    def take(self, chosen: np.ndarray) -> Part:
        """Some of its rows, by their places in the part."""
        return Part(self.x[chosen], self.y[chosen], self.values[chosen], self.rows[chosen])


@dataclass(frozen=True)
class Problem:
    """A table made ready. `kinds` are the columns in use, `left_out` those that are not, with the
    reason; `places` are the rows' places in the table as it was read, with rows without a target.

    >>> from chainrule import data
    >>> problem = data.prepare(data.read("iris"), drop=["petal width (cm)"])
    >>> problem.target.classes, list(problem.parts), list(problem.kinds)[:2]
    (('setosa', 'versicolor', 'virginica'), ['training', 'validation', 'test'],
    ['sepal length (cm)', 'sepal width (cm)'])
    """

    table: Table
    target: Target
    kinds: Mapping[str, str]
    left_out: Mapping[str, str]
    notes: Sequence[str]
    preprocessing: Preprocessing
    parts: Mapping[str, Part]
    places: np.ndarray
    seed: int

    @property
    def in_use(self) -> Table:
        """The table without the columns left out, as written."""
        return replace(self.table, frame=self.table.frame.select([*self.kinds, self.target.name]))

    @property
    def rows_but_test(self) -> tuple[np.ndarray, np.ndarray]:
        """(x, y) of the training part, and behind it of the validation part."""
        parts = [self.parts[name] for name in ("training", "validation")]
        x, y = ([getattr(part, name) for part in parts] for name in ("x", "y"))
        return np.concatenate(x), np.concatenate(y)

    @cached_property
    def audited(self) -> Audit:
        """What is wrong with the columns in use."""
        return audit(self.in_use, self.target.name)


@dataclass(frozen=True)
class Gathered:
    """A table whose target and columns are found and converted, before any split: `frame` are the
    columns in use, `values` the target's, and every part has its share of each of `strata`, the
    labels or bins of a regression.

    >>> from chainrule import data
    >>> found = data.gather(data.read("iris"))
    >>> rows = {"training": np.arange(0, 150, 2), "test": np.arange(1, 150, 2)}
    >>> found.problem(rows).parts["test"].x.shape
    (75, 4)
    """

    table: Table
    name: str
    task: str
    reason: str
    classes: tuple
    values: np.ndarray
    strata: np.ndarray
    frame: pl.DataFrame
    kinds: Mapping[str, str]
    left_out: Mapping[str, str]
    notes: Sequence[str]
    places: np.ndarray

    def problem(self, rows: Mapping[str, np.ndarray], seed: int = 0, **steps: Any) -> Problem:
        """The parts of these rows. Target and preprocessing are fitted on "training" alone, by the
        `steps` that `fit_preprocessing` knows.
        """
        values, taught = self.values, self.frame[rows["training"]]
        found = targets.fit(
            self.name, self.task, self.reason, self.classes, values[rows["training"]]
        )
        y = {part: found.encode(values[chosen]) for part, chosen in rows.items()}
        preprocessing, x = fit_transform(taught, self.kinds, y["training"], **steps)
        parts = {
            part: Part(
                x if part == "training" else preprocessing.transform(self.frame[chosen]),
                y[part],
                values[chosen],
                chosen,
            )
            for part, chosen in rows.items()
        }
        facts = (self.table, found, self.kinds, self.left_out, self.notes)
        return Problem(*facts, preprocessing, parts, self.places, seed)


def prepare(
    table: Table,
    target: str | None = None,
    *,
    task: str | None = None,
    drop: Sequence[str] = (),
    seed: int = 0,
    **steps: Any,
) -> Problem:
    """Find target, task and kinds of columns; split; fit the preprocessing on the training part, by
    the `steps` that `fit_preprocessing` knows. Raises DataError.

    >>> from chainrule import data
    >>> problem = data.prepare(data.read("iris"), numeric="min-max")
    >>> float(problem.parts["training"].x.max())
    1.0
    """
    asked = {one for key in steps.get("transformers", ()) for one in names_in(key)}
    found = gather(table, target, task=task, drop=drop, asked=asked)
    rows = split(found.strata, seed)
    problem = found.problem(rows, seed, **steps)
    copies = _copies_note(found.frame, rows)
    return replace(problem, notes=(*problem.notes, copies)) if copies else problem


def gather(
    table: Table,
    target: str | None = None,
    *,
    task: str | None = None,
    drop: Sequence[str] = (),
    asked: Collection[str] = (),
) -> Gathered:
    """Find target, task and kinds of columns; those `asked` for stay in use. Raises DataError.

    >>> from chainrule import data
    >>> found = data.gather(data.read("iris"))
    >>> found.name, found.task, found.frame.shape
    ('target', 'classification', (150, 4))
    """
    name, why = targets.choose_name(table, target)
    _check_drop(table, drop, name)
    rows = table.frame.height
    table, column, places = targets.present_rows(table, name)
    values, kind = targets.values_of(table.name, column)
    frame, kinds, left_out = _features(table, [*drop, name], asked)
    task, reason = targets.choose_task(table.name, name, values, kind, task)
    if task == CLASSIFICATION:
        classes, strata = targets.check_classes(table.name, name, values), values
    else:
        targets.check_numbers(table.name, name, values)
        classes, strata = (), bins(values)
    told = (
        _header_note(table.frame.columns),
        _target_note(name, why),
        _missing_note(rows - len(places)),
    )
    notes = tuple(filter(None, told))
    return Gathered(
        table, name, task, reason, classes, values, strata, frame, kinds, left_out, notes, places
    )


def _check_drop(table: Table, drop: Sequence[str], target: str) -> None:
    for name in drop:
        if name not in table.frame.columns:
            raise DataError(
                table.name,
                f"there is no column '{name}' to leave out",
                "",
                suggestion(name, table.frame.columns) or "check --drop",
            )
        if name == target:
            raise DataError(
                table.name,
                f"'{name}' is the target and cannot be left out",
                "it is what is predicted",
                "choose another --target",
            )


def _features(
    table: Table, without: Sequence[str], asked: Collection[str]
) -> tuple[pl.DataFrame, dict[str, str], dict[str, str]]:
    """(converted columns in use, their kinds, the columns left out with reasons): those that were
    `asked` for stay in use.
    """
    columns, kinds, left_out = [], {}, {}
    for series in table.frame.drop(without).iter_columns():
        series = cells(series)
        kind = kind_of(table.name, series)
        series = convert(table.name, series, kind)
        reason = useless(series, kind)
        if reason and series.name not in asked:
            left_out[series.name] = reason
        else:
            columns.append(series)
            kinds[series.name] = kind
    if not columns:
        raise DataError(table.name, "there is no column to learn from", *_reason(table, left_out))
    return pl.DataFrame(columns), kinds, left_out


def _reason(table: Table, left_out: Mapping[str, str]) -> tuple[str, str]:
    """(why there is nothing to learn from, what helps)."""
    names = table.frame.columns
    if len(names) == 1:
        why = f"'{names[0]}' is the only one"
        return why, "add others; cells are separated by commas, semicolons, tabs or |"
    told = "; ".join(f"'{name}' is left out: {reason}" for name, reason in left_out.items())
    return told or "all are the target or left out", "add columns that describe the rows"


def _header_note(names: Sequence[str]) -> str:
    """Says where the names of the columns are numbers: files without a header begin so."""
    numbers = [name for name in names if NUMBER_NAME.match(name)]
    if 2 * len(numbers) < len(names) or all(len(name) < 4 for name in numbers):
        return ""
    return f"the first line is taken for names of columns, and has numbers: {listed(numbers, 3)}"


def _target_note(name: str, why: str) -> str:
    return f"the target is '{name}': {why}" if why else ""


def _missing_note(count: int) -> str:
    return f"{counted(count, 'row')} without a target left out" if count else ""


def _copies_note(frame: pl.DataFrame, rows: Mapping[str, np.ndarray]) -> str:
    """Says how many test rows also stand in the training part: their score flatters."""
    taught = frame[rows["training"]].unique()
    twins = frame[rows["test"]].join(taught, on=frame.columns, how="semi", nulls_equal=True).height
    have = f"{counted(len(rows['test']), 'test row')} {'has' if twins == 1 else 'have'}"
    why = "a twin in the training part, which flatters the test"
    return f"{twins:,} of {have} {why}" if twins else ""
