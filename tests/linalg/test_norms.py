"""Norms: against NumPy for all orders, and their derivatives at 0."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ShapeError

la = cr.linalg
R = np.random.default_rng(0)
ORDERS = [2, 1, 0, np.inf, -np.inf, 3, 0.5, -1, -2.5]


def wide(x):
    return cr.asarray(x, dtype=cr.float64)


@pytest.mark.covers("A-237")
@pytest.mark.parametrize("order", ORDERS)
def test_vector_norms(order):
    x = R.normal(size=(3, 4, 5))
    for axis in (None, 0, -1):
        for keepdims in (False, True):
            found = la.vector_norm(wide(x), axis=axis, keepdims=keepdims, ord=order)
            expected = np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=order)
            np.testing.assert_allclose(found, expected, rtol=1e-13)
    found = la.vector_norm(wide(x), axis=(0, 2), ord=order)
    np.testing.assert_allclose(found, np.linalg.vector_norm(x, axis=(0, 2), ord=order), rtol=1e-13)
    assert la.vector_norm(x.astype(np.float32), ord=order).dtype is cr.float32


@pytest.mark.covers("A-237")
@pytest.mark.parametrize("order", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_matrix_norms(order):
    x = R.normal(size=(2, 3, 5))
    for keepdims in (False, True):
        found = la.matrix_norm(wide(x), ord=order, keepdims=keepdims)
        expected = np.linalg.matrix_norm(x, ord=order, keepdims=keepdims)
        np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.covers("A-237", "B-021")
@pytest.mark.parametrize("order", [2, 1, np.inf, 3, 1.5])
def test_the_derivative_at_zero_is_zero(order):
    def norm(x):
        return cr.sum(la.vector_norm(x, axis=-1, ord=order))

    x = np.array([[0.0, 0.0], [3.0, 4.0]], np.float32)
    for gradient in (cr.grad(norm), cr.jit(cr.grad(norm))):
        found = gradient(x).numpy()
        assert found[0].tolist() == [0.0, 0.0] and np.isfinite(found).all() and found[1].any()
    assert cr.grad(lambda x: la.matrix_norm(x))(x * 0).numpy().any() == False  # noqa: E712


def test_special_values():
    assert la.vector_norm(cr.asarray([np.inf, 1.0]), ord=3).item() == np.inf
    assert la.vector_norm(cr.asarray([0.0, 1.0]), ord=-1).item() == 0.0
    assert np.isnan(la.vector_norm(cr.asarray([np.nan, 1.0]), ord=3).item())
    assert la.vector_norm(cr.zeros((0,))).item() == 0.0
    assert la.vector_norm(np.array([3, 4])).item() == 5.0


def test_errors_teach():
    with pytest.raises(ArgumentError, match="ord='F'"):
        la.matrix_norm(cr.eye(2), ord="F")
    with pytest.raises(ShapeError, match="two axes"):
        la.matrix_norm(cr.ones(3))
