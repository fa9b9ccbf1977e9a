"""Newton's steps against solutions of the dense system, and on functions whose minimum is known."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

R = np.random.default_rng(10)
ROOT = R.normal(size=(7, 7))
H, G = ROOT @ ROOT.T + np.eye(7), R.normal(size=7)
X, LABELS = R.normal(size=(30, 5)), R.integers(0, 2, 30).astype(float)


def step_on(loss, compiled):
    """newton.update of `loss` alone, or compiled."""
    return cr.jit(lambda newton, held: newton.update(loss, held)) if compiled else (
        lambda newton, held: newton.update(loss, held)
    )  # fmt: skip


@pytest.mark.covers("A-073")
@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
def test_one_step_to_the_minimum_of_a_quadratic(compiled, kind):
    """The parameters, here a matrix and a vector, count as one vector."""
    start = R.normal(size=7)
    parts = {"a": start[:4].reshape(2, 2), "b": start[4:]}
    held = {path: nn.Parameter(cr.asarray(x, dtype=kind)) for path, x in parts.items()}
    h, g = cr.asarray(H, dtype=kind), cr.asarray(G, dtype=kind)

    def loss(held):
        x = cr.concat([cr.reshape(held["a"], (4,)), held["b"]])
        return 0.5 * x @ (h @ x) - g @ x

    newton = optim.Newton(held)
    value = step_on(loss, compiled)(newton, held)
    assert value.dtype is getattr(cr, kind)
    assert value.item() == pytest.approx(0.5 * start @ H @ start - G @ start, rel=1e-5)
    found = np.concatenate([held["a"].numpy().ravel(), held["b"].numpy()])
    close = {"rtol": 1e-7, "atol": 1e-9} if kind == "float64" else {"rtol": 1e-3, "atol": 1e-4}
    np.testing.assert_allclose(found, np.linalg.solve(H, G), **close)
    assert newton.steps.item() == 1


def logistic(held):
    z = cr.asarray(X, dtype="float64") @ held["w"]
    label = cr.asarray(LABELS, dtype="float64")
    return cr.mean(cr.softplus(z) - label * z) + 0.01 * cr.sum(held["w"] ** 2)


@pytest.mark.covers("A-073")
@pytest.mark.parametrize("damping", [0.0, 0.5])
def test_step_solves_the_hessian_system(damping):
    """cr.hessian and NumPy's solver take the same step."""
    held = {"w": nn.Parameter(cr.asarray(R.normal(size=5), dtype="float64"))}
    start = held["w"].numpy().copy()
    g = cr.grad(logistic)(held)["w"].numpy()
    h = cr.hessian(lambda w: logistic({"w": w}))(cr.asarray(start, dtype="float64")).numpy()
    optim.Newton(held, 0.7, damping).update(logistic, held)
    expected = start - 0.7 * np.linalg.solve(h + damping * np.eye(5), g)
    np.testing.assert_allclose(held["w"].numpy(), expected, rtol=1e-7)


def test_the_error_is_squared_in_each_step():
    held = {"w": nn.Parameter(cr.zeros(5, dtype="float64"))}
    newton, sizes = optim.Newton(held), []
    for _ in range(6):
        newton.update(logistic, held)
        sizes.append(abs(cr.grad(logistic)(held)["w"].numpy()).max())
    assert sizes[-1] < 1e-14
    assert sizes[2] < 30 * sizes[1] ** 2 + 1e-14


def test_where_the_function_curves_down_it_still_descends():
    held = [nn.Parameter(cr.asarray([0.3, 0.2], dtype="float64"))]

    def saddle(held):
        return held[0][0] ** 2 - held[0][1] ** 2 + 0.25 * cr.sum(held[0] ** 4)

    newton, values = optim.Newton(held, 0.5), []
    for _ in range(30):
        values.append(newton.update(saddle, held).item())
    assert all(later <= before for before, later in zip(values, values[1:], strict=False))
    np.testing.assert_allclose(np.abs(held[0].numpy()), [0, np.sqrt(2)], atol=1e-3)


def test_nothing_happens_where_the_gradient_is_0():
    held = [nn.Parameter(cr.asarray([1.0, 2.0]))]
    optim.Newton(held).update(lambda: 0 * cr.sum(held[0] ** 2))
    np.testing.assert_array_equal(held[0].numpy(), [1, 2])


def test_few_iterations_are_few_products():
    """One iteration is the steepest descent to the minimum along the gradient."""
    held = [nn.Parameter(cr.asarray(np.ones(7), dtype="float64"))]
    optim.Newton(held, iterations=1).update(
        lambda: 0.5 * held[0] @ (cr.asarray(H, dtype="float64") @ held[0])
    )
    g = H @ np.ones(7)
    np.testing.assert_allclose(held[0].numpy(), 1 - (g @ g) / (g @ H @ g) * g, rtol=1e-12)
