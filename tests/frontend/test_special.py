"""The gamma function's family against SciPy and, where SciPy loses digits, exact identities."""

import math

import numpy as np
import pytest
from scipy import special

import chainrule as cr
from chainrule.errors import ArgumentError

R = np.random.default_rng(0)
POSITIVE = np.concatenate([10 ** R.uniform(-6, 6, 2000), R.uniform(0.01, 30, 2000)])
NEGATIVE = (lambda x: x[abs(x - np.round(x)) > 1e-2])(-R.uniform(0.01, 20, 1000))
GAMMA = {
    "lgamma": (cr.lgamma, special.gammaln),
    "digamma": (cr.digamma, special.digamma),
    "trigamma": (lambda x: cr.polygamma(1, x), lambda x: special.polygamma(1, x)),
    "polygamma(2)": (lambda x: cr.polygamma(2, x), lambda x: special.polygamma(2, x)),
    "polygamma(5)": (lambda x: cr.polygamma(5, x), lambda x: special.polygamma(5, x)),
}


def wide(x):
    return cr.asarray(x, dtype=cr.float64)


def assert_close(found, expected, tolerance):
    """Relative to the value, or to 1 near its zeros."""
    error = abs(np.asarray(found, np.float64) - expected) / np.maximum(1, abs(expected))
    assert error.max() < tolerance


@pytest.mark.parametrize("name", GAMMA)
def test_positive_arguments(name):
    ours, theirs = GAMMA[name]
    assert_close(ours(wide(POSITIVE)), theirs(POSITIVE), 1e-14)
    single = POSITIVE.astype(np.float32)
    found = ours(cr.asarray(single))
    assert found.dtype is cr.float32
    np.testing.assert_allclose(
        np.asarray(found)[single < 1e5], theirs(single.astype(float))[single < 1e5], 1e-7
    )


@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_negative_arguments(name):
    ours, theirs = GAMMA[name]
    assert_close(ours(wide(NEGATIVE)), theirs(NEGATIVE), 1e-12)


def test_relative_accuracy_away_from_zeros():
    x = POSITIVE[(abs(POSITIVE - 1) > 0.01) & (abs(POSITIVE - 2) > 0.01)]
    np.testing.assert_allclose(np.asarray(cr.lgamma(wide(x))), special.gammaln(x), 1e-12)


def test_derivatives_lead_from_one_to_the_next():
    x = wide(np.concatenate([POSITIVE, NEGATIVE]))
    slope = cr.grad(lambda x: cr.sum(cr.lgamma(x)))
    assert_close(slope(x), np.asarray(cr.digamma(x)), 1e-12)
    assert_close(slope(x), special.digamma(np.asarray(x)), 1e-12)
    x = wide(POSITIVE)
    for n in range(4):
        found = cr.grad(lambda x, n=n: cr.sum(cr.polygamma(n, x)))(x)
        np.testing.assert_allclose(np.asarray(found), special.polygamma(n + 1, POSITIVE), 1e-12)


def test_edges():
    x = wide([0.0, -1.0, -7.0, math.inf])
    np.testing.assert_array_equal(np.asarray(cr.lgamma(x)), np.inf)
    assert math.isnan(float(cr.polygamma(1, wide(-0.5))))
    with pytest.raises(ArgumentError, match="counts derivatives"):
        cr.polygamma(-1, 1.0)


def test_betaln_keeps_its_digits():
    # B(a, n) = (n - 1)! / (a (a + 1) ... (a + n - 1))
    a = 10 ** R.uniform(-3, 8, 300)
    for n in (1, 2, 5, 9):
        expected = special.gammaln(n) - sum(np.log(a + k) for k in range(n))
        assert_close(cr.betaln(wide(a), n), expected, 1e-13)
        assert_close(cr.betaln(n, wide(a)), expected, 1e-13)
    a, b = R.uniform(0.01, 30, (2, 500))
    assert_close(cr.betaln(wide(a), wide(b)), special.betaln(a, b), 1e-13)
    same = wide([0.7, 3.0, 9.0, 500.0])
    curvature = cr.grad(lambda a: cr.sum(cr.grad(lambda a: cr.sum(cr.betaln(a, same)))(a)))(same)
    expected = special.polygamma(1, np.asarray(same)) - special.polygamma(1, 2 * np.asarray(same))
    np.testing.assert_allclose(np.asarray(curvature), expected, 1e-11)


def test_compiled_and_mapped():
    x = wide(np.concatenate([POSITIVE[:50], NEGATIVE[:50]]))
    assert_close(cr.jit(cr.lgamma)(x), np.asarray(cr.lgamma(x)), 1e-13)
    assert_close(cr.vmap(cr.digamma)(x), np.asarray(cr.digamma(x)), 1e-14)
