"""Elementwise functions against NumPy and SciPy in double precision, special values included."""

import numpy as np
import pytest
import scipy.special

import chainrule as cr

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, np.inf, -np.inf, np.nan, 1e-30, -1e-30]
RANDOM = np.random.default_rng(0)
WIDE = np.concatenate(
    [RANDOM.normal(0, 3, 500), RANDOM.normal(size=500) * 10.0 ** RANDOM.uniform(-20, 20, 500)]
)
UNIT = RANDOM.uniform(-1, 1, 1000)
POSITIVE = np.abs(WIDE)


def odd_erfinv(x):
    """SciPy's loses the sign of zero."""
    return np.copysign(scipy.special.erfinv(x), x)


# Next to 1 erf has too few digits left for its inverse.
UNARY = [
    ("abs", np.abs, WIDE), ("acos", np.arccos, UNIT), ("acosh", np.arccosh, POSITIVE),
    ("asin", np.arcsin, UNIT), ("asinh", np.arcsinh, WIDE), ("atan", np.arctan, WIDE),
    ("atanh", np.arctanh, UNIT), ("ceil", np.ceil, WIDE), ("cos", np.cos, UNIT),
    ("cosh", np.cosh, WIDE), ("erf", scipy.special.erf, WIDE), ("erfinv", odd_erfinv, 0.99 * UNIT),
    ("exp", np.exp, WIDE), ("expm1", np.expm1, WIDE), ("floor", np.floor, WIDE),
    ("isfinite", np.isfinite, WIDE), ("isinf", np.isinf, WIDE), ("isnan", np.isnan, WIDE),
    ("log", np.log, WIDE), ("log10", np.log10, POSITIVE), ("log1p", np.log1p, POSITIVE),
    ("log2", np.log2, POSITIVE), ("log_sigmoid", scipy.special.log_expit, WIDE),
    ("logit", scipy.special.logit, (UNIT + 1) / 2), ("negative", np.negative, WIDE),
    ("positive", np.positive, WIDE), ("reciprocal", np.reciprocal, WIDE), ("round", np.round, WIDE),
    ("sigmoid", scipy.special.expit, WIDE), ("sign", np.sign, WIDE), ("signbit", np.signbit, WIDE),
    ("sin", np.sin, UNIT), ("sinh", np.sinh, WIDE),
    ("softplus", lambda x: np.logaddexp(x, 0), WIDE), ("sqrt", np.sqrt, WIDE),
    ("square", np.square, WIDE), ("tan", np.tan, UNIT),
    ("tanh", np.tanh, WIDE), ("trunc", np.trunc, WIDE),
]  # fmt: skip

BINARY = [
    ("add", np.add), ("atan2", np.arctan2), ("copysign", np.copysign), ("divide", np.divide),
    ("equal", np.equal), ("greater", np.greater), ("greater_equal", np.greater_equal),
    ("hypot", np.hypot), ("less", np.less), ("less_equal", np.less_equal),
    ("maximum", np.maximum), ("minimum", np.minimum), ("multiply", np.multiply),
    ("not_equal", np.not_equal), ("pow", np.power), ("subtract", np.subtract),
]  # fmt: skip

INTEGER = [
    ("add", np.add), ("subtract", np.subtract), ("multiply", np.multiply),
    ("floor_divide", np.floor_divide), ("remainder", np.remainder), ("maximum", np.maximum),
    ("minimum", np.minimum), ("bitwise_and", np.bitwise_and), ("bitwise_or", np.bitwise_or),
    ("bitwise_xor", np.bitwise_xor), ("less", np.less), ("equal", np.equal),
    ("greater_equal", np.greater_equal),
]  # fmt: skip

# Units in the last place: compositions of functions of 1 to 2 each.
ULPS = 5


def rounded(want, dtype):
    return want if want.dtype == bool else want.astype(dtype)


def assert_close(got, want, dtype):
    """Equal special values and signs of zero; finite values within ULPS units in the last place."""
    got = np.asarray(got)
    assert got.dtype == want.dtype
    if want.dtype == bool:
        np.testing.assert_array_equal(got, want)
        return
    special = ~np.isfinite(want) | (want == 0)
    np.testing.assert_array_equal(got[special], want[special])
    signed = special & ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(got[signed]), np.signbit(want[signed]))
    # Results that are denormal, or come from arguments that are, have fewer digits.
    tiny = np.finfo(dtype).smallest_normal
    np.testing.assert_allclose(
        got[~special], want[~special], rtol=ULPS * np.finfo(dtype).eps, atol=tiny
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "reference", "values"), UNARY, ids=[row[0] for row in UNARY])
def test_unary(name, reference, values, dtype):
    x = np.concatenate([values, SPECIAL]).astype(dtype)
    with np.errstate(all="ignore"):
        want = rounded(reference(x.astype(float)), dtype)
    assert_close(getattr(cr, name)(cr.asarray(x, dtype=dtype)), want, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "reference"), BINARY, ids=[row[0] for row in BINARY])
