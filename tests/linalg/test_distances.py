"""Distances: against SciPy, pairwise and one by one, and their derivatives between equal points."""

import numpy as np
import pytest
from scipy.spatial import distance

import chainrule as cr
from chainrule.errors import ArgumentError, MatrixError, ShapeError

d = cr.linalg.distances
R = np.random.default_rng(0)
X, Y = R.normal(size=(6, 4)), R.normal(size=(5, 4))
COVARIANCE = np.cov(R.normal(size=(4, 50)))
CASES = {
    "euclidean": (d.euclidean, {}, {}),
    "manhattan": (d.manhattan, {}, {}),
    "chebyshev": (d.chebyshev, {}, {}),
    "minkowski": (d.minkowski, {"p": 2.5}, {"p": 2.5}),
    "cosine": (d.cosine, {}, {}),
    "mahalanobis": (d.mahalanobis, {"covariance": COVARIANCE}, {"VI": np.linalg.inv(COVARIANCE)}),
    "hamming": (d.hamming, {}, {}),
}
SCIPY = {"manhattan": "cityblock"}


def wide(x):
    return cr.asarray(x, dtype=cr.float64)


@pytest.mark.covers("A-238")
@pytest.mark.parametrize("name", CASES)
def test_pairwise(name):
    function, ours, theirs = CASES[name]
    x, y = (np.round(X), np.round(Y)) if name == "hamming" else (X, Y)
    expected = distance.cdist(x, y, SCIPY.get(name, name), **theirs)
    found = d.pairwise(wide(x), wide(y), function, **ours)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    one_by_one = [[float(function(wide(a), wide(b), **ours)) for b in y] for a in x]
    np.testing.assert_allclose(one_by_one, expected, rtol=1e-12, atol=1e-14)
    mapped = cr.vmap(lambda a: d.pairwise(a, wide(y), function, **ours))(wide(np.stack([x, x + 1])))
    np.testing.assert_allclose(mapped[0], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.covers("A-238", "B-021")
@pytest.mark.parametrize("name", CASES)
def test_between_equal_points(name):
    """The distance and its derivative are 0; so a pairwise matrix of one set can be trained on."""
    function, ours, _ = CASES[name]
    x = X[:3].astype(np.float32)
    gradient = cr.jit(cr.grad(lambda x: cr.sum(function(x, x[:1] + 0 * x, **ours)[0])))(x)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)
    apart = cr.jit(cr.grad(lambda x: cr.sum(d.pairwise(x, None, function, **ours))))(x)
    assert np.isfinite(apart.numpy()).all()


def test_zero_vectors_have_cosine_distance_one():
    zero, one = cr.zeros((3,)), cr.ones((3,))
    assert float(d.cosine(zero, one)) == 1.0
    gradients = cr.grad(d.cosine, argnums=(0, 1))(zero, one)
    assert all(np.isfinite(g.numpy()).all() for g in gradients)


def test_shapes_broadcast():
    assert d.euclidean(cr.ones((7, 1, 3)), cr.ones((5, 3))).shape == (7, 5)
    assert d.pairwise(cr.ones((2, 7, 3)), cr.ones((5, 3))).shape == (2, 7, 5)
    assert d.mahalanobis(cr.ones((2, 7, 3)), cr.ones((3,)), cr.eye(3)).shape == (2, 7)
    assert d.hamming(np.array([1, 2, 3]), np.array([1, 2, 4])).dtype is cr.float32


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: d.minkowski(X, X, p=0.5), ArgumentError, "choose p >= 1"),
        (lambda: d.euclidean(X, Y), ShapeError, "do not fit together"),
        (lambda: d.euclidean(1.0, 2.0), ShapeError, "reshape them"),
        (lambda: d.mahalanobis(X, X, np.eye(3)), ShapeError, "a row and a column for each"),
        (lambda: d.mahalanobis(X, X, np.zeros((4, 4))), MatrixError, "singular"),
        (lambda: d.pairwise(X[0]), ShapeError, "rows are vectors"),
    ],
)
def test_errors_teach(call, error, text):
    with pytest.raises(error, match=text):
        call()
