"""Batches of arrays: what an epoch contains, and that a state goes on exactly."""

import json

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.data import ArrayLoader
from chainrule.errors import ArgumentError

ROWS = 23


def loader(**options):
    rows = np.arange(ROWS)
    return ArrayLoader((rows, rows * 2.0), **{"batch_size": 5, "seed": 4, **options})


def seen(batches):
    return [row for x, _ in batches for row in x.tolist()]


@pytest.mark.covers("A-244")
def test_each_row_comes_once_an_epoch_in_a_new_order():
    batches = loader()
    first, second = seen(batches), seen(batches)
    assert sorted(first) == sorted(second) == list(range(ROWS))
    assert first != second != list(range(ROWS))
    assert (batches.epoch, batches.position, len(batches)) == (2, 0, 5)


def test_rows_keep_their_partners_and_the_end_is_ragged():
    sizes = []
    for x, y in loader():
        assert (y == x * 2).all()
        sizes.append(len(x))
    assert sizes == [5, 5, 5, 5, 3]


def test_unshuffled_rows_keep_their_order():
    assert seen(loader(shuffle=False)) == list(range(ROWS))


def test_orders_follow_the_seed():
    assert seen(loader()) == seen(loader())
    assert seen(loader()) != seen(loader(seed=5))


@pytest.mark.parametrize("stop", range(6))
def test_a_state_goes_on_exactly(stop):
    whole, started = loader(), loader()
    seen(whole), seen(started)
    expected = [*seen(whole), *seen(whole)]
    found = []
    for number, (x, _) in enumerate(started, 1):
        found += x.tolist()
        if number >= stop:
            break
    state = json.loads(json.dumps(started.state_dict()))
    again = loader()
    again.load_state_dict(state)
    assert [*found, *seen(again), *seen(again)] == expected


def test_a_state_of_another_order_is_refused():
    with pytest.raises(ArgumentError, match="batch_size=5, this loader 6"):
        loader(batch_size=6).load_state_dict(loader().state_dict())


def test_runs_are_batches_in_a_row():
    batches = [x.tolist() for x, _ in loader()]
    runs = [x.tolist() for x, _ in loader().runs(2)]
    assert runs == [batches[0] + batches[1], batches[2] + batches[3], batches[4]]


def test_the_order_left_is_what_iterating_gives():
    batches = loader()
    next(iter(batches))
    full, rest = batches.order_left()
    assert [*full.ravel().tolist(), *rest.tolist()] == seen(batches)
    assert full.shape == (3, 5)


def test_an_order_of_its_own_draws_the_rows():
    def twice(generator, rows):
        return generator.choice(rows, 2 * rows)

    batches = loader(order=twice)
    assert len(seen(batches)) == 2 * ROWS == batches.rows


def test_epochs_compile_once():
    model = nn.Linear(3, 1)
    optimizer = optim.SGD(model, learning_rate=0.1)
    x = np.ones((ROWS, 3), np.float32)
    batches = ArrayLoader((x, x[:, :1]), batch_size=5)

    @cr.jit
    def step(model, optimizer, x, y):
        gradients = cr.grad(lambda model, x, y: cr.mean((model(x) - y) ** 2))(model, x, y)
        optimizer.update(gradients)

    for _ in range(3):
        for batch in batches:
            step(model, optimizer, *batch)
    assert len(step.compiled) == 2  # full batches, and the last one


@pytest.mark.parametrize("data", [(np.ones(3), np.ones(4)), (), np.ones((0, 2)), np.float32(1)])
def test_arrays_without_common_rows_are_refused(data):
    with pytest.raises(ArgumentError, match="each example is a row"):
        ArrayLoader(data)


def test_batches_have_rows():
    with pytest.raises(ArgumentError, match="batch_size=0"):
        loader(batch_size=0)
