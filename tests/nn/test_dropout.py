"""Random layers: shares, expectations and variances within five standard errors; masks; modes."""

import functools

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

COUNT = 100_000


def train(layer, x, seed=0):
    cr.random.seed(seed)
    with cr.training():
        return layer(x).numpy()


def deviation(share, count=COUNT):
    """Five standard errors of the share of `count` coins."""
    return 5 * np.sqrt(share * (1 - share) / count)


LAYERS = [
    nn.Dropout(0.3),
    nn.Dropout(0.3, inverted=False),
    nn.SpatialDropout(0.3),
    nn.StochasticDepth(0.3),
    nn.StochasticDepth(0.3, "batch"),
    nn.AlphaDropout(0.3),
    nn.GaussianNoise(0.3),
    nn.GaussianDropout(0.3),
]
every = pytest.mark.parametrize("layer", LAYERS, ids=repr)


# ---- What all of them keep ----


@every
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_dtype_and_shape_stay(layer, kind):
    x = cr.asarray(np.ones((3, 4, 5)), dtype=kind)
    assert train(layer, x).dtype == kind
    assert train(layer, x).shape == x.shape == layer(x).shape


@every
def test_compiled_draws_the_same(layer):
    x = cr.asarray(np.random.default_rng(0).normal(size=(8, 3, 16)).astype(np.float32))
    both = cr.value_and_grad(lambda x: (cr.sum(layer(x) ** 2), layer(x)), has_aux=True)
    compiled = cr.jit(both)
    for seed in range(3):
        cr.random.seed(seed)
        (_, y), g = both(x)
        cr.random.seed(seed)
        (_, found), gradient = compiled(x)
        # Masks have the same bits; logarithms and cosines differ in the last one.
        tolerance = 0 if isinstance(layer, nn.Dropout) else 1e-6
        np.testing.assert_allclose(found.numpy(), y.numpy(), tolerance, tolerance)
        np.testing.assert_allclose(gradient.numpy(), g.numpy(), rtol=1e-5, atol=1e-5)


@every
def test_the_gradient_goes_through_the_mask_of_the_value(layer):
    """All are linear in x, or affine, for a fixed mask: the value follows from the gradient."""
    x = cr.asarray(np.random.default_rng(0).uniform(1, 2, (64, 3, 16)).astype(np.float32))
    cr.random.seed(5)
    y, pullback = cr.vjp(layer, x)
    (slope,) = pullback(cr.ones(x.shape))
    rest = (y - slope * x).numpy()
    if isinstance(layer, nn.GaussianNoise):
        assert (slope.numpy() == 1).all()
    elif isinstance(layer, nn.AlphaDropout):
        # Kept elements are moved by the same number, dropped ones to the same place.
        assert len(np.unique(rest[slope.numpy() == 0])) == 1
        np.testing.assert_allclose(rest[slope.numpy() > 0], rest[slope.numpy() > 0][0], atol=1e-5)
    else:
        np.testing.assert_allclose(rest, 0, atol=1e-6)


# ---- One by one ----


@pytest.mark.covers("A-110")
def test_inverted_dropout():
    y = train(nn.Dropout(0.3), cr.ones(COUNT))
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7], rtol=1e-6)
    assert abs((y == 0).mean() - 0.3) < deviation(0.3)
    assert nn.Dropout(0.3)(cr.ones(4)).tolist() == [1] * 4


@pytest.mark.covers("A-111")
def test_standard_dropout_scales_in_use():
    layer, x = nn.Dropout(0.3, inverted=False), cr.full(COUNT, 2.0)
    y = train(layer, x)
    assert np.unique(y).tolist() == [0, 2]
    assert abs((y == 0).mean() - 0.3) < deviation(0.3)
    np.testing.assert_allclose(layer(x).numpy(), 2 * 0.7, rtol=1e-6)
    assert abs(y.mean() - 1.4) < 2 * deviation(0.3)


@pytest.mark.covers("A-110")
def test_spatial_dropout_drops_channels():
    y = train(nn.SpatialDropout(0.3), cr.ones((100, 3, 2, 100)))
    assert (y == y[:, :1, :1]).all()
    assert abs((y[:, 0, 0] == 0).mean() - 0.3) < deviation(0.3, 10_000)
    assert len(np.unique(train(nn.SpatialDropout(0.3), cr.ones(50)))) == 2


