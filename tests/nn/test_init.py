"""Initializers against the moments and bounds that their papers give."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn import Linear, init

SHAPE = (200, 300)


def draw(initializer, shape=SHAPE, dtype=cr.float32):
    cr.random.seed(0)
    return initializer(shape, dtype).numpy()


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        (init.normal(0.0, 0.02), 0.02**2),
        (init.xavier_normal(), 2 / 500),
        (init.xavier_normal(gain=5 / 3), 25 / 9 * 2 / 500),
        (init.he_normal(), 2 / 200),
        (init.he_normal("fan_out"), 2 / 300),
        (init.he_normal(slope=0.2), 2 / 1.04 / 200),
    ],
)
def test_normal(initializer, variance):
    x = draw(initializer)
    assert abs(x.mean()) < 5 * math.sqrt(variance / x.size)
    assert abs(x.var() / variance - 1) < 5 * math.sqrt(2 / x.size)
    # Of 60,000 normal numbers some lie beyond 3.5 standard deviations, none beyond 6.
    assert 3.5 < abs(x).max() / math.sqrt(variance) < 6


@pytest.mark.parametrize(
    ("initializer", "low", "high"),
    [
        (init.uniform(), 0, 1),
        (init.uniform(-0.5, 2), -0.5, 2),
        (init.xavier_uniform(), -math.sqrt(6 / 500), math.sqrt(6 / 500)),
        (init.xavier_uniform(gain=2), -2 * math.sqrt(6 / 500), 2 * math.sqrt(6 / 500)),
        (init.he_uniform(), -math.sqrt(6 / 200), math.sqrt(6 / 200)),
        (init.he_uniform("fan_out", slope=1.0), -math.sqrt(3 / 300), math.sqrt(3 / 300)),
    ],
)
def test_uniform(initializer, low, high):
    x = draw(initializer).astype(np.float64)
    assert low <= x.min() < low + (high - low) / 1000
    assert high - (high - low) / 1000 < x.max() <= high * (1 + 1e-6)
    assert abs(x.mean() - (low + high) / 2) < 5 * (high - low) / math.sqrt(12 * x.size)


def test_constants():
    assert draw(init.zeros(), (2,)).tolist() == [0, 0]
    assert draw(init.constant(0.25), (2,)).tolist() == [0.25, 0.25]
    assert draw(init.he_normal(), dtype=cr.float64).dtype == np.float64


def test_kernel_places_count():
    assert init.fans((3, 5, 16, 32)) == (240, 480)
    x = draw(init.he_normal(), (3, 5, 16, 32))
    assert abs(x.var() / (2 / 240) - 1) < 5 * math.sqrt(2 / x.size)


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


def test_seed_decides():
    first, second = draw(init.he_normal()), draw(init.he_normal())
    np.testing.assert_array_equal(first, second)
    assert (first != init.he_normal()(SHAPE, cr.float32).numpy()).any()
