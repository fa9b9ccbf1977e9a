"""Rules for reductions and indexing: they run over as few axes and as near the data as they can."""

from __future__ import annotations

import math
from functools import reduce
from operator import mul

from chainrule.dtypes import float32, rounded
from chainrule.ir.node import Node, broadcast_to, cast, constant, make, permute, reshape
from chainrule.ir.rewrite import Rules
from chainrule.passes.rewrites.values import reshape_groups, scalar, stretched

rules = Rules()
REDUCTIONS = ("sum", "prod", "max", "min")
IDENTITY = {"sum": 0, "prod": 1}
FACTORS = 8  # Of a product so many are looked at.


@rules("sum", "prod")
def reduce_nothing(node: Node) -> Node | None:
    """Of zero elements: the identity of the operation."""
    if 0 not in node.inputs[0].shape:
        return None
    return constant(IDENTITY[node.op.name], node.dtype, node.shape)


@rules(*REDUCTIONS)
def reduce_unit_axes(node: Node) -> Node | None:
    """One element is its own sum."""
    x, axes = node.inputs[0], node.attributes["axes"]
    unit = [axis for axis in axes if x.shape[axis] == 1]
    if len(unit) == len(axes):
        return reshape(x, node.shape)
    if not unit:
        return None
    rest = [axis for axis in range(x.rank) if axis not in unit]
    less = reshape(x, [x.shape[axis] for axis in rest])
    return make(node.op.name, less, axes=tuple(rest.index(axis) for axis in axes if axis in rest))


@rules(*REDUCTIONS)
def canonical_axes(node: Node) -> Node | None:
    return make(node.op.name, node.inputs[0], axes=tuple(sorted(node.attributes["axes"])))


@rules(*REDUCTIONS)
def reduce_once(node: Node) -> Node | None:
    """A sum of a sum is one sum."""
    x = node.inputs[0]
    if x.op is not node.op:
        return None
    y, inner = x.inputs[0], x.attributes["axes"]
    left = [axis for axis in range(y.rank) if axis not in inner]
    axes = sorted([*inner, *[left[axis] for axis in node.attributes["axes"]]])
    return make(node.op.name, y, axes=tuple(axes))


@rules("sum", "max", "min")
def reduce_before_broadcast(node: Node) -> Node | None:
    """Equal elements: a sum is a multiple, by a count that the dtype holds; max is any of them."""
    x, axes = node.inputs[0], node.attributes["axes"]
    repeated = [axis for axis in stretched(x) if axis in axes]
    count = math.prod(x.shape[axis] for axis in repeated)
    if not repeated or (node.dtype.is_float and rounded(count, node.dtype) != count):
        return None
    shape = [1 if axis in repeated else n for axis, n in enumerate(x.shape)]
    once = make(node.op.name, broadcast_to(x.inputs[0], shape), axes=axes)
    if node.op.name != "sum":
        return once
    bits = 0 if node.dtype.is_float else node.dtype.bits
    return once * (_wrapped(count, bits, node.dtype.kind) if bits else count)


@rules("sum")
def sum_before_factors(node: Node) -> Node | None:
    """sum(x * k) is sum(x) * k for what is equal in all terms: so several sums become one."""
    axes = node.attributes["axes"]
    factors, negative = _factors(node.inputs[0])
    equal = [x for x in factors if set(axes) <= set(stretched(x))]
    others = [x for x in factors if x not in equal]
    if not (equal or negative) or not others or node.dtype.is_narrow:
        return None
    result = make("sum", reduce(mul, others), axes=axes)
    for x in equal:
        small = [n for axis, n in enumerate(x.inputs[0].shape) if axis not in axes]
        result = result * broadcast_to(reshape(x.inputs[0], small), node.shape)
    return make("negative", result) if negative else result


