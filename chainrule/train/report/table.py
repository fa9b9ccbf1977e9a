"""The table: receives a problem; hands on what each column is like, and what becomes of it."""

from __future__ import annotations

import numpy as np

from chainrule.data import Problem
from chainrule.data.columns import BOOLEAN, CATEGORY, DATE, NUMBER, cells, convert
from chainrule.data.fitted import Categorical, Numeric, Ordinal
from chainrule.deferred import polars as pl
from chainrule.train.report.facts import Bins, Column
from chainrule.words import counted

KINDS = {
    NUMBER: "numeric",
    BOOLEAN: "true or false",
    DATE: "as days",
    CATEGORY: "categorical",
}
BINS = 16
CATEGORIES = 12  # Of a column, the most frequent ones.


def columns(problem: Problem) -> tuple[Column, ...]:
    """All columns: the target, those in use, those left out."""
    frame, target = problem.table.frame, problem.target
    kind = CATEGORY if target.classes else NUMBER
    fates = {column.name: _fate(column) for column in problem.preprocessing.columns}
    return (
        _column(frame[target.name], kind, "the target", True),
        *(_column(frame[n], k, fates.get(n, ""), True) for n, k in problem.kinds.items()),
        *(_column(frame[n], "", f"left out: {why}", False) for n, why in problem.left_out.items()),
    )


def _column(series: pl.Series, kind: str, fate: str, used: bool) -> Column:
    series = cells(series)
    bins, labels = _bins(series, kind) if used else (None, ())
    missing = series.null_count() / max(1, len(series))
    distinct = series.drop_nulls().n_unique()
    return Column(series.name, KINDS.get(kind, kind), fate, used, missing, distinct, bins, labels)


def _bins(series: pl.Series, kind: str) -> tuple[Bins | None, tuple[str, ...]]:
    """A histogram of numbers, or the counts of the most frequent categories with their names."""
    present = series.drop_nulls()
    if present.is_empty():
        return None, ()
    if kind == CATEGORY:
        counts = present.cast(pl.String).value_counts(sort=True).head(CATEGORIES)
        names, numbers = (counts.to_series(n).to_list() for n in (0, 1))
        return Bins(tuple(map(float, range(len(names) + 1))), tuple(numbers)), tuple(names)
    values = convert(series.name, present, kind).to_numpy()
    counts, edges = np.histogram(values, bins=BINS)
    return Bins(tuple(map(float, edges)), tuple(map(int, counts))), ()


def _fate(column: object) -> str:
    """What becomes of a column, in words."""
    if isinstance(column, Numeric):
        x = "x" if column.epsilon is None else f"log(x + {column.epsilon:.3g})"
        sign = "-" if column.mean >= 0 else "+"
        told = f"({x} {sign} {abs(column.mean):.4g}) / {column.scale:.4g}"
        filled = f"; missing becomes {column.fill:.4g}, and is marked"
        return told + filled * column.tells_missing
    if isinstance(column, Categorical):
        told = f"{counted(len(column.outputs()), 'column')} of 0 or 1"
        return f"{told}; {len(column.rare)} rare ones share one" if column.rare else told
    if isinstance(column, Ordinal):
        return f"the number of one of {len(column.categories)} categories"
    return "the mean target of its category"
