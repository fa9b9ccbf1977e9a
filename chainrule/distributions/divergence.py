"""How far distributions lie apart: receives two; hands on nats, by closed forms where there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.distributions.base import Distribution
from chainrule.distributions.classes import Categorical, Multinomial
from chainrule.distributions.compound import Independent, MultivariateNormal
from chainrule.distributions.continuous import (
    Cauchy,
    Exponential,
    Laplace,
    LogNormal,
    Normal,
    Uniform,
)
from chainrule.distributions.counts import Bernoulli, Binomial, Geometric, Poisson
from chainrule.distributions.gamma import Beta, Dirichlet, Gamma
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.elementary import exp, log
from chainrule.frontend.functions.elementwise import abs, square
from chainrule.frontend.functions.linear_algebra import matmul
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.matrices import inv
from chainrule.frontend.functions.reductions import mean, sum
from chainrule.frontend.functions.special import betaln, digamma, lgamma
from chainrule.frontend.tensor import Tensor


def kl_divergence(
    p: Distribution, q: Distribution, *, samples: int | None = None, key: Tensor | None = None
) -> Tensor:
    """KL(p || q) = E[log p(x) - log q(x)] for x drawn from p, in nats: shape of the batch.

    Closed forms exist within Normal, LogNormal, Laplace, Cauchy, Uniform, Exponential, Gamma, Beta,
    Dirichlet, Bernoulli, Binomial, Geometric, Poisson, Categorical, Multinomial and
    MultivariateNormal, between Exponential and Gamma, and for Independent ones of these. For all
    others, `samples` asks for the mean over so many draws, whose error shrinks as
    1 / sqrt(samples); without it there is an ArgumentError.

    >>> normal = cr.distributions.Normal
    >>> cr.distributions.kl_divergence(normal(0.0, 1.0), normal(1.0, 1.0))
    Tensor(0.5, dtype=float32)
    """
    form = _FORMS.get((type(p), type(q)))
    if form is not None:
        return form(p, q)
    if samples is None:
        raise ArgumentError(
            "kl_divergence",
            f"there is no closed form from {type(p).__name__} to {type(q).__name__}",
            "it can be estimated",
            "pass samples=10_000 for a mean over random draws",
        )
    x = p.sample(samples, key=key)
    return mean(p.log_prob(x) - q.log_prob(x), axis=0)


def _normal(p: Normal, q: Normal) -> Tensor:
    share = square(p.scale / q.scale)
    return 0.5 * (share + square((p.loc - q.loc) / q.scale) - 1 - log(share))


def _laplace(p: Laplace, q: Laplace) -> Tensor:
    apart, share = abs(p.loc - q.loc), p.scale / q.scale
    return apart / q.scale + share * exp(-apart / p.scale) - log(share) - 1


def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    """Chyzak and Nielsen 2019."""
    return log((square(p.scale + q.scale) + square(p.loc - q.loc)) / (4 * p.scale * q.scale))


def _uniform(p: Uniform, q: Uniform) -> Tensor:
    return where((q.low <= p.low) & (p.high <= q.high), q.entropy() - p.entropy(), np.inf)


def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    shapes = (a - b) * digamma(a) - lgamma(a) + lgamma(b)
    return shapes + b * log(p.rate / q.rate) + a * (q.rate - p.rate) / p.rate


def _as_gamma(given: Any) -> Gamma:
    return Gamma(1.0, given.rate) if isinstance(given, Exponential) else given


def _beta(p: Beta, q: Beta) -> Tensor:
    a, b = p.alpha - q.alpha, p.beta - q.beta
    means = a * digamma(p.alpha) + b * digamma(p.beta) - (a + b) * digamma(p.alpha + p.beta)
    return betaln(q.alpha, q.beta) - betaln(p.alpha, p.beta) + means


def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    total = sum(p.concentration, axis=-1, keepdims=True)
    mean_log = digamma(p.concentration) - digamma(total)
    apart = sum((p.concentration - q.concentration) * mean_log, axis=-1)
    return q.log_norm() - p.log_norm() + apart


def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    return -p.entropy() - q.log_odds(p.probs, 1 - p.probs)


def _binomial(p: Binomial, q: Binomial) -> Tensor:
    """Infinite where p reaches further; there is no closed form where q does."""
    single = -p.log_odds(p.probs, 1 - p.probs) + q.log_odds(p.probs, 1 - p.probs)
    n, m = p.total_count, q.total_count
    return where(n == m, -n * single, where(n > m, np.inf, np.nan))


def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - q.log_odds(0 * p.probs + 1, p.mean)


def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * log(p.rate / q.rate) - p.rate + q.rate


def _categorical(p: Any, q: Any) -> Tensor:
    return p.log_likelihood(p.probs) - q.log_likelihood(p.probs)


def _multinomial(p: Multinomial, q: Multinomial) -> Tensor:
    if p.total_count != q.total_count:
        raise ArgumentError(
            "kl_divergence",
            f"total_count is {p.total_count} and {q.total_count}",
            "their draws never agree",
        )
    return p.total_count * _categorical(p, q)


def _multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    inverse = inv(q.scale_tril)
    spread = sum(square(matmul(inverse, p.scale_tril)), axis=(-2, -1))
    apart = sum(square(matmul(inverse, (p.loc - q.loc)[..., None])), axis=(-2, -1))
    return 0.5 * (spread + apart - p.event_shape[0]) + q.log_det() - p.log_det()


def _independent(p: Independent, q: Independent) -> Tensor:
    if p.axes != q.axes:
        raise ShapeError(
            "kl_divergence", f"events have {p.axes} and {q.axes} axes", "they must be of one shape"
        )
    return p.total(kl_divergence(p.base, q.base))


_FORMS: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {
    (Normal, Normal): _normal,
    (LogNormal, LogNormal): lambda p, q: _normal(p.log, q.log),
    (Laplace, Laplace): _laplace,
    (Cauchy, Cauchy): _cauchy,
    (Uniform, Uniform): _uniform,
    (Gamma, Gamma): _gamma,
    (Exponential, Exponential): lambda p, q: log(p.rate / q.rate) + q.rate / p.rate - 1,
    (Exponential, Gamma): lambda p, q: _gamma(_as_gamma(p), q),
    (Gamma, Exponential): lambda p, q: _gamma(p, _as_gamma(q)),
    (Beta, Beta): _beta,
    (Dirichlet, Dirichlet): _dirichlet,
    (Bernoulli, Bernoulli): _bernoulli,
    (Binomial, Binomial): _binomial,
    (Geometric, Geometric): _geometric,
    (Poisson, Poisson): _poisson,
    (Categorical, Categorical): _categorical,
    (Multinomial, Multinomial): _multinomial,
    (MultivariateNormal, MultivariateNormal): _multivariate_normal,
    (Independent, Independent): _independent,
}
