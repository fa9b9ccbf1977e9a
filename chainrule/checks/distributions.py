"""Checks of distributions, as functions of a point and of the parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

import chainrule as cr
from chainrule import distributions as d
from chainrule.checks import draw
from chainrule.checks.row import Check

Random: TypeAlias = np.random.Generator
Measured = Callable[..., list[cr.Tensor]]


def _measured(kind: Callable[..., d.Distribution], *measures: str) -> Measured:
    """log_prob at a point, mean and variance, then further methods."""

    def values(x: cr.Tensor, *parameters: cr.Tensor) -> list[cr.Tensor]:
        made = kind(*parameters)
        found = [made.log_prob(x), made.mean, made.variance]
        for measure in measures:
            method = getattr(made, measure)
            found.append(method() if measure == "entropy" else method(x))
        return found

    return values


def _icdf(kind: Callable[..., d.Distribution]) -> Measured:
    return lambda p, *parameters: [kind(*parameters).icdf(p)]


def _mixture(x: cr.Tensor, logits: cr.Tensor, loc: cr.Tensor, scale: cr.Tensor) -> list[cr.Tensor]:
    mixture = d.Mixture(d.Categorical(logits=logits), d.Normal(loc, scale))
    return [mixture.log_prob(x), mixture.mean, mixture.variance, mixture.cdf(x)]


def _independent(x: cr.Tensor, loc: cr.Tensor, scale: cr.Tensor) -> list[cr.Tensor]:
    independent = d.Independent(d.Normal(loc, scale))
    return [independent.log_prob(x), independent.entropy(), independent.mean, independent.variance]


def _simplex(x: cr.Tensor) -> cr.Tensor:
    return x / cr.sum(x, axis=-1, keepdims=True)


def _dirichlet(x: cr.Tensor, concentration: cr.Tensor) -> list[cr.Tensor]:
    return _measured(d.Dirichlet, "entropy")(_simplex(x), concentration)


def _relaxed(x: cr.Tensor, logits: cr.Tensor, temperature: cr.Tensor) -> cr.Tensor:
    return d.RelaxedCategorical(temperature, logits=logits).log_prob(_simplex(x))


def _categorical(x: cr.Tensor, probs: cr.Tensor, logits: cr.Tensor) -> list[cr.Tensor]:
    both = d.Categorical(probs), d.Categorical(logits=logits)
    return [value for one in both for value in (one.log_prob(x), one.entropy())]


def _multinomial(x: cr.Tensor, probs: cr.Tensor) -> list[cr.Tensor]:
    return _measured(lambda probs: d.Multinomial(4, probs))(x, probs)


def _covariance(root: cr.Tensor) -> cr.Tensor:
    return root @ cr.matrix_transpose(root) + cr.eye(root.shape[-1], dtype=root.dtype)


def _multivariate_normal(x: cr.Tensor, loc: cr.Tensor, root: cr.Tensor) -> list[cr.Tensor]:
    return _measured(d.MultivariateNormal, "entropy")(x, loc, _covariance(root))


def _divergences(
    a: cr.Tensor, b: cr.Tensor, s: cr.Tensor, t: cr.Tensor, p: cr.Tensor, q: cr.Tensor
) -> list[cr.Tensor]:
    pairs = [
        *((kind(a, s), kind(b, t)) for kind in (d.Normal, d.LogNormal, d.Laplace, d.Cauchy)),
        *((kind(s, t), kind(t, p)) for kind in (d.Gamma, d.Beta)),
        *((kind(s), kind(t)) for kind in (d.Exponential, d.Poisson)),
        (d.Exponential(s), d.Gamma(t, p)),
        (d.Gamma(s, t), d.Exponential(p)),
        *((kind(p), kind(q)) for kind in (d.Bernoulli, d.Geometric)),
        (d.Binomial(3, p), d.Binomial(3, q)),
        (d.Bernoulli(logits=a), d.Bernoulli(logits=b)),
    ]
    return [d.kl_divergence(*pair) for pair in pairs]


def _divergences_of_vectors(
    s: cr.Tensor, t: cr.Tensor, first: cr.Tensor, second: cr.Tensor
) -> list[cr.Tensor]:
    pairs = [
        (d.Dirichlet(s), d.Dirichlet(t)),
        (d.Categorical(s), d.Categorical(logits=t)),
        (d.Independent(d.Exponential(s)), d.Independent(d.Exponential(t))),
        *[(d.MultivariateNormal(x, _covariance(y)) for x, y in ((s, first), (t, second)))],
    ]
    return [d.kl_divergence(*pair) for pair in pairs]


# ---- Arguments ----


def _real(random: Random) -> tuple:
    """A point off the location, the location, the scale."""
    shape = draw.shape(random)
    loc = draw.floats(random, shape)
    return loc + draw.floats(random, shape, kinks=(0.0,)), loc, draw.between(random, shape, 0.5, 2)


def _risen(random: Random) -> tuple:
    x, *parameters = _real(random)
    return np.exp(x), *parameters


def _positive(count: int) -> Callable[[Random], tuple]:
    def arguments(random: Random) -> tuple:
        shape = draw.shape(random)
        return tuple(draw.between(random, shape, 0.3, 4.0) for _ in range(count))

    return arguments


def _share(random: Random) -> tuple:
    """A point from 0 to 1 off the middle, and two parameters."""
    shape = draw.shape(random)
    p = draw.floats(random, shape, 0.1, (0.5,), 0.1)
    return np.clip(p, 0.1, 0.9), draw.floats(random, shape), draw.between(random, shape, 0.5, 2)


def _heavy(random: Random) -> tuple:
    x, loc, scale = _real(random)
    return x, draw.between(random, x.shape, 2.5, 9.0), loc, scale


def _inner(random: Random) -> tuple:
    """A point between two bounds."""
    shape = draw.shape(random)
    low = draw.floats(random, shape)
    width = draw.between(random, shape, 0.5, 2.0)
    return low + width * draw.between(random, shape, 0.2, 0.8), low, low + width


def _unit(random: Random) -> tuple:
    shape = draw.shape(random)
    x = draw.between(random, shape, 0.1, 0.9)
    return x, draw.between(random, shape, 0.3, 4.0), draw.between(random, shape, 0.3, 4.0)


def _counted(most: int) -> Callable[[Random], tuple]:
    """A whole number, and a probability."""

    def arguments(random: Random) -> tuple:
        shape = draw.shape(random)
        return draw.labels(random, shape, most + 1), draw.between(random, shape, 0.1, 0.9)

    return arguments


def _trials(random: Random) -> tuple:
    shape = draw.shape(random)
    total = 1 + draw.labels(random, shape, 9)
    return random.integers(0, total + 1), total, draw.between(random, shape, 0.1, 0.9)


def _failures(random: Random) -> tuple:
    x, probs = _counted(9)(random)
    return x, draw.between(random, x.shape, 0.3, 4.0), probs


def _events(random: Random) -> tuple:
    x, _ = _counted(9)(random)
    return x, draw.between(random, x.shape, 0.3, 4.0)


def _labelled(random: Random) -> tuple:
    shape, classes = draw.shape(random, 1, 2), int(random.integers(2, 6))
    probs = draw.between(random, (*shape, classes), 0.1, 1.0)
    return draw.labels(random, shape, classes), probs, draw.floats(random, (*shape, classes))


def _occurring(random: Random) -> tuple:
    shape, classes = draw.shape(random, 1, 2), int(random.integers(2, 6))
    probs = draw.probabilities(random, (*shape, classes))
    return random.multinomial(4, probs), probs


def _vectors(*ranges: tuple[float, float]) -> Callable[[Random], tuple]:
    """Vectors, one for each range."""

    def arguments(random: Random) -> tuple:
        shape = (*draw.shape(random, 1, 2), int(random.integers(2, 6)))
        return tuple(draw.between(random, shape, *limits) for limits in ranges)

    return arguments


def _mixed(random: Random) -> tuple:
    shape = draw.shape(random, 1, 2)
    inner = (*shape, int(random.integers(2, 6)))
    x, logits, loc = (draw.floats(random, s) for s in (shape, inner, inner))
    return x, logits, loc, draw.between(random, inner, 0.5, 2.0)


def _correlated(count: int) -> Callable[[Random], tuple]:
    """Two vectors of a batch, and a square matrix for each of the last `count`."""

    def arguments(random: Random) -> tuple:
        shape, size = draw.shape(random, 1, 2), int(random.integers(2, 4))
        pair = [draw.between(random, (*shape, size), 0.3, 2.0) for _ in range(2)]
        return *pair, *(draw.floats(random, (*shape, size, size), 0.7) for _ in range(count))

    return arguments


def _tempered(random: Random) -> tuple:
    x, logits = _vectors((0.3, 1.0), (-2.0, 2.0))(random)
    return x, logits, draw.between(random, (), 0.3, 2.0)


def _pairs(random: Random) -> tuple:
    shape = draw.shape(random)
    a = draw.floats(random, shape)
    b = a + draw.floats(random, shape, kinks=(0.0,))
    limits = ((0.3, 4.0), (0.3, 4.0), (0.1, 0.9), (0.1, 0.9))
    return a, b, *(draw.between(random, shape, *each) for each in limits)


def _row(name: str, arguments: Callable[[Random], tuple], *measures: str) -> Check:
    return Check(f"distributions.{name}", _measured(getattr(d, name), *measures), arguments)


CHECKS = (
    _row("Normal", _real, "entropy", "cdf"),
    _row("LogNormal", _risen, "entropy"),
    _row("Laplace", _real, "entropy", "cdf"),
    Check(
        "distributions.Cauchy",
        lambda x, *p: [d.Cauchy(*p).log_prob(x), d.Cauchy(*p).cdf(x), d.Cauchy(*p).entropy()],
        _real,
    ),
    _row("StudentT", _heavy, "entropy"),
    _row("Uniform", _inner, "entropy", "cdf"),
    _row("Exponential", _positive(2), "entropy", "cdf"),
    _row("Gamma", _positive(3), "entropy"),
    _row("Beta", _unit, "entropy"),
    Check("distributions.Dirichlet", _dirichlet, _vectors((0.3, 1.0), (0.3, 4.0))),
    _row("Bernoulli", _counted(1), "entropy"),
    _row("Binomial", _trials),
    _row("Geometric", _counted(9), "entropy"),
    _row("NegativeBinomial", _failures),
    _row("Poisson", _events),
    Check("distributions.Categorical", _categorical, _labelled),
    Check("distributions.Multinomial", _multinomial, _occurring),
    Check("distributions.RelaxedCategorical", _relaxed, _tempered),
    Check("distributions.MultivariateNormal", _multivariate_normal, _correlated(1)),
    Check("distributions.Independent", _independent, _vectors((-2, 2), (-2, 2), (0.5, 2.0))),
    Check("distributions.Mixture", _mixture, _mixed),
    *(
        Check(f"distributions.{name}, icdf", _icdf(getattr(d, name)), _share)
        for name in ("Normal", "LogNormal", "Laplace", "Cauchy")
    ),
    Check("distributions.kl_divergence", _divergences, _pairs),
    Check("distributions.kl_divergence of vectors", _divergences_of_vectors, _correlated(2)),
)
