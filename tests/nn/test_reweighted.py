"""Layers with a changed weight: singular values, lengths, masks; and the layer stays itself."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(7, 5)).astype(np.float32)


def linear(bias=True):
    cr.random.seed(0)
    return nn.Linear(5, 3, bias)


@pytest.mark.covers("A-104")
def test_weight_norm():
    layer = nn.WeightNorm(linear())
    np.testing.assert_allclose(layer(cr.asarray(X)).numpy(), linear()(cr.asarray(X)), atol=1e-6)
    layer.g.assign(cr.asarray([1.0, 2.0, 3.0]))
    v, b = layer.layer.weight.numpy(), layer.layer.bias.numpy()
    expected = X @ (v / np.linalg.norm(v, axis=0) * [1, 2, 3]) + b
    np.testing.assert_allclose(layer(cr.asarray(X)).numpy(), expected, rtol=1e-5, atol=1e-6)
    gradient = cr.grad(lambda layer: cr.sum(layer(cr.asarray(X)) ** 2))(layer)
    # Along its own direction v has no effect.
    np.testing.assert_allclose((gradient["layer.weight"].numpy() * v).sum(0), 0, atol=1e-4)


@pytest.mark.covers("A-104")
def test_spectral_norm():
    layer = nn.SpectralNorm(linear(bias=False))
    with cr.training():
        for _ in range(50):
            layer(cr.asarray(X))
    weight = layer.layer.weight.numpy()
    largest = np.linalg.svd(weight, compute_uv=False)[0]
    np.testing.assert_allclose(layer(cr.asarray(X)).numpy(), X @ weight / largest, rtol=1e-4)


def test_spectral_norm_iterates_in_training_alone():
    layer, x = nn.SpectralNorm(linear()), cr.asarray(X)
    u, v, weight = (layer.u.numpy(), layer.v.numpy(), layer.layer.weight.numpy())
    layer(x)
    with cr.training("dropout"):
        layer(x)
    np.testing.assert_array_equal(layer.u.numpy(), u)
    cr.jit(cr.grad(lambda layer, x: cr.sum(layer(x))))(layer, x)
    u = weight.T @ v / np.linalg.norm(weight.T @ v)
    np.testing.assert_allclose(layer.u.numpy(), u, rtol=1e-5)
    np.testing.assert_allclose(layer.v.numpy(), weight @ u / np.linalg.norm(weight @ u), rtol=1e-5)


@pytest.mark.covers("A-113")
def test_drop_connect():
    layer = nn.DropConnect(nn.Linear(300, 300, False, init=nn.init.constant(1.0)), 0.3)
    one = cr.eye(300)
    assert np.unique(layer(one).numpy()).tolist() == [1]
    cr.random.seed(0)
    y, pullback = cr.vjp(layer, one)
    y = y.numpy()
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7], rtol=1e-6)
    assert abs((y == 0).mean() - 0.3) < 5 * np.sqrt(0.21 / y.size)
    # The mask of the value is the mask of the gradient, of x and of the weight.
    np.testing.assert_array_equal(pullback(one)[0].numpy(), y.T)
    cr.random.seed(0)
    gradient = cr.grad(lambda layer: cr.sum(layer(one)))(layer)["layer.weight"].numpy()
    np.testing.assert_array_equal(gradient, y)
    cr.random.seed(0)
    compiled = cr.jit(cr.grad(lambda layer, x: cr.sum(layer(x))))(layer, one)
    np.testing.assert_array_equal(compiled["layer.weight"].numpy(), gradient)


@pytest.mark.parametrize("wrap", [nn.WeightNorm, nn.SpectralNorm, nn.DropConnect])
def test_the_layer_stays_itself(wrap):
    inner = linear()
    weight, layer = inner.weight, wrap(inner)
    layer(cr.asarray(X))
    with pytest.raises(cr.ChainruleError, match=rf"\[{wrap.__name__}.layer\]"):
        layer(cr.ones((2, 9)))
    assert inner.weight is weight is layer.parameters()["layer.weight"]
    with pytest.raises(cr.ChainruleError, match="ReLU has no parameter 'weight'"):
        wrap(nn.ReLU())


@pytest.mark.parametrize("wrap", [nn.WeightNorm, nn.SpectralNorm, nn.DropConnect])
def test_training_in_one_program_equals_the_loop(wrap):
    x = cr.asarray(RANDOM.normal(size=(6, 4, 5)).astype(np.float32))

    def epoch(layer, optimizer, xs):
        def step(_, x):
            gradient = cr.grad(lambda layer: cr.mean((layer(x) - 1) ** 2))(layer)
            optimizer.update(gradient)
            return None, None

        cr.scan(step, None, xs)

    def trained(run):
        layer = wrap(linear())
        optimizer = cr.optim.SGD(layer, 0.1)
        cr.random.seed(1)
        run(layer, optimizer)
        return layer.state_dict()

    compiled = trained(lambda *state: cr.jit(epoch)(*state, x))
    eager = trained(lambda *state: [epoch(*state, x[i : i + 1]) for i in range(6)])
    for path, value in eager.items():
        np.testing.assert_allclose(compiled[path], value, rtol=1e-4, atol=1e-5)
