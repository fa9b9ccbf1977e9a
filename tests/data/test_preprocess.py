"""Preprocessing: our plain numbers do what the scikit-learn steps do that they were read from."""

import json
import warnings

import numpy as np
import polars as pl
import pytest

from chainrule.data import SHIPPED, Preprocessing, preprocess, read
from chainrule.data.columns import BOOLEAN, CATEGORY, NUMBER

KINDS = {"age": NUMBER, "town": CATEGORY, "fare": NUMBER, "member": BOOLEAN, "class": CATEGORY}


def mixed(rows, seed, towns=("Ada", "Bonn", "Cork")):
    """A frame of all kinds, with missing cells and a rare town in the first row."""
    generator = np.random.default_rng(seed)
    present = generator.random((2, rows)) < 0.8
    return pl.DataFrame(
        {
            "age": np.where(present[0], generator.normal(40, 12, rows), np.nan),
            "town": np.where(present[1], generator.choice(towns, rows, p=[0.6, 0.3, 0.1]), ""),
            "fare": generator.exponential(30, rows),
            "member": generator.integers(0, 2, rows).astype(float),
            "class": generator.choice(["a", "b"], rows),
        }
    ).with_columns(
        pl.col("age").fill_nan(None),
        pl.when(pl.row_index() == 0)
        .then(pl.lit("Delhi"))
        .otherwise(pl.col("town").replace("", None))
        .alias("town"),
    )


def same_as_scikit_learn(taught, new, kinds):
    ours = preprocess.fit(taught, kinds)
    theirs = preprocess.transformer(taught, kinds)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found unknown categories")
        expected = theirs.transform(preprocess.prepared(new, kinds))
    # Ours keeps columns together; theirs has all numbers first, then what is missing, then text.
    numbers = [column for column in ours.columns if isinstance(column, preprocess.Numeric)]
    flags = [f"{column.name} is missing" for column in numbers if column.tells_missing]
    names = [column.name for column in numbers] + flags
    names += [name for name in ours.outputs if name not in names]
    found = pl.DataFrame(ours.transform(new), schema=ours.outputs).select(names)
    np.testing.assert_array_equal(found.to_numpy(), expected.astype(np.float32))
    return ours


def test_mixed_columns_are_as_scikit_learn_has_them():
    ours = same_as_scikit_learn(mixed(300, 0), mixed(200, 1), KINDS)
    assert ours.outputs == [
        "age",
        "age is missing",
        "fare",
        "member",
        *[f"town is {town}" for town in ("missing", "Ada", "Bonn", "Cork")],
        "town is another",
        "class is a",
        "class is b",
    ]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_sets_are_as_scikit_learn_has_them(name):
    frame = read(name).frame.drop("target").cast(pl.Float64)
    kinds = dict.fromkeys(frame.columns, NUMBER)
    ours = same_as_scikit_learn(frame[::2], frame[1::2], kinds)
    assert ours.one_unit == (name == "digits")


def test_columns_of_one_unit_share_their_scale():
    frame = read("digits").frame.drop("target").cast(pl.Float64)
    ours = preprocess.fit(frame, dict.fromkeys(frame.columns, NUMBER))
    assert len({column.scale for column in ours.columns}) == 1
    spread = np.sqrt(frame.to_numpy().var(axis=0).mean())
    assert ours.columns[0].scale == pytest.approx(spread)


def test_unseen_values_join_the_rare_ones():
    taught = mixed(300, 0)
    town = next(c for c in preprocess.fit(taught, KINDS).columns if c.name == "town")
    assert town.rare == ("Delhi",)
    seen = np.stack(town.transform(pl.Series(["Delhi", "Ada"]))).T
    unseen = np.stack(town.transform(pl.Series(["Essen", "Ada"]))).T
    np.testing.assert_array_equal(seen, unseen)
    assert town.unseen(pl.Series(["Essen", "Ada", "Delhi", "Essen"])) == ["Essen"]


def test_without_rare_values_unseen_ones_are_zeros():
    column = preprocess.Categorical("c", ("a", "b"), ())
    assert np.stack(column.transform(pl.Series(["z"]))).tolist() == [[False], [False]]


def test_json_brings_the_same_preprocessing_back():
    ours = preprocess.fit(mixed(300, 0), KINDS)
    text = json.dumps(ours.to_json())
    assert Preprocessing.from_json(json.loads(text)) == ours


def test_numbers_alone_and_text_alone():
    frame = mixed(50, 0)
    same_as_scikit_learn(frame, frame, {"fare": NUMBER})
    same_as_scikit_learn(frame, frame, {"town": CATEGORY})
