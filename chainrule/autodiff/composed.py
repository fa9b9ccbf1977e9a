"""Primitives whose derivative is that of an equal expression. Adds their rows to the table of
`autodiff.rules`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from chainrule.autodiff.forward import tangents
from chainrule.autodiff.reverse import gradients
from chainrule.autodiff.rules import TABLE, Cotangents, Joint, Rule, cut, keep_axes, zeros
from chainrule.dtypes import int64
from chainrule.ir.node import Node, broadcast_to, cast, constant, make, permute, reduce_sum, reshape


def _equal_to(expression: Callable[[Node], Node]) -> Rule:
    """`expression(node)` has the value of `node` and is made from its inputs by primitives with a
    row of their own.
    """

    def pull(node: Node, cotangents: Cotangents, needed: list[bool]) -> Cotangents:
        return gradients([expression(node)], cotangents, node.inputs)

    def push(node: Node, given: Cotangents) -> Cotangents:
        return tangents(
            [expression(node)], {node: None, **dict(zip(node.inputs, given, strict=True))}
        )

    return Rule(pull, push)


def _extreme(node: Node) -> Node:
    """The mean over the places that hold the maximum or minimum: ties share the derivative evenly.
    """
    (x,), axes = node.inputs, node.attributes["axes"]
    chosen = make("equal", x, broadcast_to(keep_axes(node, x, axes), x.shape))
    count = reduce_sum(cast(chosen, x.dtype), axes)
    return reduce_sum(make("where", chosen, x, zeros(x)), axes) / count


def _product(node: Node) -> Node:
    """Halves multiplied with each other until one element is left: no division, so zeros do no
    harm.
    """
    (x,), axes = node.inputs, node.attributes["axes"]
    kept = [axis for axis in range(x.rank) if axis not in axes]
    x = reshape(
        permute(x, [*kept, *axes]), (*node.shape, math.prod(x.shape[axis] for axis in axes))
    )
    last, size = x.rank - 1, x.shape[-1]
    if not size:
        return constant(1, node.dtype, node.shape)
    while size > 1:
        half = size // 2
        halves = cut(x, last, 0, half) * cut(x, last, half, 2 * half)
        x = make("concat", halves, cut(x, last, size - 1, size), axis=last) if size % 2 else halves
        size = x.shape[-1]
    return reshape(x, node.shape)


def _running_product(x: Node) -> Node:
    """By doubling: after k turns each element holds the product of the last 2^k."""
    last, size, reach = x.rank - 1, x.shape[-1], 1
    while reach < size:
        low = (0,) * last + (reach,)
        x = x * make("pad", cut(x, last, 0, size - reach), low=low, high=(0,) * x.rank, value=1.0)
        reach *= 2
    return x


def _running_extreme(node: Node) -> Node:
    """Each element is taken from the place where the running maximum or minimum was reached first.
    """
    (x,) = node.inputs
    last, size = x.rank - 1, x.shape[-1]
    rows = x.size // size if size else 0
    if not rows:
        return x
    start, earlier = cut(x, last, 0, 1), cut(node, last, 0, size - 1)
    later = cut(x, last, 1, size)
    better = later > earlier if node.attributes["kind"] == "max" else later < earlier
    places = broadcast_to(make("iota", size=size, dtype=int64), x.shape)
    first = constant(0, int64, start.shape)
    moved = make("where", better, cut(places, last, 1, size), constant(0, int64, better.shape))
    chosen = make("cumulative", make("concat", first, moved, axis=last), kind="max")
    offsets = reshape(make("iota", size=rows, dtype=int64) * size, (*x.shape[:-1], 1))
    return make("gather", reshape(x, (x.size,)), chosen + broadcast_to(offsets, x.shape))


def _cumulative_pull(node: Node, cotangents: Cotangents, needed: list[bool]) -> Cotangents:
    if node.attributes["kind"] != "sum":
        return _CUMULATIVE.pull(node, cotangents, needed)
    axes = (node.rank - 1,)
    return [
        make(
            "flip",
            make("cumulative", make("flip", cotangents[0], axes=axes), kind="sum"),
            axes=axes,
        )
    ]


def _cumulative_push(node: Node, given: Cotangents) -> Cotangents | Joint:
    if node.attributes["kind"] != "sum":
        return _CUMULATIVE.push(node, given)
    return [make("cumulative", given[0], kind="sum")]


_CUMULATIVE = _equal_to(
    lambda node: (
        _running_product(*node.inputs)
        if node.attributes["kind"] == "prod"
        else _running_extreme(node)
    )
)

TABLE.update(
    {
        "max": _equal_to(_extreme),
        "min": _equal_to(_extreme),
        "prod": _equal_to(_product),
        "cumulative": Rule(_cumulative_pull, _cumulative_push),
    }
)
