"""Every primitive's derivative against finite differences, first and second order, both modes; and
its batches.
"""

import numpy as np
import pytest
from autodiff.numeric import relative_error, slope
from op_table import ROWS

from chainrule import dtypes
from chainrule.autodiff import batch, rules
from chainrule.autodiff.forward import tangents
from chainrule.autodiff.reverse import gradients
from chainrule.ir.interpret import evaluate
from chainrule.ir.node import OPS, Array, Spec, buffer, constant, reduce_sum, topological, variable

DIFFERENTIABLE = [row for row in ROWS if row.differentiable]
REVERSIBLE = [row for row in DIFFERENTIABLE if row.op != "while"]
NAMES = {"ids": lambda row: row.name}


class Projected:
    """u . f(x) for one row: a scalar function along the direction v, with u and v random and
    constant.
    """

    def __init__(self, row, seed=0):
        self.row, self.random = row, np.random.default_rng(seed)
        self.inputs = row.parameters()
        self.wrt = [self.inputs[place] for place in row.differentiable]
        outputs = [out for out in row.outputs(self.inputs) if out.dtype.is_float]
        self.weights = [self.constant(out.shape) for out in outputs]
        self.outputs = outputs
        self.value = total(outputs, self.weights)

    def constant(self, shape):
        return buffer(Array(self.random.normal(size=shape)))

    def direction(self):
        return [self.constant(node.shape) for node in self.wrt]

    def at(self, node, direction=None, t=0.0):
        """The value of a node at inputs + t * direction."""
        known = dict(zip(self.inputs, self.row.inputs, strict=True))
        for place, step in zip(self.row.differentiable, direction or [], strict=bool(direction)):
            known[self.inputs[place]] = self.row.inputs[place] + t * step.attributes["data"].value
        return float(evaluate([node], known)[0])

    def check(self, analytic, node, direction):
        expected = slope(lambda t: self.at(node, direction, t))
        assert relative_error(self.at(analytic), expected) < 1e-7


def total(nodes, weights):
    """The sum of products, None counting as zero."""
    result = constant(0.0, dtypes.float64)
    for node, weight in zip(nodes, weights, strict=True):
        if node is not None:
            result = result + reduce_sum(node * weight, range(node.rank))
    return result


def reverse_slope(problem, value, direction):
    return total(gradients([value], [constant(1.0, dtypes.float64)], problem.wrt), direction)


def forward_slope(problem, value, direction):
    (slope,) = tangents([value], dict(zip(problem.wrt, direction, strict=True)))
    return slope if slope is not None else constant(0.0, dtypes.float64)


def test_every_primitive_has_its_rows():
    assert set(rules.TABLE) == set(OPS) - {"pick"}
    leaves = {name for name, op in OPS.items() if op.family == "leaf"}
    assert set(batch.TABLE) == set(OPS) - {"pick"} - leaves


def test_operation_table_is_complete():
    nodes = [node for row in ROWS for node in topological(row.outputs(row.parameters()))]
    assert {node.op.name for node in nodes} == set(OPS)


@pytest.mark.parametrize("row", REVERSIBLE, **NAMES)
def test_reverse_mode(row):
    problem = Projected(row)
    v, w = problem.direction(), problem.direction()
    first = reverse_slope(problem, problem.value, v)
    problem.check(first, problem.value, v)
    problem.check(reverse_slope(problem, first, w), first, w)


@pytest.mark.parametrize("row", DIFFERENTIABLE, **NAMES)
def test_forward_mode(row):
    problem = Projected(row)
    v, w = problem.direction(), problem.direction()
    first = forward_slope(problem, problem.value, v)
    problem.check(first, problem.value, v)
    problem.check(forward_slope(problem, first, w), first, w)


@pytest.mark.parametrize("row", REVERSIBLE, **NAMES)
def test_modes_mix(row):
    """Forward over reverse and reverse over forward give the same second derivative."""
    problem = Projected(row)
    v, w = problem.direction(), problem.direction()
    over_reverse = forward_slope(problem, reverse_slope(problem, problem.value, v), w)
    over_forward = reverse_slope(problem, forward_slope(problem, problem.value, w), v)
    a, b = problem.at(over_reverse), problem.at(over_forward)
    assert relative_error(a, b) < 1e-10


@pytest.mark.parametrize("row", [row for row in ROWS if rules.TABLE[row.op] is None], **NAMES)
def test_zero_derivative(row):
    """Both modes find none where the table has none, even if an input is a float."""
    inputs = row.parameters()
    outputs = row.outputs(inputs)
    ones = [constant(1, out.dtype, out.shape) for out in outputs]
    assert gradients(outputs, ones, inputs) == [None] * len(inputs)
    seeds = {node: constant(1, node.dtype, node.shape) for node in inputs}
    assert tangents(outputs, seeds) == [None] * len(outputs)


def example(array, index):
    """Another input of the same kind for each example of a batch."""
    if array.dtype.kind == "f":
        return array * (1 + 0.11 * index)
    if array.dtype == bool:
        return np.roll(array, index) if array.ndim else array ^ (index % 2 == 1)
    return np.roll(array, index) if array.ndim else array + index


def check_batch(row, flags, size=3):
    inputs = row.parameters()
    arrays = [
        np.stack([example(array, index) for index in range(size)]) if flag else array
        for array, flag in zip(row.inputs, flags, strict=True)
    ]
    batches = [
        variable(Spec(array.shape, node.dtype)) if flag else node
        for array, node, flag in zip(arrays, inputs, flags, strict=True)
    ]
    replaced = {a: b for a, b, flag in zip(inputs, batches, flags, strict=True) if flag}
    results = batch.batch(row.outputs(inputs), replaced, size)
    values = evaluate([node for node, _ in results], dict(zip(batches, arrays, strict=True)))
    for index in range(size):
        one = [x[index] if flag else x for x, flag in zip(arrays, flags, strict=True)]
        expected = evaluate(row.outputs(inputs), dict(zip(inputs, one, strict=True)))
        for value, (_, batched), wanted in zip(values, results, expected, strict=True):
            got = value[index] if batched else value
            assert got.dtype == wanted.dtype
            np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("row", [row for row in ROWS if row.inputs], **NAMES)
def test_batch_equals_loop(row):
    """With all inputs batched, and with each of them alone."""
    count = len(row.inputs)
    check_batch(row, [True] * count)
    for alone in range(count):
        check_batch(row, [place == alone for place in range(count)])
