"""Rules for movement: views merge, and take the order reshape, permute, reshape, broadcast."""

from __future__ import annotations

import functools
import math

from chainrule.dtypes import rounded
from chainrule.ir.node import Node, broadcast_to, constant, make, permute, reshape
from chainrule.ir.ops import OPS
from chainrule.ir.rewrite import Rules
from chainrule.passes.rewrites.values import reshape_groups, scalar, stretched

rules = Rules()
MANY = 64  # More terms or parts stay nested: to collect them again and again takes quadratic time.
COMPUTED = ("elementwise", "movement", "reduction", "contraction", "indexing", "random")


@rules("pick", *[name for name, op in OPS.items() if op.family in COMPUTED])
def no_elements(node: Node) -> Node | None:
    return constant(0, node.dtype, node.shape) if 0 in node.shape else None


@rules("reshape", "broadcast", "pad")
def same_shape(node: Node) -> Node | None:
    return node.inputs[0] if node.inputs[0].shape == node.shape else None


@rules("reshape")
def reshape_of_reshape(node: Node) -> Node | None:
    x = node.inputs[0]
    return reshape(x.inputs[0], node.shape) if x.op.name == "reshape" else None


@rules("broadcast")
def broadcast_of_broadcast(node: Node) -> Node | None:
    x = node.inputs[0]
    return broadcast_to(x.inputs[0], node.shape) if x.op.name == "broadcast" else None


@rules("reshape")
def reshape_before_broadcast(node: Node) -> Node | None:
    """Where the axes that become others are all repeated, or all not."""
    x = node.inputs[0]
    repeated = stretched(x)
    if not repeated:
        return None
    shape = list(node.shape)
    for source, target in reshape_groups(x.shape, node.shape):
        count = sum(axis in repeated for axis in source)
        if count not in (0, len(source)):
            return None
        for axis in target if count else ():
            shape[axis] = 1
    return broadcast_to(reshape(x.inputs[0], shape), node.shape)


@rules("permute")
def permute_once(node: Node) -> Node | None:
    """Not at all if every axis stays, once if permuted twice."""
    x, axes = node.inputs[0], node.attributes["axes"]
    if x.op.name == "permute":
        inner = x.attributes["axes"]
        return permute(x.inputs[0], [inner[axis] for axis in axes])
    return permute(x, axes)


@rules("permute")
def permute_before_broadcast(node: Node) -> Node | None:
    x = node.inputs[0]
    if x.op.name != "broadcast":
        return None
    return broadcast_to(permute(x.inputs[0], node.attributes["axes"]), node.shape)


@rules("permute")
def permute_without_unit_axes(node: Node) -> Node | None:
    """Axes of extent 1 have no order: a reshape removes them before and puts them back after."""
    x = node.inputs[0]
    if 1 not in x.shape:
        return None
    kept = [axis for axis, n in enumerate(x.shape) if n != 1]
    axes = [kept.index(axis) for axis in node.attributes["axes"] if axis in kept]
    return reshape(permute(reshape(x, [x.shape[axis] for axis in kept]), axes), node.shape)


# ---- Slices ----


def _slice(x: Node, start: list[int], shape: tuple[int, ...], step: list[int]) -> Node:
    """`x` from `start`, in canonical form: equal slices are equal nodes."""
    step = [s if n > 1 else 1 for s, n in zip(step, shape, strict=True)]
    if shape == x.shape:
        return x
    stop = tuple(a + (n - 1) * s + 1 for a, n, s in zip(start, shape, step, strict=True))
    return make("slice", x, start=tuple(start), stop=stop, step=tuple(step))


def _bounds(node: Node) -> tuple[Node, list[int], list[int]]:
    return node.inputs[0], list(node.attributes["start"]), list(node.attributes["step"])


@rules("slice")
def canonical_slice(node: Node) -> Node | None:
    x, start, step = _bounds(node)
    return _slice(x, start, node.shape, step)


@rules("slice")
def slice_of_slice(node: Node) -> Node | None:
    x, start, step = _bounds(node)
    if x.op.name != "slice":
        return None
    y, first, stride = _bounds(x)
    start = [a + b * s for a, b, s in zip(first, start, stride, strict=True)]
    return _slice(y, start, node.shape, [a * b for a, b in zip(stride, step, strict=True)])


