"""Factorizations and solutions: against NumPy, by their definitions, at degenerate matrices, and
what is refused.
"""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, DTypeError, MatrixError, ShapeError

la = cr.linalg
R = np.random.default_rng(0)
SHAPES = [(3, 3), (5, 3), (2, 4), (1, 1), (2, 3, 4, 4), (0, 3, 3), (0, 0), (0, 2), (3, 0)]


def stacks(*shape, dtype=np.float64):
    return cr.asarray(R.normal(size=shape), dtype=cr.dtypes.of(np.dtype(dtype)))


def square(*shape):
    return stacks(*shape, shape[-1]) + 3 * cr.eye(shape[-1], dtype=cr.float64)


def close(found, expected, tolerance=1e-12):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape and found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


# ---- By definition ----


@pytest.mark.covers("A-265")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_factors_multiply_to_the_matrix(shape, kind):
    x, tolerance = stacks(*shape, dtype=kind), 1e-12 if kind == "float64" else 1e-5
    k = min(shape[-2:])
    for mode in ("reduced", "complete"):
        q, r = la.qr(x, mode=mode)
        close(q @ r, x, tolerance)
        close(
            q.mT @ q,
            np.broadcast_to(np.eye(q.shape[-1], dtype=kind), (*shape[:-2], *q.shape[-1:] * 2)),
            tolerance,
        )
        close(cr.triu(r), r)
    for full in (True, False):
        u, s, vt = la.svd(x, full_matrices=full)
        close((u[..., :, :k] * s[..., None, :]) @ vt[..., :k, :], x, tolerance)
        assert u.shape[-1] == (shape[-2] if full else k)
    close(la.svdvals(x), s)
    inverse = la.pinv(x)
    close(x @ inverse @ x, x, tolerance)
    close((x @ inverse).mT, x @ inverse, tolerance)


@pytest.mark.covers("A-265")
@pytest.mark.parametrize("stack", [(), (2, 3), (0,)], ids=str)
@pytest.mark.parametrize("size", [0, 1, 4])
def test_square_matrices(stack, size):
    x = square(*stack, size) if size else stacks(*stack, 0, 0)
    a = np.asarray(x)
    identity = np.broadcast_to(np.eye(size), (*stack, size, size))
    close(x @ la.inv(x), identity)
    close(la.det(x), np.linalg.det(a))
    for found, expected in zip(la.slogdet(x), np.linalg.slogdet(a), strict=True):
        close(found, expected)
    even = x @ x.mT
    factor = la.cholesky(even)
    close(factor @ factor.mT, even)
    close(la.cholesky(even, upper=True), factor.mT)
    close(cr.tril(factor), factor)
    values, vectors = la.eigh(even)
    close(even @ vectors, vectors * values[..., None, :], 1e-10)
    close(la.eigvalsh(even), values)
    close(la.matrix_power(x, 3), x @ x @ x)
    close(la.matrix_power(x, -2) @ x @ x, identity)
    close(la.matrix_power(x, 0), identity)


@pytest.mark.parametrize(
    ("left", "right"),
    [((3, 3), (3,)), ((3, 3), (3, 2)), ((4, 3, 3), (3,)), ((4, 3, 3), (3, 2)), ((3, 3), (5, 3, 1)),
     ((2, 1, 3, 3), (4, 3, 2))],
)  # fmt: skip
def test_right_sides_of_all_shapes(left, right):
    a, b = square(*left[:-1]), stacks(*right)
    x = la.solve(a, b)
    product = cr.matmul(a, x[..., None])[..., 0] if len(right) == 1 else a @ x
    close(product, np.broadcast_to(b, product.shape))


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (2, 4, 4)])
def test_least_squares(shape):
    a, b = stacks(*shape), stacks(shape[-2])
    x = np.asarray(la.lstsq(a, b))
    expected = [
        np.linalg.lstsq(each, b, rcond=None)[0] for each in np.reshape(a, (-1, *shape[-2:]))
    ]
    close(x.reshape(-1, shape[-1]), np.array(expected), 1e-10)


