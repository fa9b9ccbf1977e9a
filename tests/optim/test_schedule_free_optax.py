"""Schedule-free AdamW against optax.contrib, 200 steps."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

jax = pytest.importorskip("jax")
contrib = pytest.importorskip("optax.contrib")
optax = pytest.importorskip("optax")
pytestmark = pytest.mark.peers

R = np.random.default_rng(9)
A, B, START = R.normal(size=(8, 4)), R.normal(size=8), R.normal(size=4)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        (
            {"betas": (0.95, 0.99), "weight_decay": 0.1},
            {"b1": 0.95, "b2": 0.99, "weight_decay": 0.1},
        ),
    ],
)
def test_steps(ours, theirs):
    with jax.enable_x64(True):
        y = jax.numpy.asarray(START)
        solver = contrib.schedule_free_adamw(**theirs)
        state, advance = solver.init(y), jax.jit(solver.update)
        held = [nn.Parameter(cr.asarray(START, dtype="float64"))]
        optimizer = optim.ScheduleFreeAdamW(held, **ours)
        for _ in range(200):
            g = A.T @ (A @ np.asarray(y) - B)
            updates, state = advance(jax.numpy.asarray(g), state, y)
            y = optax.apply_updates(y, updates)
            optimizer.update([cr.asarray(g, dtype="float64")])
            np.testing.assert_allclose(held[0].numpy(), y, rtol=1e-9, atol=1e-11)
        x = contrib.schedule_free_eval_params(state, y)
        np.testing.assert_allclose(optimizer.x["0"].numpy(), x, rtol=1e-9, atol=1e-11)
