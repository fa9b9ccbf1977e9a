"""Every primitive compiled: the operation table, special values, all dtypes, odd shapes, views."""

import itertools

import numpy as np
import pytest
from compiler.noise import Spread
from compiler.programs import Compiled, interpreted, parallel, same_bits, variables
from op_table import ROWS

from chainrule.dtypes import (
    ALL,
    bool_,
    finfo,
    float32,
    float64,
    int8,
    int64,
    stored,
    widened,
)
from chainrule.errors import ChainruleError
from chainrule.ir.contraction import plain
from chainrule.ir.node import OPS, broadcast_to, constant, make, permute, reshape, variable
from chainrule.ir.ops.indexing import CUMULATIVE

ELEMENTWISE = [
    name
    for name, op in OPS.items()
    if op.family == "elementwise" and name not in ("cast", "bitcast")
]
# Of 0.0 and -0.0 NumPy takes either, by processor: the sign of a zero is not compared here.
EITHER_ZERO = ("maximum", "minimum", "max", "min", "sum", "cumulative")


def check(parameters, outputs, arrays, threads=(1,)):
    """Compile, run, compare; returns the results."""
    spread = Spread(lambda: interpreted(parameters, arrays, outputs).outputs)
    compiled = Compiled(parameters, outputs)
    results = [compiled(arrays, count).outputs for count in threads]
    for result in results:
        assert spread.problems(result) == []
        assert same_bits(result, results[0])
    return results[0]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row):
    parameters = row.parameters()
    with parallel():
        check(parameters, row.outputs(parameters), row.inputs, threads=(1, 2, 3))


def test_all_rows_in_one_program():
    parameters = [row.parameters() for row in ROWS]
    outputs = [row.outputs(inputs) for row, inputs in zip(ROWS, parameters, strict=True)]
    arrays = [array for row in ROWS for array in row.inputs]
    check(list(itertools.chain(*parameters)), list(itertools.chain(*outputs)), arrays)


def special(dtype):
    """Values at which definitions change."""
    if dtype is bool_:
        return np.array([False, True])
    if dtype.is_integer:
        info = np.iinfo(dtype.numpy)
        values = {
            0,
            1,
            2,
            3,
            7,
            dtype.bits - 1,
            dtype.bits,
            info.max,
            info.max - 1,
            info.min,
            info.min + 1,
        }
        values |= {-1, -2, -7} if info.min else set()
        return np.array(sorted(values), dtype.numpy)
    info = finfo(dtype)
    positive = [0.0, 0.3, 0.5, 1.0, 1.5, 2.0, 2.5, 7.0, 100.7, 2.0**31, 2.0**63, 1e30, info.max,
                info.smallest_normal, info.smallest_normal * info.eps, np.inf]  # fmt: skip
    return stored(np.array([np.nan, *positive, *[-x for x in positive]]), dtype)


def pairs(dtype, count):
    """All combinations of special values."""
    values = special(dtype)
    return [values[grid.ravel()] for grid in np.meshgrid(*[np.arange(len(values))] * count)]


def defined(name, *inputs, **attributes):
    """The node, or None where the primitive is not defined for this dtype."""
    try:
        return make(name, *inputs, **attributes)
    except ChainruleError:
        return None


def arity(name):
    """How many operands an elementwise primitive takes."""
    row = next(row for row in ROWS if row.op == name)
    return len(row.inputs)


def same_zeros(node, result, wanted):
    """Whether zeros have the same sign."""
    result, wanted = widened(result), widened(wanted)
    zeros = (wanted == 0) & (node.op.name not in EITHER_ZERO)
    return bool((np.signbit(result) == np.signbit(wanted))[zeros].all())