def test_ranks():
    x = np.stack([np.eye(3), np.diag([1.0, 1e-3, 0.0]), np.zeros((3, 3))])
    assert la.matrix_rank(x).tolist() == [3, 2, 0]
    assert la.matrix_rank(x, rtol=0.01).tolist() == [3, 1, 0]
    assert la.matrix_rank(x, rtol=np.array([2.0, 1e-4, 0.0])).tolist() == [0, 2, 0]
    close(la.pinv(x, rtol=0.01)[1], np.diag([1.0, 0, 0]).astype(np.float32))
    assert la.matrix_rank(cr.zeros((2, 0, 3))).tolist() == [0, 0]


def test_diagonals():
    for shape in [(3, 3), (2, 4), (4, 2), (2, 3, 5)]:
        a = R.integers(-9, 9, shape)
        for offset in range(-5, 6):
            close(la.diagonal(a, offset=offset), np.diagonal(a, offset, -2, -1))
            close(la.trace(a, offset=offset), np.trace(a, offset, -2, -1))
    assert la.trace(cr.eye(3), dtype=cr.float64).dtype is cr.float64


def test_products_of_vectors():
    a, b = R.normal(size=(2, 3)), R.normal(size=(4, 1, 3))
    close(la.cross(stacks(3) * 0 + a, b), np.cross(a, b))
    close(la.cross(cr.asarray(a.T, dtype=cr.float64), a.T, axis=0), np.cross(a, a).T)
    close(la.outer(cr.asarray([1, 2]), np.arange(3)), np.outer([1, 2], np.arange(3)))


def test_integers_become_floats():
    assert la.inv(np.array([[2, 0], [0, 4]])).tolist() == [[0.5, 0.0], [0.0, 0.25]]
    assert la.solve(np.array([[2, 0], [0, 4]]), cr.asarray([2, 4])).dtype is cr.float32


# ---- Derivatives where values coincide, and where they do not exist ----


def test_eigenvalues_that_coincide():
    """Their own derivatives are right; those of eigenvectors are not numbers."""
    x = cr.eye(3)
    close(cr.grad(lambda x: cr.sum(la.eigvalsh(x)))(x), np.eye(3, dtype=np.float32))
    close(cr.grad(lambda x: cr.sum(la.svdvals(x)))(x), np.eye(3, dtype=np.float32))
    vectors = cr.grad(lambda x: cr.sum(la.eigh(x).eigenvectors))(x)
    assert not np.isfinite(vectors.numpy()).all()


def test_derivatives_that_need_no_vectors_are_right_where_values_coincide():
    """As those of the inverse, the pseudoinverse and log det, which are smooth there."""
    x = np.eye(3)
    for function in (la.inv, la.pinv, la.cholesky, lambda x: la.slogdet(x).logabsdet, la.det):
        assert cr.check_grad(function, x).verdict in ("perfect", "acceptable")


def test_a_singular_value_of_zero():
    """A square matrix keeps the derivatives of its vectors."""

    def squares(x):
        u, s, vt = la.svd(x)
        return u[:, :1] ** 2, s[:1], vt[:1] ** 2

    x = np.diag([2.0, 1.0, 0.0]) @ np.linalg.qr(R.normal(size=(3, 3)))[0]
    assert cr.check_grad(squares, x, order=1).verdict in ("perfect", "acceptable")


def test_the_derivative_at_a_singular_matrix():
    x = cr.asarray([[1.0, 2.0], [2.0, 4.0]])
    assert float(la.det(x)) == 0.0
    assert [float(part) for part in la.slogdet(x)] == [0.0, -np.inf]
    with pytest.raises(MatrixError, match="singular"):
        cr.grad(la.det)(x)


