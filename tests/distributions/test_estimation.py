"""Maximum likelihood and Bayesian estimation: closed forms, descent, shrinkage, prediction."""

import numpy as np
import pytest
from components.harness import precision
from scipy import stats

import chainrule as cr
from chainrule import distributions as d

R = np.random.default_rng(1)
REAL, COUNTS = R.normal(2.0, 3.0, (200, 2)), R.poisson(3.0, (200, 2))
COINS, LABELS = R.integers(0, 2, (200, 2)), R.integers(0, 3, 200)
WEIGHTS = R.integers(0, 4, 200)


@pytest.fixture(autouse=True)
def wide():
    with precision("float64"):
        yield


def close(found, expected, tolerance=1e-12):
    np.testing.assert_allclose(np.asarray(found), expected, tolerance)


FITS = {
    "Normal": (d.Normal.fit, REAL),
    "Exponential": (d.Exponential.fit, REAL**2),
    "Bernoulli": (d.Bernoulli.fit, COINS),
    "Poisson": (d.Poisson.fit, COUNTS),
    "Categorical": (lambda x, weights=None: d.Categorical.fit(x, 3, weights), LABELS),
}


@pytest.mark.covers("A-268")
@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_fit_is_where_the_likelihood_is_flat_and_highest(name, weights):
    fit, x = FITS[name]
    fitted = fit(x, weights)
    share = np.ones(len(x)) if weights is None else weights

    def likelihood(fitted):
        logs = fitted.log_prob(x)
        return cr.sum(logs.reshape((len(x), -1)) * share[:, None])

    if name != "Categorical":
        slopes = vars(cr.grad(likelihood)(fitted)).values()
        assert all(abs(np.asarray(slope)).max() < 1e-8 for slope in slopes if slope is not None)
    for factor in (0.95, 1.05):
        moved = {key: None if v is None else v * factor for key, v in vars(fitted).items()}
        other = object.__new__(type(fitted))
        vars(other).update(moved)
        if name == "Categorical":
            other = d.Categorical(cr.asarray([factor, 1.0, 1.0]) * fitted.probs)
        assert float(likelihood(other)) < float(likelihood(fitted))


@pytest.mark.covers("A-268")
def test_fits_agree_with_moments():
    normal = d.Normal.fit(REAL)
    close(normal.loc, REAL.mean(0))
    close(normal.scale, REAL.std(0))
    close(d.Normal.fit(REAL, WEIGHTS).loc, np.average(REAL, axis=0, weights=WEIGHTS))
    repeated = d.Normal.fit(np.repeat(REAL, WEIGHTS, axis=0))
    close(d.Normal.fit(REAL, WEIGHTS).scale, np.asarray(repeated.scale))
    close(d.Categorical.fit(LABELS, 3).probs, np.bincount(LABELS) / 200)


@pytest.mark.covers("A-268")
def test_maximum_likelihood_by_descent():
    """Gamma has no closed form: descent on -mean(log_prob) finds what SciPy finds."""
    x = R.gamma(3.0, 0.5, 500)
    logs = cr.nn.Parameter([0.0, 0.0])

    def loss():
        return -cr.mean(d.Gamma(cr.exp(logs[0]), cr.exp(logs[1])).log_prob(x))

    cr.optim.LBFGS(logs, line_search="strong_wolfe").minimize(loss)
    concentration, _, scale = stats.gamma.fit(x, floc=0)
    close(cr.exp(logs), [concentration, 1 / scale], 1e-5)


# ---- Bayes ----

PRIORS = {
    "Beta": (d.Beta, (2.0, 5.0), COINS[:20, 0], {}, stats.bernoulli.pmf),
    "Gamma": (d.Gamma, (2.0, 0.5), COUNTS[:20, 0], {}, stats.poisson.pmf),
    "Normal": (
        d.Normal, (1.0, 2.0), REAL[:20, 0], {"scale": 3.0},
        lambda x, mean: stats.norm.pdf(x, mean, 3.0),
    ),
}  # fmt: skip
GRIDS = {
    "Beta": np.linspace(1e-9, 1 - 1e-9, 20_001),
    "Gamma": np.linspace(1e-9, 40, 40_001),
    "Normal": np.linspace(-40, 40, 40_001),
}


@pytest.mark.covers("A-268")
@pytest.mark.parametrize("name", PRIORS)
def test_posterior_is_prior_times_likelihood(name):
    kind, parameters, x, options, likelihood = PRIORS[name]
    prior, grid = kind(*parameters), GRIDS[name]
    logs = np.asarray(prior.log_prob(grid)) + np.log(likelihood(x[:, None], grid)).sum(0)
    density = np.exp(logs - logs.max())
    density /= np.trapezoid(density, grid)
    posterior = d.posterior(prior, x, **options)
    np.testing.assert_allclose(np.exp(np.asarray(posterior.log_prob(grid))), density, atol=1e-5)

    new = np.asarray([0.0, 1.0])
    expected = np.trapezoid(likelihood(new[:, None], grid) * density, grid)
    close(cr.exp(d.predictive(posterior, **options).log_prob(new)), expected, 1e-5)


@pytest.mark.covers("A-268")
def test_posterior_of_class_probabilities():
    prior = d.Dirichlet(np.asarray([1.0, 2.0, 3.0]))
    posterior = d.posterior(prior, LABELS)
    close(posterior.concentration, [1, 2, 3] + np.bincount(LABELS))
    close(d.predictive(posterior).probs, ([1, 2, 3] + np.bincount(LABELS)) / 206)


@pytest.mark.covers("A-268")
def test_batches_and_one_after_the_other():
    prior = d.Beta(np.asarray([1.0, 2.0]), 1.0)
    at_once = d.posterior(prior, COINS)
    in_turn = d.posterior(d.posterior(prior, COINS[:50]), COINS[50:])
    close(at_once.alpha, np.asarray(in_turn.alpha))
    close(at_once.alpha, [1, 2] + COINS.sum(0))
    normal = d.Normal(0.0, 1.0)
    in_turn = d.posterior(d.posterior(normal, REAL[:50], scale=3.0), REAL[50:], scale=3.0)
    close(d.posterior(normal, REAL, scale=3.0).scale, np.asarray(in_turn.scale))


@pytest.mark.covers("A-268")
def test_bayes_shrinks_toward_the_prior():
    """The estimate lies between prior and maximum likelihood, and leaves the prior with data."""
    ones = np.ones(3)
    assert float(d.Bernoulli.fit(ones).mean) == 1
    close(d.posterior(d.Beta(1.0, 1.0), ones).mean, 4 / 5)
    prior, before = d.Normal(0.0, 0.5), 0.0
    for count in (1, 10, 100, 10_000):
        x = np.full(count, 2.0)
        estimate = float(d.posterior(prior, x, scale=1.0).mean)
        assert before < estimate < float(d.Normal.fit(np.append(x, [2.1, 1.9])).mean)
        before = estimate
    assert 2 - before < 1e-3
