"""bfloat16 and float16 against PyTorch: the same bits, where one operation rounds."""

import numpy as np
import pytest

import chainrule as cr

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

TYPES = [(cr.bfloat16, torch.bfloat16), (cr.float16, torch.float16)]
types = pytest.mark.parametrize(("ours", "theirs"), TYPES, ids=["bfloat16", "float16"])
ways = pytest.mark.parametrize("way", [lambda f: f, cr.jit], ids=["eager", "compiled"])


def all_values(theirs, order=None):
    """Every value that there is: 65,536 patterns of bits, NaN and infinity among them."""
    bits = np.arange(1 << 16, dtype=np.uint16)
    bits = bits if order is None else np.random.default_rng(order).permutation(bits)
    return torch.from_numpy(bits.view(np.int16)).view(theirs)


def same(got, wanted):
    """Equal values; zeros with their sign; NaN is NaN."""
    got, wanted = np.asarray(got, np.float32), wanted.float().numpy()
    np.testing.assert_array_equal(got, wanted)
    numbers = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(got)[numbers], np.signbit(wanted)[numbers])


@types
@ways
def test_every_value_becomes_float32(ours, theirs, way):
    x = all_values(theirs)
    wide = way(lambda x: x.astype(cr.float32))(cr.from_dlpack(x))
    assert wide.dtype is cr.float32
    same(wide, x)


@types
@ways
def test_casts_round_to_nearest_even(ours, theirs, way):
    """At, just below and just above every value and every middle between two, and at random."""
    values = all_values(theirs).float().numpy().view(np.uint32)
    steps = np.array([0, 1, -1, 0x7FFF, 0x8000, 0x8001, 0xFFF, 0x1000, 0x1001], np.int64)
    near = (values[:, None] + steps).astype(np.uint32).ravel()
    random = np.random.default_rng(0).integers(0, 2**32, 100_000, dtype=np.uint32)
    x = np.concatenate([near, random]).view(np.float32)
    got = way(lambda x: x.astype(ours))(cr.asarray(x))
    assert got.dtype is ours
    same(got, torch.from_numpy(x).to(theirs))


@types
@ways
@pytest.mark.parametrize(
    "wide", [np.array([0.1, 1e300, -1e-300, 65519.0]), np.array([-7, 2049, 2**40, 257, 65520])]
)
def test_casts_from_other_types(ours, theirs, way, wide):
    x = cr.asarray(wide, dtype=wide.dtype.name)
    same(way(lambda x: x.astype(ours))(x), torch.from_numpy(wide).to(theirs))
    back = np.array([-2.5, 100.0, 3.99])
    values = torch.from_numpy(back).to(theirs)
    x = cr.from_dlpack(values)
    for kind in ("int32", "float64", "uint8" if (back > 0).all() else "int64"):
        got = np.asarray(way(lambda x, kind=kind: x.astype(kind))(x))
        np.testing.assert_array_equal(got, values.to(getattr(torch, kind)).numpy())


@types
@ways
@pytest.mark.parametrize("op", ["add", "subtract", "multiply", "divide", "maximum", "minimum"])
def test_arithmetic_rounds_once(ours, theirs, way, op):
    a, b = all_values(theirs), all_values(theirs, order=1)
    x, y = cr.from_dlpack(a), cr.from_dlpack(b)
    got, wanted = way(getattr(cr, op))(x, y), getattr(torch, op)(a, b)
    if op in ("maximum", "minimum"):
        np.testing.assert_array_equal(np.asarray(got, np.float32), wanted.float().numpy())
    else:
        same(got, wanted)


@types
@ways
@pytest.mark.parametrize("op", ["exp", "log", "tanh", "sigmoid", "erf", "sqrt", "sin"])
def test_functions_are_within_a_unit(ours, theirs, way, op):
    a = all_values(theirs)
    a = a[torch.isfinite(a)]
    got = np.asarray(way(getattr(cr, op))(cr.from_dlpack(a)), np.float32)
    wanted = getattr(torch, op)(a.double()).to(theirs).float().numpy()
    eps, tiny = cr.finfo(ours).eps, cr.finfo(ours).smallest_normal
    # sin of large angles is right to the digits of float32; torch's float64 is the reference.
    near = slice(None) if op != "sin" else np.abs(a.float().numpy()) < 1e4
    np.testing.assert_allclose(got[near], wanted[near], rtol=eps, atol=eps * tiny)


@types
@ways
def test_sums_and_products_accumulate_in_float32(ours, theirs, way):
    x = cr.full((4096,), 0.1, dtype=ours)
    tenth = float(x[0])
    assert float(way(cr.sum)(x)) == float(cr.asarray(4096 * tenth, dtype=ours))
    assert float(way(cr.mean)(x)) == tenth
    torch.manual_seed(0)
    a, b = torch.randn(3, 40, 600).to(theirs), torch.randn(600, 50).to(theirs)
    got = way(cr.matmul)(cr.from_dlpack(a), cr.from_dlpack(b))
    assert got.dtype is ours
    got = np.asarray(got, np.float32)
    wanted = (a.double() @ b.double()).to(theirs).float().numpy()
    # Rounded once: the sums of float32, exact to their own digits, tip it here and there.
    sums = cr.finfo("float32").eps * (a.double().abs() @ b.double().abs()).numpy()
    assert np.all(np.abs(got - wanted) <= 2 * cr.finfo(ours).eps * np.abs(wanted) + sums)
    assert (got == wanted).mean() > 0.99


@types
def test_tensors_travel_both_ways(ours, theirs):
    x = cr.asarray([[1.5, -2.0, 0.1]], dtype=ours)
    there = torch.from_dlpack(x)
    assert there.dtype is theirs and there.float().tolist() == x.tolist()
    back = cr.from_dlpack(there)
    assert back.dtype is ours and back.tolist() == x.tolist()
    assert cr.from_dlpack(there, copy=True).tolist() == x.tolist()


@types
def test_limits(ours, theirs):
    info, wanted = cr.finfo(ours), torch.finfo(theirs)
    assert (info.bits, info.eps, info.max, info.min, info.smallest_normal) == (
        wanted.bits, wanted.eps, wanted.max, wanted.min, wanted.smallest_normal,
    )  # fmt: skip
