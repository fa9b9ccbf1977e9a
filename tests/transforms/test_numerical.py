"""Numerical differentiation: accuracy by step and dtype; what check_grad tells of its limits."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, GradientError, TraceError

X = np.random.default_rng(0).uniform(0.5, 2, 20)
EXACT = np.exp(X) * (np.sin(X) + np.cos(X))


def curve(x):
    return cr.sum(cr.exp(x) * cr.sin(x))


def error(kind, step=None):
    """The median relative error."""
    found = cr.numerical_gradient(curve, step=step)(cr.asarray(X, dtype=kind))
    assert found.dtype is kind
    return np.median(np.abs(np.asarray(found, np.float64) - EXACT) / np.abs(EXACT))


# ---- Accuracy ----


@pytest.mark.covers("B-008")
def test_the_error_is_least_at_the_cube_root_of_eps():
    """Every element is part of one sum of 20, whose rounding counts too."""
    assert error(cr.float64) < 1e-9
    assert error(cr.float32) < 1e-3
    steps = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9]
    errors = [error(cr.float64, step) for step in steps]
    best = int(np.argmin(errors))
    assert steps[best] in (1e-4, 1e-5)
    assert errors[:best] == sorted(errors[:best], reverse=True)
    # Truncation falls with h^2; beyond the best step rounding grows with 1 / h.
    assert errors[1] / errors[2] == pytest.approx(100, rel=0.1)
    assert errors[-1] > 100 * errors[best]


@pytest.mark.covers("B-008")
def test_the_step_of_many_texts_is_limited_by_rounding():
    assert error(cr.float64, 1e-7) > 10 * error(cr.float64)
    assert error(cr.float32, 1e-6) > 0.1


@pytest.mark.covers("B-008")
def test_trees_modules_and_several_arguments(monkeypatch):
    monkeypatch.setattr(cr.config, "float64", True)
    model, norm = nn.Sequential(nn.Linear(3, 4), nn.Tanh()), cr.nn.Buffer(0.0)

    def loss(model, pair, power):
        norm.assign(norm + 1)
        return cr.mean(model(pair["x"]) ** power) * pair["scale"]

    arguments = model, {"x": X[:6].reshape(2, 3), "scale": 2.0, "n": 3}
    before = model.state_dict()
    found = cr.numerical_gradient(loss, argnums=(0, 1))(*arguments, power=2)
    assert norm.item() == 0
    expected = cr.grad(loss, argnums=(0, 1))(*arguments, power=2)
    assert found[1]["n"] is None
    for part, other in (
        (found[0], expected[0]),
        ({k: found[1][k] for k in ("x", "scale")}, expected[1]),
    ):
        for path, gradient in part.items():
            np.testing.assert_allclose(gradient, other[path], rtol=1e-8, atol=1e-9)
    assert all(np.array_equal(before[path], now) for path, now in model.state_dict().items())


def test_errors():
    with pytest.raises(ArgumentError, match="a step of 1e-10 does not change"):
        cr.numerical_gradient(curve, step=1e-10)(cr.asarray(X, dtype=cr.float32))
    with pytest.raises(TraceError, match="called inside a transform"):
        cr.jit(cr.numerical_gradient(curve))(X)
    with pytest.raises(ArgumentError, match="differentiated arguments"):
        cr.numerical_gradient(curve, argnums=1)(X)


# ---- What check_grad tells ----


@pytest.mark.covers("B-009")
@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: cr.sum(cr.relu(x)), np.zeros(3)),
        (lambda x: cr.sum(cr.abs(x)), np.array([0.0, 1.0])),
        (lambda x: cr.sum(cr.relu(x) ** 2), np.zeros(3)),
        (cr.max, np.ones(3)),
        (lambda x: cr.sum(cr.clip(x, -1, 1)), np.array([1.0, 0.0])),
    ],
)
def test_kinks_are_noted(f, x):
    check = cr.check_grad(f, x, tolerance=np.inf)
    assert check.notes == (
        "the point lies on a kink or a tie, where the slopes to both sides differ",
    )
    with pytest.raises(GradientError, match="the point lies on a kink"):
        cr.check_grad(f, x)


@pytest.mark.covers("B-009")
def test_smooth_points_have_no_notes():
    random = np.random.default_rng(1)
    for f in (curve, cr.tanh, lambda x: 1e6 * x**3, lambda x: cr.relu(x), lambda x: cr.sin(30 * x)):
        assert cr.check_grad(f, random.normal(size=4) + 3.0).notes == ()


@pytest.mark.covers("B-009")
def test_float32_inside_is_noted():
    check = cr.check_grad(lambda x: cr.sum(cr.astype(x, cr.float32) ** 3), X, tolerance=np.inf)
    assert len(check.notes) == 1
    assert check.notes[0].startswith("part of the function computes in float32")
    assert cr.check_grad(lambda x: cr.sum(x * cr.asarray(X, dtype=cr.float32)), X).notes == ()


@pytest.mark.covers("B-009")
def test_tiny_gradients_do_not_raise_false_alarms():
    assert cr.check_grad(lambda x: cr.sum(cr.sin(x)) * 1e-12, X).verdict == "perfect"


@pytest.mark.covers("B-009")
@pytest.mark.parametrize(
    "wrong",
    [
        lambda w, x, g: (g @ w.T * 2.0, x.T @ g),  # A factor of 2.
        lambda w, x, g: (g @ w, x.T @ g),  # A missing transpose.
        lambda w, x, g: (g @ w.T, cr.zeros_like(w)),  # A dropped path.
        lambda w, x, g: (g @ w.T * 1.01, x.T @ g),  # One percent.
    ],
)
def test_injected_bugs_are_caught(wrong):
    @cr.custom_gradient
    def product(x, w):
        return x @ w, lambda g: wrong(w, x, g)

    random = np.random.default_rng(2)
    x, w = random.normal(size=(3, 3)), random.normal(size=(3, 3))
    check = cr.check_grad(product, x, w, order=1, tolerance=np.inf)
    assert check.verdict == "wrong"
    assert check.notes == ()


@pytest.mark.covers("B-009")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_wrong(value):
    @cr.custom_gradient
    def bad(x):
        return cr.sin(x), lambda g: g * value

    assert cr.check_grad(bad, X, tolerance=np.inf).verdict == "wrong"
    with pytest.raises(GradientError):
        cr.check_grad(bad, X)