def test_binary(name, reference, dtype):
    x = np.concatenate([WIDE[:100], SPECIAL]).astype(dtype)
    y = np.concatenate([WIDE[100:200], SPECIAL[::-1]]).astype(dtype)[:, None]
    with np.errstate(all="ignore"):
        want = reference(x, y) if name == "pow" else reference(x.astype(float), y.astype(float))
        want = rounded(want, dtype)
    got = getattr(cr, name)(cr.asarray(x, dtype=dtype), cr.asarray(y, dtype=dtype))
    assert_close(got, want, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logaddexp(dtype):
    x = np.concatenate([WIDE, SPECIAL]).astype(dtype)
    y = x[::-1]
    with np.errstate(invalid="ignore"):
        want = np.logaddexp(x.astype(float), y.astype(float)).astype(dtype)
    got = np.asarray(cr.logaddexp(cr.asarray(x, dtype=dtype), cr.asarray(y, dtype=dtype)))
    # The result may be near 0 where the operands are not: the error is one of theirs.
    error = 2 * np.finfo(dtype).eps * (1 + np.maximum(np.abs(x), np.abs(y)))
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite])
    assert (np.abs(got[finite] - want[finite]) <= error[finite]).all()


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "uint32"])
@pytest.mark.parametrize(("name", "reference"), INTEGER, ids=[row[0] for row in INTEGER])
def test_integers(name, reference, dtype):
    info = np.iinfo(dtype)
    x = RANDOM.integers(info.min, info.max, 50, dtype, endpoint=True)
    y = RANDOM.integers(1, 100, (50, 1)).astype(dtype)
    got = getattr(cr, name)(cr.asarray(x, dtype=dtype), cr.asarray(y, dtype=dtype))
    np.testing.assert_array_equal(np.asarray(got), reference(x, y))
    assert got.dtype.numpy == reference(x, y).dtype


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint32"])
def test_shifts(dtype):
    x, y = np.arange(40, 60).astype(dtype), np.arange(0, 5)[:, None].astype(dtype)
    np.testing.assert_array_equal(np.asarray(cr.asarray(x) << cr.asarray(y)), x << y)
    np.testing.assert_array_equal(np.asarray(cr.asarray(x) >> cr.asarray(y)), x >> y)


def test_integers_by_zero_give_zero():
    zero = cr.asarray([0])
    assert (cr.asarray([7]) // zero).tolist() == [0]
    assert (cr.asarray([7]) % zero).tolist() == [0]


def test_floor_divide_follows_the_standard_at_infinity():
    x, y = [np.inf, -np.inf, 1.0, -1.0], [2.0, 2.0, -np.inf, np.inf]
    got = np.asarray(cr.asarray(x) // cr.asarray(y))
    np.testing.assert_array_equal(got, [np.inf, -np.inf, -0.0, -0.0])
    assert np.signbit(got[2:]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nextafter(dtype):
    values = np.array([*SPECIAL, 1e-45, -1e-45, 3e38], dtype)
    x, y = (grid.ravel() for grid in np.meshgrid(values, values))
    got = np.asarray(cr.nextafter(cr.asarray(x, dtype=dtype), cr.asarray(y, dtype=dtype)))
    np.testing.assert_array_equal(got.view(f"u{got.itemsize}"), fixed_nan(np.nextafter(x, y), got))


def fixed_nan(want, got):
    """The bits of `want`, with those of `got` where both are NaN."""
    bits = want.view(f"u{want.itemsize}").copy()
    both = np.isnan(want) & np.isnan(got)
    bits[both] = got.view(f"u{got.itemsize}")[both]
    return bits


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log2_of_powers_of_two_is_exact(dtype):
    powers = np.arange(-126, 128)
    assert np.asarray(cr.log2(cr.asarray((2.0**powers).astype(dtype)))).tolist() == powers.tolist()


def test_logic():
    x, y = np.array([True, True, False, False]), np.array([True, False, True, False])
    for name in ("logical_and", "logical_or", "logical_xor"):
        np.testing.assert_array_equal(
            np.asarray(getattr(cr, name)(cr.asarray(x), y)), getattr(np, name)(x, y)
        )
    np.testing.assert_array_equal(np.asarray(cr.logical_not(cr.asarray(x))), ~x)
    np.testing.assert_array_equal(np.asarray(~cr.asarray([1, -1], dtype=cr.int8)), [-2, 0])


def test_clip():
    x = np.array([-2.0, 0.5, 7.0, np.nan], np.float32)
    np.testing.assert_array_equal(np.asarray(cr.clip(cr.asarray(x), -1, 1)), np.clip(x, -1, 1))
    np.testing.assert_array_equal(np.asarray(cr.clip(cr.asarray(x), max=1)), np.minimum(x, 1))
    assert cr.clip(cr.asarray([1, 9]), 2.5, 7.5).tolist() == [2, 7]
