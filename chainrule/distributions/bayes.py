"""Bayesian estimation by conjugate priors: receives a prior and observations; hands on the
posterior, of the same family, and the prediction of a new observation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.distributions.base import Distribution
from chainrule.distributions.classes import Categorical
from chainrule.distributions.continuous import Normal
from chainrule.distributions.counts import Bernoulli, NegativeBinomial
from chainrule.distributions.gamma import Beta, Dirichlet, Gamma
from chainrule.errors import ArgumentError
from chainrule.frontend.functions.elementwise import sqrt, square
from chainrule.frontend.functions.network import one_hot
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.lift import Operand, cast, floating
from chainrule.frontend.tensor import Tensor


def posterior(prior: Distribution, x: Operand, *, scale: Operand | None = None) -> Distribution:
    """The distribution of a parameter after observations `x`, which lie along axis 0 (A-268).

    | prior of                            | observations                    | posterior            |
    |-------------------------------------|---------------------------------|----------------------|
    | `Beta(a, b)`: a probability         | 0 and 1                         | (a + ones, b + zeros)|
    | `Dirichlet(a)`: k probabilities     | labels 0 to k - 1               | a + counts           |
    | `Gamma(a, rate)`: a Poisson rate    | counts                          | (a + sum, rate + n)  |
    | `Normal(m, s)`: a mean              | normal numbers of known `scale` | see below            |

    The normal posterior has the precision 1 / s**2 + n / scale**2, and as its mean that of m and of
    x, weighted by precision: maximum likelihood, shrunk toward the prior, less so for more data.

    >>> cr.distributions.posterior(cr.distributions.Beta(1.0, 1.0), cr.asarray([1, 1, 0])).mean
    Tensor(0.6, dtype=float32)
    """
    update, _ = _conjugate("posterior", prior, scale)
    x = floating(x, "posterior")
    given = () if scale is None else (floating(scale, "posterior"),)
    return update(prior, cast(x, prior.dtype), *given)


def predictive(belief: Distribution, *, scale: Operand | None = None) -> Distribution:
    """The distribution of one new observation, averaged over what is believed of its parameter: a
    prior or posterior as in `posterior`.

    Beta gives Bernoulli, Dirichlet Categorical, Gamma NegativeBinomial, and Normal with `scale` the
    Normal of variance belief.variance + scale**2.

    >>> cr.distributions.predictive(cr.distributions.Gamma(2.0, 1.0)).mean
    Tensor(2., dtype=float32)
    """
    _, predict = _conjugate("predictive", belief, scale)
    return predict(belief) if scale is None else predict(belief, floating(scale, "predictive"))


def _conjugate(
    where_used: str, prior: Distribution, scale: Operand | None
) -> tuple[Callable, Callable]:
    if type(prior) not in _FAMILIES:
        names = ", ".join(kind.__name__ for kind in _FAMILIES)
        raise ArgumentError(
            where_used, f"{type(prior).__name__} is no prior here", f"there are {names}"
        )
    if (scale is not None) != isinstance(prior, Normal):
        raise ArgumentError(
            where_used,
            f"scale is {'missing' if scale is None else 'given'} for {type(prior).__name__}",
            "it is the standard deviation of normal observations",
            "pass it for Normal, and for no other",
        )
    return _FAMILIES[type(prior)]


def _of_probability(prior: Beta, x: Tensor) -> Beta:
    return Beta(prior.alpha + sum(x, axis=0), prior.beta + sum(1 - x, axis=0))


def _of_probabilities(prior: Dirichlet, x: Tensor) -> Dirichlet:
    counts = one_hot(x.astype(int), prior.event_shape[0], dtype=prior.dtype)
    return Dirichlet(prior.concentration + sum(counts, axis=0))


def _of_rate(prior: Gamma, x: Tensor) -> Gamma:
    return Gamma(prior.concentration + sum(x, axis=0), prior.rate + x.shape[0])


def _of_mean(prior: Normal, x: Tensor, scale: Tensor) -> Normal:
    before, each = 1 / prior.variance, 1 / square(scale)
    precision = before + x.shape[0] * each
    return Normal((prior.loc * before + sum(x, axis=0) * each) / precision, 1 / sqrt(precision))


_FAMILIES: dict[type, tuple[Callable[..., Any], Callable[..., Any]]] = {
    Beta: (_of_probability, lambda belief: Bernoulli(belief.mean)),
    Dirichlet: (_of_probabilities, lambda belief: Categorical(belief.mean)),
    Gamma: (
        _of_rate,
        lambda belief: NegativeBinomial(belief.concentration, 1 / (1 + belief.rate)),
    ),
    Normal: (
        _of_mean,
        lambda belief, scale: Normal(belief.loc, sqrt(belief.variance + square(scale))),
    ),
}
