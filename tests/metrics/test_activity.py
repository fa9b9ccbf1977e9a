"""What passes through a network, against NumPy; the norm of its gradients."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import chainrule as cr
from chainrule import metrics, nn, optim


@pytest.fixture
def model():
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    net[0].bias.assign(cr.asarray([-100.0, -100.0, 0.0, 0.0, 1.0, 2.0]))
    return net


@pytest.mark.covers("A-239")
@pytest.mark.parametrize("compiled", [False, True])
def test_activity(model, compiled):
    x = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    run = cr.jit(metrics.activity) if compiled else metrics.activity
    found = run(model, x)
    before = x @ np.asarray(model[0].weight) + np.asarray(model[0].bias)
    hidden = np.maximum(before, 0)
    assert list(found) == ["layers.0", "layers.1", "layers.2", ""]
    for path, expected in (("layers.0", before), ("layers.1", hidden)):
        assert_allclose(found[path].mean, expected.mean(), rtol=1e-5)
        assert_allclose(found[path].variance, expected.var(), rtol=1e-5)
        assert_allclose(found[path].dead, np.mean((expected == 0).all(0)))
    assert float(found["layers.1"].dead) >= 2 / 6


@pytest.mark.covers("A-239")
def test_global_norm():
    grads = {"w": np.arange(6.0).reshape(2, 3), "b": np.ones(4)}
    tensors = {name: cr.asarray(g, dtype=cr.float64) for name, g in grads.items()}
    expected = np.linalg.norm(np.concatenate([g.ravel() for g in grads.values()]))
    assert_allclose(optim.global_norm(tensors), expected)
