"""Schedule-free AdamW against the recurrences of y, z and x in NumPy, 200 steps."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

R = np.random.default_rng(8)
A, B, START = R.normal(size=(8, 4)), R.normal(size=8), R.normal(size=4)


def gradient(y):
    return A.T @ (A @ y - B) / len(B)


def recurrences(rates, b1=0.9, b2=0.999, eps=1e-8, decay=0.0):
    """y and x after each step."""
    x = z = START
    v, total, largest = np.zeros_like(START), 0.0, 0.0
    for t, rate in enumerate(rates, 1):
        y = (1 - b1) * z + b1 * x
        g = gradient(y)
        v = b2 * v + (1 - b2) * g**2
        z = z - rate * (g / (np.sqrt(v / (1 - b2**t)) + eps) + decay * y)
        largest = max(largest, rate)
        total += largest**2
        c = largest**2 / total if total else 0.0
        x = (1 - c) * x + c * z
        yield (1 - b1) * z + b1 * x, x


def wave(t):
    return 0.02 * (1.5 + cr.sin(0.3 * cr.astype(t, cr.float64)))


T = np.arange(200)
CASES = [
    (0.05, {}, np.full(200, 0.05), {}),
    (0.02, {"weight_decay": 0.1}, np.full(200, 0.02), {"decay": 0.1}),
    (
        0.1,
        {"betas": (0.0, 0.9), "eps": 1e-3},
        np.full(200, 0.1),
        {"b1": 0.0, "b2": 0.9, "eps": 1e-3},
    ),
    (lambda t: cr.minimum(0.05 * cr.astype(t, cr.float64) / 20, 0.05), {},
     np.minimum(0.05 * T / 20, 0.05), {}),
    (wave, {}, 0.02 * (1.5 + np.sin(0.3 * T)), {}),
]  # fmt: skip


def run(rate, options, compiled, kind):
    held = [nn.Parameter(cr.asarray(START, dtype=kind))]
    optimizer = optim.ScheduleFreeAdamW(held, rate, **options)
    a, b = cr.asarray(A, dtype=kind), cr.asarray(B, dtype=kind)

    def step(optimizer, held):
        optimizer.update([a.T @ (a @ held[0] - b) / len(B)])

    step = cr.jit(step) if compiled else step
    for _ in range(200):
        step(optimizer, held)
        with optimizer.evaluation():
            x = held[0].numpy().copy()
        yield held[0].numpy(), x


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
@pytest.mark.parametrize(("rate", "options", "rates", "numbers"), CASES)
def test_recurrences(rate, options, rates, numbers, compiled):
    steps = zip(run(rate, options, compiled, "float64"), recurrences(rates, **numbers), strict=True)
    for (y, x), (expected_y, expected_x) in steps:
        np.testing.assert_allclose(y, expected_y, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(x, expected_x, rtol=1e-9, atol=1e-12)


def test_float32_keeps_its_digits():
    found = list(run(0.05, {}, True, "float32"))
    for (y, x), (expected_y, expected_x) in zip(
        found, recurrences(np.full(200, 0.05)), strict=True
    ):
        assert y.dtype == x.dtype == np.float32
        np.testing.assert_allclose(y, expected_y, atol=1e-5)
        np.testing.assert_allclose(x, expected_x, atol=1e-5)


def test_evaluation_gives_training_weights_back():
    model = nn.Linear(3, 2)
    optimizer = optim.ScheduleFreeAdamW(model, 0.1)

    @cr.jit
    def step(model, optimizer, x):
        optimizer.update(cr.grad(lambda m: cr.mean(m(x) ** 2))(model))

    for _ in range(3):
        step(model, optimizer, cr.ones((4, 3)))
    training = model.weight.numpy().tobytes()
    with optimizer.evaluation():
        np.testing.assert_array_equal(model.weight.numpy(), optimizer.x["weight"].numpy())
        assert model.weight.numpy().tobytes() != training
    assert model.weight.numpy().tobytes() == training


def test_groups_have_their_own_rates():
    """z of a group moves with its rate; the average is that of the common schedule."""
    held = {"a": nn.Parameter([1.0]), "b": nn.Parameter([1.0])}
    optimizer = optim.ScheduleFreeAdamW(held, 0.1, groups={"b": {"learning_rate": 0.2}})
    for _ in range(2):
        optimizer.update({"a": cr.ones(1), "b": cr.ones(1)})
    np.testing.assert_allclose(optimizer.z["a"].numpy(), 0.8, rtol=1e-6)
    np.testing.assert_allclose(optimizer.z["b"].numpy(), 0.6, rtol=1e-6)
    np.testing.assert_allclose(optimizer.x["a"].numpy(), 0.85, rtol=1e-6)
    np.testing.assert_allclose(optimizer.x["b"].numpy(), 0.7, rtol=1e-6)
