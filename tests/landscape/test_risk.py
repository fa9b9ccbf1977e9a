"""Empirical, structural and expected risk."""

import numpy as np
import pytest
from components.harness import precision

import chainrule as cr
from chainrule import risk
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nn import losses

SLOPE, NOISE = 2.0, 0.5


def sampler(count, key):
    """y = 2 x + noise: the expected squared loss of w x is (w - 2)**2 + 0.25."""
    first, second = cr.random.split(key)
    x = cr.random.normal((count,), dtype="float64", key=first)
    return x, SLOPE * x + NOISE * cr.random.normal((count,), dtype="float64", key=second)


@pytest.mark.covers("A-271")
def test_expected_risk_is_what_the_formula_says():
    errors = []
    for seed in range(20):
        value, error = risk.expected_risk(
            losses.mse, lambda x: 1.5 * x, sampler, key=cr.random.key(seed)
        )
        errors.append((float(value) - 0.5) / float(error))
    assert max(map(abs, errors)) < 4
    assert 0.5 < np.std(errors) < 2


@pytest.mark.covers("A-271")
def test_training_lowers_the_empirical_risk_below_the_expected():
    """With as many weights as examples the empirical risk is 0, the expected one is not; a penalty
    raises the one and lowers the other.
    """
    random = np.random.default_rng(0)
    x, y = random.normal(size=(10, 10)), random.normal(size=10)

    def weights(strength):
        return np.linalg.solve(x.T @ x + strength * np.eye(10), x.T @ y)

    def noise(count, key):
        first, second = cr.random.split(key)
        points = cr.random.normal((count, 10), dtype="float64", key=first)
        return points, cr.random.normal((count,), dtype="float64", key=second)

    def risks(w):
        found = risk.expected_risk(losses.mse, lambda x: x @ w, noise)
        # The targets are noise of variance 1: any weight makes it worse.
        assert abs(float(found.value) - (1 + w @ w)) < 4 * float(found.standard_error)
        return float(risk.empirical_risk(losses.mse, lambda x: x @ w, (x, y))), float(found.value)

    with precision("float64"):
        (fitted, worse), (penalized, better) = risks(weights(0.0)), risks(weights(10.0))
    assert fitted < 1e-12 and penalized > 0.01
    assert worse > better > 1


@pytest.mark.covers("A-271")
def test_structural_risk_has_the_gradient_of_both():
    model = cr.nn.Linear(3, 1)
    x, y = np.ones((4, 3), np.float32), np.zeros((4, 1), np.float32)

    def penalty(model):
        return cr.nn.penalties.l2(model, 0.1)

    total = cr.grad(lambda model: risk.structural_risk(losses.mse, model, (x, y), penalty))(model)
    parts = [
        cr.grad(lambda model: risk.empirical_risk(losses.mse, model, (x, y)))(model),
        cr.grad(penalty)(model),
    ]
    expected = sum(np.asarray(part["weight"]) for part in parts)
    np.testing.assert_allclose(np.asarray(total["weight"]), expected, 1e-6)


def test_refuses():
    with pytest.raises(ArgumentError, match="1 samples in 20 batches"):
        risk.expected_risk(losses.mse, lambda x: x, sampler, samples=1)


@pytest.mark.covers("A-240")
def test_generalization_gap():
    rng = np.random.default_rng(1)
    model, loss = (lambda x: 2 * x), cr.nn.losses.mse
    data = [cr.asarray(rng.normal(size=(2, n)), dtype=cr.float64) for n in (30, 40)]
    first, second = (np.mean((2 * np.asarray(d)[0] - np.asarray(d)[1]) ** 2) for d in data)
    found = risk.generalization_gap(loss, model, tuple(data[0]), tuple(data[1]))
    assert float(found) == pytest.approx(second - first)


@pytest.mark.covers("A-241")
def test_bias_variance_sum_to_the_error():
    rng = np.random.default_rng(2)
    p, y = rng.normal(size=(7, 20)) + 1, rng.normal(size=(4, 20))
    parts = risk.bias_variance(*(cr.asarray(x, dtype=cr.float64) for x in (p, y)))
    assert float(sum(parts)) == pytest.approx(np.mean((p[:, None] - y) ** 2))


@pytest.mark.covers("A-241")
def test_bias_variance_are_unbiased():
    """Models that miss by 0.5 with deviation 0.3, targets with noise of deviation 0.2."""
    rng = np.random.default_rng(3)
    truth = rng.normal(size=4000)
    p = truth + 0.5 + 0.3 * rng.normal(size=(3, 4000))
    y = truth + 0.2 * rng.normal(size=(2, 4000))
    given = [cr.asarray(x, dtype=cr.float64) for x in (p, y, truth)]
    for observations, parts in ((given[1], [0.25, 0.09, 0.04]), (given[2], [0.25, 0.09, 0])):
        np.testing.assert_allclose(risk.bias_variance(given[0], observations), parts, atol=0.01)


@pytest.mark.parametrize("shapes", [((1, 5), (5,)), ((3, 5), (1, 5)), ((3, 5), (4,)), ((5,), (5,))])
def test_bias_variance_is_checked(shapes):
    with pytest.raises(ShapeError, match="a variance compares two"):
        risk.bias_variance(*(cr.zeros(shape) for shape in shapes))