def _factors(x: Node) -> tuple[list[Node], bool]:
    """The operands of a product of products, and whether its sign is turned."""
    factors, waiting, negative = [], [x], False
    while waiting:
        x = waiting.pop()
        if x.op.name == "negative":
            negative = not negative
            waiting.append(x.inputs[0])
        elif x.op.name == "multiply" and len(factors) + len(waiting) < FACTORS:
            waiting += x.inputs[::-1]
        else:
            factors.append(x)
    return factors, negative


def _wrapped(count: int, bits: int, kind: str) -> int:
    """`count` modulo the integer's range, as a sum of so many terms wraps."""
    count %= 1 << bits
    return count - (1 << bits) if kind == "int" and count >> (bits - 1) else count


@rules(*REDUCTIONS)
def reduce_before_reshape(node: Node) -> Node | None:
    """Where the axes that become others are all reduced, or all not."""
    x, axes = node.inputs[0], node.attributes["axes"]
    if x.op.name != "reshape":
        return None
    y, reduced = x.inputs[0], []
    for source, target in reshape_groups(y.shape, x.shape):
        count = sum(axis in axes for axis in target)
        if count not in (0, len(target)):
            return None
        reduced.extend(source if count else ())
    return reshape(make(node.op.name, y, axes=tuple(reduced)), node.shape)


@rules(*REDUCTIONS)
def reduce_before_permute(node: Node) -> Node | None:
    x, axes = node.inputs[0], node.attributes["axes"]
    if x.op.name != "permute":
        return None
    moved = x.attributes["axes"]
    left = [old for new, old in enumerate(moved) if new not in axes]
    inner = make(node.op.name, x.inputs[0], axes=tuple(sorted(moved[axis] for axis in axes)))
    return permute(inner, [sorted(left).index(axis) for axis in left])


@rules("argmax", "argmin")
def place_among_equals(node: Node) -> Node | None:
    """The first of equal elements, or of one."""
    x, axis = node.inputs[0], node.attributes["axis"]
    same = x.shape[axis] == 1 or axis in stretched(x)
    return constant(0, node.dtype, node.shape) if same else None


@rules("iota")
def iota_of_one(node: Node) -> Node | None:
    return constant(0, node.dtype, (1,)) if node.shape == (1,) else None


@rules("gather")
def gather_in_order(node: Node) -> Node | None:
    """Indices 0, 1, 2, ...: the first rows."""
    x, indices = node.inputs
    if indices.op.name != "iota" or indices.size > x.shape[0]:
        return None
    start, step = (0,) * x.rank, (1,) * x.rank
    return make("slice", x, start=start, stop=node.shape, step=step)


@rules("gather")
def gather_one_row(node: Node) -> Node | None:
    """A known index, or rows that are all equal: that row, repeated."""
    x, indices = node.inputs
    place = scalar(indices)
    if x.shape[0] == 1 or 0 in stretched(x):
        place = 0
    if place is None:
        return None
    place = min(max(place, 0), x.shape[0] - 1)
    start, stop = (place, *[0] * (x.rank - 1)), (place + 1, *x.shape[1:])
    row = make("slice", x, start=start, stop=stop, step=(1,) * x.rank)
    return broadcast_to(reshape(row, (1,) * indices.rank + x.shape[1:]), node.shape)


@rules("scatter_add")
def scatter_nothing(node: Node) -> Node | None:
    """No updates, or zeros (x + 0 is x, see `add_zero`)."""
    x, _, updates = node.inputs
    return x if scalar(updates) == 0 or 0 in updates.shape else None


@rules("scatter_add")
def scatter_in_float32(node: Node) -> Node | None:
    """Terms that meet at one place are added in float32, and rounded once."""
    if not node.dtype.is_narrow:
        return None
    x, indices, updates = node.inputs
    wide = make("scatter_add", cast(x, float32), indices, cast(updates, float32))
    return cast(wide, node.dtype)


@rules("cumulative")
def accumulate_one(node: Node) -> Node | None:
    return node.inputs[0] if node.shape[-1] == 1 else None


@rules("argsort")
def sort_equals(node: Node) -> Node | None:
    """One element is in order."""
    return constant(0, node.dtype, node.shape) if node.shape[-1] == 1 else None