@pytest.mark.parametrize("dtype", ALL, ids=lambda dtype: dtype.name)
def test_special_values(dtype):
    """Elementwise primitives at all pairs of special values; casts and bitcasts to all dtypes."""
    arrays = pairs(dtype, 2)
    x, y = parameters = variables(*arrays)
    condition = make("less", x, y)
    outputs = [defined(name, *parameters[: arity(name)]) for name in ELEMENTWISE if name != "where"]
    outputs += [make("where", condition, x, y), *[make("cast", x, dtype=other) for other in ALL]]
    outputs += [
        make("bitcast", x, dtype=other)
        for other in ALL
        if other.bits == dtype.bits and other is not bool_
    ]
    outputs = [node for node in outputs if node is not None]
    results = check(parameters, outputs, arrays)
    for node, result, wanted in zip(
        outputs, results, interpreted(parameters, arrays, outputs).outputs, strict=True
    ):
        assert not node.dtype.is_float or same_zeros(node, result, wanted), node


@pytest.mark.parametrize("dtype", ALL, ids=lambda dtype: dtype.name)
def test_special_values_along_axes(dtype):
    """Reductions, running ones, sorting, indexing: rows of 5 special values in random order."""
    random = np.random.default_rng(dtype.bits)
    arrays = [random.choice(special(dtype), (60, 5))]
    (x,) = parameters = variables(*arrays)
    outputs = [
        defined(name, x, axes=axes)
        for name in ("sum", "prod", "max", "min")
        for axes in ((0,), (1,), (0, 1))
    ]
    outputs += [make(name, x, axis=axis) for name in ("argmax", "argmin") for axis in (0, 1)]
    if dtype is not bool_:
        outputs += [make("cumulative", x, kind=kind) for kind in CUMULATIVE]
        first = make("slice", x, start=(0, 0), stop=(4, 5), step=(1, 1))
        outputs.append(make("scatter_add", x, constant(3, int8, (4,)), first))
        outputs.append(
            make("contract", x, x, spec=plain({0: 60, 1: 5, 2: 60}, (0, 1), (2, 1), (0, 2)))
        )
    outputs += [make("argsort", x, descending=flag) for flag in (False, True)]
    outputs += [make("pad", x, low=(1, 0), high=(0, 2), value=1), make("flip", x, axes=(0, 1)),
                make("concat", x, x, axis=1), make("gather", x, cast_indices(x))]  # fmt: skip
    with parallel():
        check(parameters, [node for node in outputs if node is not None], arrays, threads=(1, 2))


def cast_indices(x):
    """Row numbers made of the values themselves: most are outside, and clamped."""
    row = make("slice", x, start=(0, 0), stop=(60, 1), step=(1, 1))
    return make("cast", reshape(row, (60,)), dtype=int64)


