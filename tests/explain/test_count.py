"""Operations and bytes of kernels, against formulas and against walking through all points."""

import math
from itertools import product

import numpy as np
import pytest
from explain.functions import array, planned

import chainrule as cr
from chainrule.dtypes import float32, float64
from chainrule.ir.count import bytes_moved, flops, flops_by_type
from chainrule.ir.describe import kernels
from chainrule.ir.index import Axis


def counted(count, function, *arguments):
    return sum(count(kernel) for kernel in kernels(planned(function, *arguments).block))


@pytest.mark.parametrize(
    ("function", "shapes", "expected"),
    [
        (lambda x, w: x @ w, [(64, 32), (32, 16)], 2 * 64 * 32 * 16),
        (lambda x, w: cr.maximum(x @ w + 1.0, 0.0), [(64, 32), (32, 16)], 64 * 16 * (2 * 32 + 2)),
        (lambda x: cr.exp(x) * 2.0 + x, [(10,)], 30),
        (lambda x: cr.sum(x * x, axis=1) / 3.0, [(5, 7)], 5 * 7 * 2 + 5),
        (lambda x: cr.where(x > 0, x, 0.0), [(10,)], 10),  # The comparison is one.
        (lambda x: cr.permute_dims(x, (1, 0)), [(5, 7)], 0),
        (lambda x: cr.astype(x, cr.int32) + 1, [(10,)], 0),
        (lambda x: cr.cumulative_sum(x), [(10,)], 10),
    ],
)
def test_flops(function, shapes, expected):
    assert counted(flops, function, *[array(*shape) for shape in shapes]) == expected


def test_flops_are_told_by_type_and_equal_values_count_once():
    def f(x, s):
        return x * cr.astype(cr.astype(s, cr.float64) * 2.0 + 1.0, cr.float32)

    (kernel,) = kernels(planned(f, array(10), np.array(0.5)).block)
    assert flops_by_type(kernel) == {float32: 10, float64: 2}
    assert flops(kernel) == 12


def value(index, point):
    """An index at a point of the loops."""
    total = index.constant
    for atom, coefficient in index.terms:
        if isinstance(atom, Axis):
            total += coefficient * point[atom]
        else:
            inner = value(atom.index, point)
            total += coefficient * (inner % atom.divisor if atom.rest else inner // atom.divisor)
    return total


def touched(kernel):
    """Bytes of the elements read and of those written, found by walking through all points."""
    hero = kernel.hero
    operands = (hero.left, hero.right) if hero else ()
    reads = [load.data for load in kernel.loads()] + list(operands)
    axes = [*kernel.axes, *(hero.summed if hero else ())]
    found = [set(), set()]
    for numbers in product(*[range(axis.size) for axis in axes]):
        point = dict(zip(axes, numbers, strict=True))
        for kind, accesses in zip(found, (reads, kernel.stores), strict=True):
            for access in accesses:
                place = value(access.index, point)
                if 0 <= place < math.prod(access.place.shape):
                    kind.add((access.place, place))
    return sum(place.dtype.itemsize for kind in found for place, _ in kind)


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (lambda x, w, b: cr.relu(x @ w + b), [(16, 12), (12, 16), (16,)]),
        (lambda x: cr.softmax(x, axis=1), [(4, 8)]),
        (lambda x: cr.permute_dims(x, (1, 0)) + x, [(6, 6)]),
        (lambda x: x[1::2] + 1, [(9, 3)]),
        (lambda x: cr.reshape(cr.permute_dims(x, (1, 0)), (16, 2)) * 2, [(4, 8)]),
        (lambda x: cr.pad(x, ((1, 2), (0, 0))) + 1, [(4, 8)]),
        (lambda x, y: cr.sum(x[:, None] * y[None, :], axis=1), [(5,), (7,)]),
    ],
)
def test_bytes_are_those_of_the_elements_touched(function, shapes):
    for kernel in kernels(planned(function, *[array(*shape) for shape in shapes]).block):
        assert bytes_moved(kernel) == touched(kernel)


def test_rows_found_in_memory_are_counted_by_their_number():
    def rows(x, i):
        return cr.take(x, i, axis=0)

    few = counted(bytes_moved, rows, array(100, 8), np.array([1, 5]))
    assert few == 2 * 8 + 2 * 2 * 8 * 4
    many = counted(bytes_moved, rows, array(3, 8), np.zeros(50, int))
    assert many == 50 * 8 + 3 * 8 * 4 + 50 * 8 * 4
