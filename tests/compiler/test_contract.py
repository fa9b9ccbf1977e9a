"""Tiled contractions: every kind of edge, operands that are views, and where no tile pays."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.ir.plan import Kernel

# Wide enough for panels, of one block of the terms and of several; in two, rows lie a page apart.
WIDE = [(130, 300, 333), (97, 1024, 100), (64, 4000, 40), (150, 2600, 37), (120, 2048, 96)]
SHAPES = [*WIDE, (1, 64, 40), (3, 17, 50), (8, 32, 32), (14, 9, 33), (15, 16, 100), (64, 20, 10)]


def heroes(function, *arrays):
    """(result, number of tiled contractions in the compiled program)."""
    compiled = cr.jit(function)
    result = compiled(*arrays).numpy()
    (call,) = compiled.compiled.values()
    items = call.program.program.block.items
    return result, sum(isinstance(item, Kernel) and item.hero is not None for item in items)


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("m", "k", "n"), SHAPES)
def test_tiles_of_every_edge(m, k, n, turned, dtype):
    rng = np.random.default_rng(m)
    a = rng.integers(-9, 9, (m, k)).astype(dtype)
    b = rng.integers(-9, 9, (n, k) if turned else (k, n)).astype(dtype)
    result, count = heroes(lambda a, b: a @ (b.T if turned else b), a, b)
    # Sums of small integers are exact in any order.
    assert np.array_equal(result, a @ (b.T if turned else b))
    assert count == (0 if turned and m == 1 else 1)


@pytest.mark.parametrize("dtype", [cr.bfloat16, cr.float16], ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("m", "k", "n"), SHAPES)
def test_tiles_of_16_bit_floats(m, k, n, turned, dtype):
    """The sum in float32 is exact here, and rounded once."""
    rng = np.random.default_rng(m)
    a = rng.integers(-9, 9, (m, k)).astype(np.float32)
    b = rng.integers(-9, 9, (n, k) if turned else (k, n)).astype(np.float32)
    narrow = [cr.asarray(x, dtype=dtype) for x in (a, b)]
    result, _ = heroes(lambda a, b: a @ (b.T if turned else b), *narrow)
    wanted = cr.asarray(a @ (b.T if turned else b), dtype=dtype)
    assert np.array_equal(result, wanted)


def test_a_reshaped_view_is_copied_once_and_the_contraction_stays_tiled():
    rng = np.random.default_rng(0)
    x = rng.integers(-9, 9, (3, 8, 4, 16, 32)).astype(np.float32)
    w = rng.integers(-9, 9, (384, 64)).astype(np.float32)

    def merged(x):
        return x.transpose(1, 3, 0, 2, 4).reshape(128, 384)

    def ours(x, w):
        flat = cr.reshape(cr.permute_dims(x, (1, 3, 0, 2, 4)), (128, 384))
        return flat.T @ (flat @ w)

    result, count = heroes(ours, x, w)
    assert np.array_equal(result, merged(x).T @ (merged(x) @ w))
    assert count == 2


def test_batched_contractions_share_tiles():
    rng = np.random.default_rng(0)
    a = rng.integers(-9, 9, (2, 3, 16, 20)).astype(np.float32)
    b = rng.integers(-9, 9, (2, 3, 20, 24)).astype(np.float32)
    result, count = heroes(lambda a, b: a @ b, a, b)
    assert np.array_equal(result, a @ b) and count == 1


def test_panels_of_windows_in_blocks():
    """A convolution of many channels, and its weights' gradient."""
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, (3, 17, 19, 130)).astype(np.float32)
    w = rng.integers(-3, 4, (3, 3, 130, 70)).astype(np.float32)
    result, count = heroes(lambda x, w: cr.conv(x, w), x, w)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
    assert np.array_equal(result, np.einsum("nhwcij,ijco->nhwo", windows, w)) and count == 1

    def gradient(x, dy):
        return cr.vjp(lambda w: cr.conv(x, w), cr.zeros(w.shape))[1](dy)[0]

    result, count = heroes(gradient, x, result)
    dy = np.einsum("nhwcij,ijco->nhwo", windows, w)
    assert np.array_equal(result, np.einsum("nhwcij,nhwo->ijco", windows, dy)) and count == 1


def test_panels_of_batches_and_several_summed_letters():
    rng = np.random.default_rng(0)
    a = rng.integers(-9, 9, (2, 150, 12, 40)).astype(np.float32)
    b = rng.integers(-9, 9, (2, 12, 40, 150)).astype(np.float32)
    result, count = heroes(lambda a, b: cr.einsum("gmjk,gjkn->gmn", a, b), a, b)
    assert np.array_equal(result, np.einsum("gmjk,gjkn->gmn", a, b)) and count == 1
