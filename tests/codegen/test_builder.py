"""Each method of the builder, compiled and compared with NumPy."""

import numpy as np
import pytest
from codegen.native import Native

from chainrule.codegen.builder import Function
from chainrule.codegen.module import Module
from chainrule.codegen.values import (
    DOUBLE,
    FLOAT,
    I1,
    I32,
    I64,
    PTR,
    Type,
    constant,
    constants,
    iota,
)

LANES = 8


def run(build, *arrays, vector_bits=512):
    """Compiles `build(function, *pointers)` and calls it on the arrays."""
    function = Function("f", [(PTR, f"p{i}", "noalias") for i in range(len(arrays))])
    build(function, *function.parameters)
    function.ret()
    module = Module(vector_bits)
    module.add(function)
    Native(module)("f", *arrays)


def values(dtype, count=LANES, seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(size=count).astype(dtype)
    return rng.integers(-100, 100, count).astype(dtype)


BINARY = [
    ("fadd", np.add), ("fsub", np.subtract), ("fmul", np.multiply), ("fdiv", np.divide),
    ("add", np.add), ("sub", np.subtract), ("mul", np.multiply), ("and_", np.bitwise_and),
    ("or_", np.bitwise_or), ("xor", np.bitwise_xor),
    ("sdiv", lambda a, b: np.trunc(a / b)), ("shl", lambda a, b: a << b % 8),
    ("ashr", lambda a, b: a >> b % 8),
]  # fmt: skip
CASES = [
    (name, expected, scalar)
    for name, expected in BINARY
    for scalar in (("float", "double") if name.startswith("f") else ("i32", "i64"))
]
SCALARS = {"float": np.float32, "double": np.float64, "i32": np.int32, "i64": np.int64}


@pytest.mark.parametrize("lanes", [1, LANES])
@pytest.mark.parametrize("name,expected,scalar", CASES)
def test_arithmetic(name, expected, scalar, lanes):
    type = Type(scalar, lanes)
    a, b = values(SCALARS[scalar], lanes), values(SCALARS[scalar], lanes, 1) + 1000
    out = np.empty_like(a)

    def build(f, a, b, out):
        x, y = f.load(a, type, 4), f.load(b, type, 4)
        y = f.and_(y, 7) if name in ("shl", "ashr") else y
        f.store(getattr(f, name)(x, y), out, 4)

    run(build, a, b, out)
    np.testing.assert_array_equal(out, expected(a, b).astype(a.dtype))


def test_type():
    vector = Type("float", 16)
    assert str(vector) == "<16 x float>" and str(FLOAT) == "float"
    assert vector.is_float and vector.bits == 32 and not I64.is_float and I1.bits == 1
    assert vector.with_lanes(1) == FLOAT and vector.with_scalar("double") == Type("double", 16)


@pytest.mark.parametrize("scalar,dtype", [("float", "f4"), ("double", "f8"), ("half", "f2")])
@pytest.mark.parametrize("number", [0.1, -0.0, 1e-7, 65504.0, np.inf, -np.inf, np.nan])
def test_constants_are_exact(scalar, dtype, number):
    out = np.empty(4, dtype)
    run(lambda f, out: f.store(constant(Type(scalar, 4), number), out, 2), out)
    assert out.tobytes() == np.full(4, number, dtype).tobytes()


def test_bfloat_constants_round_to_nearest_even():
    numbers = [1.0, 1.00390625, 1.01171875, 3.0e38, np.inf, -0.1]
    out = np.empty(len(numbers), np.uint16)
    run(lambda f, out: f.store(constants("bfloat", numbers), out, 2), out)
    np.testing.assert_array_equal(out, [0x3F80, 0x3F80, 0x3F82, 0x7F62, 0x7F80, 0xBDCD])


def test_numbers_take_the_type_of_the_other_operand():
    x, out = values("f4"), np.empty((4, LANES), "f4")

    def build(f, x, out):
        v = f.load(x, Type("float", LANES), 4)
        results = f.fmul(v, 2), f.fsub(1, v), f.select(f.fcmp("olt", v, 0), 0.5, v), f.fma(v, v, 1)
        for row, result in enumerate(results):
            f.store(result, f.gep(out, row * LANES, "float"), 4)

    run(build, x, out)
    exact = (x.astype("f8") ** 2 + 1).astype("f4")
    np.testing.assert_array_equal(out, [x * 2, 1 - x, np.where(x < 0, np.float32(0.5), x), exact])


def test_casts():
    x = np.array([-2.5, 1.75, 300.0, -np.inf, np.nan, 1e20, 0.0, -0.0], "f4")
    saturated, wide, bits = np.empty(LANES, "i4"), np.empty(LANES, "f8"), np.empty(LANES, "i8")

    def build(f, x, saturated, wide, bits):
        v = f.load(x, Type("float", LANES), 4)
        f.store(f.intrinsic("fptosi.sat", Type("i32", LANES), v), saturated, 4)
        f.store(f.fpext(v, "double"), wide, 4)
        f.store(f.zext(f.bitcast(v, "i32"), "i64"), bits, 4)
        assert f.bitcast(v, "float") is v

    run(build, x, saturated, wide, bits)
    i4 = np.iinfo("i4")
    np.testing.assert_array_equal(saturated, [-2, 1, 300, i4.min, 0, i4.max, 0, 0])
    np.testing.assert_array_equal(wide, x.astype("f8"))
    np.testing.assert_array_equal(bits, x.view("u4"))


def test_masked_memory_touches_only_its_lanes():
    x, out, scattered = values("f4"), np.full(LANES, 7, "f4"), np.full(LANES, 7, "f4")
    type = Type("float", LANES)

    def build(f, x, out, scattered):
        mask = f.icmp("slt", iota(LANES), 3)
        loaded = f.masked_load(x, type, mask, constant(type, -1), 4)
        f.store(loaded, out, 4)
        backwards = f.gep(x, f.sub(LANES - 1, iota(LANES)), "float")
        gathered = f.masked_gather(backwards, type, mask, constant(type, 0), 4)
        f.masked_scatter(gathered, f.gep(scattered, iota(LANES), "float"), mask, 4)
        f.masked_store(gathered, f.gep(out, LANES - 3, "float"), mask, 4)

    run(build, x, out, scattered)
    np.testing.assert_array_equal(out, [*x[:3], -1, -1, *x[:4:-1]])
    np.testing.assert_array_equal(scattered, [*x[:4:-1], 7, 7, 7, 7, 7])


@pytest.mark.parametrize("lane", [0, 5])
def test_a_single_lane_of_truncated_numbers_touches_nothing_else(lane):
    x, out = values("i8"), np.full(LANES, 7, "i2")
    mask = constants("i1", [number == lane for number in range(LANES)])

    def build(f, x, out):
        type = Type("i64", LANES)
        loaded = f.masked_load(x, type, mask, constant(type, 0), 8)
        f.masked_store(f.trunc(loaded, "i16"), out, mask, 2)

    run(build, x, out)
    expected = np.full(LANES, 7, "i2")
    expected[lane] = x[lane]
    np.testing.assert_array_equal(out, expected)


def test_vectors():
    x, out = values("f8"), np.empty((4, LANES), "f8")

    def build(f, x, out):
        v = f.load(x, Type("double", LANES), 8)
        last = f.extract(v, LANES - 1)
        results = (
            f.splat(last, LANES),
            f.splat(constant(DOUBLE, 3), LANES),
            f.insert(v, last, 0),
            f.shuffle(v, [0, 8, 1, 9, 2, 10, 3, 11], f.splat(last, LANES)),
        )
        for row, result in enumerate(results):
            f.store(result, f.gep(out, row * LANES, "double"), 8)
        assert f.splat(last, 1) is last

    run(build, x, out)
    e = x[-1]
    expected = [[e] * 8, [3] * 8, [e, *x[1:]], [x[0], e, x[1], e, x[2], e, x[3], e]]
    np.testing.assert_array_equal(out, expected)


REDUCTIONS = [
    ("add", "float"), ("mul", "float"), ("max", "float"), ("min", "double"), ("add", "i64"),
    ("max", "i32"), ("min", "i32"), ("umax", "i32"), ("umin", "i64"), ("and", "i32"),
    ("or", "i32"), ("xor", "i64"),
]  # fmt: skip


@pytest.mark.parametrize("kind,scalar", REDUCTIONS)
def test_reductions_are_trees_of_halves(kind, scalar):
    x, out = values(SCALARS[scalar]), np.empty(1, SCALARS[scalar])

    def build(f, x, out):
        f.store(f.reduce(kind, f.load(x, Type(scalar, LANES), 4)), out, 4)

    run(build, x, out)
    names = {"mul": "multiply", "max": "maximum", "min": "minimum",
             "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor"}  # fmt: skip
    tree = x.view(x.dtype.str.replace("i", "u")) if kind.startswith("u") else x
    combine = getattr(np, names.get(kind.lstrip("u"), kind))
    while len(tree) > 1:
        tree = combine(tree[: len(tree) // 2], tree[len(tree) // 2 :])
    assert out.tobytes() == tree.tobytes()


@pytest.mark.parametrize("kind", ["max", "min"])
def test_a_nan_wins_a_reduction(kind):
    x, out = values("f4"), np.empty(1, "f4")
    x[3] = np.nan
    run(lambda f, x, out: f.store(f.reduce(kind, f.load(x, Type("float", 8), 4)), out, 4), x, out)
    assert np.isnan(out[0])


@pytest.mark.parametrize("count", [0, 1, 5])
def test_nested_loops_carry_values(count):
    x, out = values("f8", 15).reshape(5, 3), np.zeros(2, "f8")

    def build(f, x, out):
        with f.loop(0, count, carried=[constant(DOUBLE, 0), constant(I64, 0)]) as rows:
            total, visits = rows.carried
            with f.loop(0, 3, carried=[total]) as columns:
                place = f.add(f.mul(rows.index, 3), columns.index)
                item = f.load(f.gep(x, place, "double"), DOUBLE, 8)
                columns.carry(f.fadd(columns.carried[0], item))
            rows.carry(columns.carried[0], f.add(visits, 1))
        f.store(rows.carried[0], out, 8)
        f.store(f.sitofp(rows.carried[1], "double"), f.gep(out, 1, "double"), 8)

    run(build, x, out)
    np.testing.assert_allclose(out, [x[:count].sum(), count], rtol=1e-14)


def test_branches_and_phis():
    out = np.zeros(10, "i4")

    def build(f, out):
        with f.loop(0, 10, 1) as loop:
            small, large, after = f.block("small"), f.block("large"), f.block("after")
            index = f.trunc(loop.index, "i32")
            f.cond_branch(f.icmp("slt", index, 5), small, large)
            f.enter(small)
            doubled = f.mul(index, 2)
            f.branch(after)
            f.enter(large)
            f.branch(after)
            f.enter(after)
            chosen = f.phi(I32)
            chosen.add_incoming(doubled, small)
            chosen.add_incoming(constant(I32, -1), large)
            with f.when(f.icmp("ne", index, 2)):
                f.store(chosen, f.gep(out, loop.index, "i32"), 4)

    run(build, out)
    np.testing.assert_array_equal(out, [0, 2, 0, 6, 8, -1, -1, -1, -1, -1])


@pytest.mark.parametrize("taken", [0, 1])
def test_a_branch_may_replace_values(taken):
    out = np.zeros(2, "f8")

    def build(f, out):
        condition = f.icmp("ne", constant(I64, taken), 0)
        usual = constant(DOUBLE, 1), constant(DOUBLE, 2)
        with f.when(condition, usual) as branch:
            with f.loop(0, 3, carried=[usual[1]]) as loop:
                loop.carry(f.fmul(loop.carried[0], 2))
            branch.carry(constant(DOUBLE, 5), loop.carried[0])
        for i, value in enumerate(branch.carried):
            f.store(value, f.gep(out, i, "double"), 8)

    run(build, out)
    np.testing.assert_array_equal(out, [5, 16] if taken else [1, 2])


def test_stack_tables_and_calls():
    out = np.zeros(4, "f4")
    helper = Function("third", [(PTR, "p", "readonly")], FLOAT, prefix="internal")
    helper.ret(helper.load(helper.gep(helper.parameters[0], 2, "float"), FLOAT, 4))
    f = Function("f", [(PTR, "out", "")], attributes="noinline")
    stack = f.alloca(FLOAT, 4)
    table = f.table("float", [1.5, 2.5, 3.5, 4.5])
    f.store(f.load(table, Type("float", 4), 64), stack, 64)
    f.store(f.call("third", FLOAT, stack), f.parameters[0], 4)
    f.ret()
    module = Module()
    module.add(helper)
    module.add(f)
    Native(module)("f", out)
    assert out[0] == 3.5


def test_every_function_of_a_module_gets_the_vector_width():
    module = Module(512)
    for name in "ab":
        module.add(Function(name)).ret()
    text = str(module)
    assert '"prefer-vector-width"="512" "min-legal-vector-width"="512"' in text
    assert text.count("#0 ") == 3
