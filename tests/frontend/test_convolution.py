"""Convolutions against a loop over windows in NumPy, and what their errors say."""

import itertools

import numpy as np
import pytest

import chainrule as cr

R = np.random.default_rng(5)


def reference(x, w, strides, pads, dilations, groups):
    """Every window by itself."""
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    reach = [d * (k - 1) + 1 for k, d in zip(w.shape, dilations, strict=False)]
    out = [(n - r) // s + 1 for n, r, s in zip(x.shape[1:-1], reach, strides, strict=True)]
    filters, channels = w.shape[-1] // groups, w.shape[-2]
    y = np.zeros((x.shape[0], *out, w.shape[-1]))
    for place in itertools.product(*map(range, out)):
        corner = [o * s for o, s in zip(place, strides, strict=True)]
        spots = [slice(c, c + r, d) for c, r, d in zip(corner, reach, dilations, strict=True)]
        window = x[(slice(None), *spots)]
        for group in range(groups):
            seen = window[..., group * channels : (group + 1) * channels]
            of_group = slice(group * filters, (group + 1) * filters)
            y[(slice(None), *place, of_group)] = np.tensordot(seen, w[..., of_group], w.ndim - 1)
    return y


def drawn(rank, seed):
    random = np.random.default_rng(seed)
    groups = int(random.integers(1, 4))
    channels, filters = random.integers(1, 4, 2)
    kernel, strides, dilations = (random.integers(1, most, rank) for most in (4, 4, 3))
    places = random.integers(7, 11, rank)
    pads = [tuple(map(int, pair)) for pair in random.integers(0, 3, (rank, 2))]
    x = random.normal(size=(2, *places, channels * groups))
    w = random.normal(size=(*kernel, channels, filters * groups))
    return x, w, strides.tolist(), pads, dilations.tolist(), groups


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_conv(rank, seed, compiled):
    x, w, strides, pads, dilations, groups = drawn(rank, seed)

    def run(x, w):
        return cr.conv(x, w, stride=strides, padding=pads, dilation=dilations, groups=groups)

    expected = reference(x, w, strides, pads, dilations, groups)
    x, w = cr.asarray(x, dtype="float64"), cr.asarray(w, dtype="float64")
    found = (cr.jit(run) if compiled else run)(x, w)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rank", [1, 2])
def test_conv_transpose_is_the_gradient_of_conv(rank, seed, compiled):
    x, w, strides, pads, dilations, groups = drawn(rank, seed)
    x, w = cr.asarray(x, dtype="float64"), cr.asarray(w, dtype="float64")
    options = {"stride": strides, "padding": pads, "dilation": dilations, "groups": groups}
    y, pull = cr.vjp(lambda x: cr.conv(x, w, **options), x)
    g = cr.asarray(R.normal(size=y.shape), dtype="float64")
    turned = turned_weight(w, groups)
    rest = [
        n + sum(pad) - d * (k - 1) - 1 - (o - 1) * s
        for n, pad, d, k, o, s in zip(
            x.shape[1:-1], pads, dilations, w.shape, y.shape[1:-1], strides, strict=False
        )
    ]

    def run(g, turned):
        return cr.conv_transpose(g, turned, output_padding=rest, **options)

    found = (cr.jit(run) if compiled else run)(g, turned)
    np.testing.assert_allclose(found.numpy(), pull(g)[0].numpy(), rtol=1e-11, atol=1e-11)


def turned_weight(w, groups):
    """Inputs and outputs exchanged within each group."""
    *kernel, channels, out = w.shape
    split = cr.reshape(w, (*kernel, channels, groups, out // groups))
    turned = cr.moveaxis(split, -1, -3)
    return cr.reshape(cr.moveaxis(turned, -1, -2), (*kernel, out // groups, channels * groups))


def test_same_padding():
    x, w = cr.ones((1, 5, 6, 1)), cr.ones((3, 2, 1, 1))
    assert cr.conv(x, w, padding="same").shape == (1, 5, 6, 1)
    assert cr.conv(x, w, padding="same", stride=(2, 4)).shape == (1, 3, 2, 1)
    assert cr.conv(x, w, padding="valid").shape == (1, 3, 5, 1)
    # The odd rest goes after: the first window is whole, the last one reaches out.
    assert cr.conv(x, w, padding="same")[0, 2, :, 0].numpy().tolist() == [6, 6, 6, 6, 6, 3]


@pytest.mark.parametrize(
    ("x", "w", "options", "says"),
    [
        ((1, 8, 8, 3), (3, 3, 4, 8), {}, "channels come last"),
        ((8, 8, 3), (3, 3, 3, 8), {}, "add an axis for the batch"),
        ((1, 2, 2, 3), (3, 3, 3, 8), {}, "pad more"),
        ((1, 8, 8, 3), (3, 3, 3, 8), {"stride": (1, 2, 3)}, "one for each axis"),
        ((1, 8, 8, 3), (3, 3, 3, 8), {"stride": 0}, "at least 1"),
        ((1, 8, 8, 3), (3, 3, 3, 8), {"padding": "full"}, '"same" or "valid"'),
        ((1, 8, 8, 4), (3, 3, 2, 9), {"groups": 2}, "groups divides out"),
    ],
)
def test_errors(x, w, options, says):
    with pytest.raises(cr.ChainruleError) as caught:
        cr.conv(cr.ones(x), cr.ones(w), **options)
    assert says in str(caught.value)


# ---- What is known of convolutions ----


@pytest.mark.covers("A-138", "A-139")
def test_places_of_the_result():
    """floor((n + 2 p - k) / s) + 1; "same" is symmetric, p = (k - 1) / 2, for odd kernels alone."""
    for n, k, s, p in itertools.product(range(1, 9), range(1, 6), range(1, 5), range(3)):
        if n + 2 * p >= k:
            y = cr.conv(cr.ones((1, n, 1)), cr.ones((k, 1, 1)), stride=s, padding=p)
            assert y.shape == (1, (n + 2 * p - k) // s + 1, 1)
    x = cr.asarray(R.normal(size=(2, 9, 1)), dtype="float64")
    for k in range(1, 6):
        w = cr.asarray(R.normal(size=(k, 1, 1)), dtype="float64")
        same, symmetric = cr.conv(x, w, padding="same"), cr.conv(x, w, padding=(k - 1) // 2)
        assert same.shape == (2, 9, 1)
        assert (symmetric.shape == same.shape) == (k % 2 == 1)
        if k % 2:
            np.testing.assert_array_equal(same, symmetric)


@pytest.mark.covers("A-140")
def test_a_kernel_of_one_mixes_channels():
    x = cr.asarray(R.normal(size=(2, 4, 5, 3)), dtype="float64")
    w = cr.asarray(R.normal(size=(1, 1, 3, 6)), dtype="float64")
    np.testing.assert_allclose(cr.conv(x, w), x @ w[0, 0], rtol=1e-12)


@pytest.mark.covers("A-142")
def test_dilation_is_a_kernel_with_zeros():
    """It reaches over d (k - 1) + 1 places."""
    x = cr.asarray(R.normal(size=(2, 12, 2)), dtype="float64")
    w = R.normal(size=(3, 2, 4))
    spread = np.zeros((7, 2, 4))
    spread[::3] = w
    np.testing.assert_allclose(
        cr.conv(x, cr.asarray(w, dtype="float64"), dilation=3),
        cr.conv(x, cr.asarray(spread, dtype="float64")),
        rtol=1e-12,
    )


@pytest.mark.covers("A-143")
def test_conv_transpose_is_adjoint_not_inverse():
    """<conv x, y> = <x, transposed y>; one after the other they give back the size alone."""
    x, y = (cr.asarray(R.normal(size=shape), dtype="float64") for shape in ((1, 9, 2), (1, 4, 3)))
    w = cr.asarray(R.normal(size=(3, 2, 3)), dtype="float64")
    there = cr.conv(x, w, stride=2)
    back = cr.conv_transpose(y, cr.moveaxis(w, -1, -2), stride=2)
    assert cr.sum(there * y).item() == pytest.approx(cr.sum(x * back).item())
    again = cr.conv_transpose(there, cr.moveaxis(w, -1, -2), stride=2)
    assert again.shape == x.shape
    assert np.abs((again - x).numpy()).max() > 0.1


@pytest.mark.covers("A-144")
def test_groups_see_their_own_channels_alone():
    x = cr.asarray(R.normal(size=(1, 5, 5, 6)), dtype="float64")
    w = cr.asarray(R.normal(size=(3, 3, 2, 9)), dtype="float64")
    parts = [cr.conv(x[..., 2 * g : 2 * g + 2], w[..., 3 * g : 3 * g + 3]) for g in range(3)]
    np.testing.assert_allclose(cr.conv(x, w, groups=3), cr.concat(parts, axis=-1), rtol=1e-12)


@pytest.mark.parametrize("transform", [cr.jit, lambda f: f])
def test_an_empty_batch(transform):
    w = cr.ones((3, 3, 2, 4))
    for run, shape in ((cr.conv, (0, 3, 3, 4)), (cr.conv_transpose, (0, 7, 7, 4))):
        gradient = cr.grad(lambda x, w, run=run: cr.sum(run(x, w)), argnums=(0, 1))
        by_x, by_w = transform(gradient)(cr.zeros((0, 5, 5, 2)), w)
        assert run(cr.zeros((0, 5, 5, 2)), w).shape == shape
        assert by_x.shape == (0, 5, 5, 2)
        assert not by_w.numpy().any()
