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


def together(count, logits=False):
    def make():
        return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))

    cr.random.seed(2)
    model = nn.Together(make, count, logits)
    cr.random.seed(2)
    return model, [make() for _ in range(count)]


@pytest.mark.covers("A-250")
def test_members_are_the_models_that_they_were_made_as():
    model, apart = together(4)
    answers = np.stack([one(cr.asarray(X)).numpy() for one in apart])
    with cr.training():
        assert_allclose(np.asarray(model(cr.asarray(X))), answers, rtol=1e-5, atol=1e-6)
    assert_allclose(np.asarray(model(cr.asarray(X))), answers.mean(0), rtol=1e-5, atol=1e-6)


def test_logits_of_members_are_logarithms_of_mean_probabilities():
    model, apart = together(3, logits=True)
    logits = np.stack([one(cr.asarray(X)).numpy().astype(float) for one in apart])
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    assert_allclose(np.asarray(model(cr.asarray(X))), np.log(p.mean(0)), rtol=1e-4, atol=1e-6)


def test_members_have_the_gradients_that_they_have_apart():
    model, apart = together(3)

    def loss(model):
        with cr.training():
            return cr.sum(model(cr.asarray(X)) ** 2)

    found = cr.grad(loss)(model)
    alone = [cr.grad(loss)(one) for one in apart]
    for path, gradient in found.items():
        own = np.stack([np.asarray(one[path.removeprefix("members.")]) for one in alone])
        assert_allclose(np.asarray(gradient), own, rtol=1e-4, atol=1e-5)


def test_a_member_is_a_model_of_its_own():
    model, apart = together(3)
    for number, one in enumerate(apart):
        expected = np.asarray(one(cr.asarray(X)))
        assert_allclose(np.asarray(model.member(number)(cr.asarray(X))), expected, rtol=1e-6)
    assert model.parameters()["members.layers.0.weight"].shape == (3, 5, 6)


def test_members_cannot_keep_statistics():
    with pytest.raises(ArgumentError, match="without batch norms"):
        nn.Together(lambda: nn.Sequential(nn.Linear(2, 2), nn.BatchNorm(2)), 2)


def test_a_limit_is_never_passed():
    x = np.float32([-1e20, -2, 0, 0.01, 2, 1e20])
    found = nn.Limit(3.0)(cr.asarray(x)).numpy()
    assert_allclose(found, [-3, -2 / np.sqrt(13 / 9), 0, 0.01, 2 / np.sqrt(13 / 9), 3], rtol=1e-5)
    with pytest.raises(ArgumentError, match="choose limit > 0"):
        nn.Limit(0.0)


@pytest.mark.covers("A-250")
def test_shares_weigh_models(models):
    shares = [0.5, 0.3, 0.2]
    found = nn.Ensemble(models[:3], shares=shares)(X)
    assert_allclose(found, np.average(logits(models)[:3], axis=0, weights=shares), rtol=1e-4)
    with pytest.raises(ArgumentError, match="a share for each model"):
        nn.Ensemble(models, shares=shares)
