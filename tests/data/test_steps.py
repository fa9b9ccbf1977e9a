"""Steps chosen by name or handed over, against scikit-learn's own transformers."""

import json

import numpy as np
import polars as pl
import pytest
from sklearn import decomposition, preprocessing
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold

from chainrule.data import Preprocessing, fit_preprocessing, prepare, read
from chainrule.data.columns import CATEGORY, NUMBER
from chainrule.data.steps import fit_transform
from chainrule.errors import ArgumentError, DataError

GENERATOR = np.random.default_rng(0)
MIXING = GENERATOR.normal(size=(3, 3))
X, NEW = (GENERATOR.exponential(size=(rows, 3)) @ MIXING + 0.1 for rows in (200, 50))
POSITIVE, NEW_POSITIVE = np.abs(X), np.abs(NEW)
TEXTS = pl.DataFrame({"t": GENERATOR.choice(["a", "b", "c", "d"], 200, p=[0.4, 0.3, 0.2, 0.1])})
NEW_TEXTS = pl.DataFrame({"t": ["d", "a", "unseen", None, "b"]})
NAMES = ["x0", "x1", "x2"]


def frame(array):
    return pl.DataFrame(array, schema=NAMES)


def fitted(array=X, **choices):
    found = fit_preprocessing(frame(array), dict.fromkeys(NAMES, NUMBER), **choices)
    if not found.handed_over:
        assert Preprocessing.from_json(json.loads(json.dumps(found.to_json()))) == found
    return found


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("standard", preprocessing.StandardScaler()),
        ("min-max", preprocessing.MinMaxScaler()),
        ("max-abs", preprocessing.MaxAbsScaler()),
        ("robust", preprocessing.RobustScaler()),
    ],
)
@pytest.mark.covers("A-214", "A-215", "A-216", "A-217", "A-222")
def test_scalers_are_scikit_learns(name, theirs):
    expected = theirs.fit(X).transform(NEW)
    np.testing.assert_allclose(fitted(numeric=name).transform(frame(NEW)), expected, rtol=1e-5)


@pytest.mark.covers("A-218")
def test_logarithms_are_standardised_and_keep_zeros_near():
    values = np.where(np.arange(200)[:, None] == 7, 0, POSITIVE)
    epsilon = np.where(values > 0, values, np.inf).min(axis=0)
    theirs = preprocessing.StandardScaler().fit(np.log(values + epsilon))
    found = fitted(values, numeric="log")
    np.testing.assert_allclose(
        found.transform(frame(NEW_POSITIVE)),
        theirs.transform(np.log(NEW_POSITIVE + epsilon)),
        rtol=1e-4,
        atol=1e-5,
    )
    # With the notes' fixed epsilon of 1e-8 the zero of C-181 would lie 17 deviations away.
    assert np.abs(found.transform(frame(values))[7]).max() < 6


def test_logarithms_of_negative_values_are_refused():
    with pytest.raises(DataError, match="column 'x0' has negative values"):
        fitted(X - 5, numeric="log")
    with pytest.raises(DataError, match="their logarithm is NaN"):
        fitted(POSITIVE, numeric="log").transform(frame(-POSITIVE))


@pytest.mark.covers("A-219", "A-220")
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_rows_are_normalised(norm):
    rows = np.where(np.arange(50)[:, None] == 3, 0, NEW)
    found = fitted(numeric="none", rows=norm).transform(frame(rows))
    np.testing.assert_allclose(found, preprocessing.normalize(rows, norm), rtol=1e-6)


@pytest.mark.covers("A-223")
def test_whitening():
    scaled = preprocessing.StandardScaler().fit(X)
    theirs = decomposition.PCA(whiten=True).fit(scaled.transform(X))
    pca, zca = (fitted(whiten=kind) for kind in ("pca", "zca"))
    expected = theirs.transform(scaled.transform(NEW))
    np.testing.assert_allclose(pca.transform(frame(NEW)), expected, rtol=1e-4, atol=1e-4)
    turned = zca.transform(frame(X))
    np.testing.assert_allclose(np.cov(turned.T), np.eye(3), atol=1e-5)
    # Of all whitenings this one changes the columns least: its correlations with them are positive.
    assert (np.diag(np.corrcoef(turned.T, X.T)[:3, 3:]) > 0.5).all()
    assert pca.outputs == ["component 1", "component 2", "component 3"] and zca.outputs == NAMES


def test_whitening_drops_directions_without_variance():
    found = fitted(X[:, [0, 1, 1]], whiten="pca").transform(frame(X[:, [0, 1, 1]]))
    assert found.shape == (200, 2)
    np.testing.assert_allclose(np.cov(found.T), np.eye(2), atol=1e-5)


