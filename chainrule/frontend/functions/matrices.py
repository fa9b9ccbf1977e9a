"""Solving, inverting and factorizing stacks of matrices (..., m, n): from operands to tensors."""

from __future__ import annotations

from typing import NamedTuple

from chainrule import dtypes
from chainrule.errors import ArgumentError
from chainrule.frontend.apply import apply
from chainrule.frontend.functions.creation import eye
from chainrule.frontend.functions.elementary import exp
from chainrule.frontend.functions.linear_algebra import matmul
from chainrule.frontend.functions.manipulation import matrix_transpose
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.lift import (
    Operand,
    broadcast_shape,
    cast,
    floating,
    lift,
    promoted_floats,
    reshape_to,
    spread,
    unboxed,
)
from chainrule.frontend.tensor import Tensor
from chainrule.ir.ops.linalg import check_matrices


def matrices(x: Operand, where: str, square: bool = False) -> Tensor:
    """An operand as a stack of float matrices. Raises ShapeError, if asked also if not square."""
    tensor = floating(x, where)
    check_matrices(where, tensor, square=square)
    return unboxed(tensor)


def solve(x1: Operand, x2: Operand, /) -> Tensor:
    """The x with x1 @ x = x2, for square x1 (..., n, n) and x2 (..., n, k) or one vector (n,).

    By LU factorization; stacks broadcast. Its derivative solves with the same matrix, transposed in
    reverse mode. Raises ShapeError, and MatrixError for a singular matrix. (A-265)

    >>> cr.linalg.solve(cr.asarray([[2.0, 0.0], [0.0, 4.0]]), cr.asarray([2.0, 8.0]))
    Tensor([1., 2.], dtype=float32)
    """
    a, b = promoted_floats("solve", x1, x2)
    check_matrices("solve", a, square=True)
    vector = b.ndim == 1
    b = reshape_to(b, (*b.shape, 1)) if vector else b
    stack = broadcast_shape("solve", [a.shape[:-2], b.shape[:-2]])
    x = apply("solve", spread(a, stack + a.shape[-2:]), spread(b, stack + b.shape[-2:]))
    return reshape_to(x, x.shape[:-1]) if vector else x


def inv(x: Operand, /) -> Tensor:
    """The inverse of each square matrix. To multiply with it, `solve` is faster and more accurate.

    Raises ShapeError, and MatrixError for a singular matrix. (A-265)

    >>> cr.linalg.inv(cr.asarray([[2.0, 0.0], [0.0, 4.0]]))
    Tensor([[0.5 , 0.  ],
            [0.  , 0.25]], dtype=float32)
    """
    x = matrices(x, "inv", square=True)
    return apply("solve", x, spread(eye(x.shape[-1], dtype=x.dtype), x.shape))


class SlogdetResult(NamedTuple):
    sign: Tensor
    logabsdet: Tensor


def slogdet(x: Operand, /) -> SlogdetResult:
    """(sign, log |determinant|) of each square matrix, where the determinant would overflow.

    A singular matrix has (0, -inf), and no derivative: asking for it raises MatrixError.

    >>> sign, logarithm = cr.linalg.slogdet(-1e30 * cr.eye(3))
    >>> sign, cr.round(logarithm)
    (Tensor(-1., dtype=float32), Tensor(207., dtype=float32))
    """
    return SlogdetResult(*apply("slogdet", matrices(x, "slogdet", square=True)))


def det(x: Operand, /) -> Tensor:
    """The determinant of each square matrix, sign * exp(log |det|); 0 if it is singular.

    Its derivative det(x) inv(x)^T is not defined at a singular matrix: MatrixError. (A-265)

    >>> cr.linalg.det(cr.asarray([[1.0, 2.0], [3.0, 5.0]]))
    Tensor(-1., dtype=float32)
    """
    sign, logarithm = apply("slogdet", matrices(x, "det", square=True))
    return sign * exp(logarithm)


def cholesky(x: Operand, /, *, upper: bool = False) -> Tensor:
    """The lower triangular L with L @ L.mT = x, or with `upper` its transpose.

    x is symmetric and positive definite; (x + x.mT) / 2 is what is factorized, so the derivative is
    symmetric. Raises ShapeError, and MatrixError where x is not positive definite.

    >>> cr.linalg.cholesky(cr.asarray([[4.0, 2.0], [2.0, 5.0]]))
    Tensor([[2., 0.],
            [1., 2.]], dtype=float32)
    """
    factor = apply("cholesky", matrices(x, "cholesky", square=True))
    return matrix_transpose(factor) if upper else factor


class QRResult(NamedTuple):
    Q: Tensor
    R: Tensor


def qr(x: Operand, /, *, mode: str = "reduced") -> QRResult:
    """Q with orthonormal columns and upper triangular R, Q @ R = x (..., m, n).

    With k = min(m, n), they are (..., m, k) and (..., k, n), in the mode "complete" (..., m, m) and
    (..., m, n). The derivative needs linearly independent first k columns, and the reduced mode if
    m > n.

    >>> q, r = cr.linalg.qr(cr.asarray([[3.0, 0.0], [4.0, 5.0]]))
    >>> cr.abs(r)
    Tensor([[5., 4.],
            [0., 3.]], dtype=float32)
    """
    if mode not in ("reduced", "complete"):
        raise ArgumentError("qr", f"mode={mode!r}", 'only "reduced" and "complete" exist')
    x = matrices(x, "qr")
    complete = mode == "complete" and x.shape[-2] > x.shape[-1]
    return QRResult(*apply("qr", x, complete=complete))


