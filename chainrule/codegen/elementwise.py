"""Emission of the elementwise primitives: one row each. Receives operand Values, hands back the
result's Value.
"""

from __future__ import annotations

from collections.abc import Callable

from chainrule.codegen import math, philox, trigonometry
from chainrule.codegen.builder import Function
from chainrule.codegen.values import Value, constant
from chainrule.dtypes import DType, bfloat16, bool_
from chainrule.ir.plan import Expr

Emit = Callable[[Function, list[Value], Expr], Value]


def compute_type(dtype: DType) -> str:
    """The scalar type that arithmetic uses."""
    if dtype is bool_:
        return "i1"
    if dtype.is_float:
        return "double" if dtype.bits == 64 else "float"
    return f"i{dtype.bits}"


def storage_type(dtype: DType) -> str:
    """The scalar type in memory: a bool fills a byte, and 16-bit floats are bits, since not every
    host has loads, masks and gathers of them.
    """
    return "i8" if dtype is bool_ else "i16" if dtype.is_narrow else compute_type(dtype)


def from_storage(f: Function, value: Value, dtype: DType) -> Value:
    """What was loaded, as arithmetic takes it."""
    if dtype is bool_:
        return f.icmp("ne", value, 0)
    if dtype is bfloat16:
        return f.bitcast(f.shl(f.zext(value, "i32"), 16), "float")
    return f.fpext(f.bitcast(value, "half"), "float") if dtype.is_narrow else value


def to_storage(f: Function, value: Value, dtype: DType) -> Value:
    """What arithmetic has made, as it is stored: 16-bit floats are rounded to nearest even."""
    if dtype is bool_:
        return f.zext(value, "i8")
    if dtype is bfloat16:
        # vcvtneps2bf16 would be shorter, but it takes subnormal numbers for zero.
        bits = f.bitcast(value, "i32")
        odd = f.and_(f.lshr(bits, 16), 1)
        halves = f.lshr(f.add(bits, f.add(odd, 0x7FFF)), 16)
        halves = f.select(f.fcmp("uno", value, value), constant(halves.type, 0x7FC0), halves)
        return f.trunc(halves, "i16")
    return f.bitcast(f.fptrunc(value, "half"), "i16") if dtype.is_narrow else value


def rounded(f: Function, value: Value, dtype: DType) -> Value:
    """The value as it would be read back from memory."""
    return from_storage(f, to_storage(f, value, dtype), dtype) if dtype.is_narrow else value


def _by_kind(floating: str, integer: str) -> Emit:
    def emit(f: Function, args: list[Value], expr: Expr) -> Value:
        return getattr(f, floating if args[0].type.is_float else integer)(*args)

    return emit


def _direct(function: Callable) -> Emit:
    """A function of `codegen.math` or `trigonometry`: (builder, operands) -> result."""
    return lambda f, args, expr: function(f, *args)


def _outlined(function: Callable) -> Emit:
    """A long function of that kind: one copy a program, which all kernels call."""

    def emit(f: Function, args: list[Value], expr: Expr) -> Value:
        types = [value.type for value in args]
        name = f"{function.__name__}.{types[0].scalar}.{types[0].lanes}"
        f.needs[name] = function, types
        return f.call(name, types[0], *args)

    return emit


def _intrinsic(name: str) -> Emit:
    return lambda f, args, expr: f.intrinsic(name, args[0].type, *args)


def _compare(floating: str, integer: str) -> Emit:
    """`integer` is a predicate without sign; s or u comes before it unless it tests equality."""

    def emit(f: Function, args: list[Value], expr: Expr) -> Value:
        if args[0].type.is_float:
            return f.fcmp(floating, *args)
        sign = "" if integer == "eq" else "s" if expr.args[0].dtype.kind == "int" else "u"
        return f.icmp(sign + integer, *args)

    return emit


def extreme(f: Function, kind: str, a: Value, b: Value, dtype: DType) -> Value:
    """The larger ("max") or smaller ("min") of two values; a NaN wins."""
    if dtype.is_float:
        return f.intrinsic(f"{kind}imum", a.type, a, b)
    if dtype is bool_:
        return f.or_(a, b) if kind == "max" else f.and_(a, b)
    return f.intrinsic(("s" if dtype.kind == "int" else "u") + kind, a.type, a, b)


def _extreme(kind: str) -> Emit:
    return lambda f, args, expr: extreme(f, kind, args[0], args[1], expr.dtype)


def _negative(f: Function, args: list[Value], expr: Expr) -> Value:
    return f.fneg(args[0]) if expr.dtype.is_float else f.sub(0, args[0])


