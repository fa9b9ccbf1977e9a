"""Pooling: which place gets the gradient, borders, what errors say; PyTorch is asked elsewhere."""

import itertools
import math

import numpy as np
import pytest

import chainrule as cr

R = np.random.default_rng(6)


def gradient(pool, x):
    return cr.grad(lambda x: cr.sum(pool(x)))(cr.asarray(x, dtype="float64")).numpy()


def windows(n, size, stride, pads, dilation=1):
    """The places of each window along an axis, those in the padding left out."""
    starts = range(-pads[0], n + pads[1] - dilation * (size - 1), stride)
    return [[p for p in range(s, s + dilation * size, dilation) if 0 <= p < n] for s in starts]


# ---- Gradients ----


@pytest.mark.covers("A-146", "B-024")
@pytest.mark.parametrize("compiled", [False, True])
def test_max_gives_its_gradient_to_the_first_of_equals(compiled):
    x = np.zeros((1, 4, 4, 1))
    x[0, 1, 1] = x[0, 1, 3] = x[0, 2, 3] = 5
    for pool in (
        lambda x: cr.max_pool(x, 2),
        lambda x: cr.adaptive_max_pool(x, 2),
    ):
        found = gradient(cr.jit(pool) if compiled else pool, x)[0, :, :, 0]
        assert found.tolist() == [[0, 0, 0, 0], [0, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0]]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_ties_in_overlapping_windows(stride, compiled):
    """Of few values, so that many are equal: the first of each window, row by row, counts it."""
    x = R.integers(0, 3, (2, 9, 8, 1)).astype(float)
    expected = np.zeros(x.shape)
    for image, row, column in itertools.product(range(2), range(0, 7, stride), range(0, 6, stride)):
        seen = x[image, row : row + 3, column : column + 3, 0]
        i, j = np.unravel_index(seen.argmax(), seen.shape)
        expected[image, row + i, column + j] += 1

    def pool(x):
        return cr.max_pool(x, 3, stride=stride)

    np.testing.assert_array_equal(gradient(cr.jit(pool) if compiled else pool, x), expected)


@pytest.mark.covers("A-147", "B-024", "A-148")
def test_averages_share_their_gradient():
    x = R.normal(size=(2, 6, 6, 3))
    np.testing.assert_allclose(gradient(lambda x: cr.avg_pool(x, 3), x), 1 / 9)
    np.testing.assert_allclose(gradient(lambda x: cr.adaptive_avg_pool(x, 1), x), 1 / 36)
    np.testing.assert_allclose(gradient(cr.nn.GlobalAvgPool(), x), 1 / 36)
    overlapping = gradient(lambda x: cr.avg_pool(x, 3, stride=1), x)[0, :, :, 0]
    counts = np.array([1, 2, 3, 3, 2, 1])
    np.testing.assert_allclose(overlapping, np.outer(counts, counts) / 9)


