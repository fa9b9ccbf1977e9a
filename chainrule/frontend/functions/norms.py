"""Norms of vectors and matrices: from any operand to tensors, with derivatives where they are 0."""

from __future__ import annotations

import math

from chainrule.errors import ArgumentError
from chainrule.frontend.apply import apply
from chainrule.frontend.functions.elementwise import abs, root, square
from chainrule.frontend.functions.elementwise import pow as power
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.matrices import matrices, svdvals
from chainrule.frontend.functions.reductions import Axis, count_nonzero, max, min, sum
from chainrule.frontend.lift import Operand, cast, floating, reshape_to
from chainrule.frontend.tensor import Tensor


def vector_norm(
    x: Operand, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2
) -> Tensor:
    """(sum |x|**ord)**(1 / ord) over some axes, or over all; inf and -inf take the extremes, 0
    counts the elements that are not 0.

    Where the norm is 0, so is its derivative. (A-237, B-021)

    >>> cr.linalg.vector_norm(cr.asarray([3.0, -4.0]))
    Tensor(5., dtype=float32)
    """
    x = floating(x, "vector_norm")
    if ord == 2:
        return root(sum(square(x), axis=axis, keepdims=keepdims))
    if ord == 0:
        return cast(count_nonzero(x, axis=axis, keepdims=keepdims), x.dtype)
    size = abs(x)
    if math.isinf(ord):
        return (max if ord > 0 else min)(size, axis=axis, keepdims=keepdims)
    if ord == 1:
        return sum(size, axis=axis, keepdims=keepdims)
    total = sum(power(size, ord), axis=axis, keepdims=keepdims)
    inside, edge = (total > 0) & (total < math.inf), apply("stop_gradient", total)
    norm = power(where(inside, total, 1), 1 / ord)
    return where(inside, norm, edge if ord > 0 else 1 / edge)


def matrix_norm(
    x: Operand, /, *, keepdims: bool = False, ord: float | str | None = "fro"
) -> Tensor:
    """A norm of each matrix (..., m, n): "fro" sqrt(sum x**2), "nuc" the sum of singular values, 2
    and -2 the greatest and the least, 1 and -1 the greatest and the least sum |x| of a column, inf
    and -inf of a row.

    At 0, where each has a kink, the derivative of "fro" is 0. Raises ShapeError, and ArgumentError
    for another `ord`. (A-237)

    >>> cr.linalg.matrix_norm(cr.asarray([[3.0, 0.0], [0.0, 4.0]]), ord=1)
    Tensor(4., dtype=float32)
    """
    x = matrices(x, "matrix_norm")
    if ord in ("fro", None):
        norm = vector_norm(x, axis=(-2, -1))
    elif ord in ("nuc", 2, -2):
        values = svdvals(x)
        norm = {"nuc": sum, 2: max, -2: min}[ord](values, axis=-1)
    elif ord in (1, -1, math.inf, -math.inf):
        lengths = sum(abs(x), axis=-2 if ord in (1, -1) else -1)
        norm = (max if ord > 0 else min)(lengths, axis=-1)
    else:
        raise ArgumentError(
            "matrix_norm", f"ord={ord!r}", 'there are "fro", "nuc", 1, -1, 2, -2, inf and -inf'
        )
    return reshape_to(norm, (*norm.shape, 1, 1)) if keepdims else norm


def unit(x: Tensor, axis: int = -1) -> Tensor:
    """x scaled to length 1 along an axis; 0 stays 0."""
    length = vector_norm(x, axis=axis, keepdims=True)
    return x / where(length > 0, length, 1)
