"""The elementary functions against wider arithmetic: errors in units of the last place."""

import math

import numpy as np
import pytest
from codegen.native import Native

from chainrule.codegen import math as functions
from chainrule.codegen import trigonometry
from chainrule.codegen.builder import Function
from chainrule.codegen.module import Module
from chainrule.codegen.philox import philox4x32_10
from chainrule.codegen.values import I64, PTR, Type

WIDER = {np.dtype("f4"): np.float64, np.dtype("f8"): np.longdouble}
SCALARS = {np.dtype("f4"): "float", np.dtype("f8"): "double"}
_erf = np.frompyfunc(math.erf, 1, 1)


def erf(x):
    return _erf(x.astype("f8")).astype(x.dtype)


def sigmoid(x):
    falling = np.exp(-np.abs(x))
    return np.where(x > 0, 1, falling) / (1 + falling)


# name: (definition, interesting places, where double is tested densely)
UNARY = {
    "exp": (np.exp, [-103.97, -104, -87.34, 88.7228, 709.7827, -708.4, -745.13], (-750, 712)),
    "expm1": (np.expm1, [-18, -37.4, 88.7228, 709.7827, 0.3466], (-40, 712)),
    "log": (np.log, [1, 0.70710678, 1.41421356, 1e-38, 1e-308], (0, 10)),
    "log1p": (np.log1p, [-1, -0.29289, 0.41421, 1e38, 1e308], (-1, 10)),
    "tanh": (np.tanh, [0.55, 9.01, 9.1, 19.06, 19.1], (-20, 20)),
    "sigmoid": (sigmoid, [-103.97, -87.34, 16.6, -708.4, -745.13, 36.7], (-750, 40)),
    "erf": (erf, [0.9, 1, 3.92, 3.95, 5.92, 6], (-6.1, 6.1)),
    "sin": (np.sin, [0.7854, 3.14159265, 2**48, 1e9, 1e22, 5.319372648326541e255], (-1e9, 1e9)),
    "cos": (np.cos, [0.7854, 1.57079633, 2**48, 1e9, 1e22, 6e255], (-1e9, 1e9)),
    "floor": (np.floor, [0.5, 1, 2**23, 2**52], (-100, 100)),
    "trunc": (np.trunc, [0.5, 1, 2**23, 2**52], (-100, 100)),
    "round": (np.rint, [0.5, 1.5, 2.5, 2**23, 2**52], (-100, 100)),
    "sqrt": (np.sqrt, [0, 1, 4], (0, 100)),
}
EXACT = {"floor", "trunc", "round", "sqrt"}
BOUNDED_BY_ONE = {"tanh", "sigmoid", "erf", "sin", "cos"}
BINARY = {"power": np.power, "atan2": np.arctan2}

_compiled = {}


def native(name, dtype, lanes):
    """The function `name` over arrays whose length is a multiple of `lanes`."""
    key = name, dtype, lanes
    if key in _compiled:
        return _compiled[key]
    pointers = [(PTR, f"p{i}", "noalias") for i in range(3 if name in BINARY else 2)]
    f = Function("kernel", [*pointers, (I64, "count", "")])
    *operands, out, count = f.parameters
    type = Type(SCALARS[dtype], lanes)
    emit = getattr(trigonometry if hasattr(trigonometry, name) else functions, name)
    with f.loop(0, count, lanes) as loop:
        places = [f.gep(p, loop.index, type.scalar) for p in (*operands, out)]
        values = [f.load(place, type, dtype.itemsize) for place in places[:-1]]
        f.store(emit(f, *values), places[-1], dtype.itemsize)
    f.ret()
    module = Module(512)
    module.add(f)
    _compiled[key] = Native(module)
    return _compiled[key]


def evaluate(name, *arrays, lanes=16):
    padded = [np.append(a, np.zeros(-len(a) % lanes, a.dtype)) for a in arrays]
    out = np.empty_like(padded[0])
    native(name, out.dtype, lanes)("kernel", *padded, out, len(out))
    return out[: len(arrays[0])]


def error(result, definition, *arrays):
    """Units of the last place; infinite where a NaN, an infinity or the sign of a zero differs."""
    dtype = result.dtype
    with np.errstate(all="ignore"):
        exact = definition(*(a.astype(WIDER[dtype]) for a in arrays))
        rounded = exact.astype(dtype)
        unit = np.spacing(np.where(np.isfinite(rounded), np.abs(rounded), dtype.type(1)))
        distance = np.abs(result - exact) / unit
    same = (result == rounded) & (np.signbit(result) == np.signbit(rounded))
    same |= np.isnan(result) & np.isnan(rounded)
    special = ~np.isfinite(rounded) | ~np.isfinite(result) | ((rounded == 0) & (result == 0))
    return np.where(special, np.where(same, 0, np.inf), distance).astype("f8")


def assert_within(limit, name, definition, *arrays, lanes=16):
    result = evaluate(name, *arrays, lanes=lanes)
    errors = error(result, definition, *arrays)
    worst = int(np.argmax(errors))
    place = [a[worst] for a in arrays]
    assert errors[worst] <= limit, f"{name}{place} = {result[worst]}: {errors[worst]} ulp"
    return result


def limit(name):
    return 0.5 if name in EXACT else 2


