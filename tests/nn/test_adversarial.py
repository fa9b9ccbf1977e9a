"""Attacks: closed forms on linear models, the ball and the bounds, and training against them."""

import math
from functools import partial

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import ArgumentError
from chainrule.nn.adversarial import adversarial_loss, fgsm, pgd

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(16, 6)).astype(np.float32)
Y = RANDOM.integers(0, 3, 16)


def loss(model, x, y):
    return nn.losses.cross_entropy(model(x), y)


def linear():
    cr.random.seed(3)
    return nn.Linear(6, 3)


def gradient_of(model):
    """By x, in NumPy: (softmax(x W + b) - target) W' / rows."""
    weight, bias = model.weight.numpy().astype(np.float64), model.bias.numpy()
    z = np.exp(X @ weight + bias)
    return (z / z.sum(1, keepdims=True) - np.eye(3)[Y]) @ weight.T / len(X)


def network():
    cr.random.seed(3)
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm(16), nn.Tanh(), nn.Dropout(0.5), nn.Linear(16, 3)
    )


@pytest.mark.covers("A-117", "B-063")
def test_fgsm_is_a_step_along_the_sign():
    expected = X + 0.1 * np.sign(gradient_of(linear()))
    np.testing.assert_allclose(fgsm(loss, linear(), X, Y, 0.1).numpy(), expected, rtol=1e-5)


@pytest.mark.covers("B-063")
def test_fgsm_with_euclidean_norm():
    g = gradient_of(linear())
    expected = X + 0.1 * g / np.linalg.norm(g, axis=1, keepdims=True)
    found = fgsm(loss, linear(), X, Y, 0.1, norm=2).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.covers("A-117")
@pytest.mark.parametrize("norm", [math.inf, 2])
def test_pgd_finds_the_worst_point_of_a_linear_model(norm):
    """For y = w x the loss is monotonic: the worst point is where the ball ends."""
    cr.random.seed(0)
    model = nn.Linear(6, 1)
    w = model.weight.numpy()[:, 0]
    direction = np.sign(w) if norm == math.inf else w / np.linalg.norm(w)
    found = pgd(lambda m, x, y: cr.sum(m(x)), model, X, None, 0.3, 20, 0.3, norm=norm)
    np.testing.assert_allclose(found.numpy(), X + 0.3 * direction, atol=2e-3)


@pytest.mark.parametrize("norm", [math.inf, 2])
@pytest.mark.parametrize("shape", [(16, 6), (16, 2, 3), (16,)])
def test_ball_and_bounds(norm, shape):
    x = cr.asarray(RANDOM.uniform(0, 1, shape).astype(np.float32))
    target = cr.asarray(RANDOM.uniform(0, 1, shape).astype(np.float32))

    def far(model, x, y):
        return cr.sum((model * x - y) ** 2)

    found = pgd(far, 1.0, x, target, 0.4, 5, 0.3, norm=norm, bounds=(0, 1)).numpy()
    change = (found - x.numpy()).reshape(16, -1)
    assert (np.linalg.norm(change, norm, axis=1) <= 0.4 + 1e-6).all()
    assert found.min() >= 0 and found.max() <= 1
    assert np.abs(change).max() > 0.2


@pytest.mark.parametrize("norm", [math.inf, 2])
def test_start_is_uniform_in_the_ball(norm):
    x = cr.zeros((20_000, 3))
    cr.random.seed(0)
    start = pgd(lambda m, x, y: 0 * cr.sum(x), 1.0, x, None, 0.5, 1, 0.0, norm=norm).numpy()
    inner = (np.linalg.norm(start, norm, axis=1) < 0.25).mean()
    # A ball of half the size has an eighth of the volume.
    assert abs(inner - 1 / 8) < 5 * np.sqrt(7 / 64 / 20_000)
    assert np.abs(start.mean(0)).max() < 0.01


def test_attacks_raise_the_loss():
    model, x = network(), cr.asarray(X)
    clean = float(loss(model, x, Y))
    once = float(loss(model, fgsm(loss, model, x, Y, 0.3), Y))
    often = float(loss(model, pgd(loss, model, x, Y, 0.3, 20), Y))
    assert clean < once <= often * 1.02


@pytest.mark.parametrize("attack", [fgsm, pgd, partial(pgd, norm=2)])
def test_model_is_attacked_as_in_use(attack):
    model = network()
    cr.random.seed(0)
    before = model.state_dict()
    first = attack(loss, model, X, Y)
    for path, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[path])
    compiled = cr.jit(lambda model, x, y: attack(loss, model, x, y))
    cr.random.seed(0)
    np.testing.assert_allclose(compiled(model, X, Y).numpy(), first.numpy(), atol=1e-4)
    assert first.dtype is cr.float32


def test_attacked_inputs_are_constants():
    model, x = linear(), cr.asarray(X)
    attack = partial(fgsm, eps=0.2, norm=2)
    mixed = cr.grad(adversarial_loss(loss, attack, 0.25))(model, x, Y)
    clean, worst = cr.grad(loss)(model, x, Y), cr.grad(loss)(model, attack(loss, model, x, Y), Y)
    for path, g in mixed.items():
        np.testing.assert_allclose(g, 0.75 * clean[path] + 0.25 * worst[path], atol=1e-6)


@pytest.mark.covers("A-117")
def test_adversarial_training_makes_robust():
    """One feature is weak but reliable, many are strong together but easily turned."""
    y = RANDOM.integers(0, 2, 400)
    sign = 2.0 * y[:, None] - 1
    x = np.hstack([sign * 1.0, 0.15 * sign + 0.1 * RANDOM.normal(size=(400, 30))])
    x = x.astype(np.float32)
    attack = partial(pgd, eps=0.3)

    def accuracy_under_attack(loss_of_training):
        cr.random.seed(0)
        model = nn.Linear(31, 2)
        optimizer = optim.Adam(model, learning_rate=0.05)

        @cr.jit
        def step(model, optimizer, x, y):
            optimizer.update(cr.grad(loss_of_training)(model, x, y))

        for _ in range(100):
            step(model, optimizer, x, y)
        attacked = model(attack(loss, model, x, y)).numpy()
        return (attacked.argmax(1) == y).mean()

    assert accuracy_under_attack(loss) < 0.5
    assert accuracy_under_attack(adversarial_loss(loss, attack)) > 0.95


@pytest.mark.parametrize(
    "call",
    [
        lambda: fgsm(loss, linear(), X, Y, -0.1),
        lambda: pgd(loss, linear(), X, Y, steps=0),
        lambda: pgd(loss, linear(), X, Y, norm=1),
        lambda: adversarial_loss(loss, share=2),
    ],
)
def test_bad_options(call):
    with pytest.raises(ArgumentError):
        call()
