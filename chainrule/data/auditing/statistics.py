"""Statistics of columns: receives a frame or values; hands on figures that tell what a column is
like.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.deferred import polars as pl
from chainrule.errors import ShapeError


def skewness(values: Any) -> float:
    """The third standardised moment, E[(x - mean)^3] / std^3: 0 for symmetric values, 2 for
    exponential ones, positive where the long tail is to the right (A-224).

    It is that of these values, without a correction for a sample; NaN for constant values. A sample
    of n values cannot exceed (n - 2) / sqrt(n - 1).

    >>> from chainrule.data import skewness
    >>> round(skewness([0, 0, 0, 10]), 4)
    1.1547
    """
    return _figure(_column("skewness", values).skew())


def kurtosis(values: Any) -> float:
    """The excess of the fourth standardised moment, E[(x - mean)^4] / std^4 - 3: 0 for normal
    values, 3 for Laplace ones, -1.2 for uniform ones (A-224).

    >>> from chainrule.data import kurtosis
    >>> kurtosis([-1, 1, -1, 1])
    -2.0
    """
    return _figure(_column("kurtosis", values).kurtosis())


def _column(where: str, values: Any) -> pl.Series:
    if np.ndim(values) != 1:
        raise ShapeError(
            where,
            f"the values have shape {list(np.shape(values))}",
            "it is a figure of one column",
            f"call it for each, as in [{where}(column) for column in values.T]",
        )
    return pl.Series(values, dtype=pl.Float64)


def _figure(found: float | None) -> float:
    return float("nan") if found is None else float(found)


def describe(frame: pl.DataFrame) -> pl.DataFrame:
    """A row a column: how many cells are missing, how many values differ, and of numbers mean,
    standard deviation, extremes, median, skewness and kurtosis.

    >>> import polars as pl
    >>> from chainrule.data import describe
    >>> describe(pl.DataFrame({"a": [1.0, 2.0, None]})).select("column", "missing", "mean").rows()
    [('a', 1, 1.5)]
    """
    return pl.DataFrame([_described(series) for series in frame.iter_columns()])


def _described(series: pl.Series) -> dict[str, Any]:
    found: dict[str, Any] = {
        "column": series.name,
        "missing": series.null_count(),
        "distinct": series.drop_nulls().n_unique(),
    }
    numbers = (
        series.cast(pl.Float64) if series.dtype.is_numeric() else pl.Series([], dtype=pl.Float64)
    )
    return found | {
        "mean": numbers.mean(),
        "std": numbers.std(),
        "least": numbers.min(),
        "median": numbers.median(),
        "greatest": numbers.max(),
        "skewness": numbers.skew(),
        "kurtosis": numbers.kurtosis(),
    }
