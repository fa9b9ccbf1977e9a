"""Arithmetic, rounding, powers and roots, element by element: from any operands to tensors."""

from __future__ import annotations

from typing import Any

from chainrule.dtypes import of
from chainrule.frontend.apply import apply
from chainrule.frontend.functions.logic import equal, not_equal, where
from chainrule.frontend.lift import (
    Operand,
    cast,
    elementwise,
    floating,
    lift,
    operands,
    promoted_floats,
    scalar,
    spread,
    unboxed,
)
from chainrule.frontend.tensor import Tensor, method


@method
def add(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 + x2.

    >>> cr.add(cr.asarray([1.0, 2.0]), 3)
    Tensor([4., 5.], dtype=float32)
    """
    return elementwise("add", x1, x2)


@method
def subtract(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 - x2.

    >>> cr.subtract(cr.asarray([4, 5]), cr.asarray([1, 2]))
    Tensor([3, 3], dtype=int64)
    """
    return elementwise("subtract", x1, x2)


@method
def multiply(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 * x2.

    >>> cr.multiply(cr.asarray([1, 2]), cr.asarray([[3], [4]]))
    Tensor([[3, 6],
            [4, 8]], dtype=int64)
    """
    return elementwise("multiply", x1, x2)


@method
def divide(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 / x2 as floats; division by zero gives inf or NaN.

    >>> cr.divide(cr.asarray([1, 3]), 2)
    Tensor([0.5, 1.5], dtype=float32)
    """
    return elementwise("divide", x1, x2, floats=True)


@method
def floor_divide(x1: Operand, x2: Operand, /) -> Tensor:
    """The greatest whole number not above x1 / x2; integers divided by zero give 0.

    >>> cr.floor_divide(cr.asarray([7, -7]), 2)
    Tensor([ 3, -4], dtype=int64)
    """
    x, y = operands("floor_divide", x1, x2)
    quotient = apply("floor_divide", x, y)
    if not x.dtype.is_float:
        return quotient
    # Into and by infinity the array API standard says floor(x / y), where Python's rule gives NaN
    # or -1.
    return where(isinf(x) | isinf(y), floor(x / y), quotient)


@method
def remainder(x1: Operand, x2: Operand, /) -> Tensor:
    """The rest of x1 / x2, with the sign of x2; integers modulo zero give 0.

    >>> cr.remainder(cr.asarray([7, -7]), 3)
    Tensor([1, 2], dtype=int64)
    """
    return elementwise("remainder", x1, x2)


@method
def pow(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 to the power x2; integers to a negative power give 0.

    >>> cr.pow(cr.asarray([1.0, 2.0, 3.0]), 2)
    Tensor([1., 4., 9.], dtype=float32)
    """
    if (
        isinstance(x1, Tensor)
        and isinstance(x2, (int, float))
        and not isinstance(x2, bool)
        and x2 == 2
    ):
        base = x1 if isinstance(x2, int) else floating(x1, "pow")
        return elementwise("multiply", base, base, where="pow")
    return elementwise("power", x1, x2, where="pow")


@method
def positive(x: Operand, /) -> Tensor:
    """+x, which is x.

    >>> cr.positive(cr.asarray([-1, 1]))
    Tensor([-1,  1], dtype=int64)
    """
    return unboxed(lift(x, "positive"))


@method
def negative(x: Operand, /) -> Tensor:
    """-x.

    >>> cr.negative(cr.asarray([-1, 1]))
    Tensor([ 1, -1], dtype=int64)
    """
    return elementwise("negative", x)


@method
def abs(x: Operand, /) -> Tensor:
    """|x|; its derivative at 0 is 0 (B-021).

    >>> cr.abs(cr.asarray([-2.0, 3.0]))
    Tensor([2., 3.], dtype=float32)
    """
    return elementwise("abs", x)


def sign(x: Operand, /) -> Tensor:
    """-1, 0 or 1; NaN stays NaN. Its derivative is 0 (A-015).

    >>> cr.sign(cr.asarray([-2.0, 0.0, 3.0]))
    Tensor([-1.,  0.,  1.], dtype=float32)
    """
    return elementwise("sign", x)


def signbit(x: Operand, /) -> Tensor:
    """Whether the sign bit is set: also for -0.0.

    >>> cr.signbit(cr.asarray([-0.0, 0.0, 2.0]))
    Tensor([ True, False, False], dtype=bool)
    """
    return _bits(floating(x, "signbit")) < 0


def _bits(x: Tensor) -> Tensor:
    """A float's bits as a signed integer of the same width."""
    return apply("bitcast", x, dtype=of(f"int{x.dtype.bits}"))


def copysign(x1: Operand, x2: Operand, /) -> Tensor:
    """|x1| with the sign of x2, also where that is -0.0.

    >>> cr.copysign(cr.asarray([1.0, -2.0]), -0.0)
    Tensor([-1., -2.], dtype=float32)
    """
    x, y = operands("copysign", *promoted_floats("copysign", x1, x2))
    magnitude = abs(x)
    return where(signbit(y), -magnitude, magnitude)


def nextafter(x1: Operand, x2: Operand, /) -> Tensor:
    """The float next to x1 in the direction of x2; without derivative.

    >>> cr.nextafter(cr.asarray(1.0), 2.0) > 1
    Tensor(True, dtype=bool)
    """
    x, y = operands("nextafter", *promoted_floats("nextafter", x1, x2))
    bits, sign = _bits(x), -(1 << (x.dtype.bits - 1))
    away = equal(x < 0, y < x)
    # From zero the next floats are the smallest ones, with the sign of y; else one unit in the last
    # place.
    moved = where(equal(x, 0), (_bits(y) & sign) | 1, bits + cast(away, bits.dtype) * 2 - 1)
    neighbour = where(equal(x, y), y, apply("bitcast", moved, dtype=x.dtype))
    return where(isnan(x) | isnan(y), x + y, neighbour)


def square(x: Operand, /) -> Tensor:
    """x * x.

    >>> cr.square(cr.asarray([1, -2]))
    Tensor([1, 4], dtype=int64)
    """
    return elementwise("multiply", x, x, where="square")


def sqrt(x: Operand, /) -> Tensor:
    """The square root; NaN below 0.

    >>> cr.sqrt(cr.asarray([4.0, 9.0]))
    Tensor([2., 3.], dtype=float32)
    """
    return elementwise("sqrt", x, floats=True)


def root(x: Tensor) -> Tensor:
    """sqrt(x), whose derivative is 0 where x is 0."""
    positive = x > 0
    return where(positive, sqrt(where(positive, x, 1)), x)


def reciprocal(x: Operand, /) -> Tensor:
    """1 / x.

    >>> cr.reciprocal(cr.asarray([2.0, 4.0]))
    Tensor([0.5 , 0.25], dtype=float32)
    """
    return elementwise("divide", 1, x, where="reciprocal", floats=True)


def hypot(x1: Operand, x2: Operand, /) -> Tensor:
    """sqrt(x1**2 + x2**2) without overflow; its derivative at (0, 0) is 0.

    >>> cr.hypot(cr.asarray([3.0]), cr.asarray([4.0]))
    Tensor([5.], dtype=float32)
    """
    x, y = operands("hypot", *promoted_floats("hypot", x1, x2))
    largest = apply("stop_gradient", maximum(abs(x), abs(y)))
    scale = where((largest > 0) & isfinite(largest), largest, 1)
    squares = square(x / scale) + square(y / scale)
    zero = equal(squares, 0)
    length = where(zero, squares, scale * sqrt(where(zero, 1, squares)))
    return where(isinf(x) | isinf(y), float("inf"), length)


def floor(x: Operand, /) -> Tensor:
    """The greatest whole number not above x.

    >>> cr.floor(cr.asarray([1.5, -1.5]))
    Tensor([ 1., -2.], dtype=float32)
    """
    x = lift(x, "floor")
    return elementwise("floor", x) if x.dtype.is_float else unboxed(x)


def ceil(x: Operand, /) -> Tensor:
    """The smallest whole number not below x.

    >>> cr.ceil(cr.asarray([1.5, -1.5]))
    Tensor([ 2., -1.], dtype=float32)
    """
    x = lift(x, "ceil")
    return negative(floor(negative(x))) if x.dtype.is_float else unboxed(x)


def trunc(x: Operand, /) -> Tensor:
    """x without its fraction.

    >>> cr.trunc(cr.asarray([1.5, -1.5]))
    Tensor([ 1., -1.], dtype=float32)
    """
    x = lift(x, "trunc")
    if not x.dtype.is_float:
        return unboxed(x)
    return where(x < 0, ceil(x), floor(x))


def round(x: Operand, /) -> Tensor:
    """The nearest whole number; halves go to the even one.

    >>> cr.round(cr.asarray([0.5, 1.5, 1.6]))
    Tensor([0., 2., 2.], dtype=float32)
    """
    x = lift(x, "round")
    return elementwise("round", x) if x.dtype.is_float else unboxed(x)


def maximum(x1: Operand, x2: Operand, /) -> Tensor:
    """The greater of two; NaN if either is.

    >>> cr.maximum(cr.asarray([1, 5]), 3)
    Tensor([3, 5], dtype=int64)
    """
    return elementwise("maximum", x1, x2)


def minimum(x1: Operand, x2: Operand, /) -> Tensor:
    """The smaller of two; NaN if either is.

    >>> cr.minimum(cr.asarray([1, 5]), 3)
    Tensor([1, 3], dtype=int64)
    """
    return elementwise("minimum", x1, x2)


def clip(x: Operand, /, min: Any = None, max: Any = None) -> Tensor:
    """x raised to `min` and lowered to `max`, of which either may be None; its dtype stays.

    >>> cr.clip(cr.asarray([-2.0, 0.5, 7.0]), 0, 1)
    Tensor([0. , 0.5, 1. ], dtype=float32)
    """
    x = unboxed(lift(x, "clip"))
    dtype = x.dtype
    if min is not None:
        x = elementwise("maximum", x, min, where="clip")
    if max is not None:
        x = elementwise("minimum", x, max, where="clip")
    return cast(x, dtype)


def isnan(x: Operand, /) -> Tensor:
    """Whether an element is NaN.

    >>> cr.isnan(cr.asarray([1.0, float("nan")]))
    Tensor([False,  True], dtype=bool)
    """
    x = lift(x, "isnan")
    return not_equal(x, x)


def isinf(x: Operand, /) -> Tensor:
    """Whether an element is infinite.

    >>> cr.isinf(cr.asarray([1.0, -float("inf")]))
    Tensor([False,  True], dtype=bool)
    """
    return equal(abs(floating(x, "isinf")), float("inf"))


def isfinite(x: Operand, /) -> Tensor:
    """Whether an element is neither infinite nor NaN.

    >>> cr.isfinite(cr.asarray([1.0, float("inf"), float("nan")]))
    Tensor([ True, False, False], dtype=bool)
    """
    return abs(floating(x, "isfinite")) < float("inf")


def real(x: Operand, /) -> Tensor:
    """The real part, which is x: no number here is complex, but code for many libraries asks.

    >>> cr.real(cr.asarray([1.0]))
    Tensor([1.], dtype=float32)
    """
    return positive(x)


def conj(x: Operand, /) -> Tensor:
    """The complex conjugate, which is x.

    >>> cr.conj(cr.asarray([1.0]))
    Tensor([1.], dtype=float32)
    """
    return positive(x)


def imag(x: Operand, /) -> Tensor:
    """The imaginary part, which is 0.

    >>> cr.imag(cr.asarray([1.0]))
    Tensor([0.], dtype=float32)
    """
    x = lift(x, "imag")
    return spread(scalar(0, x.dtype), x.shape)