@pytest.mark.covers("A-225")
@pytest.mark.parametrize("strategy", ["median", "mean", "most_frequent"])
def test_missing_values_are_filled_and_told(strategy):
    holes = np.where(GENERATOR.random(X.shape) < 0.2, np.nan, np.round(X))
    table = frame(holes).fill_nan(None)
    found = fit_preprocessing(
        table, dict.fromkeys(NAMES, NUMBER), missing=strategy, numeric="none"
    ).transform(table)
    expected = SimpleImputer(strategy=strategy).fit_transform(holes)
    np.testing.assert_allclose(found[:, ::2], expected, rtol=1e-6)
    np.testing.assert_array_equal(found[:, 1::2], np.isnan(holes))


def test_ordinal_codes():
    theirs = preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    expected = theirs.fit(TEXTS).transform(NEW_TEXTS)
    found = fit_preprocessing(TEXTS, {"t": CATEGORY}, categories="ordinal")
    np.testing.assert_array_equal(found.transform(NEW_TEXTS), expected)
    assert Preprocessing.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.covers("A-226")
@pytest.mark.parametrize("classes", [0, 2, 3])
def test_target_encoding_is_cross_fitted(classes):
    y = GENERATOR.integers(0, classes, 200) if classes else GENERATOR.normal(size=200)
    found, x = fit_transform(TEXTS, {"t": CATEGORY}, y, categories="target")
    kind = StratifiedKFold if classes else KFold
    theirs = preprocessing.TargetEncoder(cv=kind(5, shuffle=True, random_state=0))
    np.testing.assert_allclose(x, theirs.fit_transform(TEXTS, y), rtol=1e-6)
    new = NEW_TEXTS.fill_null("")
    np.testing.assert_allclose(found.transform(new), theirs.transform(new), rtol=1e-6)
    assert found.outputs[0] == ("class 0 of t" if classes == 3 else "target of t")
    assert Preprocessing.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_target_encoding_needs_targets():
    with pytest.raises(ArgumentError, match="without y"):
        fit_preprocessing(TEXTS, {"t": CATEGORY}, categories="target")


def test_transformers_can_be_handed_over():
    power, quantile = (
        preprocessing.PowerTransformer(),
        preprocessing.QuantileTransformer(n_quantiles=50),
    )
    found = fitted(transformers={"x0": power, ("x1", "x2"): quantile})
    expected = np.concatenate(
        [power.fit(X[:, :1]).transform(NEW[:, :1]), quantile.fit(X[:, 1:]).transform(NEW[:, 1:])],
        axis=1,
    )
    np.testing.assert_allclose(found.transform(frame(NEW)), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(DataError, match="PowerTransformer cannot be written"):
        found.to_json()
    again = fitted(numeric=power)
    assert again.outputs == NAMES and again.columns == ()


@pytest.mark.covers("A-227")
def test_texts_become_tf_idf():
    rows = 60
    texts = [f"word{i % 3} and word{i % 5} of row {i}" for i in range(rows)]
    table = read(pl.DataFrame({"text": texts, "n": X[:rows, 0], "y": [0.0, 1.0, 2.0] * 20}))
    problem = prepare(table, "y", transformers={"text": TfidfVectorizer(min_df=5)})
    assert problem.left_out == {}
    found = problem.preprocessing
    theirs = TfidfVectorizer(min_df=5).fit(
        [texts[row] for row in range(rows) if row in training_rows(problem, table)]
    )
    x = found.transform(table.frame)
    np.testing.assert_allclose(x[:, 1:], theirs.transform(texts).toarray(), rtol=1e-6)
    assert found.outputs[1:] == theirs.get_feature_names_out().tolist()


def training_rows(problem, table):
    n = problem.preprocessing.transform(table.frame)[:, 0]
    return set(np.flatnonzero(np.isin(n, problem.parts["training"].x[:, 0])).tolist())


@pytest.mark.covers("A-221")
def test_targets_come_back_in_their_units():
    y = GENERATOR.normal(1e5, 3e4, 60)
    problem = prepare(read(pl.DataFrame({"x": X[:60, 0], "y": y})), "y", numeric="robust")
    taught = problem.parts["training"]
    assert abs(taught.y.mean()) < 1e-6 and taught.y.std() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(problem.target.decode(taught.y), taught.values, rtol=1e-5)


@pytest.mark.parametrize("choices", [{"numeric": "z"}, {"rows": "l3"}, {"categories": "hot"}])
def test_unknown_names_are_refused(choices):
    with pytest.raises(ArgumentError, match="there is no"):
        fitted(**choices)
