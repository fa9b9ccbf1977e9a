"""Several models as one, against NumPy and scikit-learn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.ensemble import VotingClassifier

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError

X = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)


@pytest.fixture
def models():
    cr.random.seed(1)
    return [nn.Linear(5, 4) for _ in range(6)]


def logits(models):
    return np.stack([X @ np.asarray(m.weight) + np.asarray(m.bias) for m in models])


@pytest.mark.covers("A-250")
@pytest.mark.parametrize("compiled", [False, True])
def test_mean_and_probabilities(models, compiled):
    z = logits(models).astype(np.float64)
    p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    for answer, expected in (("mean", z), ("probabilities", p)):
        ensemble = nn.Ensemble(models, answer)
        run = cr.jit(lambda model, x: model(x)) if compiled else nn.Ensemble.__call__
        assert_allclose(run(ensemble, X), expected.mean(0), rtol=1e-4, atol=1e-6)


class Fixed:
    """What scikit-learn asks of a fitted classifier."""

    def __init__(self, labels):
        self.labels = labels

    def predict(self, x):
        return self.labels


@pytest.mark.covers("A-250")
def test_votes_are_scikit_learns(models):
    labels = logits(models).argmax(-1)
    voting = VotingClassifier([(str(i), None) for i in range(6)])
    voting.estimators_ = [Fixed(own) for own in labels]
    voting.le_ = type("Encoder", (), {"inverse_transform": staticmethod(lambda x: x)})
    votes = nn.Ensemble(models, "votes")(X)
    assert_allclose(np.asarray(votes).sum(-1), 1, rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(cr.argmax(votes, axis=-1)), voting.predict(X))


def test_all_models_are_trained_and_saved(models):
    ensemble = nn.Ensemble(models)
    assert len(ensemble.named_boxes()) == 12
    gradients = cr.grad(lambda model: cr.sum(model(X)))(ensemble)
    assert_allclose(gradients["models.0.bias"], np.full(4, 40 / 6), rtol=1e-5)


@pytest.mark.parametrize("arguments", [([],), ([len], "median")])
def test_arguments(arguments):
    with pytest.raises(ArgumentError, match="Ensemble"):
        nn.Ensemble(*arguments)
