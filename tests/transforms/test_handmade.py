"""Backpropagation derived by hand agrees with the engine, in both conventions."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.transforms import handmade

SIZES = [5, 7, 6, 4]
ENGINE = {"sigmoid": cr.sigmoid, "tanh": cr.tanh, "relu": cr.relu}


@pytest.fixture(autouse=True)
def in_float64(monkeypatch):
    monkeypatch.setattr(cr.config, "float64", True)


def network(seed, batch=9):
    random = np.random.default_rng(seed)
    weights = [random.normal(size=shape) for shape in zip(SIZES[:-1], SIZES[1:])]
    biases = [random.normal(size=size) for size in SIZES[1:]]
    x, labels = random.normal(size=(batch, SIZES[0])), random.integers(0, SIZES[-1], batch)
    return x, labels, weights, biases


def engine(x, labels, weights, biases, activation):
    def loss(weights, biases):
        h = x
        for w, b in zip(weights[:-1], biases[:-1]):
            h = ENGINE[activation](h @ w + b)
        return nn.losses.cross_entropy(h @ weights[-1] + biases[-1], labels)

    value, (by_weights, by_biases) = cr.value_and_grad(loss, argnums=(0, 1))(weights, biases)
    return handmade.Gradients(value.item(), by_weights, by_biases)


def assert_same(found, expected):
    assert found.loss == pytest.approx(expected.loss, rel=1e-12)
    for mine, theirs in zip([*found.weights, *found.biases], [*expected.weights, *expected.biases]):
        np.testing.assert_allclose(mine, np.asarray(theirs), rtol=1e-12, atol=1e-12)


@pytest.mark.covers("B-028", "B-022")
@pytest.mark.parametrize("activation", handmade.ACTIVATIONS)
def test_rows_equal_the_engine(activation):
    for seed in range(5):
        x, labels, weights, biases = network(seed)
        found = handmade.rows(x, np.eye(SIZES[-1])[labels], weights, biases, activation)
        assert_same(found, engine(x, labels, weights, biases, activation))


@pytest.mark.covers("B-028")
@pytest.mark.parametrize("activation", handmade.ACTIVATIONS)
def test_columns_are_rows_transposed(activation):
    x, labels, weights, biases = network(1)
    y = np.eye(SIZES[-1])[labels]
    turned = [w.T for w in weights]
    found = handmade.columns(x.T, y.T, turned, biases, activation)
    by_rows = handmade.rows(x, y, weights, biases, activation)
    assert_same(found._replace(weights=[w.T for w in found.weights]), by_rows)


@pytest.mark.covers("B-019")
def test_gradients_have_the_shapes_of_parameters():
    x, labels, weights, biases = network(2)
    found = handmade.rows(x, np.eye(SIZES[-1])[labels], weights, biases)
    assert [g.shape for g in found.weights] == [w.shape for w in weights]
    assert [g.shape for g in found.biases] == [b.shape for b in biases]


def test_large_logits_do_not_overflow():
    x, labels, weights, biases = network(3)
    found = handmade.rows(x * 1e4, np.eye(SIZES[-1])[labels], weights, biases, "relu")
    assert np.isfinite(found.loss)
    assert all(np.isfinite(g).all() for g in found.weights)
