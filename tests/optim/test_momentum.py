"""Gradient descent by samples and batches, two conventions of momentum, Nesterov's look ahead."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

R = np.random.default_rng(3)
X, Y = R.normal(size=(12, 4)), R.normal(size=12)


def loss(model, x, y):
    return cr.mean((model(x)[:, 0] - y) ** 2)


def after(rows, rate=0.1):
    """The weight after one step of gradient descent on these samples."""
    cr.random.seed(0)
    model = nn.Linear(4, 1, dtype="float64")
    optimizer = optim.SGD(model, rate)
    x, y = (cr.asarray(v[rows], dtype="float64") for v in (X, Y))
    optimizer.update(cr.grad(loss)(model, x, y))
    return model.weight.numpy()


@pytest.mark.covers("A-060", "A-061", "A-062")
def test_batch_sample_and_mini_batch_are_one_step_along_the_mean_gradient():
    everything = after(list(range(12)))
    samples = np.mean([after([row]) for row in range(12)], axis=0)
    batches = np.mean([after(list(range(start, start + 4))) for start in (0, 4, 8)], axis=0)
    np.testing.assert_allclose(samples, everything, rtol=1e-12)
    np.testing.assert_allclose(batches, everything, rtol=1e-12)
    assert np.abs(after([0]) - everything).max() > 1e-3


# ---- Two conventions ----


def path(rates, **options):
    """Where x goes from 1 with gradients sin(3 x) + x, one learning rate a step."""
    x = nn.Parameter(cr.asarray(1.0, dtype="float64"))
    optimizer = optim.SGD([x], 0.1, 0.9, **options)
    places = []
    for rate in rates:
        optimizer.learning_rate = rate
        optimizer.update([cr.sin(3 * x) + x])
        places.append(x.item())
    return np.array(places)


def gradient(x):
    return np.sin(3 * x) + x


CHANGING = [0.1] * 10 + [0.01] * 10


@pytest.mark.covers("A-063", "A-064")
@pytest.mark.parametrize("nesterov", [False, True])
def test_conventions_agree_while_the_rate_stays(nesterov):
    a = path([0.1] * 20, nesterov=nesterov)
    b = path([0.1] * 20, nesterov=nesterov, accumulates="steps")
    np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.covers("A-063", "A-064")
def test_conventions_differ_when_the_rate_falls():
    """A: the whole velocity shrinks at once, tenfold here. B: old steps are as long as before."""
    a, b = path(CHANGING), path(CHANGING, accumulates="steps")
    np.testing.assert_allclose(a[:10], b[:10], rtol=1e-12)
    last, g = a[9] - a[8], gradient(a[9])
    assert a[10] - a[9] == pytest.approx(0.1 * 0.9 * last - 0.01 * g, rel=1e-12)
    assert b[10] - b[9] == pytest.approx(0.9 * last - 0.01 * g, rel=1e-12)


# ---- Nesterov ----


@pytest.mark.covers("A-065")
def test_nesterov_in_convention_a_is_the_gradient_ahead():
    """theta, v as in the notes (S0); ours holds theta - rate b v, if the rate stays."""
    theta, v, places = 1.0, 0.0, []
    for _ in range(20):
        v = 0.9 * v + gradient(theta - 0.1 * 0.9 * v)
        theta = theta - 0.1 * v
        places.append(theta - 0.1 * 0.9 * v)
    np.testing.assert_allclose(path([0.1] * 20, nesterov=True), places, rtol=1e-11)


@pytest.mark.covers("A-065")
@pytest.mark.parametrize("rates", [[0.1] * 20, CHANGING], ids=["constant", "changing"])
def test_nesterov_in_convention_b_is_the_gradient_ahead(rates):
    """theta, v as in the notes (S1); ours holds theta - b v, under any rates."""
    theta, v, places = 1.0, 0.0, []
    for rate in rates:
        v = 0.9 * v + rate * gradient(theta - 0.9 * v)
        theta = theta - v
        places.append(theta - 0.9 * v)
    ours = path(rates, nesterov=True, accumulates="steps")
    np.testing.assert_allclose(ours, places, rtol=1e-11)


def test_unknown_convention():
    with pytest.raises(cr.ChainruleError) as caught:
        optim.SGD(nn.Linear(2, 1), 0.1, 0.9, accumulates="B")
    assert str(caught.value) == '[SGD] accumulates is \'B\'; choose "gradients" or "steps"'
