"""Draws have the distribution that SciPy has for them, everywhere, and the gradient they should."""

import numpy as np
import pytest
from scipy import special, stats

import chainrule as cr
from chainrule import distributions as d
from chainrule import tree

COUNT = 20_000
# The seeds are fixed; of right samplers, one in 10,000 would fail.
RISK = 1e-4

CONTINUOUS = {
    "Normal": (d.Normal(1.0, 2.0), stats.norm(1, 2)),
    "LogNormal": (d.LogNormal(0.5, 0.7), stats.lognorm(0.7, scale=np.exp(0.5))),
    "Laplace": (d.Laplace(1.0, 2.0), stats.laplace(1, 2)),
    "Cauchy": (d.Cauchy(1.0, 2.0), stats.cauchy(1, 2)),
    "StudentT": (d.StudentT(3.0, 1.0, 2.0), stats.t(3, 1, 2)),
    "Uniform": (d.Uniform(-1.0, 3.0), stats.uniform(-1, 4)),
    "Exponential": (d.Exponential(2.0), stats.expon(scale=0.5)),
    "Gamma(0.1)": (d.Gamma(0.1, 2.0), stats.gamma(0.1, scale=0.5)),
    "Gamma(1)": (d.Gamma(1.0, 2.0), stats.gamma(1, scale=0.5)),
    "Gamma(7.5)": (d.Gamma(7.5, 2.0), stats.gamma(7.5, scale=0.5)),
    "Gamma(1e5)": (d.Gamma(1e5, 2.0), stats.gamma(1e5, scale=0.5)),
    "Beta": (d.Beta(0.5, 2.0), stats.beta(0.5, 2)),
}
DISCRETE = {
    "Bernoulli": (d.Bernoulli(0.3), stats.bernoulli(0.3)),
    "Bernoulli of logits": (d.Bernoulli(logits=-1.0), stats.bernoulli(special.expit(-1))),
    "Binomial(10)": (d.Binomial(10, 0.3), stats.binom(10, 0.3)),
    "Binomial(1)": (d.Binomial(1, 0.9), stats.binom(1, 0.9)),
    "Binomial(10000)": (d.Binomial(10_000, 0.7), stats.binom(10_000, 0.7)),
    "Geometric": (d.Geometric(0.2), stats.geom(0.2, loc=-1)),
    "NegativeBinomial": (d.NegativeBinomial(2.5, 0.6), stats.nbinom(2.5, 0.4)),
    "Poisson(0.01)": (d.Poisson(0.01), stats.poisson(0.01)),
    "Poisson(3.7)": (d.Poisson(3.7), stats.poisson(3.7)),
    "Poisson(1e6)": (d.Poisson(1e6), stats.poisson(1e6)),
    "Categorical": (
        d.Categorical(cr.asarray([1.0, 0.0, 3.0])),
        stats.rv_discrete(values=([0, 2], [0.25, 0.75])),
    ),
}


def wide(distribution, dtype=cr.float64):
    return tree.map(lambda x: x.astype(dtype), distribution)


@pytest.mark.covers("A-267")
@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_draws(name, dtype):
    ours, theirs = CONTINUOUS[name]
    draws = wide(ours, dtype).sample(COUNT, key=cr.random.key(1))
    assert (draws.shape, draws.dtype) == ((COUNT,), dtype)
    # float32 cannot tell apart the smallest gamma numbers.
    held = np.maximum(np.asarray(draws, np.float64), 1e-30) if name == "Gamma(0.1)" else draws
    assert stats.kstest(np.asarray(held), theirs.cdf).pvalue > RISK


@pytest.mark.covers("A-267")
@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_draws(name, dtype):
    ours, theirs = DISCRETE[name]
    draws = wide(ours, dtype).sample(COUNT, key=cr.random.key(1))
    assert (draws.shape, draws.dtype) == ((COUNT,), cr.int64)
    # Bins of at least 20 expected draws.
    edges = np.unique(theirs.ppf(np.linspace(0, 1, 60)[1:-1]))
    bounds = np.concatenate([[-np.inf], edges, [np.inf]])
    expected = COUNT * np.diff(np.concatenate([[0.0], theirs.cdf(edges), [1.0]]))
    found = np.histogram(np.asarray(draws) - 0.5, bounds)[0]
    assert found[expected < 1e-9].sum() == 0
    some = expected >= 1e-9
    assert stats.chisquare(found[some], expected[some] * COUNT / expected[some].sum()).pvalue > RISK


VECTORS = {
    "Dirichlet": d.Dirichlet(cr.asarray([0.5, 1.0, 3.0])),
    "Multinomial": d.Multinomial(7, cr.asarray([0.2, 0.5, 0.3])),
    "MultivariateNormal": d.MultivariateNormal(
        cr.asarray([1.0, -1.0]), cr.asarray([[2.0, 0.6], [0.6, 1.0]])
    ),
    "Mixture": d.Mixture(
        d.Categorical(cr.asarray([0.3, 0.7])), d.Normal(cr.asarray([-2.0, 1.0]), 0.5)
    ),
    "Mixture of vectors": d.Mixture(
        d.Categorical(cr.asarray([0.3, 0.7])),
        d.Independent(d.Normal(cr.asarray([[-2.0, 0.0], [1.0, 3.0]]), 0.5)),
    ),
}