class SVDResult(NamedTuple):
    U: Tensor
    S: Tensor
    Vh: Tensor


def svd(x: Operand, /, *, full_matrices: bool = True) -> SVDResult:
    """U, S, Vh with x = U @ diag(S) @ Vh: orthonormal columns of U and rows of Vh, S falling.

    With k = min(m, n), they are (..., m, k), (..., k) and (..., k, n); with `full_matrices` U and
    Vh are square, and have no derivative unless x is square. U and Vh are determined up to signs;
    where singular values coincide, or one is 0 and x not square, their derivatives are infinite or
    NaN, as in JAX and PyTorch. (A-265)

    >>> cr.linalg.svd(cr.asarray([[0.0, 2.0], [1.0, 0.0]])).S
    Tensor([2., 1.], dtype=float32)
    """
    x = matrices(x, "svd")
    full = bool(full_matrices) and x.shape[-1] != x.shape[-2]
    return SVDResult(*apply("svd", x, full=full))


def svdvals(x: Operand, /) -> Tensor:
    """The singular values of each matrix, falling: (..., min(m, n)).

    >>> cr.linalg.svdvals(cr.asarray([[0.0, 2.0], [1.0, 0.0]]))
    Tensor([2., 1.], dtype=float32)
    """
    return apply("svd", matrices(x, "svdvals"), full=False)[1]


class EighResult(NamedTuple):
    eigenvalues: Tensor
    eigenvectors: Tensor


def eigh(x: Operand, /) -> EighResult:
    """Rising eigenvalues (..., n) and orthonormal eigenvectors, as columns, of symmetric matrices.

    (x + x.mT) / 2 is what is decomposed, so the derivative is symmetric. Eigenvectors are
    determined up to their signs; where eigenvalues coincide, their derivatives are infinite or NaN,
    as in JAX and PyTorch, while those of the eigenvalues stay right. Matrices that are not
    symmetric have complex eigenvalues, for which there is no dtype. (A-265)

    >>> cr.linalg.eigh(cr.asarray([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
    Tensor([1., 3.], dtype=float32)
    """
    return EighResult(*apply("eigh", matrices(x, "eigh", square=True)))


def eigvalsh(x: Operand, /) -> Tensor:
    """The eigenvalues of each symmetric matrix, rising: (..., n).

    >>> cr.linalg.eigvalsh(cr.asarray([[2.0, 1.0], [1.0, 2.0]]))
    Tensor([1., 3.], dtype=float32)
    """
    return apply("eigh", matrices(x, "eigvalsh", square=True))[0]


def _threshold(x: Tensor, rtol: Operand | None, where: str) -> Tensor:
    """`rtol` of each matrix; by default max(m, n) * eps, as in NumPy."""
    default = dtypes.finfo(x.dtype).eps * max(x.shape[-2:])
    given = cast(lift(default if rtol is None else rtol, where), x.dtype)
    return apply("stop_gradient", spread(given, x.shape[:-2]))


def pinv(x: Operand, /, *, rtol: Operand | None = None) -> Tensor:
    """The Moore-Penrose inverse (..., n, m); singular values up to rtol * the greatest count as 0.

    `rtol` is one number, or one a matrix; by default max(m, n) * eps. The derivative is that of
    matrices of the same rank (Golub and Pereyra 1973).

    >>> cr.linalg.pinv(cr.asarray([[2.0, 0.0], [0.0, 0.0], [0.0, 4.0]]))
    Tensor([[0.5 , 0.  , 0.  ],
            [0.  , 0.  , 0.25]], dtype=float32)
    """
    x = matrices(x, "pinv")
    return apply("pinv", x, _threshold(x, rtol, "pinv"))


def lstsq(x1: Operand, x2: Operand, /, *, rtol: Operand | None = None) -> Tensor:
    """The x with the least |x1 @ x - x2|, and of these the shortest: pinv(x1) @ x2.

    x1 is (..., m, n), x2 (..., m, k) or one vector (m,).

    >>> cr.linalg.lstsq(cr.asarray([[2.0], [0.0]]), cr.asarray([4.0, 3.0]))
    Tensor([2.], dtype=float32)
    """
    a, b = promoted_floats("lstsq", x1, x2)
    return matmul(pinv(a, rtol=rtol), b)


def matrix_rank(x: Operand, /, *, rtol: Operand | None = None) -> Tensor:
    """How many singular values exceed rtol * the greatest, by default max(m, n) * eps.

    >>> cr.linalg.matrix_rank(cr.asarray([[1.0, 2.0], [2.0, 4.0]]))
    Tensor(1, dtype=int64)
    """
    x = matrices(x, "matrix_rank")
    values = svdvals(x)
    limit = _threshold(x, rtol, "matrix_rank")[..., None] * values[..., :1]
    return sum(values > limit, axis=-1)


def matrix_power(x: Operand, n: int, /) -> Tensor:
    """x @ x @ ..., n times, by repeated squaring; of the inverse if n is negative.

    >>> cr.linalg.matrix_power(cr.asarray([[1.0, 1.0], [0.0, 1.0]]), 5)
    Tensor([[1., 5.],
            [0., 1.]], dtype=float32)
    """
    x, times = matrices(x, "matrix_power", square=True), n.__index__()
    square = inv(x) if times < 0 else x
    times = abs(times)
    result = None if times else spread(eye(x.shape[-1], dtype=x.dtype), x.shape)
    while times:
        if times % 2:
            result = square if result is None else matmul(result, square)
        times //= 2
        square = matmul(square, square) if times else square
    return result
