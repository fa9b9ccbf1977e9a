"""L-BFGS against SciPy's minima, against BFGS in NumPy, and what it holds and refuses."""

import numpy as np
import pytest
from scipy import optimize

import chainrule as cr
from chainrule import nn, optim

R = np.random.default_rng(11)
X, LABELS = R.normal(size=(40, 6)), R.integers(0, 2, 40).astype(float)


def rosenbrock(x):
    return cr.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def logistic(w):
    z = cr.asarray(X, dtype="float64") @ w
    return cr.mean(cr.softplus(z) - cr.asarray(LABELS, dtype="float64") * z) + 0.01 * cr.sum(w * w)


@pytest.mark.parametrize("size", [2, 10])
def test_rosenbrock_as_scipy(size):
    start = np.resize([-1.2, 1.0], size)
    theirs = optimize.minimize(
        optimize.rosen,
        start,
        jac=optimize.rosen_der,
        method="L-BFGS-B",
        options={"gtol": 1e-10, "ftol": 0},
    )
    x = nn.Parameter(cr.asarray(start, dtype="float64"))
    optimizer = optim.LBFGS([x], line_search="strong_wolfe")
    value = optimizer.minimize(rosenbrock, x, steps=200)
    assert value < 1e-14
    np.testing.assert_allclose(x.numpy(), theirs.x, atol=1e-6)
    np.testing.assert_allclose(x.numpy(), 1, atol=1e-7)


def test_logistic_as_scipy():
    def function(w):
        z = X @ w
        return np.mean(np.logaddexp(0, z) - LABELS * z) + 0.01 * w @ w

    theirs = optimize.minimize(function, np.zeros(6), tol=1e-12)
    for line_search in (None, "strong_wolfe"):
        w = nn.Parameter(cr.zeros(6, dtype="float64"))
        value = optim.LBFGS([w], 1.0, line_search=line_search).minimize(logistic, w)
        assert value == pytest.approx(theirs.fun, rel=1e-12)
        np.testing.assert_allclose(w.numpy(), theirs.x, atol=1e-5)


def dense_bfgs(start, gradient, steps, rate):
    """The same steps with the inverse Hessian as a matrix (Nocedal & Wright 2006, 6.17)."""
    x, g, pairs = start, gradient(start), []
    for t in range(steps):
        h = np.eye(len(x))
        if pairs:
            s, y = pairs[-1]
            h *= (s @ y) / (y @ y)
        for s, y in pairs:
            left = np.eye(len(x)) - np.outer(s, y) / (y @ s)
            h = left @ h @ left.T + np.outer(s, s) / (y @ s)
        length = rate * (min(1, 1 / np.abs(g).sum()) if not t else 1)
        move = -length * h @ g
        x, before, g = x + move, g, gradient(x + move)
        pairs.append((move, g - before))
    return x


def test_with_all_moves_it_is_bfgs():
    x = nn.Parameter(cr.asarray(R.normal(size=6), dtype="float64"))
    start, compiled = x.numpy().copy(), cr.jit(cr.value_and_grad(lambda held: logistic(held[0])))
    gradient = cr.jit(cr.grad(logistic))
    expected = dense_bfgs(start, lambda x: gradient(cr.asarray(x, dtype="float64")).numpy(), 8, 0.5)
    optimizer = optim.LBFGS([x], 0.5)
    for _ in range(8):
        optimizer.update(lambda: compiled([x]))
    np.testing.assert_allclose(x.numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
def test_a_module_in_both_widths(line_search, kind):
    model = nn.Sequential(nn.Linear(6, 4, dtype=kind), nn.Tanh(), nn.Linear(4, 1, dtype=kind))
    x, y = cr.asarray(X, dtype=kind), cr.asarray(LABELS, dtype=kind)

    def loss(model, x, y):
        return cr.mean((model(x)[:, 0] - y) ** 2)

    before = loss(model, x, y).item()
    optimizer = optim.LBFGS(model, 0.5, line_search=line_search)
    after = optimizer.minimize(loss, model, x, y, steps=20)
    assert after == pytest.approx(loss(model, x, y).item(), rel=1e-5)
    assert after < 0.5 * before
    assert {box.dtype.name for box in model.parameters().values()} == {kind}
    assert optimizer.moves[0].dtype.name == kind


def test_eager_as_compiled():
    results = []
    for wrap in (lambda f: f, cr.jit):
        w = nn.Parameter(cr.zeros(6, dtype="float64"))
        evaluate = wrap(cr.value_and_grad(lambda held: logistic(held["w"])))
        optimizer = optim.LBFGS({"w": w}, line_search="strong_wolfe")
        for _ in range(6):
            optimizer.update(lambda evaluate=evaluate, w=w: evaluate({"w": w}))
        results.append(w.numpy())
    np.testing.assert_allclose(*results, rtol=1e-9)


def test_minimize_as_updates():
    """Where it stops early, no more steps would have been taken."""
    first, second = (nn.Parameter(cr.zeros(6, dtype="float64")) for _ in range(2))
    one, two = (optim.LBFGS([w], line_search="strong_wolfe") for w in (first, second))
    one.minimize(logistic, first, steps=7)
    evaluate = cr.jit(cr.value_and_grad(lambda held: logistic(held[0])))
    for _ in range(7):
        two.update(lambda: evaluate([second]))
    np.testing.assert_allclose(first.numpy(), second.numpy(), rtol=1e-12)


def test_resuming_continues_exactly():
    first, second = (nn.Parameter(cr.zeros(6, dtype="float64")) for _ in range(2))
    one, two = optim.LBFGS({"w": first}, history=3), optim.LBFGS({"w": second}, history=3)
    gradient = cr.jit(cr.value_and_grad(lambda held: logistic(held["w"])))
    for _ in range(5):
        one.update(lambda: gradient({"w": first}))
    two.load_state_dict(one.state_dict())
    second.assign(first + 0)
    for _ in range(3):
        one.update(lambda: gradient({"w": first}))
        two.update(lambda: gradient({"w": second}))
    np.testing.assert_array_equal(first.numpy(), second.numpy())


def test_frozen_parameters_stay():
    model = nn.Linear(6, 1, dtype="float64")
    optimizer = optim.LBFGS(model)
    model.bias.trainable = False
    before = model.bias.numpy().copy()
    x = cr.asarray(X, dtype="float64")
    optimizer.minimize(lambda model, x: cr.mean((model(x) - 1) ** 2), model, x, steps=5)
    np.testing.assert_array_equal(model.bias.numpy(), before)


def test_values_that_are_not_finite_are_too_far():
    """log is NaN below 0: the line search comes back."""
    x = nn.Parameter(cr.asarray([1e-3], dtype="float64"))
    optimizer = optim.LBFGS([x], 100.0, line_search="strong_wolfe")
    optimizer.minimize(lambda: cr.sum(x - cr.log(cr.where(x > 0, x, cr.nan))))
    np.testing.assert_allclose(x.numpy(), 1, rtol=1e-6)


def test_it_runs_outside_transforms():
    x = nn.Parameter([1.0])
    optimizer = optim.LBFGS([x])
    evaluate = cr.value_and_grad(lambda held: cr.sum(held[0] ** 2))
    with pytest.raises(cr.ChainruleError) as caught:
        cr.jit(lambda optimizer, x: optimizer.update(lambda: evaluate([x])))(optimizer, x)
    assert str(caught.value) == (
        "[LBFGS.update] called inside a transform; it chooses its steps by values, which are not "
        "known there; compile what it evaluates instead: cr.jit(cr.value_and_grad(loss))"
    )
