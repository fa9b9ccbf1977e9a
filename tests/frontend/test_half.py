"""bfloat16 and float16 as tensors: what they hold, promote to, print and hand on."""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr

HALVES = pytest.mark.parametrize("dtype", [cr.bfloat16, cr.float16], ids=lambda d: d.name)


@HALVES
def test_making(dtype):
    third = {cr.bfloat16: 0.333984375, cr.float16: 0.333251953125}[dtype]
    for x in (
        cr.asarray([1 / 3], dtype=dtype),
        cr.full((1,), 1 / 3, dtype=dtype),
        cr.asarray(np.array([1 / 3]), dtype=dtype),
        cr.asarray([1 / 3]).astype(dtype),
        cr.ones(1, dtype=dtype) / 3,
        cr.asarray([[cr.asarray(1 / 3, dtype=dtype)]])[0],
    ):
        assert x.dtype is dtype and x.tolist() == [third] and x[0].item() == third
    assert cr.zeros((2, 3), dtype=dtype.name).dtype is dtype
    assert cr.arange(4, dtype=dtype).tolist() == [0, 1, 2, 3]
    assert cr.asarray(third, dtype=dtype) == third and bool(cr.asarray(third, dtype=dtype))


@HALVES
def test_what_holds_tensors_keeps_them(dtype):
    x = cr.asarray([[1.5, -0.25], [2.0, cr.inf]], dtype=dtype)
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x)), cr.jit(lambda: x)(), x[:, :]):
        assert other.dtype is dtype and other.tolist() == x.tolist()
    box = cr.nn.Parameter(x)
    assert box.dtype is dtype and (box + 1).dtype is dtype
    assert cr.concat([x, x]).shape == (4, 2) and cr.flip(x).tolist() == [[cr.inf, 2], [-0.25, 1.5]]


def test_promotion():
    half, other = cr.ones(2, dtype=cr.bfloat16), cr.ones(2, dtype=cr.float16)
    assert (half * 2.5).dtype is cr.bfloat16 and (2 - other).dtype is cr.float16
    assert (half + other).dtype is cr.float32 and (half + cr.ones(2)).dtype is cr.float32
    assert (half + cr.arange(2)).dtype is cr.bfloat16
    assert (half + np.ones(2, np.float32)).dtype is cr.float32
    assert cr.can_cast(cr.bfloat16, cr.float32) and not cr.can_cast(cr.float16, cr.bfloat16)


def test_numpy_has_no_bfloat16():
    x = cr.asarray([0.1, -3.0], dtype=cr.bfloat16)
    assert x.numpy().dtype == np.float32 and x.numpy().tolist() == [0.10009765625, -3.0]
    assert np.asarray(x, np.float64).tolist() == x.tolist()
    assert repr(x) == "Tensor([ 0.10009766, -3.        ], dtype=bfloat16)"
    assert cr.asarray([0.1], dtype=cr.float16).numpy().dtype == np.float16


@pytest.mark.peers  # JAX brings it.
def test_arrays_of_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([0.1, -3.0, np.inf], ml_dtypes.bfloat16)
    x = cr.asarray(array)
    assert x.dtype is cr.bfloat16 and x.tolist() == array.tolist()
    assert (x + array).dtype is cr.bfloat16 and cr.jit(cr.sum)(array).dtype is cr.bfloat16
    assert np.asarray(x, ml_dtypes.bfloat16).tolist() == array.tolist()


@HALVES
def test_a_maximum_is_found_again(dtype):
    """A kernel keeps the digits of float32, but what it compares is what it stores."""
    random = np.random.default_rng(0)
    a, b = (cr.asarray(random.normal(size=(20, 33)), dtype=dtype) for _ in range(2))

    def places(a, b):
        product = a * b
        return product == cr.max(product, axis=1, keepdims=True), cr.argmax(product, axis=1)

    for got, wanted in zip(cr.jit(places)(a, b), places(a, b), strict=True):
        np.testing.assert_array_equal(got, wanted)
    slope = cr.jit(cr.grad(lambda a, b: cr.sum(cr.max(a * b, axis=1))))(a, b)
    wanted = cr.grad(lambda a, b: cr.sum(cr.max(a * b, axis=1)))(a, b)
    np.testing.assert_array_equal(np.asarray(slope), np.asarray(wanted))


@HALVES
def test_what_is_stored_is_read_as_stored(dtype):
    """By the kernel that makes it as by all others: or no element were the largest."""

    def places(x):
        y = cr.tanh(x)
        wide = (y * y * y).astype(cr.float32)
        return y, y.astype(cr.float32) * 3, cr.any(wide == cr.max(wide))

    y, thrice, found = cr.jit(places)(cr.asarray(np.linspace(-2, 2, 999), dtype=dtype))
    np.testing.assert_array_equal(thrice, np.asarray(y, np.float32) * 3)
    assert found


def test_casts_are_roundings_in_kernels_too():
    x = cr.asarray(np.random.default_rng(0).normal(size=1000), dtype=cr.float32)
    rest = cr.jit(lambda x: x - x.astype(cr.bfloat16).astype(cr.float32))
    np.testing.assert_array_equal(rest(x), x - x.astype(cr.bfloat16).astype(cr.float32))
