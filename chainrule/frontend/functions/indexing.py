"""Indexing by integers, slices, arrays and masks: from a tensor and an index to the elements."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from chainrule.dtypes import bool_, int8, int32, int64
from chainrule.errors import ArgumentError, DTypeError, IndexingError, ShapeError
from chainrule.frontend.apply import apply
from chainrule.frontend.functions.creation import asarray, iota, ones, zeros
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import moveaxis, permute_dims, take_along
from chainrule.frontend.lift import (
    Operand,
    axis_of,
    broadcast_shape,
    cast,
    lift,
    promoted,
    reshape_to,
    spread,
    unboxed,
)
from chainrule.frontend.tensor import Tensor, concrete, is_integer, method


class _Places(NamedTuple):
    """What the basic part of an index leaves: a tensor, index arrays, where their axes go."""

    x: Tensor
    arrays: list[tuple[int, Tensor]]
    position: int


@method
def getitem(x: Tensor, index: Any) -> Tensor:
    """x[index], by the rules of NumPy; a mask needs known values, since it decides the shape."""
    places = _basic(unboxed(x), _entries(x.shape, index))
    return _advanced(*places) if places.arrays else places.x


def _entries(shape: tuple[int, ...], index: Any) -> list[Any]:
    """A slice, int or array of integers for each axis, None for new ones; no ellipsis, no mask."""
    entries = []
    for item in index if isinstance(index, tuple) else (index,):
        entries.extend(_entry(item))
    taken = sum(
        item is not None and item is not ... and not isinstance(item, _OnNewAxis)
        for item in entries
    )
    dots = [place for place, item in enumerate(entries) if item is ...]
    if len(dots) > 1:
        raise IndexingError(
            "index", "more than one ... in an index", "the others would be ambiguous"
        )
    masks = [item for item in entries if isinstance(item, _Mask)]
    taken += sum(mask.value.ndim - 1 for mask in masks)
    if taken > len(shape):
        raise IndexingError(
            "index",
            f"{taken} indices for {len(shape)} axes of {list(shape)}",
            "each axis takes one",
            "write x[:, None] to insert an axis",
        )
    place = dots[0] if dots else len(entries)
    # An ellipsis that stands for no axis still keeps the index arrays on its sides apart.
    whole: list[Any] = [slice(None)] * (len(shape) - taken)
    entries[place : place + len(dots)] = whole or [...] * len(dots)
    return _unmasked(entries, shape)


class _Mask(NamedTuple):
    value: np.ndarray


class _OnNewAxis(NamedTuple):
    """A truth value without axes: a new axis, with one element or none."""

    places: Tensor


def _entry(item: Any) -> list[Any]:
    if item is None or item is ... or isinstance(item, slice):
        return [item]
    if is_integer(item) and (not isinstance(item, Tensor) or item._value is not None):
        return [item.__index__()]
    if isinstance(item, (bool, np.bool_, list, np.ndarray, Tensor)):
        array = asarray(np.zeros(0, np.int64) if isinstance(item, list) and not item else item)
        if array.dtype is bool_:
            mask = concrete(array, "a boolean index")
            return [_Mask(mask)] if mask.ndim else [_OnNewAxis(Tensor(np.arange(int(mask))))]
        if array.dtype.is_integer:
            return [array]
    kind = item.dtype.name if isinstance(item, Tensor) else type(item).__name__
    raise IndexingError(
        "index",
        f"a {kind} is no index",
        "indices are integers, slices, None, ... and arrays of integers or bools",
        "cast it to an integer, or compare to get a mask",
    )


def _unmasked(entries: list[Any], shape: tuple[int, ...]) -> list[Any]:
    """Masks replaced by the places where they are true, one array for each of their axes."""
    result, axis = [], 0
    for item in entries:
        if isinstance(item, _Mask):
            covered = shape[axis : axis + item.value.ndim]
            # The standard also lets an empty mask select nothing from any axis.
            if not all(m in (n, 0) for m, n in zip(item.value.shape, covered, strict=True)):
                raise IndexingError(
                    "index",
                    f"a mask of shape {list(item.value.shape)} on axes {list(covered)} of "
                    f"{list(shape)}",
                    "a mask must have the extents of what it selects from",
                )
            result.extend(Tensor(places) for places in np.nonzero(item.value))
            axis += item.value.ndim
        else:
            result.append(item)
            axis += item is not None and item is not ... and not isinstance(item, _OnNewAxis)
    return result


def _basic(x: Tensor, entries: list[Any]) -> _Places:
    """Integers, slices and new axes, as one slice, one flip and one reshape."""
    has_arrays = any(isinstance(item, (Tensor, _OnNewAxis)) for item in entries)
    ranges, flips, shape, arrays, advanced = [], [], [], [], []
    for place, item in enumerate(entries):
        if has_arrays and isinstance(item, (int, Tensor, _OnNewAxis)):
            advanced.append((place, len(shape)))
        if item is ...:
            continue
        if item is None or isinstance(item, _OnNewAxis):
            arrays += [(len(shape), item.places)] if item is not None else []
            shape.append(1)
            continue
        axis = len(ranges)
        extent = x.shape[axis]
        if isinstance(item, slice):
            start, stop, step, flipped = _bounds(item, extent)
            flips += [axis] if flipped else []
            shape.append(len(range(start, stop, step)))
        elif isinstance(item, Tensor):
            start, stop, step = 0, extent, 1
            arrays.append((len(shape), item))
            shape.append(extent)
        else:
            start = _checked(item, extent, axis)
            stop, step = start + 1, 1
        ranges.append((start, stop, step))
    y = _sliced(x, ranges)
    y = apply("flip", y, axes=tuple(flips)) if flips else y
    # NumPy's rule: the axes of the index arrays stand where the arrays stood, or in front if these
    # are apart.
    apart = advanced and advanced[-1][0] - advanced[0][0] != len(advanced) - 1
    position = 0 if apart or not advanced else advanced[0][1]
    return _Places(reshape_to(y, tuple(shape)), arrays, position)


def _bounds(item: slice, extent: int) -> tuple[int, int, int, bool]:
    """A slice as start, stop and a step above 0, and whether the result must be reversed."""
    if item.step is not None and item.step.__index__() == 0:
        raise IndexingError("index", "a slice with step 0", "it would never arrive")
    places = range(*item.indices(extent))
    if not places:
        return 0, 0, 1, False
    if places.step > 0:
        return places.start, places.stop, places.step, False
    return places[-1], places[0] + 1, -places.step, True


def _checked(index: int, extent: int, axis: int) -> int:
    if not -extent <= index < extent:
        raise IndexingError(
            "index",
            f"index {index} of axis {axis}, which has {extent} elements",
            f"indices run from {-extent} to {extent - 1}" if extent else "it is empty",
        )
    return index % extent


def _sliced(x: Tensor, ranges: list[tuple[int, int, int]]) -> Tensor:
    if all(
        (start, stop, step) == (0, extent, 1)
        for (start, stop, step), extent in zip(ranges, x.shape)
    ):
        return x
    start, stop, step = zip(*ranges)
    return apply("slice", x, start=start, stop=stop, step=step)


def _advanced(x: Tensor, arrays: list[tuple[int, Tensor]], position: int) -> Tensor:
    """Arrays of integers: the axes they index are merged in front for one gather."""
    shape = broadcast_shape("index", [array.shape for _, array in arrays])
    axes = [axis for axis, _ in arrays]
    places = linear([spread(array, shape) for _, array in arrays], [x.shape[axis] for axis in axes])
    rest = [axis for axis in range(x.ndim) if axis not in axes]
    front = permute_dims(x, (*axes, *rest))
    merged = reshape_to(front, (math.prod(front.shape[: len(axes)]), *front.shape[len(axes) :]))
    taken = apply("gather", merged, places)
    return moveaxis(taken, tuple(range(len(shape))), tuple(range(position, position + len(shape))))


def linear(indices: list[Tensor], extents: list[int]) -> Tensor:
    """Indices into several axes as one index into these axes merged."""
    result = wrapped(indices[0], extents[0])
    for index, extent in zip(indices[1:], extents[1:], strict=True):
        result = result * extent + wrapped(index, extent)
    return result


def wrapped(index: Tensor, extent: int) -> Tensor:
    """Negative indices counted from 0. Raises IndexingError outside, where values are known."""
    index = cast(index, int64)
    if index._value is None:
        return where(index < 0, index + extent, index)
    value = index._value
    if value.size and (value.min() < -extent or value.max() >= extent):
        raise IndexingError(
            "index",
            f"indices from {value.min()} to {value.max()} for {extent} elements",
            f"they must lie between {-extent} and {extent - 1}",
            "check where they come from",
        )
    return (
        Tensor(np.where(value < 0, value + extent, value))
        if value.size and value.min() < 0
        else index
    )


def _integers(indices: Operand, name: str) -> Tensor:
    indices = lift(indices, name)
    if not indices.dtype.is_integer:
        raise DTypeError(
            name, f"indices are {indices.dtype.name}", "they must be integers", "cast them"
        )
    return indices


def take(x: Operand, indices: Operand, /, *, axis: int | None = None) -> Tensor:
    """The slices of x at `indices` along an axis. Raises IndexingError out of range; where values
    are not known yet, indices are clamped instead.

    >>> cr.take(cr.asarray([10, 20, 30]), cr.asarray([2, 0]))
    Tensor([30, 10], dtype=int64)
    """
    x = unboxed(lift(x, "take"))
    if axis is None and x.ndim != 1:
        raise ArgumentError(
            "take",
            f"from {list(x.shape)} without an axis",
            "there is more than one",
            "name the axis",
        )
    along = axis_of(0 if axis is None else axis, x.ndim, "take")
    return take_along(x, wrapped(_integers(indices, "take"), x.shape[along]), along)


def take_along_axis(x: Operand, indices: Operand, /, *, axis: int = -1) -> Tensor:
    """For each index the element of x in its line along `axis`; the other axes broadcast.

    >>> cr.take_along_axis(cr.asarray([[1, 2], [3, 4]]), cr.asarray([[1], [0]]), axis=1)
    Tensor([[2],
            [3]], dtype=int64)
    """
    x, indices = unboxed(lift(x, "take_along_axis")), _integers(indices, "take_along_axis")
    if x.ndim != indices.ndim:
        raise ShapeError(
            "take_along_axis",
            f"{list(x.shape)} with indices {list(indices.shape)}",
            "both need the same number of axes",
        )
    along = axis_of(axis, x.ndim, "take_along_axis")
    x, indices = moveaxis(x, along, -1), moveaxis(indices, along, -1)
    lines = broadcast_shape("take_along_axis", [x.shape[:-1], indices.shape[:-1]])
    extent, count = x.shape[-1], indices.shape[-1]
    x, indices = spread(x, (*lines, extent)), spread(indices, (*lines, count))
    first = reshape_to(iota(math.prod(lines)) * extent, (*lines, 1))
    taken = apply("gather", reshape_to(x, (x.size,)), wrapped(indices, extent) + first)
    return moveaxis(taken, -1, along)


class At:
    """`x.at[index]`: where a changed copy differs."""

    __slots__ = ("x", "index")

    def __init__(self, x: Tensor, index: Any = ...) -> None:
        self.x, self.index = x, index

    def __getitem__(self, index: Any) -> At:
        return At(self.x, index)

    def add(self, value: Operand) -> Tensor:
        """x with `value` added at the index; places named twice get both."""
        if _are_rows(self.index) and self.x.ndim:
            x = unboxed(self.x)
            rows = wrapped(lift(self.index), x.shape[0])
            return apply("scatter_add", x, rows, self._spread(value, rows.shape + x.shape[1:]))
        places, updates = self._updates(value)
        flat = reshape_to(unboxed(self.x), (self.x.size,))
        return reshape_to(apply("scatter_add", flat, places, updates), self.x.shape)

    def set(self, value: Operand) -> Tensor:
        """x with `value` at the index; no place may be named twice."""
        if _is_mask(self.index, self.x.shape):
            return where(self.index, promoted("at", value, self.x)[0], self.x)
        places, updates = self._updates(value)
        _refuse_duplicates(places)
        flat = reshape_to(unboxed(self.x), (self.x.size,))
        touched = (
            apply(
                "scatter_add",
                zeros(flat.shape, dtype=int32),
                places,
                ones(places.shape, dtype=int32),
            )
            > 0
        )
        # bools have no sum
        kind = int8 if flat.dtype is bool_ else flat.dtype
        written = apply("scatter_add", zeros(flat.shape, dtype=kind), places, cast(updates, kind))
        return reshape_to(where(touched, cast(written, flat.dtype), flat), self.x.shape)

    def _updates(self, value: Operand) -> tuple[Tensor, Tensor]:
        """The places of the index in the flat tensor, and the values for them."""
        places = getitem(reshape_to(iota(self.x.size), self.x.shape), self.index)
        return places, self._spread(value, places.shape)

    def _spread(self, value: Operand, places: tuple[int, ...]) -> Tensor:
        value = cast(promoted("at", value, self.x)[0], self.x.dtype)
        if broadcast_shape("at", [value.shape, places]) != places:
            raise ShapeError(
                "at",
                f"a value of shape {list(value.shape)} for {list(places)} places",
                "it must broadcast to them",
            )
        return spread(value, places)


@method
def at(x: Tensor) -> At:
    return At(x)


def _are_rows(index: Any) -> bool:
    """Whether it is an array of integers, which names places of the first axis."""
    if isinstance(index, np.ndarray):
        return index.dtype.kind in "iu"
    return isinstance(index, Tensor) and index.dtype.is_integer


def _is_mask(index: Any, shape: tuple[int, ...]) -> bool:
    if isinstance(index, np.ndarray):
        return index.dtype == bool and index.shape == shape
    return isinstance(index, Tensor) and index.dtype is bool_ and index.shape == shape


def _refuse_duplicates(places: Tensor) -> None:
    if places._value is not None and np.unique(places._value).size != places.size:
        raise IndexingError(
            "at",
            "set() names a place twice",
            "it is not defined which value stays",
            "make the indices distinct, or use add()",
        )
