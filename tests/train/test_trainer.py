"""The trainer: its compiled epoch against a plain loop, and how training ends."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import ArgumentError, TrainingError
from chainrule.train import Predictor, Trainer

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(50, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)


def loss(model, x, y):
    return nn.losses.cross_entropy(model(x), y)


def trainer(batch_size=16, learning_rate=1e-2, dropout=0.0, seed=0):
    cr.random.seed(seed)
    layers = [nn.Linear(4, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 2)]
    model = nn.Sequential(*layers)
    optimizer = optim.Adam(model, learning_rate)
    return Trainer(model, optimizer, loss, batch_size=batch_size, seed=seed)


def scripted(losses, **keywords):
    """A trainer whose validation losses are given, and the weights after each of its epochs."""
    made, weights, losses = trainer(**keywords), [], iter(losses)

    def evaluate(x, y):
        weights.append(made.model.state_dict())
        value = next(losses)
        return value, value

    made.evaluate = evaluate
    return made, weights


def same(a, b):
    return a.keys() == b.keys() and all((a[name] == b[name]).all() for name in a)


# 50 rows: a tail of 2, none, one batch that is the tail, and every row by itself.
@pytest.mark.parametrize("batch_size", [16, 25, 64, 1])
def test_epoch_is_a_plain_loop_over_batches(batch_size):
    ours, plain = trainer(batch_size), trainer(batch_size)
    mean = ours.epoch(cr.asarray(X), cr.asarray(Y))
    order, total = np.random.default_rng([0, 1]).permutation(len(X)), 0.0
    for start in range(0, len(X), batch_size):
        rows = order[start : start + batch_size]
        value, gradients = cr.value_and_grad(loss)(plain.model, X[rows], Y[rows])
        plain.optimizer.update(gradients)
        total += float(value) * len(rows)
    assert mean == pytest.approx(total / len(X), rel=1e-5)
    for name, expected in plain.model.state_dict().items():
        np.testing.assert_allclose(ours.model.state_dict()[name], expected, rtol=1e-4, atol=1e-6)


def test_later_epochs_compile_nothing():
    made = trainer(batch_size=16)
    made.fit((X, Y), (X, Y), epochs=4)
    assert len(made._run_epoch.compiled) == len(made._run_evaluation.compiled) == 1


def test_evaluation_is_the_mean_over_all_rows():
    made = trainer(dropout=0.5)
    expected = float(loss(made.model, X, Y))
    assert made.evaluate(cr.asarray(X), cr.asarray(Y)) == pytest.approx((expected, expected))


def test_training_learns():
    made = trainer()
    history = made.fit((X, Y), (X, Y), epochs=60)
    assert history.epochs[-1].validation_loss < 0.2 < history.epochs[0].validation_loss


def test_same_seed_gives_the_same_weights_and_history():
    runs = []
    for _ in range(2):
        made = trainer(dropout=0.5, seed=7)
        history = made.fit((X, Y), (X, Y), epochs=3)
        runs.append((made.model.state_dict(), [epoch.training_loss for epoch in history.epochs]))
    assert same(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]


@pytest.mark.covers("A-115")
def test_patience_ends_training_and_brings_the_best_weights_back():
    made, weights = scripted([3.0, 1.0, 2.0, 1.5, 0.5])
    history = made.fit((X, Y), (X, Y), epochs=5, patience=2)
    assert history.stopped == "patience"
    assert [epoch.number for epoch in history.epochs] == [1, 2, 3, 4]
    assert history.best.number == 2
    assert same(made.model.state_dict(), weights[1])
    assert not same(weights[1], weights[3])


def test_without_patience_all_epochs_are_done():
    made, weights = scripted([1.0, 2.0, 3.0])
    history = made.fit((X, Y), (X, Y), epochs=3)
    assert (history.stopped, len(history.epochs)) == ("all epochs", 3)
    assert same(made.model.state_dict(), weights[0])


def interrupting(number):
    def on_epoch(epoch):
        if epoch.number == number:
            raise KeyboardInterrupt

    return on_epoch


def test_interruption_keeps_the_best_so_far():
    made, weights = scripted([2.0, 1.0, 3.0, 0.1])
    history = made.fit((X, Y), (X, Y), epochs=4, on_epoch=interrupting(3))
    assert history.stopped == "interrupted"
    assert history.best.number == 2
    assert same(made.model.state_dict(), weights[1])


def test_interruption_before_the_first_epoch_is_passed_on(monkeypatch):
    made = trainer()
    monkeypatch.setattr(made, "epoch", lambda x, y: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        made.fit((X, Y), (X, Y), epochs=2)


def test_divergence_is_an_error():
    made = trainer(learning_rate=1e30)
    with pytest.raises(TrainingError) as caught:
        made.fit((X, Y), (X, Y), epochs=5)
    assert str(caught.value) in {
        f"[fit] the {part} loss is {value} after epoch {number}; the steps were too large, or the "
        "data hold values far out of the ordinary; lower the learning rate, or check the "
        "columns' ranges"
        for part in ("training", "validation")
        for value in ("nan", "inf")
        for number in (1, 2)
    }


@pytest.mark.parametrize(
    ("training", "validation", "message"),
    [
        ((X, Y[:-1]), (X, Y), "the training part has 50 rows of x and 49 of y"),
        ((X, Y), (X[:0], Y[:0]), "the validation part has 0 rows of x and 0 of y"),
    ],
)
def test_parts_that_do_not_fit_are_errors(training, validation, message):
    with pytest.raises(ArgumentError) as caught:
        trainer().fit(training, validation, epochs=1)
    assert str(caught.value) == (
        f"[fit] {message}; each row needs its target, and there must be rows; "
        "pass (x, y) of equal length"
    )


@pytest.mark.parametrize("rows", [1, 256, 300])
def test_predictor_gives_each_row_its_own_result(rows):
    model = trainer(dropout=0.5).model
    x = np.random.default_rng(1).normal(size=(rows, 4)).astype(np.float32)
    found = Predictor(model)(x)
    np.testing.assert_allclose(found, model(x).numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(Predictor(model)(x[-1:]), found[-1:])
