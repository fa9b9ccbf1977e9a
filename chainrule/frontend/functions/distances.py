"""Distances between vectors along the last axis; all axes before it broadcast. From any operands to
tensors. Where a distance is 0, so is its derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.elementwise import root
from chainrule.frontend.functions.logic import not_equal
from chainrule.frontend.functions.manipulation import matrix_transpose
from chainrule.frontend.functions.matrices import solve
from chainrule.frontend.functions.norms import unit, vector_norm
from chainrule.frontend.functions.reductions import mean, sum
from chainrule.frontend.lift import Operand, in_float32, operands, promoted_floats, reshape_to
from chainrule.frontend.tensor import Tensor, describe


def _difference(where: str, x: Operand, y: Operand) -> Tensor:
    """x - y, of vectors."""
    x, y = _vectors(where, *promoted_floats(where, x, y))
    return x - y


def _vectors(where: str, *given: Tensor) -> list[Tensor]:
    """Operands of one shape, with at least one axis."""
    x, y = operands(where, *given)
    if not x.ndim:
        raise ShapeError(
            where, "of two numbers", "vectors lie along the last axis", "reshape them to (1,)"
        )
    return [x, y]


@in_float32
def euclidean(x: Operand, y: Operand, /) -> Tensor:
    """sqrt(sum (x - y)**2). (A-238)

    >>> cr.linalg.distances.euclidean(cr.asarray([0.0, 0.0]), cr.asarray([3.0, 4.0]))
    Tensor(5., dtype=float32)
    """
    return vector_norm(_difference("euclidean", x, y), axis=-1)


@in_float32
def manhattan(x: Operand, y: Operand, /) -> Tensor:
    """sum |x - y|. (A-238)

    >>> cr.linalg.distances.manhattan(cr.asarray([0.0, 0.0]), cr.asarray([3.0, 4.0]))
    Tensor(7., dtype=float32)
    """
    return vector_norm(_difference("manhattan", x, y), axis=-1, ord=1)


def chebyshev(x: Operand, y: Operand, /) -> Tensor:
    """max |x - y|. (A-238)

    >>> cr.linalg.distances.chebyshev(cr.asarray([0.0, 0.0]), cr.asarray([3.0, 4.0]))
    Tensor(4., dtype=float32)
    """
    return vector_norm(_difference("chebyshev", x, y), axis=-1, ord=float("inf"))


@in_float32
def minkowski(x: Operand, y: Operand, /, p: float = 2.0) -> Tensor:
    """(sum |x - y|**p)**(1 / p), for p >= 1. Raises ArgumentError below 1. (A-238)

    >>> cr.linalg.distances.minkowski(cr.asarray([0.0, 0.0]), cr.asarray([3.0, 4.0]), p=1)
    Tensor(7., dtype=float32)
    """
    if not p >= 1:
        raise ArgumentError(
            "minkowski", f"p={p}", "below 1 a detour would be shorter", "choose p >= 1"
        )
    return vector_norm(_difference("minkowski", x, y), axis=-1, ord=p)


@in_float32
def cosine(x: Operand, y: Operand, /) -> Tensor:
    """1 - x . y / (|x| |y|), which is 1 if x or y is 0. (A-238)

    >>> cr.linalg.distances.cosine(cr.asarray([1.0, 0.0]), cr.asarray([0.0, 2.0]))
    Tensor(1., dtype=float32)
    """
    x, y = _vectors("cosine", *promoted_floats("cosine", x, y))
    return 1 - sum(unit(x) * unit(y), axis=-1)


@in_float32
def mahalanobis(x: Operand, y: Operand, /, covariance: Operand) -> Tensor:
    """sqrt((x - y)^T covariance^-1 (x - y)), for one positive definite covariance (d, d).

    Raises ShapeError, and MatrixError for a singular covariance. (A-238)

    >>> x, y = cr.asarray([0.0, 0.0]), cr.asarray([2.0, 2.0])
    >>> cr.linalg.distances.mahalanobis(x, y, cr.asarray([[1.0, 0.0], [0.0, 4.0]]))
    Tensor(2.236068, dtype=float32)
    """
    step, matrix = promoted_floats("mahalanobis", _difference("mahalanobis", x, y), covariance)
    size = step.shape[-1]
    if matrix.shape != (size, size):
        raise ShapeError(
            "mahalanobis",
            f"vectors of {size} elements with a covariance {describe(matrix)}",
            "it has a row and a column for each element",
        )
    rows = reshape_to(step, (step.size // size if size else 0, size))
    solved = matrix_transpose(solve(matrix, matrix_transpose(rows)))
    return reshape_to(root(sum(rows * solved, axis=-1)), step.shape[:-1])


def hamming(x: Operand, y: Operand, /) -> Tensor:
    """The share of the places in which x and y differ; its derivative is 0. (A-238)

    >>> cr.linalg.distances.hamming(cr.asarray([1, 2, 3, 4]), cr.asarray([1, 0, 3, 0]))
    Tensor(0.5, dtype=float32)
    """
    return mean(not_equal(*_vectors("hamming", *operands("hamming", x, y))), axis=-1)


def pairwise(
    x: Operand, y: Operand | None = None, /, distance: Callable = euclidean, **options: Any
) -> Tensor:
    """The distance of each row of x (..., n, d) to each of y (..., m, d), or of x: (..., n, m).

    (A-238)

    >>> cr.linalg.distances.pairwise(cr.asarray([[0.0, 0.0], [3.0, 4.0]]))
    Tensor([[0., 5.],
            [5., 0.]], dtype=float32)
    """
    x, y = promoted_floats("pairwise", x, x if y is None else y)
    for rows in (x, y):
        if rows.ndim < 2:
            raise ShapeError(
                "pairwise", f"of {describe(rows)}", "rows are vectors", "insert an axis: x[None]"
            )
    return distance(x[..., :, None, :], y[..., None, :, :], **options)
