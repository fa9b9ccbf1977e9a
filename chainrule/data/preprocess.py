"""Preprocessing: receives converted columns; hands on the float32 matrix that a network reads.

It is fitted by scikit-learn, on the training part alone, and then kept as plain numbers: these can
be written as JSON, and applied without scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from chainrule.data import fitted
from chainrule.data.fitted import HandedOver, Numeric, Whitening
from chainrule.deferred import polars as pl
from chainrule.errors import DataError

Column = Numeric | fitted.Categorical | fitted.Ordinal | fitted.TargetEncoded
ORDERS = {"l1": 1, "l2": 2}


@dataclass(frozen=True)
class Preprocessing:
    """What becomes of each column: the result of `fit_preprocessing`. `one_unit` says whether the
    numeric ones share one scale; `rows` is the norm that each row's numbers are divided by.

    >>> from chainrule import data
    >>> table = data.read("iris")
    >>> found = data.prepare(table, numeric="min-max").preprocessing
    >>> found.outputs[0], found.transform(table.frame[:2]).shape
    ('sepal length (cm)', (2, 4))
    """

    columns: tuple[Column, ...]
    one_unit: bool
    whitening: Whitening | None = None
    rows: str = ""
    handed_over: tuple[HandedOver, ...] = ()

    @property
    def outputs(self) -> list[str]:
        """The names of the matrix's columns."""
        names = [name for column in self.columns for name in column.outputs()]
        if self._is_joint:
            numeric = self.numeric
            numbers = [name for name, number in zip(names, numeric) if number]
            rest = [name for name, number in zip(names, numeric) if not number]
            names = (self.whitening.outputs(numbers) if self.whitening else numbers) + rest
        return names + [name for handed in self.handed_over for name in handed.outputs()]

    @property
    def numeric(self) -> np.ndarray:
        """Which outputs of `columns` are scaled numbers."""
        found: list[bool] = []
        for column in self.columns:
            is_number = isinstance(column, Numeric)
            found += [is_number] + [False] * (len(column.outputs()) - 1)
        return np.array(found, bool)

    def places(self) -> dict[str, list[int]]:
        """The columns of the matrix that come of each column of the table; empty where they do not
        come of one alone.
        """
        if self._is_joint or self.handed_over:
            return {}
        ends = np.cumsum([0, *(len(column.outputs()) for column in self.columns)]).tolist()
        return {
            column.name: list(range(first, last))
            for column, first, last in zip(self.columns, ends, ends[1:])
        }

    @property
    def _is_joint(self) -> bool:
        return bool(self.whitening or self.rows)

    def transform(self, frame: pl.DataFrame) -> np.ndarray:
        """float32 [rows, outputs]."""
        parts = [part for column in self.columns for part in column.transform(frame[column.name])]
        x = np.stack(parts, axis=1) if parts else np.zeros((frame.height, 0))
        if self._is_joint:
            numbers, rest = x[:, self.numeric], x[:, ~self.numeric]
            x = np.concatenate([self._joint(numbers), rest], axis=1)
        handed = [handed.transform(frame) for handed in self.handed_over]
        return np.concatenate([x, *handed], axis=1).astype(np.float32)

    def _joint(self, numbers: np.ndarray) -> np.ndarray:
        if self.whitening:
            numbers = self.whitening.transform(numbers)
        if not self.rows:
            return numbers
        size = np.linalg.norm(numbers, ORDERS[self.rows], axis=1, keepdims=True)
        return numbers / np.where(size == 0, 1, size)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers. Raises DataError where a transformer was handed over."""
        if self.handed_over:
            kind = type(self.handed_over[0].transformer).__name__
            raise DataError(
                "preprocess",
                f"{kind} cannot be written as JSON",
                "it was handed over, and its numbers are its own",
                "choose a step by name, or keep the transformer yourself",
            )
        columns = [{"type": type(column).__name__, **asdict(column)} for column in self.columns]
        return {
            "columns": columns,
            "one_unit": self.one_unit,
            "whitening": None if self.whitening is None else asdict(self.whitening),
            "rows": self.rows,
        }

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> Preprocessing:
        columns = [_from_json(getattr(fitted, one["type"]), one) for one in found["columns"]]
        # Runs from before there was whitening do not speak of it.
        whitening = found.get("whitening")
        return Preprocessing(
            tuple(columns),
            found["one_unit"],
            whitening and _from_json(Whitening, whitening),
            found.get("rows", ""),
        )


def _from_json(kind: Any, found: Mapping[str, Any]) -> Any:
    return kind(**{name: _tuples(value) for name, value in found.items() if name != "type"})


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value
