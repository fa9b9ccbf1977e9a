"""The table of derivatives, one row a primitive. Receives nodes; reverse and forward mode both read
it.

A row gives two functions. `pull(node, cotangents, needed)`: from the cotangents of the results
(None is zero) those of the inputs, where `needed`. `push(node, tangents)`: from the tangents of the
inputs those of the results. Most rows are written as partial derivatives or as the transpose of a
linear map, and both functions follow. The rows of composed and of control primitives are added by
`autodiff.composed` and `autodiff.control`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from chainrule.autodiff.contraction import contraction_cotangent
from chainrule.ir.node import (
    Node,
    broadcast_to,
    cast,
    constant,
    make,
    permute,
    reduce_sum,
    reshape,
    variable,
)

Cotangents = list[Node | None]
# A partial derivative: a node to multiply with, a bool node to mask with, or a number.
Partial = Node | float


class Joint(NamedTuple):
    """The results of a primitive together with their tangents, where one node computes both."""

    values: list[Node]
    tangents: Cotangents


class Rule(NamedTuple):
    pull: Callable[[Node, Cotangents, list[bool]], Cotangents]
    push: Callable[[Node, Cotangents], Cotangents | Joint]


def zeros(like: Any) -> Node:
    """Zeros with the spec of `like`."""
    return constant(0, like.dtype, like.shape)


def or_zeros(value: Node | None, like: Any) -> Node:
    return value if value is not None else zeros(like)


def fresh(nodes: Sequence[Node], name: str) -> list[Node]:
    """A variable with the spec of each node."""
    return [variable(node.spec, name) for node in nodes]


def only(nodes: Sequence[Any], flags: Sequence[bool]) -> list[Any]:
    """The nodes with a flag."""
    return [node for node, flag in zip(nodes, flags, strict=True) if flag]


def total(a: Node | None, b: Node | None) -> Node | None:
    """The sum, where None is zero."""
    if a is None or b is None:
        return a if b is None else b
    return a + b


# ---- Elementwise: partial derivatives, as functions of the result and the inputs ----


def _scale(x: Node, partial: Partial) -> Node:
    if isinstance(partial, Node):
        if partial.dtype.is_float:
            return x * partial
        return make("where", partial, x, zeros(x))
    if partial == 1:
        return x
    return -x if partial == -1 else x * partial


def _elementwise(*partials: Callable[..., Partial] | float | None) -> Rule:
    """One partial derivative an input: a number, or a function of (result, *inputs); None where
    there is none.
    """

    def scaled(node: Node, place: int, x: Node | None) -> Node | None:
        partial = partials[place]
        if x is None or partial is None:
            return None
        return _scale(x, partial(node, *node.inputs) if callable(partial) else partial)

    def pull(node: Node, cotangents: Cotangents, needed: list[bool]) -> Cotangents:
        return [
            scaled(node, place, cotangents[0] if need else None)
            for place, need in enumerate(needed)
        ]

    def push(node: Node, tangents: Cotangents) -> Cotangents:
        result = None
        for place, tangent in enumerate(tangents):
            result = total(result, scaled(node, place, tangent))
        return [result]

    return Rule(pull, push)


def constant_value(node: Node) -> float | None:
    """The number that a node holds in every place, if that is known."""
    while node.op.name in ("broadcast", "reshape"):
        node = node.inputs[0]
    return node.attributes["value"] if node.op.name == "constant" else None


def _wins(y: Node, mine: Node, other: Node, beats: Callable[[Node, Node], Node]) -> Partial:
    """Of maximum and minimum: a tie is split evenly, but at a constant bound (relu, clip) the
    derivative is zero.

    There it is read from the result, so that the input need not be kept for the backward pass.
    """
    if constant_value(other) is not None:
        return beats(y, other)
    tie = make("where", make("equal", mine, other), constant(0.5, y.dtype, y.shape), zeros(y))
    return make("where", beats(mine, other), constant(1, y.dtype, y.shape), tie)


def _greater(a: Node, b: Node) -> Node:
    return a > b


def _less(a: Node, b: Node) -> Node:
    return a < b


def _power_base(y: Node, x: Node, exponent: Node) -> Partial:
    """p x^(p-1), which is 0 for p = 0 even at x = 0."""
    p = constant_value(exponent)
    if p is None:
        slope = exponent * make("power", x, exponent - 1)
        return make("where", make("equal", exponent, zeros(exponent)), zeros(y), slope)
    if p in (0, 1):
        return p
    return x * 2 if p == 2 else make("power", x, constant(p - 1, x.dtype, x.shape)) * p


def _power_exponent(y: Node, x: Node, exponent: Node) -> Partial:
    """x^p log x, which is 0 at x = 0."""
    at_zero = make("equal", x, zeros(x))
    return y * make("log", make("where", at_zero, constant(1, x.dtype, x.shape), x))


# ---- Linear: the transpose; forward mode applies the primitive to the tangents ----


def _linear(
    transpose: Callable[..., Cotangents], operands: tuple[int, ...] | None = (0,), **changed: Any
) -> Rule:
    """`transpose(node, cotangent)` gives one cotangent an input; `operands` (None: all) are those
    that count.

    `changed` are attributes with another value when the primitive is applied to tangents.
    """

    def pull(node: Node, cotangents: Cotangents, needed: list[bool]) -> Cotangents:
        results = transpose(node, cotangents[0])
        return [result if need else None for result, need in zip(results, needed, strict=True)]

    def push(node: Node, tangents: Cotangents) -> Cotangents:
        if not node.dtype.is_float:
            return [None]
        places = range(len(tangents)) if operands is None else operands
        inputs = list(node.inputs)
        for place in places:
            inputs[place] = or_zeros(tangents[place], inputs[place])
        return [make(node.op.name, *inputs, **(node.attributes | changed))]

    return Rule(pull, push)


def _broadcast_transpose(node: Node, g: Node) -> Cotangents:
    (x,) = node.inputs
    stretched = [
        axis for axis, (a, b) in enumerate(zip(x.shape, node.shape, strict=True)) if a != b
    ]
    return [reshape(reduce_sum(g, stretched), x.shape)]


def _slice_transpose(node: Node, g: Node) -> Cotangents:
    """The cotangent with zeros between its elements (for steps) and around them."""
    (x,) = node.inputs
    if not g.size:
        return [zeros(x)]
    start, step = node.attributes["start"], node.attributes["step"]
    for axis in range(x.rank):
        if step[axis] > 1 and g.shape[axis] > 1:
            g = _dilate(g, axis, step[axis])
    high = tuple(size - a - n for size, a, n in zip(x.shape, start, g.shape, strict=True))
    return [make("pad", g, low=start, high=high, value=0.0)] if x.rank else [g]


def _dilate(x: Node, axis: int, step: int) -> Node:
    """`step - 1` zeros between the elements along an axis."""
    before, size, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    x = reshape(x, (*before, size, 1, *after))
    high = tuple(step - 1 if place == axis + 1 else 0 for place in range(x.rank))
    x = make("pad", x, low=(0,) * x.rank, high=high, value=0.0)
    x = reshape(x, (*before, size * step, *after))
    return cut(x, axis, 0, (size - 1) * step + 1)


def cut(x: Node, axis: int, start: int, stop: int) -> Node:
    """`x[start:stop]` along one axis."""
    starts = tuple(start if place == axis else 0 for place in range(x.rank))
    stops = tuple(stop if place == axis else size for place, size in enumerate(x.shape))
    return (
        make("slice", x, start=starts, stop=stops, step=(1,) * x.rank)
        if stops != x.shape or start
        else x
    )


def _pad_transpose(node: Node, g: Node) -> Cotangents:
    (x,) = node.inputs
    low = node.attributes["low"]
    stop = tuple(a + size for a, size in zip(low, x.shape, strict=True))
    return [make("slice", g, start=low, stop=stop, step=(1,) * x.rank)]


def _concat_transpose(node: Node, g: Node) -> Cotangents:
    axis, start, parts = node.attributes["axis"], 0, []
    for part in node.inputs:
        parts.append(cut(g, axis, start, start + part.shape[axis]))
        start += part.shape[axis]
    return parts


def _sum_transpose(node: Node, g: Node) -> Cotangents:
    (x,) = node.inputs
    return [broadcast_to(keep_axes(g, x, node.attributes["axes"]), x.shape)]


def keep_axes(reduced: Node, x: Node, axes: tuple[int, ...]) -> Node:
    """The result of reducing `x` over `axes`, with extents of 1 in their places."""
    return reshape(reduced, [1 if axis in axes else size for axis, size in enumerate(x.shape)])


def _permute_transpose(node: Node, g: Node) -> Cotangents:
    axes = node.attributes["axes"]
    return [permute(g, sorted(range(len(axes)), key=axes.__getitem__))]


def _where_transpose(node: Node, g: Node) -> Cotangents:
    condition = node.inputs[0]
    return [None, make("where", condition, g, zeros(g)), make("where", condition, zeros(g), g)]


def _gather_transpose(node: Node, g: Node) -> Cotangents:
    x, indices = node.inputs
    return [make("scatter_add", zeros(x), indices, g), None]


def _scatter_add_transpose(node: Node, g: Node) -> Cotangents:
    indices = node.inputs[1]
    return [g, None, make("gather", g, indices)]


def _cast_pull(node: Node, cotangents: Cotangents, needed: list[bool]) -> Cotangents:
    return [cast(cotangents[0], node.inputs[0].dtype)]


def _contract_pull(node: Node, cotangents: Cotangents, needed: list[bool]) -> Cotangents:
    return [
        contraction_cotangent(node, cotangents[0], side) if need else None
        for side, need in enumerate(needed)
    ]


def _contract_push(node: Node, tangents: Cotangents) -> Cotangents:
    (left, right), spec = node.inputs, node.attributes["spec"]
    first = make("contract", tangents[0], right, spec=spec) if tangents[0] is not None else None
    second = make("contract", left, tangents[1], spec=spec) if tangents[1] is not None else None
    return [total(first, second)]


# None: the derivative is zero or does not exist.
TABLE: dict[str, Rule | None] = dict.fromkeys(
    (
        "constant",
        "buffer",
        "variable",
        "iota",
        "random_bits",
        "stop_gradient",
        "sign",
        "floor",
        "round",
        "floor_divide",
        "equal",
        "less",
        "less_equal",
        "argmax",
        "argmin",
        "argsort",
        "invert",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
        "shift_left",
        "shift_right",
        "bitcast",
    )
)

_cast = _linear(lambda node, g: [g])

TABLE.update(
    {
        "negative": _elementwise(-1),
        "abs": _elementwise(lambda y, x: make("sign", x)),
        "exp": _elementwise(lambda y, x: y),
        "expm1": _elementwise(lambda y, x: y + 1),
        "log": _elementwise(lambda y, x: 1 / x),
        "log1p": _elementwise(lambda y, x: 1 / (x + 1)),
        "sqrt": _elementwise(lambda y, x: 0.5 / y),
        "sin": _elementwise(lambda y, x: make("cos", x)),
        "cos": _elementwise(lambda y, x: -make("sin", x)),
        "tanh": _elementwise(lambda y, x: 1 - y * y),
        "sigmoid": _elementwise(lambda y, x: y * (1 - y)),
        "erf": _elementwise(lambda y, x: make("exp", -(x * x)) * (2 / math.sqrt(math.pi))),
        "add": _elementwise(1, 1),
        "subtract": _elementwise(1, -1),
        "multiply": _elementwise(lambda y, a, b: b, lambda y, a, b: a),
        "divide": _elementwise(lambda y, a, b: 1 / b, lambda y, a, b: -(y * (1 / b))),
        "remainder": _elementwise(1, lambda y, a, b: -make("floor_divide", a, b)),
        "power": _elementwise(_power_base, _power_exponent),
        "maximum": _elementwise(
            lambda y, a, b: _wins(y, a, b, _greater), lambda y, a, b: _wins(y, b, a, _greater)
        ),
        "minimum": _elementwise(
            lambda y, a, b: _wins(y, a, b, _less), lambda y, a, b: _wins(y, b, a, _less)
        ),
        "atan2": _elementwise(
            lambda y, a, b: b / (a * a + b * b), lambda y, a, b: -(a / (a * a + b * b))
        ),
        "mark": _elementwise(1),
        "after": _elementwise(1, None),
        "cast": Rule(_cast_pull, _cast.push),
        "where": _linear(_where_transpose, (1, 2)),
        "reshape": _linear(lambda node, g: [reshape(g, node.inputs[0].shape)]),
        "permute": _linear(_permute_transpose),
        "broadcast": _linear(_broadcast_transpose),
        "slice": _linear(_slice_transpose),
        "pad": _linear(_pad_transpose, value=0.0),
        "flip": _linear(lambda node, g: [make("flip", g, **node.attributes)]),
        "concat": _linear(_concat_transpose, None),
        "sum": _linear(_sum_transpose),
        "gather": _linear(_gather_transpose),
        "scatter_add": _linear(_scatter_add_transpose, (0, 2)),
        "contract": Rule(_contract_pull, _contract_push),
    }
)
