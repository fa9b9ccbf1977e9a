"""Inputs: receives X as scikit-learn's users hand it over; hands on the float32 matrix that a
network reads, with columns of zeros behind it up to one of few widths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.data.columns import cells, converted, kind_of
from chainrule.data.preprocess import Preprocessing
from chainrule.data.steps import fit_preprocessing, same_range
from chainrule.deferred import polars as pl
from chainrule.errors import DataError
from chainrule.train.estimators.fitting import SMALL_COLUMNS, padded_size


@dataclass(frozen=True)
class Scaled:
    """(x - mean) / scale of each column of a matrix of numbers."""

    mean: np.ndarray
    scale: np.ndarray
    one_unit: bool

    @property
    def columns(self) -> int:
        return len(self.mean)

    def transform(self, x: np.ndarray) -> np.ndarray:
        # What is missing here and was not in training is as the mean.
        return _padded(np.nan_to_num((x - self.mean) / self.scale, nan=0.0))


@dataclass(frozen=True)
class Prepared:
    """Columns of several kinds, or with missing cells, by the preprocessing of `chainrule fit`."""

    names: Sequence[str]
    kinds: Mapping[str, str]
    preprocessing: Preprocessing

    @property
    def columns(self) -> int:
        return len(self.preprocessing.outputs)

    @property
    def one_unit(self) -> bool:
        return self.preprocessing.one_unit

    def transform(self, frame: pl.DataFrame) -> np.ndarray:
        columns = converted("X", frame, self.kinds)
        return _padded(self.preprocessing.transform(columns))


Inputs = Scaled | Prepared


def fit_inputs(x: np.ndarray | pl.DataFrame, weights: np.ndarray, standardize: bool) -> Inputs:
    """The inputs of a table; means and deviations are those of weighted rows."""
    if not isinstance(x, np.ndarray):
        return _prepared(x, standardize)
    columns = x.shape[1]
    if not standardize:
        return Scaled(np.zeros(columns), np.ones(columns), False)
    mean = np.average(x, axis=0, weights=weights)
    variance = np.average(np.square(x - mean), axis=0, weights=weights)
    one_unit = same_range(x.min(axis=0), x.max(axis=0))
    if one_unit:
        variance = np.full(columns, variance.mean())
    scale = np.sqrt(variance)
    # What is left of a constant column is a rounding error.
    constant = scale <= 1e-9 * np.abs(mean)
    return Scaled(mean, np.where(constant, 1.0, scale), one_unit)


def _prepared(frame: pl.DataFrame, standardize: bool) -> Prepared:
    columns = {name: cells(frame[name]) for name in frame.columns}
    kinds = {name: kind_of("X", column) for name, column in columns.items() if column.count()}
    if not kinds:
        raise DataError("X", "no column has a value", "there is nothing to learn from", "add data")
    numeric = "standard" if standardize else "none"
    return Prepared(
        frame.columns,
        kinds,
        fit_preprocessing(converted("X", frame, kinds), kinds, numeric=numeric),
    )


def _padded(x: np.ndarray) -> np.ndarray:
    rows, columns = x.shape
    padded = np.zeros((rows, padded_size(columns, SMALL_COLUMNS)), np.float32)
    padded[:, :columns] = x
    return padded


def as_frame(x: Any) -> pl.DataFrame | None:
    """A frame of polars or pandas whose columns are not all numbers, or have missing cells, and an
    array with missing ones, as a polars frame; None for all else.
    """
    if isinstance(x, np.ndarray):
        if x.dtype.kind != "f" or x.ndim != 2 or not np.isnan(x).any():
            return None
        return pl.DataFrame(x, schema=[f"x{place}" for place in range(x.shape[1])])
    if isinstance(x, pl.DataFrame):
        frame = x.rename(dict(zip(x.columns, map(str, x.columns), strict=True)))
    elif hasattr(x, "iloc") and hasattr(x, "columns"):
        frame = pl.DataFrame([_series(str(name), x.iloc[:, n]) for n, name in enumerate(x.columns)])
    else:
        return None
    return None if _is_plain(frame) else frame


def _series(name: str, column: Any) -> pl.Series:
    """A column of pandas, whose missing cells are None or NaN."""
    values = column.to_numpy()
    if values.dtype.kind in "biuf":
        return pl.Series(name, values)
    absent = column.isna().to_numpy()
    return pl.Series(name, [None if a else v for v, a in zip(values.tolist(), absent, strict=True)])


def _is_plain(frame: pl.DataFrame) -> bool:
    """Whether all columns are numbers without gaps."""
    return all(
        column.dtype.is_numeric() and not column.null_count() and not column.is_nan().any()
        for column in frame.iter_columns()
    )


def matrix(table: Any, inputs: Inputs) -> Any:
    """A table as these inputs read it: a frame, or an array."""
    if isinstance(inputs, Prepared) and isinstance(table, np.ndarray):
        return pl.DataFrame(table, schema=inputs.names)
    if isinstance(inputs, Scaled) and not isinstance(table, np.ndarray):
        return table.cast(pl.Float64).to_numpy()
    return table
