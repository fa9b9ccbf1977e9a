"""Preprocessing: our plain numbers do what the scikit-learn steps do that they were read from."""

import json
import warnings

import numpy as np
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from chainrule.data import SHIPPED, Preprocessing, fit_preprocessing, read
from chainrule.data.columns import BOOLEAN, CATEGORY, NUMBER
from chainrule.data.fitted import BLANK, Categorical, Numeric
from chainrule.data.steps import MOST_CATEGORIES, fewest

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


def filled(frame, kinds):
    """The frame as scikit-learn takes it: NaN and a text of its own for what is missing."""
    return frame.select(
        pl.col(name).fill_null(BLANK if kind == CATEGORY else float("nan"))
        for name, kind in kinds.items()
    )


def transformer(frame, kinds):
    """The default steps, put together by scikit-learn."""
    numbers = [name for name, kind in kinds.items() if kind != CATEGORY]
    texts = [name for name, kind in kinds.items() if kind == CATEGORY]
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=fewest(frame.height),
        max_categories=MOST_CATEGORIES,
        sparse_output=False,
    )
    steps = [
        ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        ("missing", MissingIndicator(error_on_new=False), numbers),
        ("categories", encoder, texts),
    ]
    return ColumnTransformer([step for step in steps if step[-1]]).fit(filled(frame, kinds))


def same_as_scikit_learn(taught, new, kinds):
    ours = fit_preprocessing(taught, kinds)
    theirs = transformer(taught, kinds)
    if ours.one_unit:
        scaler = theirs.named_transformers_["numbers"][-1]
        scaler.scale_ = np.full_like(scaler.scale_, np.sqrt(scaler.var_.mean()))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found unknown categories")
        expected = theirs.transform(filled(new, kinds))
    # Ours keeps columns together; theirs has all numbers first, then what is missing, then text.
    numbers = [column for column in ours.columns if isinstance(column, Numeric)]
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
    ours = fit_preprocessing(frame, dict.fromkeys(frame.columns, NUMBER))
    assert len({column.scale for column in ours.columns}) == 1
    spread = np.sqrt(frame.to_numpy().var(axis=0).mean())
    assert ours.columns[0].scale == pytest.approx(spread)


def test_unseen_values_join_the_rare_ones():
    taught = mixed(300, 0)
    town = next(c for c in fit_preprocessing(taught, KINDS).columns if c.name == "town")
    assert town.rare == ("Delhi",)
    seen = np.stack(town.transform(pl.Series(["Delhi", "Ada"]))).T
    unseen = np.stack(town.transform(pl.Series(["Essen", "Ada"]))).T
    np.testing.assert_array_equal(seen, unseen)
    assert town.unseen(pl.Series(["Essen", "Ada", "Delhi", "Essen"])) == ["Essen"]


def test_without_rare_values_unseen_ones_are_zeros():
    column = Categorical("c", ("a", "b"), ())
    assert np.stack(column.transform(pl.Series(["z"]))).tolist() == [[False], [False]]


def test_json_brings_the_same_preprocessing_back():
    ours = fit_preprocessing(mixed(300, 0), KINDS)
    text = json.dumps(ours.to_json())
    assert Preprocessing.from_json(json.loads(text)) == ours


def test_numbers_alone_and_text_alone():
    frame = mixed(50, 0)
    same_as_scikit_learn(frame, frame, {"fare": NUMBER})
    same_as_scikit_learn(frame, frame, {"town": CATEGORY})