# ---- Values ----


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_any_padding(seed, compiled):
    """Pairs (before, after), which PyTorch lacks, against every window by itself."""
    random = np.random.default_rng(seed)
    size, stride = random.integers(1, 5, 2), random.integers(1, 4, 2)
    pads = [tuple(int(n) for n in random.integers(0, k, 2)) for k in size]
    x = random.normal(size=(2, 7, 6, 2))
    axes = [windows(*given) for given in zip(x.shape[1:3], size, stride, pads, strict=True)]
    shape = (2, len(axes[0]), len(axes[1]), 2)
    greatest, average, inside = np.zeros((3, *shape))
    for (i, rows), (j, columns) in itertools.product(*map(enumerate, axes)):
        seen = x[:, rows][:, :, columns]
        greatest[:, i, j] = seen.max((1, 2))
        average[:, i, j] = seen.sum((1, 2)) / np.prod(size)
        inside[:, i, j] = seen.mean((1, 2))

    def run(x):
        options = {"stride": stride.tolist(), "padding": pads}
        return (
            cr.max_pool(x, size.tolist(), **options),
            cr.avg_pool(x, size.tolist(), **options),
            cr.avg_pool(x, size.tolist(), count_include_pad=False, **options),
        )

    found = (cr.jit(run) if compiled else run)(cr.asarray(x, dtype="float64"))
    for ours, theirs in zip(found, (greatest, average, inside), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_same_padding_keeps_the_size():
    x = cr.random.normal((2, 7, 8, 3))
    for size, stride in itertools.product((1, 2, 3), (1, 2)):
        y = cr.max_pool(x, size, stride=stride, padding="same")
        assert y.shape == (2, -(-7 // stride), -(-8 // stride), 3)


def test_whole_numbers_and_dtypes():
    x = cr.reshape(cr.arange(8), (1, 8, 1))
    assert cr.max_pool(x, 2)[0, :, 0].numpy().tolist() == [1, 3, 5, 7]
    assert cr.avg_pool(x, 2).dtype is cr.float32
    for pool in (cr.max_pool, cr.avg_pool, cr.adaptive_avg_pool, cr.adaptive_max_pool):
        assert pool(cr.ones((1, 7, 1)), 3).dtype is cr.float32
        assert pool(cr.ones((1, 7, 1), dtype="float64"), 3).dtype is cr.float64


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("place", range(6))
def test_nan_and_infinity(place, compiled):
    """A NaN comes out of each window that sees it, whatever is beside it; -inf loses."""
    x = np.array([1.0, np.inf, 0.0, -np.inf, -np.inf, 2.0])
    x[place] = np.nan
    pools = (
        lambda x: cr.max_pool(x, 3, stride=1, padding=1),
        lambda x: cr.adaptive_max_pool(x, 4),
        lambda x: cr.adaptive_max_pool(x, 2),
    )
    spans = ([[0, 2], [0, 3], [1, 4], [2, 5], [3, 6], [4, 6]],)
    spans += ([[0, 2], [1, 3], [3, 5], [4, 6]], [[0, 3], [3, 6]])
    for pool, span in zip(pools, spans, strict=True):
        found = (cr.jit(pool) if compiled else pool)(cr.asarray(x[None, :, None]))
        np.testing.assert_array_equal(found[0, :, 0], [x[a:b].max() for a, b in span])


# ---- Sizes ----


def test_places_of_the_result():
    """floor((n + 2 p - k) / s) + 1, or ceil with a last window that begins within x."""
    for n, k, s, p in itertools.product(range(1, 9), range(1, 5), range(1, 5), range(3)):
        if n + 2 * p < k or p > k // 2:
            continue
        x = cr.ones((1, n, 1))
        assert cr.max_pool(x, k, stride=s, padding=p).shape[1] == (n + 2 * p - k) // s + 1
        reached = math.ceil((n + 2 * p - k) / s) + 1
        reached -= (reached - 1) * s >= n + p
        assert cr.avg_pool(x, k, stride=s, padding=p, ceil_mode=True).shape[1] == reached


@pytest.mark.parametrize(
    ("shape", "options", "says"),
    [
        ((8, 8), {}, "(N, *places, channels)"),
        ((1, 2, 2, 3), {}, "a window reaches over [3, 3]"),
        ((1, 8, 8, 3), {"padding": 3}, "pad less than a window"),
        ((1, 8, 8, 3), {"stride": (1, 2, 3)}, "one for each axis"),
        ((1, 8, 8, 3), {"dilation": 0}, "dilation is at least 1"),
        ((1, 0, 8, 3), {}, "(N, *places, channels)"),
    ],
)
def test_errors(shape, options, says):
    with pytest.raises(cr.ChainruleError) as caught:
        cr.max_pool(cr.ones(shape), 3, **options)
    assert says in str(caught.value)
    assert "max_pool" in str(caught.value)


@pytest.mark.parametrize("layer", [cr.nn.MaxPool, cr.nn.AvgPool])
def test_layers_are_the_functions(layer):
    x = cr.random.normal((2, 9, 8, 3))
    function = {"MaxPool": cr.max_pool, "AvgPool": cr.avg_pool}[layer.__name__]
    expected = function(x, (3, 2), stride=2, padding=(1, 0))
    np.testing.assert_array_equal(layer((3, 2), 2, (1, 0))(x), expected)
    adaptive = getattr(cr.nn, f"Adaptive{layer.__name__}")((4, 2))
    name = f"adaptive_{function.__name__}"
    np.testing.assert_array_equal(adaptive(x), getattr(cr, name)(x, (4, 2)))
