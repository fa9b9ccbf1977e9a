"""Exponential, trigonometric and hyperbolic functions: from any operands to float tensors."""

from __future__ import annotations

import math

from chainrule.dtypes import float32, float64, int32, int64
from chainrule.frontend.apply import apply
from chainrule.frontend.functions.elementwise import clip
from chainrule.frontend.functions.logic import where
from chainrule.frontend.lift import (
    Operand,
    cast,
    elementwise,
    floating,
    in_float32,
    operands,
    promoted_floats,
)
from chainrule.frontend.tensor import Tensor

# Above this, x * x + 1 is x * x in every float type, and below it x * x is finite.
_LARGE = 1e9


def exp(x: Operand, /) -> Tensor:
    """e to the power x.

    >>> cr.exp(cr.asarray([0.0, -cr.inf]))
    Tensor([1., 0.], dtype=float32)
    """
    return elementwise("exp", x, floats=True)


def expm1(x: Operand, /) -> Tensor:
    """exp(x) - 1, exact near 0.

    >>> cr.expm1(cr.asarray([0.0, -cr.inf]))
    Tensor([ 0., -1.], dtype=float32)
    """
    return elementwise("expm1", x, floats=True)


def log(x: Operand, /) -> Tensor:
    """The natural logarithm: -inf at 0, NaN below.

    >>> cr.log(cr.asarray([1.0, 0.0]))
    Tensor([  0., -inf], dtype=float32)
    """
    return elementwise("log", x, floats=True)


def log1p(x: Operand, /) -> Tensor:
    """log(1 + x), exact near 0.

    >>> cr.log1p(cr.asarray([0.0, -1.0]))
    Tensor([  0., -inf], dtype=float32)
    """
    return elementwise("log1p", x, floats=True)


@in_float32
def log2(x: Operand, /) -> Tensor:
    """The logarithm to base 2.

    >>> cr.log2(cr.asarray([1.0, 8.0]))
    Tensor([0., 3.], dtype=float32)
    """
    x = floating(x, "log2")
    single = x.dtype is float32
    fraction_bits, bias, integer = (23, 127, int32) if single else (52, 1023, int64)
    # The nearest whole power is divided out, so that the logarithms of powers of 2 are exact.
    rough = apply("stop_gradient", apply("round", log(x) * (1 / math.log(2))))
    whole = clip(rough, 1 - bias, bias - 1)
    power = apply("bitcast", (bias - cast(whole, integer)) << fraction_bits, dtype=x.dtype)
    return whole + log(x * power) * (1 / math.log(2))


@in_float32
def log10(x: Operand, /) -> Tensor:
    """The logarithm to base 10.

    >>> cr.log10(cr.asarray([1.0, 100.0]))
    Tensor([0., 2.], dtype=float32)
    """
    return log(x) / math.log(10)


@in_float32
def logaddexp(x1: Operand, x2: Operand, /) -> Tensor:
    """log(exp(x1) + exp(x2)) without overflow.

    >>> cr.logaddexp(cr.asarray([0.0, 1e4]), cr.asarray([-cr.inf, 0.0]))
    Tensor([    0., 10000.], dtype=float32)
    """
    x, y = operands("logaddexp", *promoted_floats("logaddexp", x1, x2))
    # Equal infinities have no difference; a plain `x == y` would cut off the derivative at ties.
    difference = where((x == y) & (abs(x) == math.inf), 0, x - y)
    upper = difference > 0
    return where(upper, x, y) + log1p(exp(where(upper, -difference, difference)))


def erf(x: Operand, /) -> Tensor:
    """The error function, 2 / sqrt(pi) * integral of exp(-t**2) from 0 to x.

    >>> cr.erf(cr.asarray([0.0, cr.inf]))
    Tensor([0., 1.], dtype=float32)
    """
    return elementwise("erf", x, floats=True)


# Giles, "Approximating the erfinv function" (2010): for w = -log(1 - x*x) below 5 in w - 2.5, above
# in sqrt(w) - 3.
_ERFINV_CENTRE = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
_ERFINV_TAIL = (
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)


@in_float32
def erfinv(x: Operand, /) -> Tensor:
    """The number whose erf is x; inf at 1, NaN outside [-1, 1].

    >>> cr.erfinv(cr.asarray([0.0, 1.0]))
    Tensor([ 0., inf], dtype=float32)
    """
    x = floating(x, "erfinv")
    w = -log((1 - x) * (1 + x))
    centre, tail = w < 5, where(w < 5, 5, w)
    factor = where(
        centre,
        polynomial(where(centre, w, 0) - 2.5, _ERFINV_CENTRE),
        polynomial(apply("sqrt", tail) - 3, _ERFINV_TAIL),
    )
    edge = abs(x) == 1
    guess = where(edge, 0, factor * x)
    for _ in range(2 if x.dtype is float64 else 0):
        guess = guess - (erf(guess) - x) * exp(guess * guess) * (math.sqrt(math.pi) / 2)
    return where(edge, where(x > 0, math.inf, -math.inf), guess)


