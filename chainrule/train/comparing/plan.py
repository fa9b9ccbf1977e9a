"""Plans: receive a table; hand on its rows in folds that suit how they depend on each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.data import Gathered, Table, folds, hold_out
from chainrule.data.columns import DATE, NUMBER, cells, convert, kind_of
from chainrule.errors import ArgumentError, DataError
from chainrule.words import listed, suggestion

# Below, folds are made twice: the greater part of what differs between them is chance.
FEW_ROWS = 1_000
# What `split` leaves to validation, of the rows that are not for the test.
SHARES = (0.75, 0.25)


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


def in_order(table: Table, groups: str | None, ordered: str | None) -> Table:
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


def planned(
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


def check_parts(gathered: Gathered, parts: Sequence[Any], metric: str) -> None:
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