SHAPES = [
    (),
    (1,),
    (1, 1),
    (0,),
    (3, 0),
    (0, 2),
    (1, 7),
    (7, 1),
    (2, 1, 5),
    (1, 3, 1),
    (65,),
    (2, 0, 3),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes(shape):
    """Shapes with extents of 0 and 1, for one primitive of each family."""
    random = np.random.default_rng(0)
    arrays = [random.normal(size=shape).astype(np.float32) for _ in range(2)]
    x, y = parameters = variables(*arrays)
    every = tuple(range(len(shape)))
    outputs = [x, make("exp", x), x + y, make("where", make("less", x, y), x, y),
               make("sum", x, axes=every), make("prod", x, axes=every), reshape(x, (*shape, 1)),
               permute(x, every[::-1]), broadcast_to(x, (3, *shape)),
               make("flip", x, axes=every)]  # fmt: skip
    outputs += [make("pad", x, low=(1,) * len(shape), high=(0,) * len(shape), value=2.0)]
    outputs += [make("sum", x, axes=(axis,)) for axis in every]
    outputs += [make("concat", x, y, axis=axis) for axis in every]
    outputs += [make("argmax", x, axis=axis) for axis in every if shape[axis]]
    outputs += [make("max", x, axes=(axis,)) for axis in every if shape[axis]]
    if shape:
        outputs += [make("cumulative", x, kind="sum"), make("argsort", x, descending=False)]
    if shape and shape[0]:
        indices = constant(0, int64, (2,))
        outputs += [
            make("gather", x, indices),
            make("scatter_add", x, indices, make("gather", y, indices)),
        ]
    with parallel():
        check(parameters, outputs, arrays, threads=(1, 2))


def test_contraction_shapes():
    """Matrices with extents of 0 and 1 and around the sizes of tiles."""
    random = np.random.default_rng(0)
    parameters, outputs, arrays = [], [], []
    for n, k, m in [(0, 3, 4), (3, 0, 4), (3, 4, 0), (1, 1, 1), (1, 600, 1), (1, 40, 40),
                    (40, 1, 40), (40, 40, 1), (14, 40, 16), (15, 40, 17), (29, 40, 33),
                    (5, 40, 31), (100, 33, 3)]:  # fmt: skip
        matrices = [
            random.normal(size=(n, k)).astype(np.float32),
            random.normal(size=(k, m)).astype(np.float32),
        ]
        a, b = variables(*matrices)
        spec = plain({0: n, 1: k, 2: m}, (0, 1), (1, 2), (0, 2))
        outputs.append(make("contract", a, b, spec=spec))
        turned = make("contract", permute(a, (1, 0)), permute(b, (1, 0)),
                      spec=plain({0: n, 1: k, 2: m}, (1, 0), (2, 1), (2, 0)))  # fmt: skip
        outputs.append(turned + 1.0)
        parameters += [a, b]
        arrays += matrices
    with parallel():
        check(parameters, outputs, arrays, threads=(1, 2, 5))


def test_views_of_views_make_no_kernels():
    """A chain of movements is one read; the data of the chain is right, too."""
    x = variable(float_spec := variables(np.zeros((4, 6, 5), np.float32))[0].spec)
    view = permute(x, (2, 0, 1))
    view = make("flip", view, axes=(0, 2))
    view = reshape(view, (10, 12))
    view = make("slice", view, start=(1, 0), stop=(10, 12), step=(2, 3))
    view = broadcast_to(reshape(view, (5, 1, 4)), (5, 2, 4))
    view = make("pad", reshape(view, (10, 4)), low=(1, 0), high=(0, 2), value=3.0)
    array = np.random.default_rng(0).normal(size=float_spec.shape).astype(np.float32)
    check([x], [view], [array])
    assert len(Compiled([x], [view]).program.block.items) == 1


def test_padding_keeps_the_sign_of_zero():
    (x,) = variables(array := np.ones(3, np.float32))
    outputs = [make("pad", x, low=(1,), high=(1,), value=value) for value in (-0.0, 0.0)]
    minus, plus = check([x], outputs, [array])
    assert np.signbit(minus).tolist() == [True, False, False, False, True]
    assert not np.signbit(plus).any()


def test_inputs_that_are_not_contiguous():
    array = np.arange(60, dtype=np.float64).reshape(3, 4, 5)
    for given in (array.transpose(2, 0, 1), array[::2, ::-1], np.broadcast_to(array[0, 0], (3, 5)),
                  np.broadcast_to(np.float64(2.5), (700, 9))):  # fmt: skip
        (x,) = variables(given)
        check([x], [x * 2.0, make("sum", x, axes=(0,))], [given])


def test_same_array_given_twice():
    array = np.arange(1500, dtype=np.float32)
    x, y = variables(array, array)
    check([x, y], [x - y, x + y], [array, array])


def test_float64_stays_float64():
    (x,) = variables(np.array([1 / 3]))
    assert x.dtype is float64
    result = check(
        [x], [make("cast", make("cast", x, dtype=float32), dtype=float64)], [np.array([1 / 3])]
    )
    assert result[0][0] == np.float32(1 / 3)


@pytest.mark.parametrize("count", [1, 2, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_powers_of_a_half(count, dtype):
    """As C and IEEE 754 define them: of -inf inf, of -0 0, not what a square root gives."""
    array = np.resize(np.array([-np.inf, -0.0, 4.0, -1.0], dtype), (count, 4))
    (x,) = variables(array)
    power = make("power", x, constant(0.5, x.dtype, x.shape))
    for result in (
        Compiled([x], [power])([array]).outputs[0],
        interpreted([x], [array], [power]).outputs[0],
    ):
        expected = np.resize(np.array([np.inf, 0.0, 2.0, np.nan], dtype), (count, 4))
        np.testing.assert_array_equal(result, expected)
        assert not np.signbit(result[:, 1]).any()
