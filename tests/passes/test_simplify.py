"""The simplifier: each rule does its work and is needed; values, origins and order stay."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passes.simplify_cases import (
    arithmetic,
    check_same,
    contractions,
    control,
    cut,
    reductions,
    simplify_by,
    text,
    users,
    var,
    views,
    without,
)

from chainrule.dtypes import bool_, float32, int32
from chainrule.ir.contraction import Dimension, plain
from chainrule.ir.interpret import evaluate
from chainrule.ir.node import (
    Origin,
    broadcast_to,
    cast,
    constant,
    current,
    make,
    permute,
    reshape,
    topological,
)
from chainrule.passes import simplify as module
from chainrule.passes.rewrites.values import reshape_groups
from chainrule.passes.simplify import RULES, simplify

BY_RULES = [case for family in (arithmetic, views, reductions, contractions, control)
            for case in family.CASES]
CASES = BY_RULES + users.CASES
BY_NAME = {rule.__name__: rule for rule in RULES}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case):
    before = case.outputs
    after = simplify(before)
    assert text(after) == case.left
    check_same(before, after, case.exact, case.signed_zero)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_simplified_is_simple(case):
    once = simplify(case.outputs)
    assert simplify(once) == once


NEEDS = [pytest.param(case, name, id=f"{case}-{name}") for case in BY_RULES for name in case.rules]


@pytest.mark.parametrize(("case", "name"), NEEDS)
def test_rule_is_needed(case, name):
    assert text(simplify_by(without(BY_NAME[name]), case.outputs)) != case.left


@pytest.mark.parametrize("case", [case for case in users.CASES if case.rules], ids=str)
def test_consolidation_is_needed(case, monkeypatch):
    monkeypatch.setattr(module, "consolidate", lambda outputs: outputs)
    assert text(simplify(case.outputs)) != case.left


def test_every_rule_has_a_case():
    assert BY_NAME.keys() == {name for case in BY_RULES for name in case.rules}


# ---- Random graphs ----

UNARY = ("negative", "abs", "sign", "floor")
MOVEMENT = ("permute", "reshape", "stretch", "slice", "pad", "flip", "concat")
BINARY = ("add", "subtract", "multiply", "maximum", "minimum", "divide")
# Dyadic, so that every order of a sum is exact. Not 0.0: x + 0.0 is taken as x.
SCALARS = (-0.0, 1.0, -1.0, 2.0, 0.5, -4.0)


def movement(draw, x):
    """A random view of x."""
    kind = draw(st.sampled_from(MOVEMENT))
    if kind == "permute":
        return permute(x, draw(st.permutations(range(x.rank))))
    if kind == "reshape":
        return reshape(x, draw(st.sampled_from([(x.size,), (1, *x.shape), (*x.shape, 1)])))
    if kind == "stretch":
        return broadcast_to(x, (draw(st.integers(1, 2)), *x.shape))
    if not x.rank:
        return x
    axis = draw(st.integers(0, x.rank - 1))
    if kind == "slice":
        bounds = [(0, n) for n in x.shape]
        start = draw(st.integers(0, x.shape[axis]))
        bounds[axis] = (start, draw(st.integers(start, x.shape[axis])), draw(st.integers(1, 2)))
        return cut(x, *bounds)
    if kind == "pad":
        low, high = ([0] * x.rank for _ in range(2))
        low[axis], high[axis] = draw(st.integers(0, 1)), draw(st.integers(0, 2))
        return make("pad", x, low=tuple(low), high=tuple(high), value=0.0)
    if kind == "flip":
        return make("flip", x, axes=(axis,))
    return make("concat", x, draw(st.sampled_from([x, -x])), axis=axis)


def elementwise(draw, x):
    kind = draw(st.sampled_from(["unary", "scalar", "binary", "where", "cast"]))
    if kind == "unary":
        return make(draw(st.sampled_from(UNARY)), x)
    if kind == "cast":
        return cast(make("less", x, constant(0, float32, x.shape)), float32)
    other = constant(draw(st.sampled_from(SCALARS)), float32, x.shape)
    if kind == "where":
        return make("where", make("equal", x, other), x, other)
    if kind == "binary":
        other = draw(st.sampled_from([x, -x, make("abs", x)]))
    pair = draw(st.permutations([x, other]))
    return make(draw(st.sampled_from(BINARY)), *pair)


def reduction(draw, x):
    axes = tuple(draw(st.sets(st.integers(0, x.rank - 1)))) if x.rank else ()
    if not axes or 0 in x.shape:
        return x
    return make(draw(st.sampled_from(["sum", "max", "min"])), x, axes=axes)


@st.composite
def graphs(draw):
    x = var(*draw(st.sampled_from([(), (3,), (1, 3), (2, 3), (2, 1, 2)])))
    for _ in range(draw(st.integers(1, 8))):
        step = draw(st.sampled_from([movement, movement, elementwise, elementwise, reduction]))
        x = step(draw, x) if x.size < 200 and x.rank < 6 else reduction(draw, x)
    return x


@settings(max_examples=150, deadline=None, derandomize=True)
@given(graphs())
def test_random_graphs_keep_their_values(output):
    once = simplify([output])
    check_same([output], once, exact=False, repeats=1)
    assert simplify(once) == once


@st.composite
def operands(draw, sizes):
    """An operand, perhaps seen through a permute, a broadcast or constant, and its letters."""
    letters = draw(st.lists(st.sampled_from(sorted(sizes)), min_size=1, max_size=3))
    shape = [sizes[letter] for letter in letters]
    kind = draw(st.sampled_from(["plain", "permuted", "stretched", "constant"]))
    if kind == "constant":
        return constant(draw(st.sampled_from(SCALARS)), float32, tuple(shape)), letters
    if kind == "stretched":
        kept = draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
        x = var(*[n if keep else 1 for n, keep in zip(shape, kept)])
        return broadcast_to(x, shape), letters
    if kind == "permuted":
        axes = draw(st.permutations(range(len(shape))))
        return permute(var(*[shape[axes.index(axis)] for axis in range(len(shape))]), axes), letters
    return var(*shape), letters


@st.composite
def products(draw):
    """A contraction, with some dimensions read through windows."""
    sizes = {letter: draw(st.integers(1, 3)) for letter in range(4)}
    (x, left), (y, right) = draw(operands(sizes)), draw(operands(sizes))
    present = sorted({*left, *right})
    output = draw(st.lists(st.sampled_from(present), unique=True))
    spec = plain(sizes, tuple(left), tuple(right), tuple(output))
    if draw(st.booleans()):
        spec = spec._replace(left=tuple(draw(windows(d, len(spec.sizes))) for d in spec.left))
    return make("contract", x, y, spec=spec)


@st.composite
def windows(draw, dimension, letters):
    """The dimension with a stride, an offset, a divisor, or a second letter."""
    if draw(st.booleans()):
        return dimension
    other, step = draw(st.integers(0, letters - 1)), draw(st.integers(1, 2))
    terms = dimension.terms + (((other, step),) if other != dimension.terms[0][0] else ())
    return Dimension(terms, draw(st.integers(-1, 1)), draw(st.integers(1, 2)))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(products())
def test_random_contractions_keep_their_values(output):
    once = simplify([output])
    check_same([output], once, exact=False, repeats=1)
    assert simplify(once) == once


@st.composite
def loops(draw):
    """A scan whose operands repeat, are constant or unused, and some results of it."""
    constants, carried, sliced = (draw(st.integers(0, 3)) for _ in range(3))
    length = draw(st.integers(0, 3))
    pool = [var(2), var(2), constant(2, float32, (2,)), constant(0, float32, (2,))]
    fixed = [draw(st.sampled_from(pool)) for _ in range(constants + carried)]
    arrays = [var(length, 2), broadcast_to(var(1, 2), (length, 2))]
    slices = [draw(st.sampled_from(arrays)) for _ in range(sliced)]

    def body(*parameters):
        values = [*parameters, constant(1, float32, (2,))]
        for _ in range(draw(st.integers(0, 4))):
            x, y = draw(st.sampled_from(values)), draw(st.sampled_from(values))
            values.append(make(draw(st.sampled_from(["add", "multiply", "maximum"])), x, y))
        results = st.sampled_from(values)
        return [draw(results) for _ in range(carried + draw(st.integers(0, 3)))]

    operands, reverse = [*fixed, *slices], draw(st.booleans())
    results = control.scan(body, operands, constants, carried, length, reverse)
    return [x for x in results if draw(st.booleans())]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(loops())
def test_random_loops_keep_their_values(outputs):
    once = simplify(outputs)
    check_same(outputs, once, signed_zero=False, repeats=1)
    assert simplify(once) == once


# ---- Whole graphs ----


def test_equal_computations_become_one_node():
    x = var(2, 3)
    a = permute(reshape(x, (2, 1, 3)) * 1, (2, 1, 0))
    b = reshape(permute(x + 0, (1, 0)), (3, 1, 2))
    assert len(set(simplify([a, b]))) == 1


def test_replacements_keep_the_origin():
    before = current.origin
    x = var(3)
    current.origin = Origin("train.py", 3, "net.hidden")
    y = make("exp", broadcast_to(reshape(x, (1, 3)), (2, 3)))
    current.origin = Origin("train.py", 4, "net.out")
    z = make("power", y, constant(2, float32, (2, 3)))
    current.origin = before
    after = simplify([z])
    lines = {node.op.name: node.origin.line for node in topological(after)}
    assert (lines["exp"], lines["multiply"], lines["broadcast"]) == (3, 4, 4)
    assert current.origin == before


def test_a_chain_of_100_000_operations():
    y = var(2)
    for _ in range(100_000):
        y = make("tanh", y)
    assert simplify([y]) == [y]


@pytest.mark.parametrize("step", [lambda x: x * 1, lambda x: -x, lambda x: make("abs", x) + 0])
def test_long_chains_do_not_recurse(step):
    y = var(2)
    for _ in range(5_000):
        y = step(y)
    (after,) = simplify([y])
    assert not {"multiply", "negative", "add"} & {node.op.name for node in topological([after])}


def test_a_long_chain_of_views_is_one():
    x = y = var(2, 3)
    for _ in range(10_000):
        y = permute(y, (1, 0))
    assert simplify([y]) == [x]


def test_outputs_may_be_inputs_and_repeat():
    x = var(3)
    assert simplify([x, x * 1, x]) == [x, x, x]
    assert simplify([]) == []


def test_masks_of_integers_are_counted_exactly():
    mask = broadcast_to(var(1, dtype=bool_), (7,))
    (count,) = simplify([make("sum", cast(mask, int32), axes=(0,))])
    known = {node: np.array([True]) for node in topological([count]) if node.op.name == "variable"}
    assert evaluate([count], known)[0] == 7


@pytest.mark.parametrize(("source", "target", "groups"), [
    ((2, 3, 1, 4), (6, 2, 2), (((0, 1), (0,)), ((3,), (1, 2)))),
    ((1, 1), (1,), ()),
    ((4, 6), (6, 4), (((0, 1), (0, 1)),)),
    ((2, 1, 3), (2, 3), (((0,), (0,)), ((2,), (1,)))),
    ((), (1,), ()),
])
def test_reshape_groups(source, target, groups):
    assert reshape_groups(source, target) == groups
