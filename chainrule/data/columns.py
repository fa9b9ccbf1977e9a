"""Columns: receives cells as written; finds what kind each column is, and hands on numbers and text
with nulls.

The same conversion serves training and prediction, so a value means the same in both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from chainrule.deferred import polars as pl
from chainrule.errors import DataError

NUMBER, BOOLEAN, DATE, CATEGORY = "number", "boolean", "date", "category"
MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?"]
TRUTH = {"true": 1.0, "false": 0.0}
# A column of which this share can be read as numbers is meant to be one: the rest are mistakes.
MEANT_AS_NUMBERS = 0.75
# Digits with signs, currencies and units: not what names have before their digits.
LIKE_NUMBERS = r"^(\p{Sc}|[A-Z]{3} )?\s*[-+]?\d[\d.,' /:-]*(%|\p{Sc}|\p{L}{1,3})?$"
DISTINCT_TEXT, FEW_ROWS = 0.9, 20
MILLISECONDS_A_DAY = 86_400_000.0
IDENTIFIER = re.compile(r"^$|(^|[\W_])(?i:id|index|key|uuid|row|unnamed: 0)$|[a-z]I[dD]$")


def cells(series: pl.Series) -> pl.Series:
    """A column with nulls for all that means 'missing', and text without blanks around it."""
    if isinstance(series.dtype, (pl.Categorical, pl.Enum)):
        series = series.cast(pl.String)
    if series.dtype == pl.String:
        text = series.str.strip_chars()
        return text.set(text.is_in(MISSING), None)
    return series.fill_nan(None) if series.dtype.is_float() else series


def kind_of(where: str, series: pl.Series) -> str:
    """The kind of a column of `cells`. Raises DataError for one without values, or of a type that
    holds no values.
    """
    present = series.drop_nulls()
    if present.is_empty():
        raise DataError(
            where,
            f"column '{series.name}' has no values",
            "nothing can be learned from it",
            f"remove it, or leave it out with --drop '{series.name}'",
        )
    if series.dtype == pl.String:
        return _kind_of_text(present)
    if series.dtype == pl.Boolean:
        return BOOLEAN
    if series.dtype.is_numeric():
        return NUMBER
    if isinstance(series.dtype, (pl.Date, pl.Datetime)):
        return DATE
    raise DataError(
        where,
        f"column '{series.name}' holds values of type {series.dtype}",
        "columns hold numbers, text, truth values or dates",
        f"convert it, or leave it out with --drop '{series.name}'",
    )


def _kind_of_text(present: pl.Series) -> str:
    if present.str.to_lowercase().is_in(list(TRUTH)).all():
        return BOOLEAN
    numbers = present.cast(pl.Float64, strict=False)
    if numbers.is_not_null().mean() >= MEANT_AS_NUMBERS:
        return NUMBER
    return DATE if _dates(present).is_not_null().all() else CATEGORY


def _dates(text: pl.Series) -> pl.Series:
    """Moments from ISO 8601 text (2024-05-31, 2024-05-31 12:30, 2024-05-31T12:30:00Z); null where
    it is none.
    """
    whole = text.str.replace(r"Z$", "").str.replace(" ", "T")
    whole = whole.str.replace(r"^(\d{4}-\d{2}-\d{2})$", "${1}T00:00").str.replace(
        r"(T\d{2}:\d{2})$", "${1}:00"
    )
    return whole.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False)


def convert(where: str, series: pl.Series, kind: str, start: int = 0) -> pl.Series:
    """A column of `cells` as float64, or as text for categories. Raises DataError for values of
    another kind; it names their rows, of which there are `start` before these.
    """
    if kind == CATEGORY:
        return series.cast(pl.String)
    if kind == BOOLEAN and series.dtype == pl.String:
        numbers = series.str.to_lowercase().replace_strict(
            TRUTH, default=None, return_dtype=pl.Float64
        )
    elif kind == DATE:
        moments = (
            _dates(series)
            if series.dtype == pl.String
            else series.cast(pl.Datetime("ms"), strict=False)
        )
        numbers = moments.dt.epoch("ms") / MILLISECONDS_A_DAY
    else:
        numbers = series.cast(pl.Float64, strict=False)
    _check_converted(where, series, numbers, kind, start)
    return numbers


def converted(
    where: str, frame: pl.DataFrame, kinds: Mapping[str, str], start: int = 0
) -> pl.DataFrame:
    """These columns of a frame, each of a kind that is known."""
    columns = [convert(where, cells(frame[name]), kind, start) for name, kind in kinds.items()]
    return pl.DataFrame(columns)


def _check_converted(
    where: str, series: pl.Series, numbers: pl.Series, kind: str, start: int
) -> None:
    name = series.name
    bad = (series.is_not_null() & numbers.is_null()).arg_true()
    if len(bad):
        what = {
            NUMBER: "text among its numbers",
            BOOLEAN: "other values than true and false",
            DATE: "other text among its dates",
        }[kind]
        raise DataError(
            where,
            f"column '{name}' has {what}",
            f"{_rows(bad, start)}: '{series[bad[0]]}'",
            "correct these cells, or leave them empty",
        )
    beyond = numbers.cast(pl.Float32).is_infinite().fill_null(False).arg_true()
    if len(beyond):
        raise DataError(
            where,
            f"column '{name}' has values beyond float32",
            f"{_rows(beyond, start)}: {numbers[beyond[0]]}",
            "correct these cells, or leave them empty",
        )


def spelling(text: pl.Series) -> str:
    """How to write what may be numbers or dates, if most of a column's text may be; else empty."""
    present = text.drop_nulls()
    if present.is_empty() or present.str.contains(LIKE_NUMBERS).mean() < MEANT_AS_NUMBERS:
        return ""
    return f"text such as '{present[0]}': numbers are read as 1234.5, dates as 2024-12-31"


def _rows(places: pl.Series, start: int) -> str:
    """`row 3`, or `3 rows, the first is row 3`, counted from 1 without the header."""
    first = start + places[0] + 1
    return f"row {first}" if len(places) == 1 else f"{len(places):,} rows, the first is row {first}"


def useless(series: pl.Series, kind: str) -> str:
    """Why a converted column has nothing to teach; empty where it has."""
    distinct, rows = series.n_unique(), len(series)
    if distinct == 1:
        return "the same value in every row"
    if kind == CATEGORY and rows >= FEW_ROWS and distinct > DISTINCT_TEXT * rows:
        return spelling(series) or "nearly every row has its own text: it names rows"
    whole = kind == NUMBER and (series.drop_nulls() % 1 == 0).all()
    if whole and distinct == rows and IDENTIFIER.search(series.name):
        return "every row has its own number: it names rows"
    return ""
