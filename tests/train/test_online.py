"""Learning one row at a time, against the loop over batches of one."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.train import Online

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(200, 4)).astype(np.float32)
Y = (X @ [1.0, -2.0, 0.5, 0.0] + 1).astype(np.float32)


def loss(model, x, y, weight=1.0):
    return cr.mean(weight * (model(x)[:, 0] - y) ** 2)


def network(dropout=0.0):
    cr.random.seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 1))
    return model, optim.Adam(model, learning_rate=1e-2)


@pytest.mark.covers("A-249")
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_it_equals_the_loop_over_batches_of_one(dropout):
    model, optimizer = network(dropout)
    learner = Online(model, optimizer, loss)
    losses = [float(learner.learn(x, y)) for x, y in zip(X[:20], Y)]
    other, optimizer = network(dropout)
    for x, y, found in zip(X[:20], Y, losses):
        value, gradients = cr.value_and_grad(loss)(other, x[None], y[None])
        optimizer.update(gradients)
        assert found == pytest.approx(float(value), rel=1e-4, abs=1e-6)
    for name, array in other.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[name], array, rtol=1e-3, atol=1e-5)


def test_losses_are_of_rows_not_yet_learned():
    model, optimizer = network()
    learner = Online(model, optimizer, loss)
    before = float(learner.predict(X[0])[0])
    assert float(learner.learn(X[0], Y[0])) == pytest.approx((before - Y[0]) ** 2, rel=1e-4)


def test_it_learns_and_compiles_once():
    model, optimizer = network()
    learner = Online(model, optimizer, loss)
    losses = [float(learner.learn(x, y)) for _ in range(5) for x, y in zip(X, Y)]
    assert np.mean(losses[-200:]) < 0.05 * np.mean(losses[:100])
    assert len(learner._learn.compiled) == 1


def test_rows_may_have_weights():
    model, optimizer = network()
    before = model.state_dict()
    Online(model, optim.SGD(model, learning_rate=0.1), loss).learn(X[0], Y[0], 0.0)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