@pytest.mark.parametrize("derivative", [cr.grad, lambda f: lambda x: cr.jvp(f, (x,), (x,))])
@pytest.mark.parametrize(
    ("function", "instead"),
    [(lambda x: cr.sum(la.qr(x, mode="complete").Q), "reduced"),
     (lambda x: cr.sum(la.svd(x).U), "full_matrices=False")],
)  # fmt: skip
def test_factors_that_are_not_determined_have_no_derivative(derivative, function, instead):
    with pytest.raises(ArgumentError, match=instead):
        derivative(function)(stacks(4, 2))


# ---- Everything together ----


def test_a_gaussian_process_learns():
    """Cholesky, solve and log det in a compiled step: the likelihood of smooth data rises."""
    x = np.linspace(0, 1, 12)[:, None]
    y = np.sin(6 * x[:, 0])

    def loss(scale, noise):
        covariance = cr.exp(-((x - x.T) ** 2) / (2 * scale**2)) + (noise**2 + 1e-4) * np.eye(12)
        factor = la.cholesky(covariance)
        white = la.solve(factor, y)
        return 0.5 * cr.sum(white * white) + cr.sum(cr.log(la.diagonal(factor)))

    step = cr.jit(cr.value_and_grad(loss, argnums=(0, 1)))
    scale, noise = cr.asarray(0.05), cr.asarray(0.5)
    # Here, where the noise makes the matrix well conditioned: later float32 has two digits left.
    direct = cr.grad(lambda s: loss(s, noise))(scale)
    np.testing.assert_allclose(float(step(scale, noise)[1][0]), float(direct), rtol=1e-5)
    losses = []
    for _ in range(60):
        value, (a, b) = step(scale, noise)
        losses.append(float(value))
        scale, noise = scale - 1e-3 * cr.clip(a, -20, 20), noise - 1e-3 * cr.clip(b, -20, 20)
    assert losses[-1] < losses[0] - 5
    cr.hessian(loss)(scale, noise)


def test_second_derivatives_compiled_and_mapped():
    x = np.asarray(square(3, 3) @ square(3, 3).mT)

    def curvature(x):
        return cr.hvp(lambda x: la.slogdet(x).logabsdet + cr.sum(la.pinv(x)), x, x)

    expected = [curvature(each) for each in x]
    close(cr.jit(cr.vmap(curvature))(x), np.stack(expected), 1e-5)


# ---- Errors ----


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: la.inv(stacks(2, 3)), ShapeError, r"\[inv\] .*not square: 2 rows, 3 columns"),
        (lambda: la.det(stacks(3)), ShapeError, r"\[det\] .*a matrix has two axes"),
        (lambda: la.solve(stacks(3, 3), stacks(4)), ShapeError, "same stacks, numbers of rows"),
        (lambda: la.solve(stacks(2, 3, 3), stacks(5, 3, 1)), ShapeError, "do not fit together"),
        (lambda: la.qr(stacks(3, 3), mode="raw"), ArgumentError, "mode='raw'"),
        (lambda: la.outer(stacks(3, 3), stacks(3)), ShapeError, "both must be vectors"),
        (lambda: la.cross(stacks(4), stacks(4)), ShapeError, "4 elements; 3 are needed"),
        (lambda: la.diagonal(stacks(4)), ShapeError, "a matrix has two axes"),
        (lambda: la.matrix_power(stacks(2, 3), 2), ShapeError, r"\[matrix_power\]"),
        (lambda: cr.frontend.apply.apply("cholesky", cr.ones((2, 2), dtype=cr.int64)), DTypeError,
         "defined for floats"),
        (lambda: la.cholesky(-cr.eye(2)), MatrixError, "the matrix of .* is not positive definite"),
        (lambda: la.svd(cr.full((2, 2, 2), np.nan)), MatrixError, r"matrix \[0\] .* holds nan"),
    ],
)  # fmt: skip
def test_errors_teach(call, error, text):
    with pytest.raises(error, match=text):
        call()
