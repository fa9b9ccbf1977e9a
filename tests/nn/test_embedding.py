"""Embeddings: rows by number, their gradients, padding, and the head that shares their weight."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

RANDOM = np.random.default_rng(0)


@pytest.mark.covers("A-164")
@pytest.mark.parametrize("shape", [(), (7,), (5, 6), (0, 4), (2, 3, 4)])
def test_rows_by_number(shape):
    layer, ids = nn.Embedding(9, 4), RANDOM.integers(0, 9, shape)
    np.testing.assert_array_equal(layer(cr.asarray(ids)).numpy(), layer.weight.numpy()[ids])
    ids = ids.astype(np.int32)
    np.testing.assert_array_equal(layer(cr.asarray(ids)).numpy(), layer.weight.numpy()[ids])


@pytest.mark.covers("A-164")
@pytest.mark.parametrize("compiled", [False, True])
def test_a_row_gets_the_gradients_of_all_its_places(compiled):
    layer, ids = nn.Embedding(9, 4, padding_idx=2), RANDOM.integers(0, 9, (50, 6))
    directions = RANDOM.normal(size=(50, 6, 4)).astype(np.float32)

    def loss(layer, ids):
        return cr.sum(layer(ids) * directions)

    gradient = cr.jit(cr.grad(loss)) if compiled else cr.grad(loss)
    found = [gradient(layer, cr.asarray(ids))["weight"].numpy() for _ in range(2)]
    expected = np.zeros((9, 4))
    np.add.at(expected, ids, directions)
    expected[2] = 0
    np.testing.assert_allclose(found[0], expected, atol=1e-5)
    np.testing.assert_array_equal(*found)


def test_padding_starts_at_zero_and_stays():
    layer, ids = nn.Embedding(5, 3, padding_idx=1), cr.asarray([[1, 0, 4]])
    optimizer = cr.optim.SGD(layer, 0.1)
    before = layer.weight.numpy()
    np.testing.assert_array_equal(before[1], 0)
    optimizer.update(cr.grad(lambda layer: cr.sum(cr.cos(layer(ids)) + layer(ids)))(layer))
    after = layer.weight.numpy()
    np.testing.assert_array_equal((before != after).any(axis=1), [True, False, False, False, True])
    # It is a constant of the derivative, not of the function.
    layer.weight.assign(layer.weight + 1)
    np.testing.assert_array_equal(layer(ids).numpy()[0, 0], 1)


def test_how_it_starts():
    weight = nn.Embedding(200, 50).weight.numpy()
    assert abs(weight.mean()) < 0.05
    assert abs(weight.std() - 1) < 0.05
    given = nn.Embedding(3, 2, init=nn.init.constant(0.5), dtype=cr.float64).weight
    assert given.dtype is cr.float64
    np.testing.assert_array_equal(given.numpy(), 0.5)


@pytest.mark.covers("A-168", "A-171")
def test_the_head_shares_the_weight():
    layer = nn.Embedding(9, 4)
    x = RANDOM.normal(size=(5, 4)).astype(np.float32)
    logits = layer.attend(cr.asarray(x)).numpy()
    np.testing.assert_allclose(logits, x @ layer.weight.numpy().T, rtol=1e-5, atol=1e-6)
    model = nn.Sequential(layer, cr.tanh, layer.attend)
    assert list(model.parameters()) == ["layers.0.weight"]
    ids = cr.asarray([3, 7])

    def parts(reading, writing):
        return cr.sum(cr.sin(cr.tanh(cr.take(reading, ids, axis=0)) @ writing.T))

    both = cr.grad(parts, argnums=(0, 1))(cr.asarray(layer.weight), cr.asarray(layer.weight))
    found = cr.grad(lambda model: cr.sum(cr.sin(model(ids))))(model)["layers.0.weight"]
    np.testing.assert_allclose(found.numpy(), (both[0] + both[1]).numpy(), atol=1e-5)


def test_errors():
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2))
    for ids in ([0, 10], [-1, 3]):
        with pytest.raises(IndexError, match=r"\[Sequential.layers.0\] ids run from"):
            model(cr.asarray(ids))
    with pytest.raises(cr.ChainruleError, match="ids are float32"):
        model(cr.ones(3))
    for arguments in ((0, 4), (10, 0), (10, 4, 10), (10, 4, -1)):
        with pytest.raises(cr.ChainruleError, match="each id has a vector"):
            nn.Embedding(*arguments)


def test_unknown_ids_stay_inside():
    layer = nn.Embedding(10, 4)
    found = cr.jit(lambda layer, ids: layer(ids))(layer, cr.asarray([-1, 3, 12])).numpy()
    np.testing.assert_array_equal(found, layer.weight.numpy()[[9, 3, 9]])
