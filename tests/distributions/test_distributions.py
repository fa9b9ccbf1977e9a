"""What distributions say at edges, as trees, when asked for too much; fits, posteriors, errors."""

import numpy as np
import pytest
from components.harness import precision
from scipy import special, stats

import chainrule as cr
from chainrule import distributions as d
from chainrule.errors import ArgumentError, ShapeError

R = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def wide():
    with precision("float64"):
        yield


def close(found, expected, tolerance=1e-12):
    np.testing.assert_allclose(np.asarray(found), expected, tolerance)


# ---- Support ----

OUTSIDE = {
    "LogNormal": (lambda p: d.LogNormal(p, p), [-1.0, 0.0]),
    "Uniform": (lambda p: d.Uniform(p, p + 1), [-0.5, 9.0]),
    "Exponential": (d.Exponential, [-1.0, -1e-9]),
    "Gamma": (lambda p: d.Gamma(p, p), [-1.0, 0.0]),
    "Beta": (lambda p: d.Beta(p, p), [-0.5, 0.0, 1.0, 1.5]),
    "Bernoulli": (d.Bernoulli, [-1.0, 0.5, 2.0]),
    "Bernoulli of logits": (lambda p: d.Bernoulli(logits=p), [-1.0, 0.5, 2.0]),
    "Binomial": (lambda p: d.Binomial(3, p), [-1.0, 0.5, 4.0]),
    "Geometric": (d.Geometric, [-1.0, 0.5]),
    "NegativeBinomial": (lambda p: d.NegativeBinomial(p, p), [-1.0, 0.5]),
    "Poisson": (d.Poisson, [-1.0, 0.5]),
    "Categorical": (lambda p: d.Categorical(cr.stack([p, 1 - p])), [-1.0, 0.5, 2.0]),
    "Categorical of logits": (
        lambda p: d.Categorical(logits=cr.stack([p, 1 - p])), [-1.0, 0.5, 2.0]
    ),
    "Dirichlet": (
        lambda p: d.Dirichlet(cr.stack([p, p])), [[0.5, 0.6], [1.0, 0.0], [1.5, -0.5]]
    ),
    "Multinomial": (
        lambda p: d.Multinomial(2, cr.stack([p, p])), [[1.0, 2.0], [3.0, -1.0], [0.5, 1.5]]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("transform", [lambda f: f, cr.jit], ids=["at once", "compiled"])
def test_outside_the_support(name, transform):
    make, points = OUTSIDE[name]

    def total(p, x):
        logs = make(p).log_prob(x)
        return cr.sum(cr.where(logs == -np.inf, 0, logs)), logs

    value_and_slopes = transform(cr.value_and_grad(total, argnums=(0, 1), has_aux=True))
    (_, logs), slopes = value_and_slopes(cr.asarray(0.3), cr.asarray(np.asarray(points)))
    close(logs, -np.inf)
    assert all(np.isfinite(np.asarray(slope)).all() for slope in slopes)


def test_certain_outcomes():
    for p, sure in ((0.0, 0), (1.0, 1)):
        bernoulli = d.Bernoulli(cr.asarray(p))
        close(bernoulli.log_prob(np.asarray([sure, 1 - sure])), [0, -np.inf])
        assert float(bernoulli.entropy()) == 0
        slope = cr.grad(lambda p, sure=sure: d.Bernoulli(p).log_prob(sure))(cr.asarray(p))
        assert np.isfinite(float(slope))
        assert set(np.asarray(d.Binomial(5, p).sample(100)).tolist()) == {5 * sure}
    assert float(d.Poisson(0.0).log_prob(0)) == 0
    close(d.Poisson(0.0).sample(10), 0)
    assert float(d.kl_divergence(d.Bernoulli(0.5), d.Bernoulli(0.0))) == np.inf
    assert float(d.kl_divergence(d.Bernoulli(0.0), d.Bernoulli(0.5))) == pytest.approx(np.log(2))


# ---- What the rows of components lack, against SciPy ----

QUANTILES = R.uniform(0.01, 0.99, 50)
FORMS = {
    "Normal": (d.Normal, (1.0, 2.0), stats.norm(1, 2)),
    "LogNormal": (d.LogNormal, (0.5, 0.7), stats.lognorm(0.7, scale=np.exp(0.5))),
    "Laplace": (d.Laplace, (1.0, 2.0), stats.laplace(1, 2)),
    "Cauchy": (d.Cauchy, (1.0, 2.0), stats.cauchy(1, 2)),
    "Uniform": (d.Uniform, (1.0, 3.0), stats.uniform(1, 2)),
    "Exponential": (d.Exponential, (2.0,), stats.expon(scale=0.5)),
}
STEPS = {
    "Bernoulli": (d.Bernoulli, (0.3,), stats.bernoulli(0.3)),
    "Geometric": (d.Geometric, (0.3,), stats.geom(0.3, loc=-1)),
}


@pytest.mark.parametrize("name", FORMS)
def test_cdf_and_its_inverse(name):
    kind, parameters, theirs = FORMS[name]
    ours, x = kind(*parameters), theirs.ppf(QUANTILES)
    close(ours.icdf(QUANTILES), x)
    close(ours.cdf(x), QUANTILES)


@pytest.mark.parametrize("name", STEPS)
def test_cdf_of_steps(name):
    kind, parameters, theirs = STEPS[name]
    x = np.asarray([-2.0, -0.5, 0.0, 0.4, 1.0, 1.9, 7.0])
    close(kind(*parameters).cdf(x), theirs.cdf(x))
    assert float(kind(*parameters).entropy()) == pytest.approx(float(theirs.entropy()), 1e-9)


def test_cdf_of_gamma():
    a = 10 ** R.uniform(-2, 3, 300)
    x = np.maximum(special.gammaincinv(a, R.uniform(0.01, 0.99, 300)), 1e-290)
    close(d.Gamma(a, 2.0).cdf(x / 2), special.gammainc(a, x), 1e-11)
    close(d.Gamma(2.0, 1.0).cdf(np.asarray([-1.0, 0.0])), 0)
    slopes = cr.grad(lambda a, x: cr.sum(d.Gamma(a, 1.0).cdf(x)), argnums=(0, 1))
    by_a, by_x = slopes(cr.asarray(a), cr.asarray(x))
    assert np.isfinite(np.asarray(by_a)).all()
    close(by_x, stats.gamma.pdf(x, a), 1e-8)


def test_modes():
    close(d.LogNormal(1.0, 0.5).mode, np.exp(0.75))
    close(d.Gamma(np.asarray([0.5, 3.0]), 2.0).mode, [0, 1])
    close(d.Beta(np.asarray([0.5, 3.0]), 2.0).mode, [np.nan, 2 / 3])
    close(d.Dirichlet(np.asarray([2.0, 4.0])).mode, [0.25, 0.75])
    close(d.Binomial(np.asarray([4.0, 5.0]), np.asarray([1.0, 0.5])).mode, [4, 3])
    close(d.NegativeBinomial(np.asarray([0.5, 3.0]), 0.5).mode, [0, 2])
    close(d.Poisson(2.5).mode, 2)
    close(d.Bernoulli(0.7).mode, 1)
    close(d.Categorical(np.asarray([[0.7, 0.3], [0.2, 0.8]])).mode, [0, 1])
    for ours in (d.Normal(1.0, 2.0), d.Laplace(1.0, 2.0), d.Cauchy(1.0, 2.0), d.StudentT(2.0, 1.0)):
        close(ours.mode, 1)
    close(d.StudentT(np.asarray([0.5, 1.5, 3.0]), 1.0).variance, [np.nan, np.inf, 3])


# ---- Trees, shapes, dtypes ----


def test_shapes_broadcast():
    normal = d.Normal(np.zeros((3, 1)), np.ones(4))
    assert (normal.batch_shape, normal.event_shape, normal.mean.shape) == ((3, 4), (), (3, 4))
    assert normal.sample(5).shape == (5, 3, 4)
    assert d.Independent(normal).event_shape == (4,)
    assert d.Independent(normal, 2).log_prob(np.zeros((2, 3, 4))).shape == (2,)
    dirichlet = d.Dirichlet(np.ones((2, 3)))
    assert (dirichlet.batch_shape, dirichlet.sample((4,)).shape) == ((2,), (4, 2, 3))
    full = d.MultivariateNormal(np.zeros(2), np.eye(2) * np.ones((3, 1, 1)))
    assert (full.batch_shape, full.sample((4,)).shape) == ((3,), (4, 3, 2))
    labels = d.Categorical(np.ones((3, 4)))
    assert labels.log_prob(np.zeros((2, 3), np.int64)).shape == (2, 3)


def test_distributions_are_trees():
    normal = d.Normal(cr.asarray([0.0, 1.0]), cr.asarray([1.0, 2.0]))
    slope = cr.grad(lambda normal: cr.sum(normal.log_prob(0.5)))(normal)
    close(slope.loc, [0.5, -0.125])
    each = cr.vmap(lambda normal, x: normal.log_prob(x), in_axes=(0, None))(normal, 0.5)
    close(each, normal.log_prob(0.5))
    mixture = cr.jit(lambda p, normal: d.Mixture(d.Categorical(p), normal))(
        cr.asarray([0.5, 0.5]), normal
    )
    close(mixture.mean, 0.5)
    multinomial = cr.jit(lambda m: m)(d.Multinomial(3, cr.asarray([0.5, 0.5])))
    assert multinomial.total_count == 3 and "total_count=3" in repr(multinomial)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_dtypes(kind):
    x = cr.asarray([1.0, 2.0], dtype=kind)
    for ours in (d.Normal(x, x), d.Gamma(x, x), d.Beta(x, x), d.Dirichlet(x), d.Poisson(x)):
        found = [ours.mean, ours.variance, ours.log_prob(cr.asarray([1, 0]))]
        assert {value.dtype.name for value in found} == {kind}


def test_a_distribution_keeps_the_values_it_was_made_of():
    box = cr.nn.Parameter([1.0])
    normal = d.Normal(box, 1.0)
    box.assign(cr.asarray([2.0]))
    close(normal.mean, [1.0])


def test_precise_log_prob_far_out():
    close(d.Bernoulli(logits=-800.0).log_prob(1), -800)
    close(d.Geometric(1e-12).log_prob(0), np.log(1e-12))
    close(d.Binomial(10**9, 1e-9).log_prob(1), stats.poisson.logpmf(1, 1), 1e-6)
    close(d.Beta(1e7, 1e7).log_prob(0.5), stats.norm.logpdf(0, scale=0.5 / np.sqrt(2e7)), 1e-6)


# ---- Divergences ----


def test_kl_divergence_by_samples():
    p, q = d.Normal(0.0, 1.0), d.Laplace(0.5, 1.0)
    with pytest.raises(ArgumentError, match="no closed form from Normal to Laplace"):
        d.kl_divergence(p, q)
    x = np.linspace(-12, 12, 20_001)
    expected = np.trapezoid(
        stats.norm.pdf(x) * (stats.norm.logpdf(x) - stats.laplace.logpdf(x, 0.5)), x
    )
    found = d.kl_divergence(p, q, samples=100_000, key=cr.random.key(0))
    assert float(found) == pytest.approx(expected, abs=0.01)


def test_kl_divergence_of_bounds_and_counts():
    assert float(d.kl_divergence(d.Uniform(0.0, 1.0), d.Uniform(-1.0, 1.0))) == np.log(2)
    assert float(d.kl_divergence(d.Uniform(-1.0, 1.0), d.Uniform(0.0, 1.0))) == np.inf
    probs = np.asarray([0.2, 0.8])
    first, second = d.Multinomial(3, probs), d.Multinomial(3, probs[::-1].copy())
    close(d.kl_divergence(first, second), 3 * np.sum(probs * np.log(probs / probs[::-1])))
    with pytest.raises(ArgumentError, match="total_count"):
        d.kl_divergence(first, d.Multinomial(2, probs))
    assert float(d.kl_divergence(d.Binomial(3, 0.5), d.Binomial(2, 0.5))) == np.inf
    normal = d.Normal(np.zeros((2, 2)), 1.0)
    with pytest.raises(ShapeError, match="1 and 2 axes"):
        d.kl_divergence(d.Independent(normal), d.Independent(normal, 2))


# ---- Errors ----

REFUSED = {
    "Normal.*scale is -1.*positive": lambda: d.Normal(0.0, -1.0),
    "Normal.*scale is nan": lambda: d.Normal(0.0, np.nan),
    "Uniform.*high - low": lambda: d.Uniform(1.0, 0.0),
    "Bernoulli.*probs is 1.5.*between 0 and 1": lambda: d.Bernoulli(1.5),
    "got both": lambda: d.Bernoulli(0.5, logits=0.0),
    "got neither": lambda: d.Categorical(),
    "rate is -1": lambda: d.Poisson(-1.0),
    "df is 0": lambda: d.StudentT(0.0),
    "single number": lambda: d.Dirichlet(1.0),
    "a row and a column": lambda: d.MultivariateNormal(np.zeros(2), np.eye(3)),
    "covariance and scale_tril": lambda: d.MultivariateNormal(np.zeros(2)),
    "2 weights for components of shape": lambda: d.Mixture(
        d.Categorical(np.ones(2)), d.Normal(np.zeros(3), 1.0)
    ),
    "axes=2": lambda: d.Independent(d.Normal(np.zeros(3), 1.0), 2),
    "Poisson.entropy.*no closed form": lambda: d.Poisson(1.0).entropy(),
    "Uniform.mode": lambda: d.Uniform(0.0, 1.0).mode,
    "Beta.cdf": lambda: d.Beta(1.0, 1.0).cdf(0.5),
    "Dirichlet.icdf": lambda: d.Dirichlet(np.ones(2)).icdf(0.5),
    "weights have shape": lambda: d.Normal.fit(np.ones((3, 2)), np.ones(2)),
    "Laplace is no prior": lambda: d.posterior(d.Laplace(0.0, 1.0), np.ones(3)),
    "scale is missing for Normal": lambda: d.posterior(d.Normal(0.0, 1.0), np.ones(3)),
    "scale is given for Beta": lambda: d.predictive(d.Beta(1.0, 1.0), scale=1.0),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused(message):
    with pytest.raises((ArgumentError, ShapeError), match=message):
        REFUSED[message]()