@pytest.mark.covers("A-110")
def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).normal(size=COUNT).astype(np.float32)
    for p in (0.1, 0.5):
        y = train(nn.AlphaDropout(p), cr.asarray(x))
        assert abs(y.mean()) < 5 / np.sqrt(COUNT)
        assert abs(y.var() - 1) < 5 * np.sqrt(2 / COUNT)
        assert abs(np.unique(y, return_counts=True)[1].max() / COUNT - p) < deviation(p)
    assert set(train(nn.AlphaDropout(1), cr.ones(9))) == {0}
    np.testing.assert_allclose(nn.AlphaDropout.FLOOR, cr.selu(cr.asarray(-1e4)).numpy(), rtol=1e-6)


@pytest.mark.covers("A-114")
def test_stochastic_depth():
    rows = train(nn.StochasticDepth(0.3), cr.ones((COUNT, 2, 2)))
    assert (rows == rows[:, :1, :1]).all()
    assert abs((rows[:, 0, 0] == 0).mean() - 0.3) < deviation(0.3)
    batch = nn.StochasticDepth(0.3, mode="batch")
    draws = np.array([train(batch, cr.ones((4, 3)), seed) for seed in range(400)])
    assert (draws == draws[:, :1, :1]).all()
    assert abs((draws[:, 0, 0] == 0).mean() - 0.3) < deviation(0.3, 400)
    np.testing.assert_allclose(np.unique(draws), [0, 1 / 0.7], rtol=1e-6)
    assert nn.depth_rates(5, 0.2) == pytest.approx([0.04, 0.08, 0.12, 0.16, 0.2])


@pytest.mark.covers("A-118")
def test_gaussian_noise():
    x = np.linspace(-3, 3, COUNT, dtype=np.float32)
    noise = train(nn.GaussianNoise(0.5), cr.asarray(x)) - x
    assert abs(noise.mean()) < 5 * 0.5 / np.sqrt(COUNT)
    assert abs(noise.std() - 0.5) < 5 * 0.5 / np.sqrt(2 * COUNT)
    assert abs(np.corrcoef(noise, x)[0, 1]) < 5 / np.sqrt(COUNT)


@pytest.mark.covers("A-118")
def test_gaussian_dropout_has_the_variance_of_dropout():
    y = train(nn.GaussianDropout(0.2), cr.full(COUNT, 2.0))
    assert abs(y.mean() - 2) < 5 * 2 * 0.5 / np.sqrt(COUNT)
    assert abs(y.std() - 2 * 0.5) < 5 * 1.0 / np.sqrt(2 * COUNT)
    assert nn.GaussianDropout(0)(cr.ones(2)).tolist() == [1, 1]


# ---- Modes and errors ----


@pytest.mark.covers("B-062")
@pytest.mark.parametrize("compiled", [False, True])
def test_dropout_alone_in_training(compiled):
    def call(model, x):
        return model(x)

    call = cr.jit(call) if compiled else call
    model = nn.Sequential(nn.BatchNorm(50), nn.GaussianNoise(1.0), nn.Dropout(0.5))
    x = cr.ones((20, 50))
    np.testing.assert_allclose(call(model, x).numpy(), 1, rtol=1e-5)
    with cr.training("dropout"):
        assert cr.is_training("dropout") and not cr.is_training()
        y = call(model, x).numpy()
    np.testing.assert_allclose(np.unique(y), [0, 2], rtol=1e-5)
    assert int(model[0].num_batches_tracked) == 0
    np.testing.assert_allclose(call(model, x).numpy(), 1, rtol=1e-5)


def test_other_modes_are_errors():
    with pytest.raises(cr.ChainruleError, match="mode='eval'"), cr.training("eval"):
        pass


@pytest.mark.parametrize(
    "build",
    [
        *[
            functools.partial(layer, p)
            for layer in (nn.Dropout, nn.AlphaDropout, nn.GaussianDropout, nn.StochasticDepth)
            for p in (-0.1, 1.1)
        ],
        lambda: nn.StochasticDepth(0.1, "rows"),
        lambda: nn.GaussianDropout(1),
        lambda: nn.GaussianNoise(-1),
        lambda: nn.GaussianNoise(float("inf")),
        lambda: nn.depth_rates(3, 2.0),
    ],
)
def test_bad_options(build):
    with pytest.raises(cr.errors.ArgumentError):
        build()
