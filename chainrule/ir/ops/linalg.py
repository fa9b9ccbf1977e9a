"""Factorizations and solutions of matrices (..., m, n), one by one: LAPACK, as NumPy calls it.

Compiled programs call these definitions back instead of having code for them (family "host").
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from chainrule.errors import DTypeError, MatrixError, ShapeError
from chainrule.ir.node import Node, Spec
from chainrule.ir.ops.table import describe, register

# What LAPACK refuses, and what helps.
_REFUSED = {
    "cholesky": ("is not positive definite", "add a small multiple of cr.eye(n)"),
    "solve": ("is singular", "use cr.linalg.lstsq or pinv, or add a small multiple of cr.eye(n)"),
}
_NO_CONVERGENCE = "has singular values or eigenvalues that were not found", "scale it"


def check_matrices(where: str, *stacks: Any, square: bool = False) -> None:
    """Raise ShapeError or DTypeError where a tensor or node is no stack of float matrices."""
    for x in stacks:
        if len(x.shape) < 2:
            raise ShapeError(
                where,
                f"of {describe(x)}",
                "a matrix has two axes, and axes before them count matrices",
                "reshape it, or insert an axis with x[:, None]",
            )
        if not x.dtype.is_float:
            raise DTypeError(
                where, f"of {describe(x)}", "it is defined for floats", "cast the matrix first"
            )
        if square and x.shape[-1] != x.shape[-2]:
            raise ShapeError(
                where,
                f"of {describe(x)}",
                f"the matrix is not square: {x.shape[-2]} rows, {x.shape[-1]} columns",
                "cr.linalg.lstsq, pinv, qr and svd take any matrix",
            )


def _host(name: str, infer: Callable) -> Callable[[Callable], Callable]:
    """Register a definition; what it cannot do is a MatrixError that names the first matrix."""

    def add(numpy: Callable) -> Callable:
        @wraps(numpy)
        def definition(*stacks: np.ndarray, **attributes: Any) -> Any:
            try:
                return numpy(*stacks, **attributes)
            except np.linalg.LinAlgError:
                pass
            raise _error(name, numpy, stacks, attributes)

        return register(name, "host", infer)(definition)

    return add


def _error(name: str, numpy: Callable, stacks: tuple, attributes: dict) -> MatrixError:
    what, instead = _REFUSED.get(name, _NO_CONVERGENCE)
    places = np.ndindex(stacks[0].shape[:-2])
    index = next(index for index in places if _fails(numpy, stacks, index, attributes))
    which = f"matrix {list(index)}" if index else "the matrix"
    if not np.isfinite(stacks[0][index]).all():
        what, instead = "holds nan or infinity", "see where it comes from"
    return MatrixError(name, f"{which} of {describe(stacks[0])} {what}", "", instead)


def _fails(numpy: Callable, stacks: tuple, index: tuple[int, ...], attributes: dict) -> bool:
    try:
        numpy(*[stack[index] for stack in stacks], **attributes)
    except np.linalg.LinAlgError:
        return True
    return False


def _symmetric(x: np.ndarray) -> np.ndarray:
    """The symmetric part, which makes derivatives those of a function of all elements."""
    return (x + x.mT) / 2


def _infer_square(name: str) -> Callable[[Node], Spec]:
    def infer(x: Node) -> Spec:
        check_matrices(name, x, square=True)
        return Spec(x.shape, x.dtype)

    return infer


@_host("cholesky", _infer_square("cholesky"))
def _cholesky(x: np.ndarray) -> np.ndarray:
    """The lower triangular L with L L^T = (x + x^T) / 2."""
    return np.linalg.cholesky(_symmetric(x))


def _infer_solve(a: Node, b: Node) -> Spec:
    check_matrices("solve", a, square=True)
    check_matrices("solve", b)
    if a.shape[:-1] != b.shape[:-1] or a.dtype is not b.dtype:
        raise ShapeError(
            "solve",
            f"got {describe(a, b)}",
            "both need the same stacks, numbers of rows and dtypes",
        )
    return Spec(b.shape, b.dtype)


@_host("solve", _infer_solve)
def _solve(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The x with a x = b, column by column."""
    return np.linalg.solve(a, b)


def _infer_slogdet(x: Node) -> tuple[Spec, Spec]:
    check_matrices("slogdet", x, square=True)
    return (Spec(x.shape[:-2], x.dtype),) * 2


@_host("slogdet", _infer_slogdet)
def _slogdet(x: np.ndarray) -> tuple[np.ndarray, ...]:
    """The sign of the determinant, and log |determinant|."""
    return tuple(map(np.asarray, np.linalg.slogdet(x)))


def _infer_eigh(x: Node) -> tuple[Spec, Spec]:
    check_matrices("eigh", x, square=True)
    return Spec(x.shape[:-1], x.dtype), Spec(x.shape, x.dtype)


@_host("eigh", _infer_eigh)
def _eigh(x: np.ndarray) -> tuple[np.ndarray, ...]:
    """Rising eigenvalues of (x + x^T) / 2, and eigenvectors as columns."""
    return tuple(np.linalg.eigh(_symmetric(x)))


def _infer_qr(x: Node, complete: bool) -> tuple[Spec, Spec]:
    check_matrices("qr", x)
    *stack, m, n = x.shape
    columns = m if complete else min(m, n)
    return Spec((*stack, m, columns), x.dtype), Spec((*stack, columns, n), x.dtype)


@_host("qr", _infer_qr)
def _qr(x: np.ndarray, complete: bool) -> tuple[np.ndarray, ...]:
    """Orthonormal columns Q and upper triangular R with Q R = x."""
    return tuple(np.linalg.qr(x, "complete" if complete else "reduced"))


def _infer_svd(x: Node, full: bool) -> tuple[Spec, ...]:
    check_matrices("svd", x)
    *stack, m, n = x.shape
    k = min(m, n)
    rows, columns = (m, n) if full else (k, k)
    shapes = (*stack, m, rows), (*stack, k), (*stack, columns, n)
    return tuple(Spec(shape, x.dtype) for shape in shapes)


@_host("svd", _infer_svd)
def _svd(x: np.ndarray, full: bool) -> tuple[np.ndarray, ...]:
    """U, falling singular values s and V^T with U diag(s) V^T = x."""
    return tuple(np.linalg.svd(x, full_matrices=full))


def _infer_pinv(x: Node, rtol: Node) -> Spec:
    check_matrices("pinv", x)
    *stack, m, n = x.shape
    if rtol.shape != tuple(stack) or rtol.dtype is not x.dtype:
        raise ShapeError("pinv", f"got {describe(x, rtol)}", "rtol is one number a matrix")
    return Spec((*stack, n, m), x.dtype)


@_host("pinv", _infer_pinv)
def _pinv(x: np.ndarray, rtol: np.ndarray) -> np.ndarray:
    """The Moore-Penrose inverse; singular values up to rtol times the greatest count as zero."""
    return np.linalg.pinv(x, rtol=rtol)
