"""Index arithmetic, against numbers put in the places of the axes."""

from __future__ import annotations

import math

import pytest

from chainrule.ir import index as ix
from chainrule.ir.index import Axis, Index

SHAPES = [(384,), (3, 128), (2, 6, 32), (3, 4, 4, 8)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("between", SHAPES)
def test_reshapes_there_and_back_leave_a_plain_axis(
    shape: tuple[int, ...], between: tuple[int, ...]
) -> None:
    place = ix.flat(ix.over(shape), shape)
    assert ix.flat(ix.unflatten(place, between), between) == place


@pytest.mark.parametrize("offset", [0, 5])
def test_what_is_taken_apart_and_put_together_has_the_same_value(offset: int) -> None:
    axes = [Axis(0, 6), Axis(1, 10)]
    place = ix.of_axis(axes[0]) * 10 + ix.of_axis(axes[1]) + offset
    apart = ix.unflatten(place, (3, 5, 5))
    moved = ix.flat([apart[1], apart[0], apart[2]], (5, 3, 5))
    for i in range(6):
        for j in range(10):
            numbers = {axis: Index((), n) for axis, n in zip(axes, (i, j), strict=True)}
            n = 10 * i + j + offset
            expected = n // 5 % 5 * 15 + n // 25 * 5 + n % 5
            assert moved.substitute(numbers) == Index((), expected)
    assert ix.flat(apart, (3, 5, 5)) == place and math.prod((3, 5, 5)) > place.bounds()[1]
