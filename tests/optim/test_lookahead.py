"""Lookahead against the paper's algorithm in NumPy, 200 steps."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

R = np.random.default_rng(4)
A, B, START = R.normal(size=(6, 4)), R.normal(size=6), R.normal(size=4)


def gradient(x):
    return A.T @ (A @ x - B) / len(B)


def momentum_step(x, g, state, t):
    state["m"] = 0.9 * state.get("m", 0) + g
    return x - 0.05 * state["m"]


def adam_step(x, g, state, t, decay=0.0):
    x = x - 0.05 * decay * x
    state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
    state["v"] = 0.999 * state.get("v", 0) + 0.001 * g**2
    return x - 0.05 * (state["m"] / (1 - 0.9**t)) / (np.sqrt(state["v"] / (1 - 0.999**t)) + 1e-8)


def adamw_step(x, g, state, t):
    return adam_step(x, g, state, t, decay=0.1)


INNER = [
    (lambda p: optim.SGD(p, 0.05, 0.9), momentum_step),
    (lambda p: optim.Adam(p, 0.05), adam_step),
    (lambda p: optim.AdamW(p, 0.05, weight_decay=0.1), adamw_step),
]


@pytest.mark.covers("A-072")
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
@pytest.mark.parametrize(("k", "alpha"), [(5, 0.5), (1, 0.8), (7, 1.0)])
@pytest.mark.parametrize(("make", "inner_step"), INNER)
def test_lookahead(make, inner_step, k, alpha, compiled):
    held = [nn.Parameter(cr.asarray(START, dtype="float64"))]
    optimizer = optim.Lookahead(make(held), k, alpha)

    def step(optimizer, held):
        (x,) = held
        residual = cr.asarray(A, dtype="float64") @ x - cr.asarray(B, dtype="float64")
        optimizer.update([cr.asarray(A.T, dtype="float64") @ residual / len(B)])

    step = cr.jit(step) if compiled else step
    fast, slow, state = START, START, {}
    for t in range(1, 201):
        fast = inner_step(fast, gradient(fast), state, t)
        if t % k == 0:
            fast = slow = slow + alpha * (fast - slow)
        step(optimizer, held)
        np.testing.assert_allclose(held[0].numpy(), fast, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(optimizer.slow["0"].numpy(), slow, rtol=1e-9, atol=1e-12)


def test_defaults_are_the_papers():
    optimizer = optim.Lookahead(optim.SGD([nn.Parameter([1.0])], 0.1))
    assert (optimizer.k, optimizer.alpha) == (5, 0.5)
