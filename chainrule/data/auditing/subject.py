"""The subject of an audit: receives a table or arrays; hands on converted columns, the target and
the parts, in one form for all checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.data import target as targets
from chainrule.data.columns import BOOLEAN, CATEGORY, NUMBER, cells, convert, kind_of
from chainrule.data.read import Table, read
from chainrule.deferred import polars as pl
from chainrule.errors import ArgumentError, DataError
from chainrule.words import counted

ROW_LIMIT = 5_000  # More rows tell checks that compare rows nothing new.
DISTINCT, MODE = (
    20,
    0.5,
)  # A column is continuous with so many values, none of them in so many rows.


@dataclass(frozen=True)
class Plan:
    """What will be done with the data: faults of data are faults for a purpose."""

    numeric: str = "standard"
    scale_target: bool = True
    shuffle: bool = True
    parameters: int | None = None
    groups: str | None = None
    time: str | None = None


@dataclass(frozen=True)
class Subject:
    """Columns in use, `empty` ones, and `broken` ones with what is wrong; the target's values, None
    without a target; rows of each part.
    """

    name: str
    frame: pl.DataFrame
    kinds: Mapping[str, str]
    empty: tuple[str, ...]
    broken: Mapping[str, str]
    target: str | None
    y: np.ndarray | None
    unlabelled: np.ndarray
    parts: Mapping[str, np.ndarray]
    plan: Plan

    @property
    def rows(self) -> int:
        return self.frame.height

    @cached_property
    def classes(self) -> np.ndarray | None:
        """The number of each row's class; None where the target is a number, or none."""
        if self.y is None or self.task != targets.CLASSIFICATION:
            return None
        return np.unique(self.y, return_inverse=True)[1].reshape(-1)

    @cached_property
    def task(self) -> str:
        kind = NUMBER if self.y.dtype.kind in "iuf" else CATEGORY
        return targets.choose_task(self.name, self.target or "target", self.y, kind, None)[0]

    @cached_property
    def names(self) -> list[str]:
        """The numeric columns."""
        return [name for name, kind in self.kinds.items() if kind in (NUMBER, BOOLEAN)]

    @cached_property
    def x(self) -> np.ndarray:
        """The numeric columns, float64 [rows, names], NaN where a cell is empty."""
        chosen = self.frame.select(pl.col(self.names).cast(pl.Float64).fill_null(float("nan")))
        # Without any column, polars would give integers.
        return chosen.to_numpy().astype(np.float64).reshape(self.rows, len(self.names))

    @cached_property
    def varying(self) -> np.ndarray:
        """Which numeric columns have more than one value."""
        with np.errstate(all="ignore"):
            return np.nanmax(self.x, 0, initial=-np.inf) > np.nanmin(self.x, 0, initial=np.inf)

    @cached_property
    def continuous(self) -> list[str]:
        """The numeric columns of many values, none of which fills half of the column."""
        found = []
        for name in self.names:
            counts = np.unique(self.values(name), return_counts=True)[1]
            if len(counts) >= DISTINCT and counts.max() < MODE * counts.sum():
                found.append(name)
        return found

    def values(self, name: str) -> np.ndarray:
        """The values of a numeric column that are there."""
        return self.frame[name].drop_nulls().cast(pl.Float64).to_numpy()

    @cached_property
    def sample(self) -> np.ndarray:
        """Rows for checks that compare rows: all, or that many of them."""
        if self.rows <= ROW_LIMIT:
            return np.arange(self.rows)
        return np.sort(np.random.default_rng(0).choice(self.rows, ROW_LIMIT, replace=False))


def subject(data: Any, target: str | None, parts: Mapping[str, Any] | None, plan: Plan) -> Subject:
    """The subject from a table, a file, (x, y), or parts of them by name."""
    if isinstance(data, Mapping):
        data, parts = _joined(data)
    table = data if isinstance(data, Table) else _table(data)
    target = target or table.target
    frame, kinds, empty, broken = _columns(table, target)
    y, unlabelled = _target(table, target)
    found = {name: np.asarray(rows) for name, rows in (parts or {}).items()}
    for name, rows in found.items():
        if not len(rows) or rows.min() < 0 or rows.max() >= table.frame.height:
            raise ArgumentError(
                "audit",
                f"part '{name}' names rows that there are not",
                f"it has {counted(table.frame.height, 'row')}",
                "pass row numbers, counted from 0",
            )
    return Subject(table.name, frame, kinds, empty, broken, target, y, unlabelled, found, plan)


def _table(data: Any) -> Table:
    if not isinstance(data, tuple):
        return read(data)
    x, y = (np.asarray(array) for array in data)
    flat = x.reshape(len(x), -1)
    columns = {f"x{place}": flat[:, place] for place in range(flat.shape[1])}
    return Table("arrays", pl.DataFrame({**columns, "y": y.reshape(len(y), -1)[:, 0]}), "", "y")


def _joined(parts: Mapping[str, Any]) -> tuple[Table, dict[str, np.ndarray]]:
    """One table of all parts, and the rows of each."""
    tables = [_table(part) for part in parts.values()]
    ends = np.cumsum([0, *[table.frame.height for table in tables]])
    rows = {name: np.arange(*ends[i : i + 2]) for i, name in enumerate(parts)}
    frame = pl.concat([table.frame for table in tables], how="vertical_relaxed")
    return Table(tables[0].name, frame, "", tables[0].target), rows


def _columns(table: Table, target: str | None) -> tuple[pl.DataFrame, dict, tuple, dict]:
    columns, kinds, empty, broken = [], {}, [], {}
    for series in table.frame.iter_columns():
        if series.name == target:
            continue
        series = cells(series)
        if not series.drop_nulls().len():
            empty.append(series.name)
            continue
        try:
            kind = kind_of(table.name, series)
            columns.append(convert(table.name, series, kind))
            kinds[series.name] = kind
        except DataError as error:
            broken[series.name] = str(error).partition("] ")[2]
    return pl.DataFrame(columns), kinds, tuple(empty), broken


def _target(table: Table, name: str | None) -> tuple[np.ndarray | None, np.ndarray]:
    """(the target's values, the rows without one). Missing ones are filled with the most frequent,
    so that rows keep their numbers.
    """
    if name is None:
        return None, np.zeros(0, int)
    if name not in table.frame.columns:
        raise ArgumentError(
            "audit",
            f"there is no column '{name}'",
            f"the columns are {', '.join(table.frame.columns)}",
            "name the target among them",
        )
    column = cells(table.frame[name])
    missing = column.is_null().arg_true().to_numpy()
    return targets.values_of(table.name, column.fill_null(column.mode()[0]))[0], missing
