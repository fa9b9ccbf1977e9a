"""Initializers against the moments and bounds that their papers give."""

import math

import numpy as np
import pytest
from scipy import stats

import chainrule as cr
from chainrule import nn
from chainrule.nn import Linear, init

SHAPE = (200, 300)


def draw(initializer, shape=SHAPE, dtype=cr.float32):
    cr.random.seed(0)
    return initializer(shape, dtype).numpy()


@pytest.mark.covers("A-091", "A-092", "A-094", "A-096")
@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        (init.normal(0.0, 0.02), 0.02**2),
        (init.xavier_normal(), 2 / 500),
        (init.xavier_normal(gain=5 / 3), 25 / 9 * 2 / 500),
        (init.he_normal(), 2 / 200),
        (init.he_normal("fan_out"), 2 / 300),
        (init.he_normal(slope=0.2), 2 / 1.04 / 200),
        (init.he_normal("fan_out", groups=3), 2 / 100),
        (init.xavier_normal(groups=3), 2 / 300),
        (init.lecun_normal(), 1 / 200),
    ],
)
def test_normal(initializer, variance):
    x = draw(initializer)
    assert abs(x.mean()) < 5 * math.sqrt(variance / x.size)
    assert abs(x.var() / variance - 1) < 5 * math.sqrt(2 / x.size)
    # Of 60,000 normal numbers some lie beyond 3.5 standard deviations, none beyond 6.
    assert 3.5 < abs(x).max() / math.sqrt(variance) < 6


@pytest.mark.covers("A-091", "A-093", "A-095", "A-096")
@pytest.mark.parametrize(
    ("initializer", "low", "high"),
    [
        (init.uniform(), 0, 1),
        (init.uniform(-0.5, 2), -0.5, 2),
        (init.xavier_uniform(), -math.sqrt(6 / 500), math.sqrt(6 / 500)),
        (init.xavier_uniform(gain=2), -2 * math.sqrt(6 / 500), 2 * math.sqrt(6 / 500)),
        (init.he_uniform(), -math.sqrt(6 / 200), math.sqrt(6 / 200)),
        (init.he_uniform("fan_out", slope=1.0), -math.sqrt(3 / 300), math.sqrt(3 / 300)),
        (init.lecun_uniform(), -math.sqrt(3 / 200), math.sqrt(3 / 200)),
    ],
)
def test_uniform(initializer, low, high):
    x = draw(initializer).astype(np.float64)
    assert low <= x.min() < low + (high - low) / 1000
    assert high - (high - low) / 1000 < x.max() <= high * (1 + 1e-6)
    assert abs(x.mean() - (low + high) / 2) < 5 * (high - low) / math.sqrt(12 * x.size)


@pytest.mark.parametrize("bounds", [(-2.0, 2.0), (-1.0, 3.0)])
def test_truncated_normal(bounds):
    x = draw(init.truncated_normal(0.5, 0.1, *bounds)).astype(np.float64)
    expected = stats.truncnorm(*bounds, loc=0.5, scale=0.1)
    assert 0.5 + 0.1 * bounds[0] <= x.min() and x.max() <= 0.5 + 0.1 * bounds[1]
    assert abs(x.mean() - expected.mean()) < 5 * expected.std() / math.sqrt(x.size)
    assert stats.kstest(x.ravel(), expected.cdf).pvalue > 1e-3


def test_correction_of_truncated_normal():
    """The number that the docstring gives."""
    x = draw(init.truncated_normal(std=1 / 0.87962566), (1000, 1000))
    assert stats.truncnorm(-2, 2).std() == pytest.approx(0.87962566, abs=1e-8)
    assert x.std() == pytest.approx(1, abs=5e-3)


@pytest.mark.covers("A-089", "A-090")
def test_constants():
    assert draw(init.zeros(), (2,)).tolist() == [0, 0]
    assert draw(init.constant(0.25), (2,)).tolist() == [0.25, 0.25]
    assert draw(init.he_normal(), dtype=cr.float64).dtype == np.float64


def test_kernel_places_count():
    assert init.fans((3, 5, 16, 32)) == (240, 480)
    x = draw(init.he_normal(), (3, 5, 16, 32))
    assert abs(x.var() / (2 / 240) - 1) < 5 * math.sqrt(2 / x.size)


def test_groups():
    """A unit of a grouped convolution sees one group; an input reaches one group of units."""
    assert init.fans((3, 3, 4, 32), groups=4) == (36, 72)
    with pytest.raises(cr.ChainruleError, match="32 outputs in 5 groups; groups have the same"):
        init.fans((3, 3, 4, 32), groups=5)


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (50, 50), (3, 3, 4, 20), (3, 5, 4)])
@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_orthogonal(shape, dtype):
    x = draw(init.orthogonal(gain=2.0), shape, dtype)
    assert x.shape == shape and x.dtype == dtype.numpy
    matrix = x.reshape(-1, shape[-1]) / 2
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    close = 1e-6 if dtype is cr.float32 else 1e-14
    np.testing.assert_allclose(product, np.eye(len(product)), atol=close)


def test_orthogonal_prefers_no_sign():
    """Without the signs of R, the first entry of LAPACK's Q would always be below 0."""
    cr.random.seed(0)
    positive = [init.orthogonal()((3, 3), cr.float64).numpy()[0, 0] > 0 for _ in range(400)]
    assert abs(np.mean(positive) - 0.5) < 5 * 0.5 / 20