def polynomial(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    """By Horner's rule, highest power first."""
    result = x * coefficients[0] + coefficients[1]
    for coefficient in coefficients[2:]:
        result = result * x + coefficient
    return result


def sin(x: Operand, /) -> Tensor:
    """The sine.

    >>> cr.sin(cr.asarray([0.0]))
    Tensor([0.], dtype=float32)
    """
    return elementwise("sin", x, floats=True)


def cos(x: Operand, /) -> Tensor:
    """The cosine.

    >>> cr.cos(cr.asarray([0.0]))
    Tensor([1.], dtype=float32)
    """
    return elementwise("cos", x, floats=True)


@in_float32
def tan(x: Operand, /) -> Tensor:
    """sin(x) / cos(x).

    >>> cr.tan(cr.asarray([0.0]))
    Tensor([0.], dtype=float32)
    """
    return sin(x) / cos(x)


@in_float32
def asin(x: Operand, /) -> Tensor:
    """The angle in [-pi/2, pi/2] whose sine is x.

    >>> cr.asin(cr.asarray([0.0]))
    Tensor([0.], dtype=float32)
    """
    x = floating(x, "asin")
    return atan2(x, apply("sqrt", (1 - x) * (1 + x)))


@in_float32
def acos(x: Operand, /) -> Tensor:
    """The angle in [0, pi] whose cosine is x.

    >>> cr.acos(cr.asarray([1.0]))
    Tensor([0.], dtype=float32)
    """
    x = floating(x, "acos")
    return atan2(apply("sqrt", (1 - x) * (1 + x)), x)


@in_float32
def atan(x: Operand, /) -> Tensor:
    """The angle in [-pi/2, pi/2] whose tangent is x.

    >>> cr.atan(cr.asarray([0.0]))
    Tensor([0.], dtype=float32)
    """
    return atan2(x, 1)


def atan2(x1: Operand, x2: Operand, /) -> Tensor:
    """The angle of the point (x2, x1), in [-pi, pi].

    >>> cr.atan2(cr.asarray([0.0]), cr.asarray([1.0]))
    Tensor([0.], dtype=float32)
    """
    return elementwise("atan2", x1, x2, floats=True)


@in_float32
def sinh(x: Operand, /) -> Tensor:
    """(exp(x) - exp(-x)) / 2, as 2 * sinh(x/2) * cosh(x/2), whose factors do not overflow early.

    >>> cr.sinh(cr.asarray([0.0]))
    Tensor([0.], dtype=float32)
    """
    half = floating(x, "sinh") * 0.5
    return (expm1(half) - expm1(-half)) * 0.5 * (exp(half) + exp(-half))


@in_float32
def cosh(x: Operand, /) -> Tensor:
    """(exp(x) + exp(-x)) / 2.

    >>> cr.cosh(cr.asarray([0.0]))
    Tensor([1.], dtype=float32)
    """
    half = floating(x, "cosh") * 0.5
    rising, falling = exp(half), exp(-half)
    return 0.5 * rising * rising + 0.5 * falling * falling


def tanh(x: Operand, /) -> Tensor:
    """sinh(x) / cosh(x): -1 to 1, with a derivative of at most 1 (A-017).

    >>> cr.tanh(cr.asarray([0.0, 1e4]))
    Tensor([0., 1.], dtype=float32)
    """
    return elementwise("tanh", x, floats=True)


@in_float32
def asinh(x: Operand, /) -> Tensor:
    """log(x + sqrt(x**2 + 1)), exact near 0 and without overflow.

    >>> cr.asinh(cr.asarray([0.0]))
    Tensor([0.], dtype=float32)
    """
    x = floating(x, "asinh")
    size = where(x < 0, -x, x)
    small, large = where(size > _LARGE, 1, size), where(size > _LARGE, size, 1)
    ratio = small / (1 + apply("sqrt", 1 + small * small))
    result = where(size > _LARGE, log(large) + math.log(2), log1p(small * (1 + ratio)))
    return where(x < 0, -result, result)


@in_float32
def acosh(x: Operand, /) -> Tensor:
    """log(x + sqrt(x**2 - 1)), without overflow; NaN below 1.

    >>> cr.acosh(cr.asarray([1.0]))
    Tensor([0.], dtype=float32)
    """
    x = floating(x, "acosh")
    above = where(x > _LARGE, 1, x) - 1
    near = log1p(above + apply("sqrt", above) * apply("sqrt", above + 2))
    return where(x > _LARGE, log(where(x > _LARGE, x, 1)) + math.log(2), near)


@in_float32
def atanh(x: Operand, /) -> Tensor:
    """log((1 + x) / (1 - x)) / 2.

    >>> cr.atanh(cr.asarray([0.0]))
    Tensor([0.], dtype=float32)
    """
    x = floating(x, "atanh")
    return 0.5 * (log1p(x) - log1p(-x))
