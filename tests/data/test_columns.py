"""Kinds of columns: what each kind of cell becomes, and what is left out or refused."""

import datetime

import polars as pl
import pytest

from chainrule.data.columns import (
    BOOLEAN,
    CATEGORY,
    DATE,
    NUMBER,
    cells,
    convert,
    kind_of,
    spelling,
    useless,
)
from chainrule.errors import DataError


def converted(values, dtype=None, name="c"):
    series = cells(pl.Series(name, values, dtype=dtype))
    kind = kind_of("t.csv", series)
    return kind, convert("t.csv", series, kind).to_list()


@pytest.mark.parametrize(
    ("values", "kind", "result"),
    [
        (["1", " 2.5 ", "-3e2"], NUMBER, [1, 2.5, -300]),
        (["1", "NA", ""], NUMBER, [1, None, None]),
        ([1, None, 3], NUMBER, [1, None, 3]),
        ([1.5, float("nan")], NUMBER, [1.5, None]),
        (["true", "False", "?"], BOOLEAN, [1, 0, None]),
        ([True, False, None], BOOLEAN, [1, 0, None]),
        (["1970-01-02", "1970-01-01T12:00:00Z", "1969-12-31 00:00"], DATE, [1, 0.5, -1]),
        ([datetime.date(1970, 1, 3), None], DATE, [2, None]),
        ([datetime.datetime(1970, 1, 1, 6)], DATE, [0.25]),
        (["red", " blue", "n/a"], CATEGORY, ["red", "blue", None]),
        (["12", "12a", "14b", "9"], CATEGORY, ["12", "12a", "14b", "9"]),
        (["", "x"], CATEGORY, [None, "x"]),
    ],
)
def test_cells_become(values, kind, result):
    assert converted(values) == (kind, result)


def test_polars_categories_are_text():
    assert converted(["a", "b"], pl.Categorical) == (CATEGORY, ["a", "b"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            ["1", "2", "abc", "4"],
            "[t.csv] column 'c' has text among its numbers; row 3: 'abc'; "
            "correct these cells, or leave them empty",
        ),
        (
            ["x", "1", "2", "y", *"345678"],
            "[t.csv] column 'c' has text among its numbers; 2 rows, the first is row 1: 'x'; "
            "correct these cells, or leave them empty",
        ),
        (
            ["1", "inf", "-inf"],
            "[t.csv] column 'c' has values beyond float32; 2 rows, the first is row 2: inf; "
            "correct these cells, or leave them empty",
        ),
        (
            [1.0, 2.0, float("-inf")],
            "[t.csv] column 'c' has values beyond float32; row 3: -inf; "
            "correct these cells, or leave them empty",
        ),
        (
            ["", "NA", None],
            "[t.csv] column 'c' has no values; nothing can be learned from it; "
            "remove it, or leave it out with --drop 'c'",
        ),
        (
            [None, float("nan")],
            "[t.csv] column 'c' has no values; nothing can be learned from it; "
            "remove it, or leave it out with --drop 'c'",
        ),
        (
            [[1, 2], [3]],
            "[t.csv] column 'c' holds values of type List(Int64); columns hold numbers, text, "
            "truth values or dates; convert it, or leave it out with --drop 'c'",
        ),
    ],
)
def test_bad_column_is_an_error(values, message):
    with pytest.raises(DataError) as caught:
        converted(values)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("kind", "values", "what"),
    [
        (BOOLEAN, ["true", "maybe"], "other values than true and false; row 2: 'maybe'"),
        (DATE, ["2024-01-01", "soon"], "other text among its dates; row 2: 'soon'"),
    ],
)
def test_new_values_of_another_kind_are_an_error(kind, values, what):
    with pytest.raises(DataError) as caught:
        convert("new.csv", pl.Series("c", values), kind)
    assert str(caught.value) == (
        f"[new.csv] column 'c' has {what}; correct these cells, or leave them empty"
    )


NAMES = [f"name {i}" for i in range(40)]


@pytest.mark.parametrize(
    ("name", "kind", "values", "reason"),
    [
        ("c", NUMBER, [7.0] * 5, "the same value in every row"),
        ("c", NUMBER, [7.0, None], ""),
        ("c", CATEGORY, NAMES, "nearly every row has its own text: it names rows"),
        ("c", CATEGORY, NAMES[:20] * 2, ""),
        ("c", CATEGORY, NAMES[:10], ""),
        ("id", NUMBER, [3.0, 1.0, 2.0], "every row has its own number: it names rows"),
        ("PassengerId", NUMBER, [3.0, 1.0], "every row has its own number: it names rows"),
        ("customer_ID", NUMBER, [3.0, 1.0], "every row has its own number: it names rows"),
        ("", NUMBER, [0.0, 1.0, 2.0], "every row has its own number: it names rows"),
        ("id", NUMBER, [1.0, 1.0, 2.0], ""),
        ("id", NUMBER, [1.5, 2.5, 3.5], ""),
        ("humid", NUMBER, [1.0, 2.0, 3.0], ""),
        ("day", NUMBER, [1.0, 2.0, 3.0], ""),
    ],
)
def test_columns_that_teach_nothing(name, kind, values, reason):
    assert useless(pl.Series(name, values), kind) == reason


@pytest.mark.parametrize(
    "text", ["€127,713", "1,234", "31.12.2020", "12/31/2020", "20%", "-1'000.50 CHF", "USD 12"]
)
def test_text_that_may_be_numbers_or_dates_is_told_how_to_be_written(text):
    assert spelling(pl.Series("a", [text])).startswith(f"text such as '{text}': numbers are read")


@pytest.mark.parametrize("text", ["ID-00001", "A1", "Vienna", "flat 3", "v1.2.3-beta"])
def test_names_with_digits_are_no_numbers(text):
    assert spelling(pl.Series("a", [text])) == ""