def special(dtype):
    info = np.finfo(dtype)
    positive = [0, info.smallest_subnormal, 3 * info.smallest_subnormal, info.tiny, 0.5, 1, 1.5, 2,
                3, info.eps, 1 + info.eps, 1 - info.epsneg, 1 / info.eps, 1 + 1 / info.eps,
                1e10, info.max / 2, info.max, np.inf]  # fmt: skip
    return np.array([*positive, *(-x for x in positive), np.nan], dtype)


def around(places, dtype):
    """Each place's neighbours, 100 on either side, both signs."""
    integer = np.dtype(f"i{dtype.itemsize}")
    with np.errstate(over="ignore"):
        bits = np.array(places, dtype).view(integer)[:, None] + np.arange(-100, 101)
    return np.concatenate([bits.ravel().view(dtype), -bits.ravel().view(dtype)])


@pytest.mark.parametrize("name", UNARY)
def test_float32_over_all_of_its_range(name):
    definition, places, _ = UNARY[name]
    x = np.arange(0, 1 << 32, 2053, dtype=np.uint64).astype(np.uint32).view("f4")
    x = np.concatenate([x, special(np.dtype("f4")), around(places, np.dtype("f4"))])
    result = assert_within(limit(name), name, definition, x)
    if name in BOUNDED_BY_ONE:
        assert np.nanmax(np.abs(result)) <= 1


@pytest.mark.parametrize("name", UNARY)
def test_float64(name):
    definition, places, (low, high) = UNARY[name]
    rng = np.random.default_rng(0)
    anything = rng.integers(0, 1 << 64, 20_000, dtype=np.uint64).view("f8")
    small = np.exp(rng.uniform(-40, 0, 20_000)) * (-1 if low < 0 else 1) ** np.arange(20_000)
    dense = rng.uniform(low, high, 40_000)
    dtype = np.dtype("f8")
    x = np.concatenate([anything, small, dense, special(dtype), around(places, dtype)])
    # expm1 reaches 2.1; the definition of erf is itself a double's, wrong by up to 1.
    extra = {"expm1": 0.5, "erf": 0.5}.get(name, 0)
    result = assert_within(limit(name) + extra, name, definition, x)
    if name in BOUNDED_BY_ONE:
        assert np.nanmax(np.abs(result)) <= 1


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_one_lane_gives_the_same_bits_as_sixteen(name, dtype):
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(size=500) * 3, 10.0 ** rng.uniform(-30, 30, 500)]).astype(dtype)
    arrays = [x, x[::-1].copy()][: 2 if name in BINARY else 1]
    one, sixteen = (evaluate(name, *arrays, lanes=lanes) for lanes in (1, 16))
    np.testing.assert_array_equal(one, sixteen)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", BINARY)
def test_two_operands(name, dtype):
    dtype, rng, count = np.dtype(dtype), np.random.default_rng(2), 60_000
    integer = np.dtype(f"u{dtype.itemsize}")
    anything = rng.integers(0, 2 ** (8 * dtype.itemsize), (2, count), dtype=integer).view(dtype)
    near = rng.normal(size=(2, count)).astype(dtype)
    wide = np.exp(rng.normal(size=count) * 10), rng.integers(-40, 40, count)
    close = 1 + rng.normal(size=count) * 1e-3, rng.normal(size=count) * 2e4
    cases = [anything, near, np.array(wide, dtype), np.array(close, dtype)]
    x, y = np.concatenate([case.reshape(2, -1) for case in cases], axis=1)
    assert_within(2, name, BINARY[name], x.copy(), y.copy())


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", BINARY)
def test_every_pair_of_special_values(name, dtype):
    values = special(np.dtype(dtype))
    x, y = (a.ravel() for a in np.meshgrid(values, values))
    assert_within(2, name, BINARY[name], x, y)


def test_nothing_calls_the_mathematics_library():
    names = [*UNARY, *BINARY, "rint", "roundeven", "fma", "atan", "pow", "sincos", "exp2", "log2"]
    for key in [
        (name, np.dtype(dtype), 16) for name in (*UNARY, *BINARY) for dtype in ("f4", "f8")
    ]:
        code = native(*key).code
        for name in names:
            assert not any(b"\0%b\0" % (name + end).encode() in code for end in ("", "f")), key


# From the known-answer tests of the Random123 distribution: counter, key, and the four words.
PHILOX = [
    ([0, 0, 0, 0], [0, 0], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0],
     [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]),
]  # fmt: skip


@pytest.mark.parametrize("lanes", [1, 16])
@pytest.mark.parametrize("counter,key,words", PHILOX)
def test_philox_known_answers(counter, key, words, lanes):
    f = Function("kernel", [(PTR, "state", ""), (PTR, "out", "")])
    state, out = f.parameters
    loaded = [f.load(f.gep(state, i * lanes, "i32"), Type("i32", lanes), 4) for i in range(6)]
    for i, word in enumerate(philox4x32_10(f, *loaded)):
        f.store(word, f.gep(out, i * lanes, "i32"), 4)
    f.ret()
    module = Module(512)
    module.add(f)
    result = np.empty((4, lanes), np.uint32)
    Native(module)("kernel", np.repeat(np.array([*counter, *key], np.uint32), lanes), result)
    np.testing.assert_array_equal(result, np.repeat([words], lanes, axis=0).T)
