"""Cases for the rules of elementwise operations."""

import numpy as np
from passes.simplify_cases import Cases, var

from chainrule.dtypes import bool_, float32, float64, int8, int32, int64, uint8
from chainrule.ir.node import broadcast_to, cast, constant, make

case = CASES = Cases()


@case("round_constant", left="add(a, 0.10000000149011612), add(a, 0.10000000149011612)")
def _():
    x = var(3)
    near = broadcast_to(make("constant", value=float(np.float32(0.1)), dtype=float32), (3,))
    return [x + 0.1, x + near]


@case("fold", left="add(a, 33.11545181274414), add(a, 33.11545181274414)")
def _():
    x = var(2, 3)
    sums = constant(1.5, float32, (2, 3)) + constant(2, float32, (2, 3))
    return [x + make("exp", sums), x + make("exp", constant(3.5, float32, (2, 3)))]


@case("fold", left="44, 0.5204998778130465")
def _():
    return [cast(constant(300, int32, (2,)), int8), make("erf", constant(0.5, float64))]


@case("fold", left="3.0")
def _():
    condition = make("less", constant(1, float32), constant(2, float32))
    return [make("where", condition, constant(3, float32), constant(4, float32))]


@case("compute_before_broadcast", left="broadcast(exp(reshape(a)))")
def _():
    return [make("exp", broadcast_to(var(3), (2, 3)))]


@case("compute_before_broadcast", left="broadcast(add(broadcast(a), broadcast(b)))")
def _():
    return [broadcast_to(var(1, 1, 3), (2, 4, 3)) + broadcast_to(var(1, 4, 1), (2, 4, 3))]


@case("compute_before_broadcast", left="broadcast(multiply(reshape(a), 3.0))")
def _():
    return [broadcast_to(var(3), (2, 3)) * 3]


@case("constant_last", left="add(a, 2.0), add(a, 2.0), equal(a, 2.0), equal(a, 2.0)")
def _():
    x, c = var(3), constant(2, float32, (3,))
    pairs = [("add", c, x), ("add", x, c), ("equal", c, x), ("equal", x, c)]
    return [make(name, a, b) for name, a, b in pairs]


@case("add_zero", left="a, a, a, b", signed_zero=False)
def _():
    x, n = var(3), var(3, dtype=int32)
    return [x + 0, x - 0, x + (-0.0), n + 0]


@case("add_zero", "constant_last", left="a", signed_zero=False)
def _():
    return [make("add", constant(0, float32, (3,)), var(3))]


@case("add_negative", left="subtract(a, b), add(a, b), subtract(b, a)")
def _():
    x, y = var(3), var(3)
    return [x + (-y), x - (-y), (-x) + y]


@case("subtract_from_zero", left="negative(a), negative(b)")
def _():
    return [0 - var(3, dtype=int32), -0.0 - var(3)]


@case(left="subtract(0.0, a)")
def zero_minus_float_keeps_the_sign_of_zero():
    return [0.0 - var(3)]


@case("multiply_by_one", left="a, negative(a)")
def _():
    x = var(3)
    return [x * 1, x * -1]


@case("multiply_integer_by_zero", left="0")
def _():
    return [var(3, dtype=int32) * 0]


@case(left="multiply(a, 0.0)")
def float_times_zero_keeps_nan():
    return [var(3) * 0.0]


@case("divide_by_power_of_two", left=(
    "multiply(a, 0.125), multiply(a, 1.329227995784916e+36), a, negative(a)"
))
def _():
    x = var(3)
    return [x / 8, x / 2.0**-120, x / 1, x / -1]


@case(left=(
    "divide(a, 3.0), divide(a, 0.0), divide(a, inf), divide(a, 7.174648137343064e-43), "
    "divide(a, nan)"
))
def other_divisors_stay():
    x = var(3)
    return [x / 3, x / 0.0, x / float("inf"), x / 2.0**-140, x / float("nan")]


@case("undo_twice", left="a, b, c")
def _():
    b, n, x = var(3, dtype=bool_), var(3, dtype=uint8), var(3)
    twice = [make("invert", make("invert", v)) for v in (b, n)]
    return [make("negative", make("negative", x)), *twice]


@case("equal_operands", left="a, a, b, b")
def _():
    x, b = var(3), var(3, dtype=bool_)
    return [make("maximum", x, x), make("minimum", x, x), make("bitwise_and", b, b),
            make("bitwise_or", b, b)]


@case("logic_with_constant", left="a, False, True, a")
def _():
    b = var(3, dtype=bool_)
    return [make(name, b, constant(value, bool_, (3,)))
            for name in ("bitwise_and", "bitwise_or") for value in (True, False)]


@case("small_power", left=(
    "1.0, a, multiply(a, a), multiply(multiply(a, a), a), divide(1.0, a)"
), exact=False)
def _():
    x = var(3)
    return [make("power", x, constant(n, float32, (3,))) for n in (0, 1, 2, 3, -1)]


@case(left="power(a, 0.5), power(a, -2.0), power(b, -1)")
def other_powers_stay():
    x, n = var(3), var(3, dtype=int32)
    powers = [make("power", x, constant(value, float32, (3,))) for value in (0.5, -2)]
    return [*powers, make("power", n, constant(-1, int32, (3,)))]


@case("cast_once", left="a, b, c, c, a, cast(d), cast(c)")
def _():
    b, n, x, y = var(3, dtype=bool_), var(3, dtype=int32), var(3), var(3, dtype=int8)
    casts = [(b, float32, bool_), (n, int64, int32), (n, float64, int32), (x, float64, float32),
             (y, float32, float64), (n, int64, uint8)]
    once = make("cast", x, dtype=float32)
    return [once, *[cast(cast(value, inner), outer) for value, inner, outer in casts]]


@case(left="cast(cast(a)), cast(cast(a)'), cast(cast(b)), cast(cast(c))")
def inexact_casts_stay():
    n, x, w = var(3, dtype=int32), var(3), var(3, dtype=int64)
    casts = [(n, float32, int32), (n, float64, int8), (x, int32, float32), (w, int32, int64)]
    return [cast(cast(value, inner), outer) for value, inner, outer in casts]


@case("where_decided", left="a, b, a")
def _():
    b, x, y = var(3, dtype=bool_), var(3), var(3)
    known = [constant(value, bool_, (3,)) for value in (False, True)]
    return [make("where", b, x, x), *[make("where", c, x, y) for c in known]]


@case("where_inverted", left="where(a, b, c)")
def _():
    b, x, y = var(3, dtype=bool_), var(3), var(3)
    return [make("where", make("invert", b), x, y)]


@case("where_nested", left="where(a, b, c), where(a, c, d)")
def _():
    b, x, y, z = var(3, dtype=bool_), var(3), var(3), var(3)
    inner = make("where", b, x, y)
    return [make("where", b, inner, z), make("where", b, z, inner)]