def test_identity():
    x = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(x @ draw(init.identity(), (3, 3)), x)
    kernel = draw(init.identity(2.0), (3, 5, 2, 3))
    assert kernel[1, 2].tolist() == [[2, 0, 0], [0, 2, 0]] and np.count_nonzero(kernel) == 2
    grouped = draw(init.identity(groups=2), (3, 2, 4))
    assert grouped[1].tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]


def test_sparse():
    x = draw(init.sparse(0.4, std=0.5), (7, 2000))
    assert (np.count_nonzero(x, axis=0) == 7 - 3).all()
    # Each input is kept equally often.
    often = np.count_nonzero(x, axis=1) / 2000
    assert abs(often - 4 / 7).max() < 5 * math.sqrt(4 / 7 * 3 / 7 / 2000)
    assert x[x != 0].std() == pytest.approx(0.5, rel=0.05)
    assert np.count_nonzero(draw(init.sparse(1.0), (3, 3, 4, 5))) == 0
    with pytest.raises(cr.ChainruleError, match="sparsity is 1.5; it is a share"):
        init.sparse(1.5)


def test_vector_has_no_fans():
    with pytest.raises(cr.ChainruleError) as caught:
        init.he_normal()((5,), cr.float32)
    assert str(caught.value) == (
        "[init] a weight of shape [5] has no inputs and outputs; these are its last two axes; "
        "use zeros, constant, normal or uniform"
    )


def test_unknown_mode():
    with pytest.raises(cr.ChainruleError, match='only "fan_in" and "fan_out" exist'):
        init.he_normal("in")((2, 3), cr.float32)


def test_linear_starts_as_in_pytorch():
    cr.random.seed(0)
    layer = Linear(400, 1000)
    for x in (layer.weight.numpy(), layer.bias.numpy()):
        assert abs(x).max() <= 1 / 20
        assert abs(x.var() / (0.05**2 / 3) - 1) < 0.1


RANDOM = {
    "uniform": init.uniform(),
    "normal": init.normal(),
    "truncated_normal": init.truncated_normal(),
    "sparse": init.sparse(0.5),
    "xavier_normal": init.xavier_normal(),
    "xavier_uniform": init.xavier_uniform(),
    "he_normal": init.he_normal(),
    "he_uniform": init.he_uniform(),
    "lecun_normal": init.lecun_normal(),
    "lecun_uniform": init.lecun_uniform(),
    "orthogonal": init.orthogonal(),
    "for_activation": init.for_activation("tanh"),
}


@pytest.mark.parametrize("initializer", RANDOM.values(), ids=RANDOM)
@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_seed_or_key_decides(initializer, dtype):
    shape = (20, 30)
    first, second = draw(initializer, shape, dtype), draw(initializer, shape, dtype)
    assert first.dtype == dtype.numpy
    np.testing.assert_array_equal(first, second)
    assert (first != initializer(shape, dtype).numpy()).any()
    key = cr.random.key(7)
    before = cr.random.get_state().numpy()
    same = [initializer(shape, dtype, key=key).numpy() for _ in range(2)]
    np.testing.assert_array_equal(*same)
    assert (same[0] != first).any()
    np.testing.assert_array_equal(cr.random.get_state().numpy(), before)


# ---- By activation ----


@pytest.mark.covers("A-099")
@pytest.mark.parametrize(
    ("activation", "variance"),
    [
        ("relu", 2 / 200),
        (cr.relu, 2 / 200),
        (nn.ReLU(), 2 / 200),
        ("GELU", 2 / 200),
        (cr.silu, 2 / 200),
        ("leaky_relu", 2 / 1.0001 / 200),
        (nn.LeakyReLU(0.5), 2 / 1.25 / 200),
        ("sigmoid", 2 / 500),
        (cr.tanh, 2 / 500),
        (nn.Softmax(), 2 / 500),
        ("linear", 2 / 500),
        ("selu", 1 / 200),
    ],
)
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_for_activation(activation, variance, distribution):
    initializer = init.for_activation(activation, distribution=distribution)
    x = draw(initializer)
    assert abs(x.var() / variance - 1) < 5 * math.sqrt(2 / x.size)
    assert (abs(x).max() / math.sqrt(3 * variance) > 1.01) == (distribution == "normal")
    assert draw(initializer, (5,)).tolist() == [0] * 5


def test_slope_for_activation():
    x = draw(init.for_activation("leaky_relu", slope=1.0))
    assert abs(x.var() * 200 - 1) < 5 * math.sqrt(2 / x.size)


def test_gain():
    assert init.gain("linear") == init.gain(nn.Sigmoid()) == 1
    assert init.gain(cr.tanh) == pytest.approx(5 / 3)
    assert init.gain("relu") == pytest.approx(math.sqrt(2))
    assert init.gain(nn.LeakyReLU(0.3)) == pytest.approx(math.sqrt(2 / 1.09))
    assert init.gain("leaky_relu", 0.3) == pytest.approx(math.sqrt(2 / 1.09))


def test_unknown_activations():
    with pytest.raises(cr.ChainruleError, match=r"\[gain\] no rule for 'gelu'; there are identity"):
        init.gain("gelu")
    with pytest.raises(cr.ChainruleError, match="no rule for '<lambda>'"):
        init.for_activation(lambda x: x)
    with pytest.raises(cr.ChainruleError, match="distribution is 'cauchy'"):
        init.for_activation("relu", distribution="cauchy")