@pytest.mark.covers("A-267")
@pytest.mark.parametrize("name", VECTORS)
def test_moments(name):
    ours = wide(VECTORS[name])
    draws = np.asarray(ours.sample(COUNT, key=cr.random.key(2)), np.float64)
    assert draws.shape == (COUNT, *ours.event_shape)
    error = 5 * draws.std(0) / np.sqrt(COUNT)
    assert (abs(draws.mean(0) - np.asarray(ours.mean)) < error).all()
    np.testing.assert_allclose(draws.var(0), np.asarray(ours.variance), 0.05)


def test_covariance_of_draws():
    ours = VECTORS["MultivariateNormal"]
    draws = np.asarray(ours.sample(COUNT, key=cr.random.key(3)))
    np.testing.assert_allclose(np.cov(draws.T), np.asarray(ours.covariance), atol=0.06)


def test_relaxed_draws_are_argmaxed_like_categorical_ones():
    logits = cr.asarray([0.0, 1.0, 2.0])
    draws = d.RelaxedCategorical(0.3, logits=logits).sample(COUNT, key=cr.random.key(4))
    found = np.bincount(np.asarray(cr.argmax(draws, axis=-1)), minlength=3)
    assert stats.chisquare(found, COUNT * special.softmax([0, 1, 2])).pvalue > RISK
    slope = cr.grad(lambda x: d.RelaxedCategorical(0.3, logits=x).sample(key=cr.random.key(4))[0])(
        logits
    )
    assert (np.asarray(slope) != 0).all()


EVERY = CONTINUOUS | DISCRETE | {name: (ours, None) for name, ours in VECTORS.items()}


@pytest.mark.parametrize("name", EVERY)
def test_compiled_and_mapped(name):
    ours = EVERY[name][0]
    keys = cr.random.split(cr.random.key(5), 3)
    eager = ours.sample((4,), key=keys[1])
    compiled = cr.jit(lambda ours, key: ours.sample((4,), key=key))(ours, keys[1])
    np.testing.assert_allclose(np.asarray(compiled), np.asarray(eager), 1e-5)
    mapped = cr.vmap(lambda key: ours.sample((4,), key=key))(keys)
    assert mapped.shape == (3, *eager.shape)
    np.testing.assert_allclose(np.asarray(mapped[1]), np.asarray(eager), 1e-5)


def test_global_stream():
    for ours in (d.Normal(0.0, 1.0), d.Gamma(2.0, 1.0), d.Poisson(3.0), d.Beta(2.0, 2.0)):
        cr.random.seed(0)
        first, second = ours.sample(50), ours.sample(50)
        assert (np.asarray(first) != np.asarray(second)).any()
        cr.random.seed(0)
        np.testing.assert_array_equal(np.asarray(ours.sample(50)), np.asarray(first))


# ---- Gradients of draws ----


@pytest.mark.parametrize(
    "make",
    [
        lambda x: d.Normal(x, x * x),
        lambda x: d.LogNormal(0.1 * x, 0.3 * x),
        lambda x: d.Laplace(x, x * x),
        lambda x: d.Uniform(x, x * x + 1),
        lambda x: d.Exponential(x),
        lambda x: d.Gamma(x, 2 * x * x),
        lambda x: d.Gamma(0.1 * x, 2.0),
        lambda x: d.Beta(x, 3 * x * x),
        lambda x: d.StudentT(9 * x, x, 1.0),
    ],
)
def test_gradient_through_draws(make):
    """The mean of the derivatives of draws is the derivative of the mean."""
    x, one = cr.asarray(1.3, dtype=cr.float64), cr.asarray(1.0, dtype=cr.float64)
    _, slopes = cr.jvp(lambda x: make(x).sample(COUNT, key=cr.random.key(6)), (x,), (one,))
    slopes = np.asarray(slopes)
    expected = float(cr.grad(lambda x: make(x).mean)(x))
    assert abs(slopes.mean() - expected) < 5 * slopes.std() / np.sqrt(COUNT) + 1e-9


@pytest.mark.parametrize("concentration", [0.02, 0.5, 1.0, 4.0, 60.0, 3000.0])
def test_gamma_derivative_is_exact(concentration):
    """d x / d a = -(d cdf / d a) / density, by central differences of SciPy's cdf."""
    a = cr.full(40, concentration, dtype=cr.float64)
    key = cr.random.key(7)
    x = np.asarray(d.Gamma(a, 1.0).sample(key=key))
    found = np.asarray(cr.grad(lambda a: cr.sum(d.Gamma(a, 1.0).sample(key=key)))(a))
    step = 2e-4 * min(concentration, concentration**0.5)
    lower = special.gammainc(concentration + step * np.asarray([[-1], [1]]), x)
    expected = -(lower[1] - lower[0]) / (2 * step) / stats.gamma.pdf(x, concentration)
    inner = x > 1e-12
    np.testing.assert_allclose(found[inner], expected[inner], 1e-6)


def test_dirichlet_of_tiny_concentrations():
    draws = np.asarray(d.Dirichlet(cr.full(3, 1e-3)).sample(500, key=cr.random.key(8)))
    np.testing.assert_allclose(draws.sum(-1), 1, 1e-6)
    assert (draws.max(-1) > 0.999).mean() > 0.95


def test_nan_does_not_hang():
    nan = cr.jit(lambda x: (d.Gamma(x, 1.0).sample(), d.Poisson(x).sample()))(cr.asarray(np.nan))
    assert np.isnan(float(nan[0]))
