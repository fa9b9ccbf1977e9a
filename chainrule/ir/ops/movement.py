"""Movement primitives: every element is one of the input at another place, or a fill value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.ir.node import OPS, Node, Op, Spec
from chainrule.ir.ops.table import describe, register, require


def _infer_reshape(x: Node, shape: tuple[int, ...]) -> Spec:
    require(
        math.prod(shape) == x.size,
        "reshape",
        f"{list(x.shape)} to {list(shape)}",
        f"{x.size} elements do not fill {math.prod(shape)} places",
    )
    return Spec(shape, x.dtype)


OPS["reshape"] = Op("reshape", "movement", _infer_reshape, lambda x, shape: np.reshape(x, shape))


def _infer_permute(x: Node, axes: tuple[int, ...]) -> Spec:
    require(
        sorted(axes) == list(range(len(x.shape))),
        "permute_dims",
        f"axes {axes} of {list(x.shape)}",
        "each axis must be named once",
    )
    return Spec(tuple(x.shape[axis] for axis in axes), x.dtype)


OPS["permute"] = Op("permute", "movement", _infer_permute, lambda x, axes: np.transpose(x, axes))


def _infer_broadcast(x: Node, shape: tuple[int, ...]) -> Spec:
    fits = len(shape) == len(x.shape) and all(
        a in (1, b) for a, b in zip(x.shape, shape, strict=True)
    )
    require(
        fits,
        "broadcast_to",
        f"{list(x.shape)} to {list(shape)}",
        "only extents of 1 can be stretched",
    )
    return Spec(shape, x.dtype)


OPS["broadcast"] = Op(
    "broadcast", "movement", _infer_broadcast, lambda x, shape: np.broadcast_to(x, shape)
)


def _infer_slice(x: Node, start: tuple, stop: tuple, step: tuple) -> Spec:
    extents = []
    for size, a, b, s in zip(x.shape, start, stop, step, strict=True):
        require(
            0 <= a <= size and 0 <= b <= size and s > 0,
            "slice",
            f"{a}:{b}:{s} of an axis of {size}",
            "bounds must lie inside and the step be positive",
        )
        extents.append(max(0, -(-(b - a) // s)))
    return Spec(tuple(extents), x.dtype)


@register("slice", "movement", _infer_slice)
def _slice(x: np.ndarray, start: tuple, stop: tuple, step: tuple) -> np.ndarray:
    return x[tuple(map(slice, start, stop, step))]


def _infer_pad(x: Node, low: tuple, high: tuple, value: Any) -> Spec:
    require(
        min((*low, *high), default=0) >= 0,
        "pad",
        f"low {low}, high {high}",
        "amounts must not be negative",
    )
    return Spec(tuple(size + a + b for size, a, b in zip(x.shape, low, high, strict=True)), x.dtype)


@register("pad", "movement", _infer_pad)
def _pad(x: np.ndarray, low: tuple, high: tuple, value: Any) -> np.ndarray:
    return np.pad(x, tuple(zip(low, high, strict=True)), constant_values=value) if x.ndim else x


OPS["flip"] = Op("flip", "movement", lambda x, axes: x.spec, lambda x, axes: np.flip(x, axes))


def _infer_concat(*parts: Node, axis: int) -> Spec:
    first = parts[0]
    for part in parts[1:]:
        same = (
            part.shape[:axis] + part.shape[axis + 1 :]
            == first.shape[:axis] + first.shape[axis + 1 :]
        )
        require(
            same and part.dtype is first.dtype,
            "concat",
            f"got {describe(*parts)}",
            f"all extents but axis {axis} must be equal",
        )
    extent = sum(part.shape[axis] for part in parts)
    return Spec(first.shape[:axis] + (extent,) + first.shape[axis + 1 :], first.dtype)


OPS["concat"] = Op(
    "concat", "movement", _infer_concat, lambda *parts, axis: np.concatenate(parts, axis)
)
