"""Proximal L1 steps against scikit-learn's Lasso, max-norm against its definition."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso

import chainrule as cr
from chainrule import nn, optim

R = np.random.default_rng(13)
X = R.normal(size=(50, 12))
TRUE = np.where(np.arange(12) % 3 == 0, R.normal(size=12) * 2, 0.0)
Y = X @ TRUE + 0.1 * R.normal(size=50)
STRENGTH = 0.2
RATE = 0.9 / np.linalg.eigvalsh(X.T @ X / len(X)).max()


def fitted(make, steps, penalty=0.0):
    """The weights of a linear model after so many compiled steps on half the mean square."""
    model = nn.Linear(12, 1, bias=False, dtype="float64", init=nn.init.zeros())
    optimizer = make(model)

    @cr.jit
    def step(model, optimizer):
        def loss(model):
            error = model(cr.asarray(X, dtype="float64"))[:, 0] - cr.asarray(Y, dtype="float64")
            return cr.mean(error**2) / 2 + penalty * cr.sum(cr.abs(model.weight))

        optimizer.update(cr.grad(loss)(model))

    for _ in range(steps):
        step(model, optimizer)
    return model.weight.numpy()[:, 0]


@pytest.fixture(scope="module")
def lasso():
    return Lasso(STRENGTH, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(X, Y).coef_


@pytest.mark.covers("A-107", "C-097")
@pytest.mark.parametrize("accelerate", [False, True], ids=["ista", "fista"])
def test_proximal_steps_find_the_lasso(lasso, accelerate):
    found = fitted(
        lambda m: optim.ProximalL1(optim.SGD(m, RATE), STRENGTH, accelerate=accelerate), 1000
    )
    np.testing.assert_allclose(found, lasso, rtol=1e-9, atol=1e-12)
    assert (found == 0).sum() == (lasso == 0).sum() >= 6


@pytest.mark.covers("A-107", "C-097")
def test_sub_gradients_find_no_zero(lasso):
    """The same loss with the penalty in it: near the Lasso, but nothing is 0."""
    found = fitted(lambda m: optim.SGD(m, RATE), 1000, penalty=STRENGTH)
    assert (found != 0).all()
    assert abs(found[lasso == 0]).max() > 1e-3
    np.testing.assert_allclose(found, lasso, atol=STRENGTH * RATE)


def test_fista_is_faster(lasso):
    errors = [
        abs(
            fitted(lambda m, a=a: optim.ProximalL1(optim.SGD(m, RATE / 20), STRENGTH, a), 60)
            - lasso
        ).max()
        for a in (False, True)
    ]
    assert errors[1] < errors[0] / 10


def test_fista_as_written():
    """Beck & Teboulle 2009, (4.1) to (4.3), with t = (k + 1) / 2."""
    x = last = y = np.zeros(12)
    for k in range(1, 41):
        x = y - RATE * X.T @ (X @ y - Y) / len(X)
        x = np.sign(x) * np.maximum(np.abs(x) - RATE * STRENGTH, 0)
        y, last = x + (((k + 1) / 2 - 1) / ((k + 2) / 2)) * (x - last), x
    found = fitted(lambda m: optim.ProximalL1(optim.SGD(m, RATE), STRENGTH, accelerate=True), 40)
    np.testing.assert_allclose(found, y, rtol=1e-9, atol=1e-12)


def test_momentum_weakens_the_penalty(lasso):
    """Its steps are longer than the rate says: the limit has strength * (1 - momentum)."""
    found = fitted(lambda m: optim.ProximalL1(optim.SGD(m, RATE, 0.9), STRENGTH / 0.1), 2000)
    np.testing.assert_allclose(found, lasso, rtol=1e-9, atol=1e-12)


def test_adam_hides_how_weak_a_gradient_is():
    """Its steps at 0 are as long as elsewhere, so that the same strength makes no zero."""
    found = fitted(lambda m: optim.ProximalL1(optim.Adam(m, 0.01), STRENGTH), 500)
    assert (found != 0).all()


def test_the_threshold_follows_schedules_and_groups():
    model = nn.Linear(2, 2, dtype="float64", init=nn.init.constant(1.0))
    model.bias.assign(cr.ones(2, dtype="float64"))
    rates = [0.5, 0.25]
    inner = optim.SGD(
        model, lambda t: cr.where(t == 0, *rates), groups={"bias": {"learning_rate": 0.125}}
    )
    optimizer = optim.ProximalL1(inner, 1.0, where="*")
    zeros = {path: cr.zeros(x.shape, dtype="float64") for path, x in model.parameters().items()}
    for _ in rates:
        optimizer.update(zeros)
    np.testing.assert_array_equal(model.weight.numpy(), 0.25)
    np.testing.assert_array_equal(model.bias.numpy(), 0.75)


def test_biases_are_left_out():
    model = nn.Linear(2, 2, init=nn.init.constant(1.0), bias_init=nn.init.constant(9.0))
    optimizer = optim.MaxNorm(optim.ProximalL1(optim.SGD(model, 0.1), 1.0), 0.5)
    optimizer.update({path: cr.zeros(x.shape) for path, x in model.parameters().items()})
    np.testing.assert_array_equal(model.bias.numpy(), 9)
    np.testing.assert_allclose(np.linalg.norm(model.weight.numpy(), axis=0), 0.5, rtol=1e-6)


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
@pytest.mark.parametrize("shape", [(5, 4), (3, 3, 2, 4)])
def test_max_norm(shape, compiled, kind):
    """Each unit's incoming weights; those within the bound stay bit for bit, those of 0 too."""
    start = (R.normal(size=shape) * np.array([0.01, 1, 3, 0])).astype(kind)
    g = R.normal(size=shape).astype(kind) * np.array([0, 1, 1, 0], kind)
    w = nn.Parameter(cr.asarray(start, dtype=kind))
    optimizer = optim.MaxNorm(optim.SGD([w], 0.1), 2.0)

    def step(optimizer, g):
        optimizer.update([g])

    (cr.jit(step) if compiled else step)(optimizer, cr.asarray(g, dtype=kind))
    free = start.astype("float64") - 0.1 * g
    norms = np.linalg.norm(free.reshape(-1, 4), axis=0)
    expected = free * np.minimum(1, 2.0 / np.maximum(norms, 1e-30))
    np.testing.assert_allclose(w.numpy(), expected, rtol=1e-12 if kind == "float64" else 1e-5)
    np.testing.assert_array_equal(w.numpy()[..., [0, 3]], start[..., [0, 3]])
    assert norms[2] > 2 > norms[0]


def test_weights_are_selected():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    before = model.state_dict()
    optimizer = optim.MaxNorm(optim.SGD(model, 0.1), 1e-3, where="layers.1")
    optimizer.update({path: cr.zeros(x.shape) for path, x in model.parameters().items()})
    after = model.state_dict()
    np.testing.assert_array_equal(after["layers.0.weight"], before["layers.0.weight"])
    assert np.linalg.norm(after["layers.1.weight"], axis=0).max() <= 1.001e-3
