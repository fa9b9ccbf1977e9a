"""Few channels: the graph with several places in the lanes gives the same results."""

import math

import numpy as np
import pytest

from chainrule.dtypes import float32
from chainrule.ir.contraction import Contraction, Dimension
from chainrule.ir.interpret import evaluate
from chainrule.ir.node import Spec, make, topological, variable
from chainrule.ir.rewrite import rewrite
from chainrule.passes import channels

BATCH, ROWS, INPUTS, KERNEL = 4, 12, 5, 3


def arrays(*shapes):
    """Sums of small integers are exact in any order."""
    rng = np.random.default_rng(0)
    return [rng.integers(-4, 5, shape).astype(np.float32) for shape in shapes]


def rewritten(spec, *operands):
    """The tiled contraction of the new graph and whether its value is that of the old one."""
    known = [variable(Spec(x.shape, float32)) for x in operands]
    before = [make("contract", *known, spec=spec)]
    after = rewrite(before, channels.rules)
    values = dict(zip(known, operands, strict=True))
    (old,), (new,) = evaluate(before, dict(values)), evaluate(after, dict(values))
    assert np.array_equal(old, new)
    (found,) = [node for node in topological(after) if node.op.name == "contract"]
    return found.attributes["spec"]


def plain(*letters):
    return tuple(Dimension(((letter, 1),)) for letter in letters)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (1, -1), (2, -2)])
@pytest.mark.parametrize(("outputs", "lanes"), [(3, 15), (6, 12), (8, 16), (16, 16)])
def test_convolution(outputs, lanes, stride, dilation, turned):
    window = Dimension(((1, stride), (3, dilation)), 1 if dilation > 0 else 2)
    left = (*plain(0), window, *plain(4))
    places = 20
    spec = Contraction((BATCH, places, outputs, KERNEL, INPUTS), left, plain(3, 4, 2), (0, 1, 2))
    operands = arrays((BATCH, places * stride + 2, INPUTS), (KERNEL, INPUTS, outputs))
    if turned:
        spec, operands = spec._replace(left=spec.right, right=spec.left), operands[::-1]
    found = rewritten(spec, *operands)
    if stride % dilation == 0 and abs(stride // dilation) == 1:
        assert found.sizes[2] == lanes
    assert math.prod(found.sizes) >= math.prod(spec.sizes)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("slope", [1, 2, -1])
@pytest.mark.parametrize(("outputs", "lanes"), [(6, 12), (16, 16)])
def test_gradient_of_weights(outputs, lanes, slope, turned):
    places = 20
    window = Dimension(((4, slope), (0, 1)), 1 if slope > 0 else places)
    left = (*plain(3), window, *plain(1))
    spec = Contraction((KERNEL, INPUTS, outputs, BATCH, places), left, plain(3, 4, 2), (0, 1, 2))
    operands = arrays((BATCH, 2 * places + 4, INPUTS), (BATCH, places, outputs))
    if turned:
        spec, operands = spec._replace(left=spec.right, right=spec.left), operands[::-1]
    found = rewritten(spec, *operands)
    assert found.sizes[2] == (lanes if abs(slope) == 1 else outputs)


def test_large_columns_are_not_copied():
    """Where the weights are larger than what they are multiplied with, as in gradients."""
    window = Dimension(((1, 1), (3, 1)))
    spec = Contraction((2, 4, 6, 31, 3), (*plain(0), window, *plain(4)), plain(3, 4, 2), (0, 1, 2))
    assert rewritten(spec, *arrays((2, 34, 3), (31, 3, 6))) == spec