def _abs(f: Function, args: list[Value], expr: Expr) -> Value:
    x = args[0]
    if expr.dtype.is_float:
        return f.intrinsic("fabs", x.type, x)
    return x if expr.dtype.kind == "uint" else f.select(f.icmp("slt", x, 0), f.sub(0, x), x)


def _sign(f: Function, args: list[Value], expr: Expr) -> Value:
    x = args[0]
    if not expr.dtype.is_float:
        one = constant(x.type, 1)
        positive = f.select(f.icmp("ne", x, 0), one, 0)
        return (
            positive
            if expr.dtype.kind == "uint"
            else f.select(f.icmp("slt", x, 0), constant(x.type, -1), positive)
        )
    magnitude = f.select(
        f.fcmp("ogt", x, 0.0),
        constant(x.type, 1.0),
        f.select(f.fcmp("olt", x, 0.0), constant(x.type, -1.0), constant(x.type, 0.0)),
    )
    return f.select(f.fcmp("uno", x, x), x, magnitude)


def _divided(f: Function, a: Value, b: Value, signed: bool) -> tuple[Value, Value]:
    """(truncated quotient, divisor made harmless); never traps: a zero divisor and -1 are replaced
    by 1.
    """
    harmless = f.icmp("eq", b, 0)
    if signed:
        harmless = f.or_(harmless, f.icmp("eq", b, -1))
    safe = f.select(harmless, constant(b.type, 1), b)
    return (f.sdiv if signed else f.udiv)(a, safe), safe


def _floor_divide(f: Function, args: list[Value], expr: Expr) -> Value:
    a, b = args
    if expr.dtype.is_float:
        return _float_floor_divide(f, a, b)
    signed = expr.dtype.kind == "int"
    quotient, safe = _divided(f, a, b, signed)
    if signed:
        rest = f.sub(a, f.mul(quotient, safe))
        below = f.and_(
            f.icmp("ne", rest, 0), f.icmp("ne", f.icmp("slt", rest, 0), f.icmp("slt", safe, 0))
        )
        quotient = f.select(below, f.sub(quotient, 1), quotient)
        quotient = f.select(f.icmp("eq", b, -1), f.sub(0, a), quotient)
    return f.select(f.icmp("eq", b, 0), constant(a.type, 0), quotient)


def _float_floor_divide(f: Function, a: Value, b: Value) -> Value:
    """NumPy's definition: exact remainder first, then a quotient snapped to the nearest integer."""
    rest = f.frem(a, b)
    quotient = f.fdiv(f.fsub(a, rest), b)
    below = f.and_(
        f.fcmp("une", rest, 0.0), f.icmp("ne", f.fcmp("olt", b, 0.0), f.fcmp("olt", rest, 0.0))
    )
    quotient = f.select(below, f.fsub(quotient, 1.0), quotient)
    floor = f.intrinsic("floor", a.type, quotient)
    floor = f.select(f.fcmp("ogt", f.fsub(quotient, floor), 0.5), f.fadd(floor, 1.0), floor)
    ratio = f.fdiv(a, b)
    zero = f.intrinsic("copysign", a.type, constant(a.type, 0.0), ratio)
    result = f.select(f.fcmp("une", quotient, 0.0), floor, zero)
    return f.select(f.fcmp("oeq", b, 0.0), ratio, result)


def _remainder(f: Function, args: list[Value], expr: Expr) -> Value:
    """The sign of the divisor, as in Python."""
    a, b = args
    if expr.dtype.is_float:
        rest = f.frem(a, b)
        other = f.icmp("ne", f.fcmp("olt", b, 0.0), f.fcmp("olt", rest, 0.0))
        moved = f.select(f.and_(f.fcmp("une", rest, 0.0), other), f.fadd(rest, b), rest)
        zero = f.intrinsic("copysign", a.type, constant(a.type, 0.0), b)
        return f.select(f.fcmp("oeq", moved, 0.0), zero, moved)
    quotient = _floor_divide(f, args, expr)
    return f.select(f.icmp("eq", b, 0), constant(a.type, 0), f.sub(a, f.mul(quotient, b)))


_float_power = _outlined(math.power)


def _power(f: Function, args: list[Value], expr: Expr) -> Value:
    a, b = args
    if expr.dtype.is_float:
        return _float_power(f, args, expr)
    result, bits = constant(a.type, 1), b
    for _ in range(expr.dtype.bits):
        odd = f.icmp("ne", f.and_(bits, 1), 0)
        result = f.select(odd, f.mul(result, a), result)
        a, bits = f.mul(a, a), f.lshr(bits, 1)
    if expr.dtype.kind == "uint":
        return result
    return f.select(f.icmp("slt", b, 0), constant(b.type, 0), result)


