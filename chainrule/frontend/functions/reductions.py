"""Reductions and running totals: from any operand to a tensor."""

from __future__ import annotations

import math
from typing import Any

from chainrule import dtypes
from chainrule.dtypes import bool_, int64, uint64
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.apply import apply
from chainrule.frontend.functions.creation import full, ones, zeros
from chainrule.frontend.functions.elementwise import root, square
from chainrule.frontend.functions.logic import truth, where
from chainrule.frontend.functions.manipulation import concat, cut, moveaxis
from chainrule.frontend.lift import (
    Operand,
    axes_of,
    axis_of,
    cast,
    floating,
    in_float32,
    lift,
    reshape_to,
    unboxed,
)
from chainrule.frontend.tensor import Tensor, method

Axis = int | tuple[int, ...] | None


def _reduce(op: str, x: Tensor, axis: Axis, keepdims: bool, where: str = "") -> Tensor:
    axes = axes_of(axis, x.ndim, where or op)
    result = apply(op, x, axes=axes) if axes else unboxed(x)
    return reshape_to(result, kept(x.shape, axes)) if keepdims else result


def kept(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with the reduced axes kept as 1."""
    return tuple(1 if axis in axes else extent for axis, extent in enumerate(shape))


def _count(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    return math.prod(shape[axis] for axis in axes)


def _accumulator(x: Tensor, dtype: Any) -> Tensor:
    """x in the dtype of its sum: what was asked, else at least 64 bits for integers."""
    if dtype is not None:
        return cast(x, dtypes.of(dtype))
    if x.dtype.is_float:
        return x
    return cast(x, uint64 if x.dtype.kind == "uint" else int64)


@method
def sum(x: Operand, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The sum over some axes, or over all; integers and bools are added as 64-bit integers.

    >>> cr.sum(cr.asarray([[1, 2], [3, 4]]), axis=0)
    Tensor([4, 6], dtype=int64)
    """
    return _reduce("sum", _accumulator(lift(x, "sum"), dtype), axis, keepdims)


def prod(x: Operand, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The product over some axes, or over all; integers are multiplied in 64 bits.

    >>> cr.prod(cr.asarray([2, 3, 4]))
    Tensor(24, dtype=int64)
    """
    return _reduce("prod", _accumulator(lift(x, "prod"), dtype), axis, keepdims)


def max(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The greatest element along some axes, or of all; NaN if there is one. Of none: ShapeError.

    The gradient goes to the greatest element, in equal parts where several are equal (B-024).

    >>> cr.max(cr.asarray([[1, 2], [3, 0]]), axis=1)
    Tensor([2, 3], dtype=int64)
    """
    return _reduce("max", lift(x, "max"), axis, keepdims)


def min(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest element along some axes, or of all; NaN if there is one. Of none: ShapeError.

    >>> cr.min(cr.asarray([[1, 2], [3, 0]]), axis=1)
    Tensor([1, 0], dtype=int64)
    """
    return _reduce("min", lift(x, "min"), axis, keepdims)


@method
@in_float32
def mean(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean over some axes, or over all; NaN of no elements.

    The gradient is split equally among the elements (B-024).

    >>> cr.mean(cr.asarray([1, 2, 6]))
    Tensor(3., dtype=float32)
    """
    x = floating(x, "mean")
    count = _count(x.shape, axes_of(axis, x.ndim, "mean"))
    return _reduce("sum", x, axis, keepdims, "mean") / count


@in_float32
def var(
    x: Operand, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """The variance: sum of (x - mean)**2 over count - correction.

    >>> cr.var(cr.asarray([1.0, 3.0]))
    Tensor(1., dtype=float32)
    """
    x = floating(x, "var")
    count = _count(x.shape, axes_of(axis, x.ndim, "var")) - correction
    squares = square(x - mean(x, axis=axis, keepdims=True))
    return _reduce("sum", squares, axis, keepdims, "var") / (count if count > 0 else 0)


@in_float32
def std(
    x: Operand, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """The standard deviation, sqrt(var(x)); where it is 0, so is its derivative.

    >>> cr.std(cr.asarray([1.0, 3.0]))
    Tensor(1., dtype=float32)
    """
    return root(var(x, axis=axis, correction=correction, keepdims=keepdims))


def all(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether every element is true, along some axes or at all.

    >>> cr.all(cr.asarray([[True, False], [True, True]]), axis=1)
    Tensor([False,  True], dtype=bool)
    """
    return _quantified("min", truth(x, "all"), axis, keepdims, True)


@method
def any(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether some element is true, along some axes or at all.

    >>> cr.any(cr.asarray([[True, False], [False, False]]), axis=1)
    Tensor([ True, False], dtype=bool)
    """
    return _quantified("max", truth(x, "any"), axis, keepdims, False)


def _quantified(op: str, x: Tensor, axis: Axis, keepdims: bool, of_nothing: bool) -> Tensor:
    axes = axes_of(axis, x.ndim, op)
    if _count(x.shape, axes) == 0:
        shape = kept(x.shape, axes)
        return full(shape if keepdims else _dropped(x.shape, axes), of_nothing)
    return _reduce(op, x, axis, keepdims)


def _dropped(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(extent for axis, extent in enumerate(shape) if axis not in axes)


def count_nonzero(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """How many elements are not 0, along some axes or at all.

    >>> cr.count_nonzero(cr.asarray([3, 0, 5]))
    Tensor(2, dtype=int64)
    """
    return sum(truth(x, "count_nonzero"), axis=axis, keepdims=keepdims)


def cumulative(kind: str, x: Tensor, axis: int | None, where: str) -> Tensor:
    """Running sum, prod, max or min along an axis; `None` only for tensors with one axis."""
    if axis is None and x.ndim != 1:
        raise ArgumentError(
            where,
            f"of shape {list(x.shape)} without an axis",
            "there is more than one",
            "name the axis",
        )
    along = axis_of(0 if axis is None else axis, x.ndim, where)
    return moveaxis(apply("cumulative", moveaxis(x, along, -1), kind=kind), -1, along)


def cumulative_sum(
    x: Operand, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Running sums along an axis; with `include_initial` a 0 comes first.

    >>> cr.cumulative_sum(cr.asarray([1, 2, 3]))
    Tensor([1, 3, 6], dtype=int64)
    """
    x = _accumulator(lift(x, "cumulative_sum"), dtype)
    result = cumulative("sum", x, axis, "cumulative_sum")
    return _led(result, axis, zeros) if include_initial else result


def cumulative_prod(
    x: Operand, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Running products along an axis; with `include_initial` a 1 comes first.

    >>> cr.cumulative_prod(cr.asarray([1, 2, 3]))
    Tensor([1, 2, 6], dtype=int64)
    """
    x = _accumulator(lift(x, "cumulative_prod"), dtype)
    result = cumulative("prod", x, axis, "cumulative_prod")
    return _led(result, axis, ones) if include_initial else result


def _led(x: Tensor, axis: int | None, first: Any) -> Tensor:
    along = axis_of(0 if axis is None else axis, x.ndim, "cumulative")
    shape = x.shape[:along] + (1,) + x.shape[along + 1 :]
    return concat([first(shape, dtype=x.dtype), x], axis=along)


def diff(
    x: Operand,
    /,
    *,
    axis: int = -1,
    n: int = 1,
    prepend: Operand | None = None,
    append: Operand | None = None,
) -> Tensor:
    """Differences of neighbours along an axis, n times over.

    >>> cr.diff(cr.asarray([1, 4, 9]))
    Tensor([3, 5], dtype=int64)
    """
    x = lift(x, "diff")
    along = axis_of(axis, x.ndim, "diff")
    if n < 0:
        raise ArgumentError("diff", f"n is {n}", "a count is not negative")
    parts = [part for part in (prepend, x, append) if part is not None]
    x = concat(parts, axis=along)
    for _ in range(n):
        last = x.shape[along]
        later, earlier = (
            cut(x, along, 1 if last else 0, last),
            cut(x, along, 0, last - 1 if last else 0),
        )
        x = later - earlier if x.dtype is not bool_ else later ^ earlier
    return x


@in_float32
def logsumexp(x: Operand, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over some axes, or over all, without overflow (B-023).

    >>> cr.logsumexp(cr.asarray([1e4, -1e4]))
    Tensor(10000., dtype=float32)
    """
    x = floating(x, "logsumexp")
    shift = shift_of(x, axis, "logsumexp")
    total = _reduce("sum", apply("exp", x - shift), axis, True, "logsumexp")
    result = apply("log", total) + shift
    return (
        result
        if keepdims
        else reshape_to(result, _dropped(x.shape, axes_of(axis, x.ndim, "logsumexp")))
    )


def shift_of(x: Tensor, axis: Axis, where_used: str) -> Tensor:
    """The maximum along some axes, kept, a constant of the derivative; 0 where it is infinite."""
    if _count(x.shape, axes_of(axis, x.ndim, where_used)) == 0:
        raise ShapeError(
            where_used, f"of no elements ({list(x.shape)}, axis {axis})", "it has no maximum"
        )
    largest = apply("stop_gradient", _reduce("max", x, axis, True, where_used))
    return where(apply("abs", largest) == math.inf, 0, largest)
