"""Monte-Carlo dropout: against a loop over the same draws, and against a closed form."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(6, 5)).astype(np.float32)


def model():
    cr.random.seed(1)
    return nn.Sequential(
        nn.Linear(5, 16), nn.BatchNorm(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3)
    )


def drawn(model, samples):
    """The same draws, one by one."""
    cr.random.seed(2)
    with cr.training("dropout"):
        return np.array([model(cr.asarray(X)).numpy() for _ in range(samples)], np.float64)


@pytest.mark.covers("A-112", "B-062")
def test_mean_and_deviation():
    made = model()
    expected = drawn(made, 20)
    cr.random.seed(2)
    found = nn.mc_dropout(made, X, samples=20)
    np.testing.assert_allclose(found.mean.numpy(), expected.mean(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.std.numpy(), expected.std(0), rtol=1e-4, atol=1e-5)
    assert int(made[1].num_batches_tracked) == 0


@pytest.mark.covers("A-112")
def test_uncertainty_of_classes():
    made = model()
    logits = drawn(made, 20)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)

    def entropy(p):
        return -(p * np.log(p)).sum(-1)

    cr.random.seed(2)
    found = nn.mc_dropout(made, X, 20, classes=True)
    np.testing.assert_allclose(found.mean.numpy(), p.mean(0), rtol=1e-4)
    np.testing.assert_allclose(found.std.numpy(), p.std(0), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found.entropy.numpy(), entropy(p.mean(0)), rtol=1e-4)
    information = entropy(p.mean(0)) - entropy(p).mean(0)
    np.testing.assert_allclose(found.mutual_information.numpy(), information, rtol=1e-3, atol=1e-5)
    assert (information > 0).all()


def test_linear_model_in_closed_form():
    """y = sum(w x m / (1 - p)) has mean w x and variance sum((w x)**2) p / (1 - p)."""
    made, samples, p = nn.Sequential(nn.Dropout(0.3), nn.Linear(5, 1, False)), 4000, 0.3
    terms = X * made[1].weight.numpy()[:, 0]
    std = np.sqrt((terms**2).sum(1) * p / (1 - p))
    cr.random.seed(0)
    found = nn.mc_dropout(made, X, samples)
    assert (np.abs(found.mean.numpy()[:, 0] - terms.sum(1)) < 5 * std / np.sqrt(samples)).all()
    np.testing.assert_allclose(found.std.numpy()[:, 0], std, rtol=0.1)


def test_without_dropout_the_draws_agree():
    found = nn.mc_dropout(nn.Linear(5, 3), X, classes=True)
    np.testing.assert_allclose(found.std.numpy(), 0, atol=1e-6)
    np.testing.assert_allclose(found.mutual_information.numpy(), 0, atol=1e-6)


def test_compiled_once(caplog):
    made = model()
    nn.mc_dropout(made, X, 7)
    caplog.clear()
    nn.mc_dropout(made, X + 1, 7)
    assert not caplog.records


def test_no_samples():
    with pytest.raises(cr.errors.ArgumentError, match="0 samples"):
        nn.mc_dropout(model(), X, 0)
