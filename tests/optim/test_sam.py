"""SAM against its formulas in NumPy, 200 steps; where it evaluates, and what it restores."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

R = np.random.default_rng(5)
X, LABELS = R.normal(size=(20, 3)), R.integers(0, 2, 20).astype(float)
# In the minimum the gradient's direction is noise: 200 steps of this rate do not reach it.
RATE = 0.05
START = {"w": R.normal(size=3), "b": R.normal(size=())}


def numpy_gradient(at):
    error = (1 / (1 + np.exp(-(X @ at["w"] + at["b"]))) - LABELS) / len(X)
    return {"w": X.T @ error, "b": error.sum()}


def worst(at, rho, adaptive):
    g = numpy_gradient(at)
    units = {path: np.abs(x) if adaptive else np.ones_like(x) for path, x in at.items()}
    norm = np.sqrt(sum(((units[path] * g[path]) ** 2).sum() for path in at))
    return {path: x + rho * units[path] ** 2 * g[path] / norm for path, x in at.items()}


def held(kind="float64"):
    return {path: nn.Parameter(cr.asarray(x, dtype=kind)) for path, x in START.items()}


def loss(at):
    z = cr.asarray(X, dtype="float64") @ at["w"] + at["b"]
    return cr.mean(cr.softplus(z) - cr.asarray(LABELS, dtype="float64") * z)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
@pytest.mark.parametrize(("rho", "adaptive"), [(0.05, False), (0.5, True)])
def test_sam(rho, adaptive, compiled):
    parameters = held()
    sam = optim.SAM(optim.SGD(parameters, RATE), rho, adaptive)

    def step(sam, parameters):
        return sam.update(lambda: cr.value_and_grad(loss)(parameters))

    step = cr.jit(step) if compiled else step
    expected = dict(START)
    for _ in range(200):
        g = numpy_gradient(worst(expected, rho, adaptive))
        z = X @ expected["w"] + expected["b"]
        before = np.mean(np.logaddexp(0, z) - LABELS * z)
        expected = {path: x - RATE * g[path] for path, x in expected.items()}
        np.testing.assert_allclose(step(sam, parameters).item(), before, rtol=1e-12)
        for path, x in expected.items():
            np.testing.assert_allclose(parameters[path].numpy(), x, rtol=1e-9, atol=1e-12)


def test_weights_come_back_bit_for_bit():
    """With rate 0 nothing moves, although the second gradient was taken elsewhere."""
    parameters, seen = held("float32"), []
    parameters["w"].assign(cr.asarray([-0.0, 1e-30, 3.3]))
    before = {path: x.numpy().tobytes() for path, x in parameters.items()}
    sam = optim.SAM(optim.SGD(parameters, 0.0), 0.1)

    def evaluate():
        seen.append({path: x.numpy().copy() for path, x in parameters.items()})
        return cr.value_and_grad(loss)(parameters)

    sam.update(evaluate)
    moved = np.sqrt(sum(((seen[1][path] - seen[0][path]) ** 2).sum() for path in seen[0]))
    assert moved == pytest.approx(0.1, rel=1e-6)
    assert {path: x.numpy().tobytes() for path, x in parameters.items()} == before


def test_weights_come_back_after_an_error():
    parameters = held()
    sam = optim.SAM(optim.SGD(parameters, 0.1))
    calls = iter([lambda: cr.value_and_grad(loss)(parameters)])
    with pytest.raises(StopIteration):
        sam.update(lambda: next(calls)())
    for path, x in START.items():
        np.testing.assert_array_equal(parameters[path].numpy(), x)


def test_without_a_gradient_nothing_moves():
    parameters = held()
    sam = optim.SAM(optim.SGD(parameters, 0.1))
    sam.update(lambda: cr.value_and_grad(lambda at: 0 * cr.sum(at["w"]))(parameters))
    np.testing.assert_array_equal(parameters["w"].numpy(), START["w"])
