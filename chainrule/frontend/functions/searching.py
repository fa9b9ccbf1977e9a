"""Extremes, order, search and sets: from any operand to places, or elements in their order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chainrule.dtypes import bool_, int64, uint8
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.apply import apply
from chainrule.frontend.functions.creation import zeros
from chainrule.frontend.functions.elementwise import isnan
from chainrule.frontend.functions.indexing import take_along_axis
from chainrule.frontend.functions.logic import logical_not, where
from chainrule.frontend.functions.manipulation import moveaxis
from chainrule.frontend.lift import Operand, axis_of, cast, lift, promoted, reshape_to, unboxed
from chainrule.frontend.tensor import Tensor, concrete


def _extreme(op: str, x: Operand, axis: int | None, keepdims: bool) -> Tensor:
    x = lift(x, op)
    if x.dtype is bool_:
        x = cast(x, uint8)
    flat = x if axis is not None else reshape_to(x, (x.size,))
    along = axis_of(0 if axis is None else axis, flat.ndim, op)
    result = apply(op, flat, axis=along)
    if not keepdims:
        return result
    return reshape_to(
        result, tuple(1 if axis is None or i == along else n for i, n in enumerate(x.shape))
    )


def argmax(x: Operand, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The first place of the greatest element (or NaN) along an axis, or in the flattened tensor.

    >>> cr.argmax(cr.asarray([1, 3, 2]))
    Tensor(1, dtype=int64)
    """
    return _extreme("argmax", x, axis, keepdims)


def argmin(x: Operand, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The first place of the smallest element (or NaN) along an axis, or in the flattened tensor.

    >>> cr.argmin(cr.asarray([3, 1, 2]))
    Tensor(1, dtype=int64)
    """
    return _extreme("argmin", x, axis, keepdims)


def argsort(
    x: Operand, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> Tensor:
    """The places of the elements in rising or falling order; equal ones keep their order.

    >>> cr.argsort(cr.asarray([3, 1, 2]))
    Tensor([1, 2, 0], dtype=int64)
    """
    x = lift(x, "argsort")
    along = axis_of(axis, x.ndim, "argsort")
    return moveaxis(
        apply("argsort", moveaxis(x, along, -1), descending=bool(descending)), -1, along
    )


def sort(x: Operand, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in rising (or falling) order along an axis, NaN last.

    >>> cr.sort(cr.asarray([3, 1, 2]))
    Tensor([1, 2, 3], dtype=int64)
    """
    x = lift(x, "sort")
    return take_along_axis(x, argsort(x, axis=axis, descending=descending), axis=axis)


def searchsorted(
    x1: Operand, x2: Operand, /, *, side: str = "left", sorter: Operand | None = None
) -> Tensor:
    """Where each element of x2 belongs in the sorted x1: before its equals ("left") or behind them
    ("right").

    >>> cr.searchsorted(cr.asarray([1, 2, 2, 3]), cr.asarray([2]))
    Tensor([1], dtype=int64)
    """
    if side not in ("left", "right"):
        raise ArgumentError("searchsorted", f"side={side!r}", 'only "left" and "right" exist')
    line, values = promoted("searchsorted", x1, x2)
    if line.ndim != 1:
        raise ShapeError(
            "searchsorted", f"x1 has shape {list(line.shape)}", "it must have one axis"
        )
    if sorter is not None:
        line = apply("gather", line, lift(sorter, "searchsorted"))
    place = zeros(values.shape, dtype=int64)
    # Binary search: from the largest power of two down, step forward while the element before the
    # new place comes first.
    for step in reversed([1 << i for i in range(line.size.bit_length())]):
        further = place + step
        before = apply("gather", line, further - 1)
        comes_first = (
            _precedes(before, values) if side == "left" else logical_not(_precedes(values, before))
        )
        place = where((further <= line.size) & comes_first, further, place)
    return place


def _precedes(x: Tensor, y: Tensor) -> Tensor:
    """x < y, with NaN behind all numbers."""
    return (x < y) | (isnan(y) & logical_not(isnan(x))) if x.dtype.is_float else x < y


def nonzero(x: Operand, /) -> tuple[Tensor, ...]:
    """The places of the elements that are not 0, one tensor of indices an axis. Needs known values.

    >>> cr.nonzero(cr.asarray([3, 0, 5]))[0]
    Tensor([0, 2], dtype=int64)
    """
    x = lift(x, "nonzero")
    if not x.ndim:
        raise ShapeError(
            "nonzero", "of a number without axes", "it has no places", "reshape it to (1,) first"
        )
    return tuple(map(Tensor, np.nonzero(concrete(x, "nonzero (a shape that depends on values)"))))


class UniqueAll(NamedTuple):
    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    values: Tensor
    inverse_indices: Tensor


def unique_all(x: Operand, /) -> UniqueAll:
    """The distinct elements, where each comes first, which one each element is, and their counts.

    NaNs are all distinct. Needs known values.

    >>> cr.unique_all(cr.asarray([2, 1, 2])).counts
    Tensor([1, 2], dtype=int64)
    """
    value = concrete(lift(x, "unique_all"), "unique (a shape that depends on values)")
    results = np.unique(
        value, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    values, indices, inverse, counts = map(Tensor, results)
    return UniqueAll(values, indices, reshape_to(inverse, value.shape), counts)


def unique_counts(x: Operand, /) -> UniqueCounts:
    """The distinct elements and how often each occurs. Needs known values.

    >>> cr.unique_counts(cr.asarray([2, 1, 2])).values
    Tensor([1, 2], dtype=int64)
    """
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Operand, /) -> UniqueInverse:
    """The distinct elements, and for each element which of them it is. Needs known values.

    >>> cr.unique_inverse(cr.asarray([2, 1, 2])).inverse_indices
    Tensor([1, 0, 1], dtype=int64)
    """
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Operand, /) -> Tensor:
    """The distinct elements, in order. Needs known values.

    >>> cr.unique_values(cr.asarray([2, 1, 2]))
    Tensor([1, 2], dtype=int64)
    """
    return unique_all(x).values


def isin(x1: Operand, x2: Operand, /, *, invert: bool = False) -> Tensor:
    """Whether each element of x1 occurs in x2 (or, with `invert`, does not).

    >>> cr.isin(cr.asarray([1, 2, 3]), cr.asarray([2, 9]))
    Tensor([False,  True, False], dtype=bool)
    """
    x, pool = promoted("isin", x1, x2)
    pool = sort(reshape_to(unboxed(pool), (pool.size,)))
    if not pool.size:
        found = zeros(x.shape, dtype=bool_)
    else:
        found = apply("gather", pool, searchsorted(pool, x)) == x
    return logical_not(found) if invert else found


def top_k(x: Operand, k: int, /, *, axis: int = -1) -> tuple[Tensor, Tensor]:
    """The k greatest elements along an axis, falling, and their places.

    >>> cr.top_k(cr.asarray([3, 1, 2]), 2)[0]
    Tensor([3, 2], dtype=int64)
    """
    x = lift(x, "top_k")
    along = axis_of(axis, x.ndim, "top_k")
    if not 0 <= k <= x.shape[along]:
        raise ArgumentError("top_k", f"k={k} of {x.shape[along]} elements", "there are not so many")
    order = argsort(x, axis=along, descending=True)[(slice(None),) * along + (slice(k),)]
    return take_along_axis(x, order, axis=along), order
