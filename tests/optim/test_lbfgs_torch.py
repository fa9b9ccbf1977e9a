"""L-BFGS against torch.optim.LBFGS, with line search and without, step by step."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

R = np.random.default_rng(12)
X, LABELS, START = R.normal(size=(60, 8)), R.integers(0, 2, 60).astype(float), R.normal(size=8)


def logistic(w):
    z = cr.asarray(X, dtype="float64") @ w
    return cr.mean(cr.softplus(z) - cr.asarray(LABELS, dtype="float64") * z) + 0.05 * cr.sum(w * w)


def logistic_torch(w):
    z = torch.tensor(X) @ w
    softplus = torch.nn.functional.softplus(z)
    return (softplus - torch.tensor(LABELS) * z).mean() + 0.05 * (w * w).sum()


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def theirs(function, steps, rate, line_search, history):
    x = torch.tensor(START, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [x], rate, steps, 10**6, 0, 0, history_size=history, line_search_fn=line_search
    )

    def closure():
        optimizer.zero_grad()
        loss = function(x)
        loss.backward()
        return loss

    optimizer.step(closure)
    return x.detach().numpy()


@pytest.mark.parametrize(
    ("ours", "peer", "rate", "line_search", "history", "counts"),
    [
        (logistic, logistic_torch, 0.1, None, 10, (1, 2, 20, 200)),
        (logistic, logistic_torch, 0.1, None, 3, (1, 2, 20, 200)),
        (rosenbrock, rosenbrock, 0.5, None, 10, (1, 2, 20, 40)),
        (logistic, logistic_torch, 1.0, "strong_wolfe", 10, (1, 2, 8)),
        (rosenbrock, rosenbrock, 1.0, "strong_wolfe", 10, (1, 2, 20, 40)),
        (rosenbrock, rosenbrock, 1.0, "strong_wolfe", 2, (1, 2, 20)),
    ],
)
def test_steps(ours, peer, rate, line_search, history, counts):
    x = nn.Parameter(cr.asarray(START, dtype="float64"))
    optimizer = optim.LBFGS([x], rate, history, line_search)
    evaluate = cr.jit(cr.value_and_grad(lambda held: ours(held[0])))
    for count in counts:
        while optimizer.steps.item() < count:
            optimizer.update(lambda: evaluate([x]))
        expected = theirs(peer, count, rate, line_search, history)
        np.testing.assert_allclose(x.numpy(), expected, rtol=1e-9, atol=1e-10)
