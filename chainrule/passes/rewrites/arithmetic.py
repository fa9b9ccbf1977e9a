"""Rules for elementwise operations: folding, identities, and computing before a broadcast."""

from __future__ import annotations

import math

import numpy as np

from chainrule.dtypes import DType, bool_, float32, float64, rounded, stored, widened
from chainrule.ir.interpret import compute
from chainrule.ir.node import Node, broadcast_to, cast, constant, make
from chainrule.ir.ops import OPS
from chainrule.ir.rewrite import Rules
from chainrule.passes.rewrites.values import scalar

rules = Rules()
ELEMENTWISE = tuple(name for name, op in OPS.items() if op.family == "elementwise")
COMMUTATIVE = ("add", "multiply", "bitwise_and", "bitwise_or", "bitwise_xor", "equal")


@rules("constant")
def round_constant(node: Node) -> Node | None:
    """0.1 as float32 and the float32 nearest to 0.1 are the same constant."""
    value, dtype = node.attributes["value"], node.dtype
    if not dtype.is_float or dtype.bits == 64:
        return None
    with np.errstate(over="ignore"):
        return constant(rounded(value, dtype), dtype)


@rules(*ELEMENTWISE)
def fold(node: Node) -> Node | None:
    """Scalars only: the NumPy definition computes the result now, in the node's dtype."""
    arrays = []
    for x in node.inputs:
        value = scalar(x)
        if value is None:
            return None
        arrays.append(stored(np.array(value), x.dtype))
    result = widened(compute(node.op, arrays, node.attributes)).item()
    if node.op.name == "bitcast" and result != result:
        return None  # a constant does not keep the payload of a NaN
    return constant(result, node.dtype, node.shape)


@rules(*ELEMENTWISE)
def compute_before_broadcast(node: Node) -> Node | None:
    """Axes that every operand only repeats are repeated after the computation."""
    for x in node.inputs:
        if x.op.name != "broadcast":
            return None
    inner = [x.inputs[0] for x in node.inputs]
    shape = tuple(map(max, *[x.shape for x in inner], inner[0].shape))
    if shape == node.shape:
        return None
    small = [broadcast_to(x, shape) for x in inner]
    return broadcast_to(make(node.op.name, *small, **node.attributes), node.shape)


@rules(*COMMUTATIVE)
def constant_last(node: Node) -> Node | None:
    x, y = node.inputs
    if scalar(x) is None or scalar(y) is not None:
        return None
    return make(node.op.name, y, x)


@rules("add", "subtract")
def add_zero(node: Node) -> Node | None:
    """-0.0 + 0.0 is 0.0, yet we take x + 0 as x: accumulated gradients then start for free."""
    return node.inputs[0] if scalar(node.inputs[1]) == 0 else None


@rules("add", "subtract")
def add_negative(node: Node) -> Node | None:
    """a + (-b) = a - b, a - (-b) = a + b, (-a) + b = b - a."""
    x, y = node.inputs
    if y.op.name == "negative":
        return make("subtract" if node.op.name == "add" else "add", x, y.inputs[0])
    if x.op.name == "negative" and node.op.name == "add":
        return make("subtract", y, x.inputs[0])
    return None


@rules("subtract")
def subtract_from_zero(node: Node) -> Node | None:
    """Integers, or from -0.0: 0.0 - 0.0 is 0.0, but its negative is -0.0."""
    value = scalar(node.inputs[0])
    exact = value == 0 and (not node.dtype.is_float or math.copysign(1, value) < 0)
    return make("negative", node.inputs[1]) if exact else None


@rules("multiply")
def multiply_by_one(node: Node) -> Node | None:
    x, y = node.inputs
    value = scalar(y)
    if value == 1:
        return x
    return make("negative", x) if value == -1 else None


@rules("multiply")
def multiply_integer_by_zero(node: Node) -> Node | None:
    """Floats keep the product: 0 times inf is NaN."""
    y = node.inputs[1]
    return y if not node.dtype.is_float and scalar(y) == 0 else None


@rules("divide")
def divide_by_power_of_two(node: Node) -> Node | None:
    """Exact while the reciprocal is representable. Covers x / 1 and x / -1."""
    x, y = node.inputs
    value = scalar(y)
    if value is None or abs(math.frexp(value)[0]) != 0.5:
        return None
    with np.errstate(over="ignore", under="ignore"):
        reciprocal = rounded(1 / value, node.dtype)
    if reciprocal * value != 1:
        return None
    return make("multiply", x, constant(reciprocal, node.dtype, node.shape))


@rules("negative", "invert")
def undo_twice(node: Node) -> Node | None:
    x = node.inputs[0]
    return x.inputs[0] if x.op is node.op else None


@rules("maximum", "minimum", "bitwise_and", "bitwise_or")
def equal_operands(node: Node) -> Node | None:
    return node.inputs[0] if node.inputs[0] is node.inputs[1] else None


@rules("bitwise_and", "bitwise_or")
def logic_with_constant(node: Node) -> Node | None:
    x, y = node.inputs
    value = scalar(y)
    if node.dtype is not bool_ or value is None:
        return None
    return x if value is (node.op.name == "bitwise_and") else y


@rules("power")
def small_power(node: Node) -> Node | None:
    """Powers 0, 1, 2, 3 and -1. The square root is not x ** 0.5: they differ at -inf and -0.0."""
    x, exponent = node.inputs[0], scalar(node.inputs[1])
    if exponent == 0:
        return constant(1, node.dtype, node.shape)
    if exponent == -1 and node.dtype.is_float:
        return 1 / x
    if exponent not in (1, 2, 3):
        return None
    return x if exponent == 1 else x * x if exponent == 2 else x * x * x


def _embeds(small: DType, large: DType) -> bool:
    """Every value of `small` is a value of `large`."""
    if small is large or small is bool_:
        return True
    if large is bool_ or (small.is_float and not large.is_float):
        return False
    if small.is_narrow or large.is_narrow:
        return small.is_narrow and large in (float32, float64)
    digits = {"int": small.bits - 1, "uint": small.bits, "float": small.digits}
    room = {"int": large.bits - 1, "uint": large.bits, "float": large.digits}
    signed_fits = small.kind != "int" or large.kind != "uint"
    return signed_fits and digits[small.kind] <= room[large.kind]


@rules("cast")
def cast_once(node: Node) -> Node | None:
    """A cast to the own dtype, or of an exact cast. Float to integer saturates, others wrap."""
    x = node.inputs[0]
    if x.dtype is node.dtype:
        return x
    if x.op.name != "cast":
        return None
    first = x.inputs[0]
    saturates = x.dtype.is_float and node.dtype.is_integer and first.dtype.is_integer
    exact = _embeds(first.dtype, x.dtype)
    if not exact or (saturates and not _embeds(first.dtype, node.dtype)):
        return None
    return cast(first, node.dtype)


@rules("where")
def where_decided(node: Node) -> Node | None:
    """The condition is constant, or both branches are the same."""
    condition, x, y = node.inputs
    value = scalar(condition)
    if value is not None:
        return x if value else y
    return x if x is y else None


@rules("where")
def where_inverted(node: Node) -> Node | None:
    condition, x, y = node.inputs
    return make("where", condition.inputs[0], y, x) if condition.op.name == "invert" else None


@rules("where")
def where_nested(node: Node) -> Node | None:
    """A branch that asks the same condition again."""
    condition, x, y = node.inputs
    if x.op.name == "where" and x.inputs[0] is condition:
        return make("where", condition, x.inputs[1], y)
    if y.op.name == "where" and y.inputs[0] is condition:
        return make("where", condition, x, y.inputs[2])
    return None
