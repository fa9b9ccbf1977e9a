"""Comparisons, choice, logic on truth values and on bits: from any operands to tensors."""

from __future__ import annotations

from typing import Any

from chainrule.dtypes import bool_
from chainrule.frontend.apply import apply
from chainrule.frontend.lift import (
    Operand,
    broadcast_shape,
    cast,
    elementwise,
    lift,
    promoted,
    spread,
)
from chainrule.frontend.tensor import Tensor, method


@method
def equal(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 == x2, element by element.

    >>> cr.equal(cr.asarray([1, 2]), 2)
    Tensor([False,  True], dtype=bool)
    """
    return elementwise("equal", x1, x2)


@method
def not_equal(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 != x2, element by element; NaN differs from itself.

    >>> cr.not_equal(cr.asarray([1, 2]), 2)
    Tensor([ True, False], dtype=bool)
    """
    return apply("invert", elementwise("equal", x1, x2, where="not_equal"))


@method
def less(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 < x2, element by element.

    >>> cr.less(cr.asarray([1, 2, 3]), 2)
    Tensor([ True, False, False], dtype=bool)
    """
    return elementwise("less", x1, x2)


@method
def less_equal(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 <= x2, element by element.

    >>> cr.less_equal(cr.asarray([1, 2, 3]), 2)
    Tensor([ True,  True, False], dtype=bool)
    """
    return elementwise("less_equal", x1, x2)


@method
def greater(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 > x2, element by element.

    >>> cr.greater(cr.asarray([1, 2, 3]), 2)
    Tensor([False, False,  True], dtype=bool)
    """
    return elementwise("less", x2, x1, where="greater")


@method
def greater_equal(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 >= x2, element by element.

    >>> cr.greater_equal(cr.asarray([1, 2, 3]), 2)
    Tensor([False,  True,  True], dtype=bool)
    """
    return elementwise("less_equal", x2, x1, where="greater_equal")


def truth(x: Any, where: str) -> Tensor:
    """An argument as bools, as Python sees it: everything but 0 is true."""
    return cast(lift(x, where), bool_)


def where(condition: Operand, x1: Operand, x2: Operand, /) -> Tensor:
    """x1 where the condition holds, else x2: the choice that also compiled functions can make.

    >>> cr.where(cr.asarray([True, False]), cr.asarray([1, 2]), 0)
    Tensor([1, 0], dtype=int64)
    """
    tensors = [truth(condition, "where"), *promoted("where", x1, x2)]
    shape = broadcast_shape("where", [tensor.shape for tensor in tensors])
    return apply("where", *[spread(tensor, shape) for tensor in tensors])


def logical_and(x1: Operand, x2: Operand, /) -> Tensor:
    """Whether both are true.

    >>> cr.logical_and(cr.asarray([True, False]), True)
    Tensor([ True, False], dtype=bool)
    """
    return elementwise(
        "bitwise_and", truth(x1, "logical_and"), truth(x2, "logical_and"), where="logical_and"
    )


def logical_or(x1: Operand, x2: Operand, /) -> Tensor:
    """Whether at least one is true.

    >>> cr.logical_or(cr.asarray([True, False]), False)
    Tensor([ True, False], dtype=bool)
    """
    return elementwise(
        "bitwise_or", truth(x1, "logical_or"), truth(x2, "logical_or"), where="logical_or"
    )


def logical_xor(x1: Operand, x2: Operand, /) -> Tensor:
    """Whether exactly one is true.

    >>> cr.logical_xor(cr.asarray([True, False]), True)
    Tensor([False,  True], dtype=bool)
    """
    return elementwise(
        "bitwise_xor", truth(x1, "logical_xor"), truth(x2, "logical_xor"), where="logical_xor"
    )


def logical_not(x: Operand, /) -> Tensor:
    """Whether an element is false.

    >>> cr.logical_not(cr.asarray([True, False]))
    Tensor([False,  True], dtype=bool)
    """
    return apply("invert", truth(x, "logical_not"))


@method
def bitwise_and(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 & x2 of integers or bools.

    >>> cr.bitwise_and(cr.asarray([6, 7]), 3)
    Tensor([2, 3], dtype=int64)
    """
    return elementwise("bitwise_and", x1, x2)


@method
def bitwise_or(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 | x2 of integers or bools.

    >>> cr.bitwise_or(cr.asarray([4, 5]), 3)
    Tensor([7, 7], dtype=int64)
    """
    return elementwise("bitwise_or", x1, x2)


@method
def bitwise_xor(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 ^ x2 of integers or bools.

    >>> cr.bitwise_xor(cr.asarray([6, 7]), 3)
    Tensor([5, 4], dtype=int64)
    """
    return elementwise("bitwise_xor", x1, x2)


@method
def bitwise_invert(x: Operand, /) -> Tensor:
    """~x: every bit of an integer, or the truth of a bool, reversed.

    >>> cr.bitwise_invert(cr.asarray([0, 7]))
    Tensor([-1, -8], dtype=int64)
    """
    return elementwise("invert", x, where="bitwise_invert")


@method
def bitwise_left_shift(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 << x2 of integers.

    >>> cr.bitwise_left_shift(cr.asarray([1, 3]), 2)
    Tensor([ 4, 12], dtype=int64)
    """
    return elementwise("shift_left", x1, x2, where="bitwise_left_shift")


@method
def bitwise_right_shift(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 >> x2 of integers; the sign is kept.

    >>> cr.bitwise_right_shift(cr.asarray([4, -8]), 1)
    Tensor([ 2, -4], dtype=int64)
    """
    return elementwise("shift_right", x1, x2, where="bitwise_right_shift")
