"""Penalties: sums in NumPy, what is selected, and what training makes of them."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.nn import penalties


def network():
    cr.random.seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm(8), nn.ReLU(), nn.Linear(8, 2))


def weights(model):
    return [value for value in model.state_dict().values() if value.ndim > 1]


@pytest.mark.covers("A-058", "A-107", "A-108")
def test_weights_alone_are_penalized():
    model = network()
    l1 = sum(np.abs(w).sum() for w in weights(model))
    squares = sum((w**2).sum() for w in weights(model))
    np.testing.assert_allclose(penalties.l1(model, 0.1).numpy(), 0.1 * l1, rtol=1e-6)
    np.testing.assert_allclose(penalties.l2(model, 0.1).numpy(), 0.05 * squares, rtol=1e-6)
    np.testing.assert_allclose(
        penalties.elastic_net(model, 0.1, 0.2).numpy(), 0.02 * l1 + 0.04 * squares, rtol=1e-6
    )


@pytest.mark.parametrize(
    ("where", "paths"),
    [
        ("*", None),
        ("layers.0", {"layers.0.weight", "layers.0.bias"}),
        ("*.bias", {"layers.0.bias", "layers.1.bias", "layers.3.bias"}),
        (lambda path, parameter: parameter.shape == (8, 2), {"layers.3.weight"}),
    ],
)
def test_selection(where, paths):
    model = network()
    gradient = cr.grad(lambda model: penalties.l2(model, 0.5, where))(model)
    for path, g in gradient.items():
        chosen = paths is None or path in paths
        np.testing.assert_allclose(g, 0.5 * model.parameters()[path].numpy() * chosen, rtol=1e-6)


def test_nothing_selected():
    with pytest.raises(cr.errors.ArgumentError, match="'wieght' chooses no parameter"):
        penalties.l1(network(), 0.1, "wieght")


@pytest.mark.covers("A-107")
def test_sub_gradient_at_zero():
    layer = nn.Linear(1, 3, bias=False)
    layer.weight.assign(cr.asarray([[-2.0, 0.0, 3.0]]))
    gradient = cr.grad(lambda layer: penalties.l1(layer, 0.5))(layer)["weight"]
    assert gradient.tolist() == [[-0.5, 0, 0.5]]


@pytest.mark.covers("A-108")
def test_l2_is_the_weight_decay_of_sgd():
    x = cr.asarray(np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32))

    def trained(weight_decay, strength):
        model = nn.Linear(4, 2, init=nn.init.constant(0.5))
        model.bias.assign(cr.zeros(2))
        optimizer = optim.SGD(model, 0.1, weight_decay=weight_decay)
        for _ in range(5):
            optimizer.update(
                cr.grad(lambda m: cr.mean(m(x) ** 2) + penalties.l2(m, strength, "*"))(model)
            )
        return model.weight.numpy()

    np.testing.assert_allclose(trained(0, 0.3), trained(0.3, 0), rtol=1e-5)


def test_confidence_rewards_entropy():
    logits = cr.asarray([[0.0, 0.0, 0.0], [100.0, 0.0, -cr.inf]])
    entropies = np.array([np.log(3), 0])
    found = penalties.confidence(logits, 0.5)
    np.testing.assert_allclose(found.numpy(), -0.5 * entropies.mean(), rtol=1e-6)
    assert np.isfinite(cr.grad(lambda z: penalties.confidence(z))(logits).numpy()).all()