@rules("slice")
def slice_before_broadcast(node: Node) -> Node | None:
    x, start, step = _bounds(node)
    if x.op.name != "broadcast":
        return None
    shape = list(node.shape)
    for axis in stretched(x):
        start[axis], shape[axis], step[axis] = 0, 1, 1
    return broadcast_to(_slice(x.inputs[0], start, tuple(shape), step), node.shape)


@rules("slice")
def slice_before_permute(node: Node) -> Node | None:
    x, start, step = _bounds(node)
    if x.op.name != "permute":
        return None
    axes = x.attributes["axes"]
    order = [axes.index(axis) for axis in range(len(axes))]
    shape = tuple(node.shape[axis] for axis in order)
    y = _slice(x.inputs[0], [start[axis] for axis in order], shape, [step[axis] for axis in order])
    return permute(y, axes)


@rules("slice")
def slice_of_pad(node: Node) -> Node | None:
    """What is cut away is not padded first. With a step, only where no padding is left."""
    x, start, step = _bounds(node)
    if x.op.name != "pad":
        return None
    y, before, shape = x.inputs[0], x.attributes["low"], list(node.shape)
    low, high = [0] * y.rank, [0] * y.rank
    for axis, size in enumerate(y.shape):
        first = start[axis] - before[axis]
        last = first + (shape[axis] - 1) * step[axis]
        if last < 0 or first >= size:
            return constant(x.attributes["value"], node.dtype, node.shape)
        low[axis], high[axis] = max(0, -first), max(0, last - size + 1)
        if step[axis] > 1 and (low[axis] or high[axis]):
            return None
        start[axis], shape[axis] = max(first, 0), shape[axis] - low[axis] - high[axis]
    inside = _slice(y, start, tuple(shape), step)
    return make("pad", inside, low=tuple(low), high=tuple(high), value=x.attributes["value"])


@rules("slice")
def slice_of_concat(node: Node) -> Node | None:
    """Slices of the parts that are reached. With a step, only where one part is."""
    x, start, step = _bounds(node)
    if x.op.name != "concat":
        return None
    axis, begin, pieces = x.attributes["axis"], 0, []
    last = start[axis] + (node.shape[axis] - 1) * step[axis]
    for part in x.inputs:
        end = begin + part.shape[axis]
        if start[axis] < end and last >= begin:
            pieces.append((part, max(start[axis] - begin, 0), min(last, end - 1) - begin))
        begin = end
    if step[axis] > 1 and len(pieces) > 1:
        return None
    parts = []
    for part, first, final in pieces:
        shape = list(node.shape)
        shape[axis] = (final - first) // step[axis] + 1
        parts.append(_slice(part, start[:axis] + [first] + start[axis + 1 :], tuple(shape), step))
    return make("concat", *parts, axis=axis)


# ---- Pads, flips, concatenations ----


@rules("pad")
def pad_with_same(node: Node) -> Node | None:
    """A padded pad, or a padded constant, of the very value of the padding."""
    x, value = node.inputs[0], node.attributes["value"]
    fill = value if 0 in x.shape else scalar(x)
    if fill is not None and _same(fill, value, node):
        return constant(fill, node.dtype, node.shape)
    if x.op.name != "pad" or not _same(x.attributes["value"], value, node):
        return None
    low, high = (
        tuple(a + b for a, b in zip(node.attributes[side], x.attributes[side], strict=True))
        for side in ("low", "high")
    )
    return make("pad", x.inputs[0], low=low, high=high, value=value)


def _same(a: bool | int | float, b: bool | int | float, node: Node) -> bool:
    """Equal in the node's dtype, zeros with their sign."""
    same = rounded(a, node.dtype) == rounded(b, node.dtype)
    return same and math.copysign(1, a) == math.copysign(1, b)


@rules("add")
def pads_side_by_side(node: Node) -> Node | None:
    """Zero pads that do not overlap: neighbours are one. So the gradient of a split is a concat."""
    pads = _zero_pads(node)
    if pads is None or (axis := _only_axis_apart(pads)) is None:
        return None
    merged = pads[:1]
    for pad in pads[1:]:
        if _end(merged[-1], axis) == pad.attributes["low"][axis]:
            merged[-1] = _beside(merged[-1], pad, axis)
        else:
            merged.append(pad)
    return functools.reduce(Node.__add__, merged) if len(merged) < len(pads) else None


