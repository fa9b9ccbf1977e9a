"""Turned copies: the shapes that tiles fit, and those that none fits, against NumPy."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.codegen import llvm
from chainrule.codegen.transpose import turned

CASES = [
    ((32, 16), (1, 0), True),
    ((48, 24), (1, 0), True),
    ((4, 8), (1, 0), True),
    ((7, 16), (1, 0), False),
    ((3, 16, 32), (0, 2, 1), True),
    ((16, 3, 32), (2, 1, 0), True),
]


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
@pytest.mark.parametrize(("shape", "axes", "tiled"), CASES)
def test_turned_copies_equal_numpy(dtype, shape, axes, tiled):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    turn = cr.jit(lambda x: cr.permute_dims(x, axes))
    assert np.array_equal(turn(array), array.transpose(axes))
    (call,) = turn.compiled.values()
    (kernel,) = call.program.program.block.items
    assert (turned(kernel, llvm.host().vector_bytes) is not None) == tiled
