"""The same elements in other shapes and places: from tensors to tensors, by movements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.apply import apply
from chainrule.frontend.lift import (
    Operand,
    axes_of,
    axis_of,
    broadcast_shape,
    lift,
    promoted,
    reshape_to,
    shape_of,
    spread,
    unboxed,
)
from chainrule.frontend.tensor import Tensor, method


@method
def reshape(x: Operand, /, shape: Any, *, copy: bool | None = None) -> Tensor:
    """The same elements, in row-major order, in another shape; one extent may be -1.

    >>> cr.reshape(cr.arange(6), (2, -1)).shape
    (2, 3)
    """
    x = lift(x, "reshape")
    extents = list(shape_of(shape))
    if extents.count(-1) == 1:
        rest = -math.prod(extents)
        extents[extents.index(-1)] = x.size // rest if rest and x.size % rest == 0 else -1
    if math.prod(extents) != x.size or min(extents, default=0) < 0:
        raise ShapeError(
            "reshape",
            f"{list(x.shape)} to {list(shape_of(shape))}",
            f"{x.size} elements do not fill that shape",
            "one extent may be -1, which means the rest",
        )
    return reshape_to(unboxed(x), tuple(extents))


def broadcast_to(x: Operand, /, shape: Any) -> Tensor:
    """x repeated to `shape`: missing axes in front, extents of 1 stretched.

    >>> cr.broadcast_to(cr.asarray([1, 2]), (2, 2))
    Tensor([[1, 2],
            [1, 2]], dtype=int64)
    """
    x, shape = lift(x, "broadcast_to"), shape_of(shape)
    if broadcast_shape("broadcast_to", [x.shape, shape]) != shape:
        raise ShapeError(
            "broadcast_to",
            f"{list(x.shape)} to {list(shape)}",
            "an axis would shrink",
            "reduce or index it first",
        )
    return spread(unboxed(x), shape)


def broadcast_arrays(*arrays: Operand) -> tuple[Tensor, ...]:
    """All arrays in the shape that they broadcast to together.

    >>> cr.broadcast_arrays(cr.asarray([1, 2]), cr.asarray([[3]]))[1]
    Tensor([[3, 3]], dtype=int64)
    """
    tensors = [unboxed(lift(array, "broadcast_arrays")) for array in arrays]
    shape = broadcast_shape("broadcast_arrays", [tensor.shape for tensor in tensors])
    return tuple(spread(tensor, shape) for tensor in tensors)


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that arrays of these shapes broadcast to.

    >>> cr.broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    return broadcast_shape("broadcast_shapes", [shape_of(shape) for shape in shapes])


def permute_dims(x: Operand, /, axes: tuple[int, ...]) -> Tensor:
    """The axes in another order: axis i of the result is axis `axes[i]` of x.

    >>> cr.permute_dims(cr.zeros((2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """
    x = lift(x, "permute_dims")
    order = tuple([axis_of(axis, x.ndim, "permute_dims") for axis in axes])
    return unboxed(x) if order == tuple(range(x.ndim)) else apply("permute", x, axes=order)


@method
def matrix_transpose(x: Operand, /) -> Tensor:
    """The last two axes exchanged.

    >>> cr.matrix_transpose(cr.zeros((2, 3, 4))).shape
    (2, 4, 3)
    """
    x = lift(x, "matrix_transpose")
    if x.ndim < 2:
        raise ShapeError(
            "matrix_transpose", f"of shape {list(x.shape)}", "it needs two axes or more"
        )
    return permute_dims(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def moveaxis(x: Operand, source: Any, destination: Any, /) -> Tensor:
    """Axes `source` moved to the places `destination`; the others keep their order.

    >>> cr.moveaxis(cr.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    x = lift(x, "moveaxis")
    sources = [
        axis_of(axis, x.ndim, "moveaxis")
        for axis in (source if isinstance(source, tuple) else (source,))
    ]
    targets = [
        axis_of(axis, x.ndim, "moveaxis")
        for axis in (destination if isinstance(destination, tuple) else (destination,))
    ]
    if (
        len(sources) != len(targets)
        or len(set(sources)) != len(sources)
        or len(set(targets)) != len(targets)
    ):
        raise ArgumentError(
            "moveaxis",
            f"source {source} to destination {destination}",
            "both must name the same number of different axes",
        )
    order = [axis for axis in range(x.ndim) if axis not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        order.insert(target, origin)
    return permute_dims(x, tuple(order))


def expand_dims(x: Operand, /, axis: int | tuple[int, ...] = 0) -> Tensor:
    """x with axes of extent 1 inserted, at `axis` of the result.

    >>> cr.expand_dims(cr.zeros(3), axis=-1).shape
    (3, 1)
    """
    x = lift(x, "expand_dims")
    rank = x.ndim + (len(axis) if isinstance(axis, (tuple, list)) else 1)
    new = axes_of(axis, rank, "expand_dims")
    rest = iter(x.shape)
    return reshape_to(unboxed(x), tuple(1 if i in new else next(rest) for i in range(rank)))


def squeeze(x: Operand, /, axis: int | tuple[int, ...]) -> Tensor:
    """x without these axes of extent 1.

    >>> cr.squeeze(cr.zeros((3, 1)), axis=1).shape
    (3,)
    """
    x = lift(x, "squeeze")
    gone = axes_of(axis, x.ndim, "squeeze")
    for each in gone:
        if x.shape[each] != 1:
            raise ShapeError(
                "squeeze",
                f"axis {each} of {list(x.shape)} has {x.shape[each]} elements",
                "only an extent of 1 can go",
                "index or reduce the axis",
            )
    return reshape_to(unboxed(x), tuple(n for i, n in enumerate(x.shape) if i not in gone))


def concat(arrays: Sequence[Operand], /, *, axis: int | None = 0) -> Tensor:
    """The arrays one after the other along an existing axis; `axis=None` flattens them first.

    >>> cr.concat([cr.asarray([1, 2]), cr.asarray([3])])
    Tensor([1, 2, 3], dtype=int64)
    """
    tensors = promoted("concat", *arrays)
    if axis is None:
        tensors, axis = [reshape_to(tensor, (tensor.size,)) for tensor in tensors], 0
    along = axis_of(axis, tensors[0].ndim, "concat")
    for tensor in tensors:
        if (
            _without(tensor.shape, along) != _without(tensors[0].shape, along)
            or tensor.ndim != tensors[0].ndim
        ):
            raise ShapeError(
                "concat",
                f"got shapes {[list(t.shape) for t in tensors]}",
                f"all extents but axis {along} must be equal",
                "reshape or broadcast them first",
            )
    return unboxed(tensors[0]) if len(tensors) == 1 else apply("concat", *tensors, axis=along)


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


def stack(arrays: Sequence[Operand], /, *, axis: int = 0) -> Tensor:
    """The arrays, all of one shape, along a new axis.

    >>> cr.stack([cr.asarray([1, 2]), cr.asarray([3, 4])], axis=1)
    Tensor([[1, 3],
            [2, 4]], dtype=int64)
    """
    tensors = promoted("stack", *arrays)
    if any(tensor.shape != tensors[0].shape for tensor in tensors):
        raise ShapeError(
            "stack",
            f"got shapes {[list(t.shape) for t in tensors]}",
            "all must be equal",
            "use cr.concat to join along an existing axis",
        )
    along = axis_of(axis, tensors[0].ndim + 1, "stack")
    return concat([expand_dims(tensor, axis=along) for tensor in tensors], axis=along)


def unstack(x: Operand, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices of x along an axis, without it.

    >>> cr.unstack(cr.asarray([[1, 2], [3, 4]]), axis=1)[0]
    Tensor([1, 3], dtype=int64)
    """
    x = lift(x, "unstack")
    along = axis_of(axis, x.ndim, "unstack")
    return tuple(squeeze(cut(x, along, i, i + 1), along) for i in range(x.shape[along]))


def cut(x: Tensor, axis: int, start: int, stop: int, step: int = 1) -> Tensor:
    """x[start:stop:step] along one axis; bounds inside the axis, step above 0."""
    starts, stops, steps = [0] * x.ndim, list(x.shape), [1] * x.ndim
    starts[axis], stops[axis], steps[axis] = start, stop, step
    if (start, stop, step) == (0, x.shape[axis], 1):
        return x
    return apply("slice", x, start=tuple(starts), stop=tuple(stops), step=tuple(steps))


def flip(x: Operand, /, *, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """The elements in reverse order along some axes, or along all.

    >>> cr.flip(cr.asarray([1, 2, 3]))
    Tensor([3, 2, 1], dtype=int64)
    """
    x = lift(x, "flip")
    axes = axes_of(axis, x.ndim, "flip")
    return apply("flip", x, axes=axes) if axes else unboxed(x)


def roll(
    x: Operand, /, shift: int | tuple[int, ...], *, axis: int | tuple[int, ...] | None = None
) -> Tensor:
    """The elements moved by `shift` places along an axis; those that fall off enter in front.

    >>> cr.roll(cr.asarray([1, 2, 3]), 1)
    Tensor([3, 1, 2], dtype=int64)
    """
    x = lift(x, "roll")
    if axis is None:
        return reshape_to(roll(reshape_to(unboxed(x), (x.size,)), shift, axis=0), x.shape)
    axes = axis if isinstance(axis, tuple) else (axis,)
    shifts = shift if isinstance(shift, tuple) else (shift,) * len(axes)
    if len(shifts) != len(axes):
        raise ArgumentError(
            "roll", f"{len(shifts)} shifts for {len(axes)} axes", "each axis needs its own"
        )
    x = unboxed(x)
    for each, amount in zip(axes, shifts, strict=True):
        along = axis_of(each, x.ndim, "roll")
        split = -amount.__index__() % x.shape[along] if x.shape[along] else 0
        if split:
            x = concat([cut(x, along, split, x.shape[along]), cut(x, along, 0, split)], axis=along)
    return x


def tile(x: Operand, repetitions: tuple[int, ...], /) -> Tensor:
    """x laid side by side, `repetitions[i]` times along axis i.

    >>> cr.tile(cr.asarray([1, 2]), (2,))
    Tensor([1, 2, 1, 2], dtype=int64)
    """
    x, times = lift(x, "tile"), shape_of(repetitions)
    times = (1,) * (x.ndim - len(times)) + times
    shape = (1,) * (len(times) - x.ndim) + x.shape
    pairs = reshape_to(unboxed(x), tuple(n for extent in shape for n in (1, extent)))
    spreaded = spread(pairs, tuple(n for pair in zip(times, shape, strict=True) for n in pair))
    return reshape_to(spreaded, tuple(a * b for a, b in zip(times, shape, strict=True)))


def repeat(x: Operand, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Each element `repeats` times in a row, along an axis or flattened; an array counts each.

    >>> cr.repeat(cr.asarray([1, 2]), 2)
    Tensor([1, 1, 2, 2], dtype=int64)
    """
    x = unboxed(lift(x, "repeat"))
    if axis is None:
        x, axis = reshape_to(x, (x.size,)), 0
    along = axis_of(axis, x.ndim, "repeat")
    extent = x.shape[along]
    counts = np.asarray(repeats)
    if counts.size != 1:
        if counts.shape != (extent,):
            raise ShapeError(
                "repeat",
                f"repeats {list(counts.shape)} for an axis of {extent}",
                "each element needs its own count",
            )
        places = np.repeat(np.arange(extent), counts)
        return take_along(x, Tensor(places), along)
    times = int(counts.reshape(()))
    shape = x.shape[:along] + (extent, times) + x.shape[along + 1 :]
    spreaded = spread(reshape_to(x, x.shape[: along + 1] + (1,) + x.shape[along + 1 :]), shape)
    return reshape_to(spreaded, x.shape[:along] + (extent * times,) + x.shape[along + 1 :])


def take_along(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    """The slices of x at `indices` along an axis, which the axes of the indices replace."""
    order = (axis, *[i for i in range(x.ndim) if i != axis])
    taken = apply("gather", permute_dims(x, order), indices)
    rank = indices.ndim
    back = (*range(rank, rank + axis), *range(rank), *range(rank + axis, taken.ndim))
    return permute_dims(taken, back)


def pad(x: Operand, widths: Any, /, *, value: float = 0) -> Tensor:
    """x with a border: `widths` is one amount, a (low, high) pair, or a pair for each axis.

    >>> cr.pad(cr.asarray([1, 2]), (1, 2))
    Tensor([0, 1, 2, 0, 0], dtype=int64)
    """
    x = lift(x, "pad")
    pairs = np.broadcast_to(np.asarray(widths, np.int64), (x.ndim, 2)).tolist()
    low, high = tuple(a for a, _ in pairs), tuple(b for _, b in pairs)
    if min((*low, *high), default=0) < 0:
        raise ArgumentError(
            "pad", f"widths {widths}", "a border is not negative", "slice to make it smaller"
        )
    kind = float if x.dtype.is_float else bool if x.dtype.kind == "bool" else int
    return (
        apply("pad", x, low=low, high=high, value=kind(value)) if any((*low, *high)) else unboxed(x)
    )