def _zero_pads(node: Node) -> list[Node] | None:
    """The terms of a sum of a few zero pads, in the order of their places."""
    pads, stack = [], [node]
    while stack:
        x = stack.pop()
        if x.op.name == "add":
            stack.extend(x.inputs)
        elif x.op.name == "pad" and x.attributes["value"] == 0:
            pads.append(x)
        else:
            return None
        if len(pads) + len(stack) > MANY:
            return None
    return sorted(pads, key=lambda pad: pad.attributes["low"])


def _only_axis_apart(pads: list[Node]) -> int | None:
    """The axis along which these pads, in order, do not overlap, if they agree in all others."""
    places = [[*zip(pad.attributes["low"], pad.inputs[0].shape, strict=True)] for pad in pads]
    axes = [axis for axis, here in enumerate(zip(*places, strict=True)) if len(set(here)) > 1]
    if len(axes) != 1:
        return None
    pairs = zip(pads, pads[1:], strict=False)
    apart = all(_end(a, axes[0]) <= b.attributes["low"][axes[0]] for a, b in pairs)
    return axes[0] if apart else None


def _end(pad: Node, axis: int) -> int:
    return pad.attributes["low"][axis] + pad.inputs[0].shape[axis]


def _beside(x: Node, y: Node, axis: int) -> Node:
    both, low = make("concat", x.inputs[0], y.inputs[0], axis=axis), x.attributes["low"]
    high = tuple(n - size - m for n, size, m in zip(x.shape, both.shape, low, strict=True))
    return make("pad", both, low=low, high=high, value=x.attributes["value"])


@rules("flip")
def canonical_flip(node: Node) -> Node | None:
    """Only axes of more than one element, each once; a flip of a flip is one flip."""
    x, axes = node.inputs[0], set(node.attributes["axes"])
    if x.op.name == "flip":
        return _flip(x.inputs[0], axes ^ set(x.attributes["axes"]))
    return _flip(x, axes)


def _flip(x: Node, axes: set[int]) -> Node:
    kept = tuple(axis for axis in sorted(axes) if x.shape[axis] != 1)
    return make("flip", x, axes=kept) if kept else x


@rules("flip")
def flip_before_broadcast(node: Node) -> Node | None:
    x = node.inputs[0]
    if x.op.name != "broadcast":
        return None
    return broadcast_to(_flip(x.inputs[0], set(node.attributes["axes"])), node.shape)


@rules("concat")
def concat_parts(node: Node) -> Node | None:
    """Without empty parts; parts of parts directly; neighbouring slices as one slice."""
    axis, parts = node.attributes["axis"], []
    for part in node.inputs:
        nested = part.op.name == "concat" and part.attributes["axis"] == axis
        nested = nested and len(part.inputs) < MANY
        for piece in part.inputs if nested else (part,):
            if not piece.shape[axis]:
                continue
            joined = _joined(parts[-1], piece, axis) if parts else None
            if joined is None:
                parts.append(piece)
            else:
                parts[-1] = joined
    return make("concat", *parts, axis=axis) if len(parts) > 1 else parts[0]


def _joined(a: Node, b: Node, axis: int) -> Node | None:
    """The slice (or constant) that `a` followed by `b` is, if it is one."""
    shape = a.shape[:axis] + (a.shape[axis] + b.shape[axis],) + a.shape[axis + 1 :]
    value = scalar(a)
    if value is not None:
        other = scalar(b)
        same = other is not None and _same(value, other, a)
        return constant(value, a.dtype, shape) if same else None
    if a.op.name != "slice" or b.op.name != "slice" or a.inputs[0] is not b.inputs[0]:
        return None
    x, start, step = _bounds(a)
    _, follow, other_step = _bounds(b)
    start[axis] += a.shape[axis]
    if start != follow or step != other_step or step[axis] != 1:
        return None
    start[axis] -= a.shape[axis]
    return _slice(x, start, shape, step)
