"""Sums of very many terms: rounding errors must not grow with their number."""

import math

import numpy as np
import pytest
from compiler.programs import Compiled, variables

import chainrule as cr
from chainrule.ir.contraction import plain
from chainrule.ir.describe import kernels
from chainrule.ir.node import make, reshape

TERMS = 1_000_003
# One by one, 0.1 added a million times in float32 is off by 1e-2. Pieces of 512 terms are off by
# less than 512 units in the last place, and 2,000 pieces, or 122 of vectors, by no more than that.
LIMIT = 2e-5


ROWS = [((TERMS,), (0,)), ((TERMS // 7, 7), (0,)), ((1000, 10, 100), (0, 1)), ((9, 100_000), (1,))]


@pytest.mark.parametrize("shape, axes", ROWS)
def test_sum(shape, axes):
    array = np.full(shape, 0.1, np.float32)
    (x,) = variables(array)
    (result,) = Compiled([x], [make("sum", x, axes=axes)])([array]).outputs
    np.testing.assert_allclose(result, array.sum(axes, dtype=np.float64), rtol=LIMIT)


@pytest.mark.parametrize("rows", [1, 5, 20])
def test_contraction(rows):
    arrays = [np.full((rows, 200_001), 0.1, np.float32), np.ones((200_001, 16), np.float32)]
    a, b = variables(*arrays)
    spec = plain({0: rows, 1: 200_001, 2: 16}, (0, 1), (1, 2), (0, 2))
    (result,) = Compiled([a, b], [make("contract", a, b, spec=spec)])(arrays).outputs
    np.testing.assert_allclose(result, 200_001 * np.float64(np.float32(0.1)), rtol=LIMIT)


def test_mean_of_a_channel():
    """As the statistics of a normalization: over places and examples, along the fast axis not."""
    array = np.random.default_rng(0).normal(3, 1, size=(64, 56, 56, 3)).astype(np.float32)
    (x,) = variables(array)
    total = make("sum", reshape(x, (64 * 56 * 56, 3)), axes=(0,))
    (result,) = Compiled([x], [total])([array]).outputs
    np.testing.assert_allclose(result, array.sum((0, 1, 2), dtype=np.float64), rtol=2e-6)


@pytest.mark.parametrize(("batch", "side", "parts"), [(1, 8, 8), (16, 8, 1)])
def test_the_kernel_of_one_image_is_walked_in_large_parts(batch, side, parts):
    """Of 9 MB, which 64 rows use; more rows use all of it at once."""
    x, kernel = np.zeros((batch, side, side, 512), np.float32), np.zeros((3, 3, 512, 512), "f4")
    step = cr.jit(lambda x, kernel: cr.conv(x, kernel, padding=1))
    step.plan(x, kernel)
    (call,) = step.compiled.values()
    (product,) = [k for k in kernels(call.program.program.block) if k.hero is not None]
    assert math.prod(axis.size for axis in product.axes) == parts * batch * side * side * 512