def _shift(left: bool) -> Emit:
    """Shifts by the width or more push everything out."""

    def emit(f: Function, args: list[Value], expr: Expr) -> Value:
        a, b = args
        width = expr.dtype.bits
        inside = f.icmp("ult", b, width)
        amount = f.select(inside, b, constant(b.type, 0))
        if left:
            return f.select(inside, f.shl(a, amount), constant(a.type, 0))
        if expr.dtype.kind == "uint":
            return f.select(inside, f.lshr(a, amount), constant(a.type, 0))
        return f.select(inside, f.ashr(a, amount), f.ashr(a, width - 1))

    return emit


def convert(f: Function, x: Value, source: DType, target: DType) -> Value:
    """A cast: floats become integers by truncation, clamped to the range, NaN to 0. To 16-bit
    floats it rounds, even from the same dtype, of which arithmetic has made more digits.
    """
    if source is target:
        return rounded(f, x, target)
    scalar = compute_type(target)
    if target is bool_:
        return f.fcmp("une", x, 0.0) if source.is_float else f.icmp("ne", x, 0)
    if source.is_float and target.is_float:
        wider = target.arithmetic.bits > source.arithmetic.bits
        return rounded(f, f.fpext(x, scalar) if wider else f.fptrunc(x, scalar), target)
    if source.is_float:
        name = "fptosi.sat" if target.kind == "int" else "fptoui.sat"
        return f.intrinsic(name, x.type.with_scalar(scalar), x)
    if target.is_float:
        number = f.sitofp(x, scalar) if source.kind == "int" else f.uitofp(x, scalar)
        return rounded(f, number, target)
    if source is not bool_ and target.bits <= source.bits:
        return f.trunc(x, scalar)
    return f.sext(x, scalar) if source.kind == "int" else f.zext(x, scalar)


def _cast(f: Function, args: list[Value], expr: Expr) -> Value:
    return convert(f, args[0], expr.args[0].dtype, expr.dtype)


def _bitcast(f: Function, args: list[Value], expr: Expr) -> Value:
    bits = f.bitcast(to_storage(f, args[0], expr.args[0].dtype), storage_type(expr.dtype))
    return from_storage(f, bits, expr.dtype)


def _where(f: Function, args: list[Value], expr: Expr) -> Value:
    return f.select(*args)


def _random_bits(f: Function, args: list[Value], expr: Expr) -> Value:
    """Word 0 of Philox block `position`; key and counter words come first."""
    k0, k1, c0, c1, position = args
    lanes = position.type.lanes
    k0, k1, c0, c1 = (f.splat(word, lanes) for word in (k0, k1, c0, c1))
    low, high = f.trunc(position, "i32"), f.trunc(f.lshr(position, 32), "i32")
    return philox.philox4x32_10(f, low, high, c0, c1, k0, k1)[0]


# Operations that are not continuous.
STEPS = frozenset(("equal", "less", "less_equal", "floor", "round", "floor_divide", "remainder"))

EMIT: dict[str, Emit] = {
    "add": _by_kind("fadd", "add"),
    "subtract": _by_kind("fsub", "sub"),
    "multiply": _by_kind("fmul", "mul"),
    "divide": lambda f, args, expr: f.fdiv(*args),
    "floor_divide": _floor_divide,
    "remainder": _remainder,
    "power": _power,
    "maximum": _extreme("max"),
    "minimum": _extreme("min"),
    "atan2": _outlined(trigonometry.atan2),
    "negative": _negative,
    "abs": _abs,
    "sign": _sign,
    "floor": _intrinsic("floor"),
    "round": _intrinsic("roundeven"),
    "sqrt": _intrinsic("sqrt"),
    "exp": _direct(math.exp),
    "expm1": _direct(math.expm1),
    "log": _direct(math.log),
    "log1p": _direct(math.log1p),
    "sin": _outlined(trigonometry.sin),
    "cos": _outlined(trigonometry.cos),
    "tanh": _direct(math.tanh),
    "sigmoid": _direct(math.sigmoid),
    "erf": _direct(math.erf),
    "invert": lambda f, args, expr: f.xor(args[0], -1),
    "bitwise_and": lambda f, args, expr: f.and_(*args),
    "bitwise_or": lambda f, args, expr: f.or_(*args),
    "bitwise_xor": lambda f, args, expr: f.xor(*args),
    "shift_left": _shift(True),
    "shift_right": _shift(False),
    "equal": _compare("oeq", "eq"),
    "less": _compare("olt", "lt"),
    "less_equal": _compare("ole", "le"),
    "where": _where,
    "cast": _cast,
    "bitcast": _bitcast,
    "random_bits": _random_bits,
}
