"""Distributions of whole numbers: receive probabilities, logits or rates; hand on draws (int64)
without derivatives, and probabilities.
"""

from __future__ import annotations

import numpy as np

from chainrule.distributions.base import (
    Distribution,
    average,
    either,
    parameters,
    positive,
    whole,
    within,
    xlog1py,
    xlogy,
)
from chainrule.distributions.sampling import count, draw_log_gamma, keys, wide
from chainrule.dtypes import int64
from chainrule.frontend import random
from chainrule.frontend.functions.activation import log_sigmoid, sigmoid
from chainrule.frontend.functions.creation import full_like
from chainrule.frontend.functions.elementary import exp, log
from chainrule.frontend.functions.elementwise import floor, maximum, minimum
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.network import logit
from chainrule.frontend.functions.special import betaln, lgamma
from chainrule.frontend.lift import Operand, cast, spread
from chainrule.frontend.tensor import Tensor


class _Trials(Distribution):
    """Independent trials, each a success with one probability."""

    def _set(
        self, where_used: str, probs: Operand | None, logits: Operand | None, *others: Operand
    ) -> list[Tensor]:
        """Keeps the odds as they were given. Returns the other parameters, broadcast with them."""
        odds, *rest = parameters(where_used, either(where_used, probs, logits), *others)
        self._probs, self._logits = (odds, None) if logits is None else (None, odds)
        if self._probs is not None:
            within(where_used, 0, 1, probs=self._probs)
        return rest

    @property
    def probs(self) -> Tensor:
        """The probability of success."""
        return sigmoid(self._logits) if self._probs is None else self._probs

    @property
    def logits(self) -> Tensor:
        """log(probs / (1 - probs))."""
        return logit(self._probs) if self._logits is None else self._logits

    def log_odds(self, successes: Tensor, failures: Tensor) -> Tensor:
        """successes * log(probs) + failures * log(1 - probs), where 0 times anything is 0."""
        if self._probs is None:
            return successes * log_sigmoid(self._logits) + failures * log_sigmoid(-self._logits)
        return xlogy(successes, self._probs) + xlog1py(failures, -self._probs)

    def _supports(self, x: Tensor) -> Tensor:
        return whole(x)


class Bernoulli(_Trials):
    """1 with probability `probs`, else 0; from probabilities or from logits (A-267).

    >>> cr.distributions.Bernoulli(0.25).log_prob(cr.asarray([0, 1, 2]))
    Tensor([-0.28768206, -1.3862944 ,        -inf], dtype=float32)
    """

    def __init__(self, probs: Operand | None = None, *, logits: Operand | None = None) -> None:
        self._set("Bernoulli", probs, logits)

    @classmethod
    def fit(cls, x: Operand, weights: Operand | None = None) -> Bernoulli:
        """Maximum likelihood over axis 0: the share of ones."""
        return cls(average("Bernoulli.fit", x, weights))

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    @property
    def mode(self) -> Tensor:
        return cast(self.probs > 0.5, self.dtype)

    def entropy(self) -> Tensor:
        return -self.log_odds(self.probs, 1 - self.probs)

    def cdf(self, x: Operand) -> Tensor:
        x = self._lifted(x)
        return where(x < 0, 0, where(x < 1, 1 - self.probs, 1))

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        return cast(random.uniform(shape, dtype=self.dtype, key=key) < self.probs, int64)

    def _supports(self, x: Tensor) -> Tensor:
        return (x == 0) | (x == 1)

    def _log_density(self, x: Tensor) -> Tensor:
        return self.log_odds(x, 1 - x)


class Binomial(_Trials):
    """The number of successes in `total_count` trials.

    >>> cr.distributions.Binomial(2, 0.5).log_prob(cr.asarray([0, 1, 3]))
    Tensor([-1.3862944, -0.6931472,       -inf], dtype=float32)
    """

    def __init__(
        self, total_count: Operand, probs: Operand | None = None, *, logits: Operand | None = None
    ) -> None:
        (self.total_count,) = self._set("Binomial", probs, logits, total_count)
        within("Binomial", 0, 2**53, total_count=self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def variance(self) -> Tensor:
        return self.mean * (1 - self.probs)

    @property
    def mode(self) -> Tensor:
        return minimum(floor((self.total_count + 1) * self.probs), self.total_count)

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        n, p = (spread(x, shape) for x in wide(self.total_count, self.probs))
        same = Binomial(n, p)
        (key,) = keys(key, 1)
        return cast(count(same._log_density, same.mean, same.variance, same.mode, n, key), int64)

    def _supports(self, x: Tensor) -> Tensor:
        return whole(x) & (x <= self.total_count)

    def _log_density(self, x: Tensor) -> Tensor:
        n = self.total_count
        ways = lgamma(n + 1) - lgamma(x + 1) - lgamma(n - x + 1)
        return ways + self.log_odds(x, n - x)


class Geometric(_Trials):
    """The number of failures before the first success.

    >>> cr.distributions.Geometric(0.25).mean
    Tensor(3., dtype=float32)
    """

    def __init__(self, probs: Operand | None = None, *, logits: Operand | None = None) -> None:
        self._set("Geometric", probs, logits)

    @property
    def mean(self) -> Tensor:
        return (1 - self.probs) / self.probs

    @property
    def variance(self) -> Tensor:
        return self.mean / self.probs

    @property
    def mode(self) -> Tensor:
        return full_like(self.probs, 0)

    def entropy(self) -> Tensor:
        return -self.log_odds(full_like(self.probs, 1), self.mean)

    def cdf(self, x: Operand) -> Tensor:
        x = self._lifted(x)
        turns = where(x < 0, 0, floor(x) + 1)
        return 1 - exp(self.log_odds(0 * turns, turns))

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        zero = full_like(self.probs, 0)
        lasting = random.exponential(shape, dtype=self.dtype, key=key)
        return cast(floor(lasting / -self.log_odds(zero, zero + 1)), int64)

    def _log_density(self, x: Tensor) -> Tensor:
        return self.log_odds(full_like(x, 1), x)


class NegativeBinomial(_Trials):
    """The number of successes before `total_count` failures, which need not be whole: Poisson
    numbers whose rate is drawn from Gamma(total_count, (1 - probs) / probs).

    >>> cr.distributions.NegativeBinomial(2.0, 0.5).mean
    Tensor(2., dtype=float32)
    """

    def __init__(
        self, total_count: Operand, probs: Operand | None = None, *, logits: Operand | None = None
    ) -> None:
        (self.total_count,) = self._set("NegativeBinomial", probs, logits, total_count)
        positive("NegativeBinomial", total_count=self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs / (1 - self.probs)

    @property
    def variance(self) -> Tensor:
        return self.mean / (1 - self.probs)

    @property
    def mode(self) -> Tensor:
        return floor(maximum(self.total_count - 1, 0) * self.probs / (1 - self.probs))

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        first, second = keys(key, 2)
        rates = draw_log_gamma(self.total_count, shape, first)
        return Poisson(exp(rates + self.logits)).sample(key=second)

    def _log_density(self, x: Tensor) -> Tensor:
        n = self.total_count
        return self.log_odds(x, n) - where(x == 0, 0, betaln(where(x == 0, 1, x), n) + log(x))


class Poisson(Distribution):
    """The number of events where `rate` are expected: rate**x exp(-rate) / x!.

    >>> cr.distributions.Poisson(2.0).log_prob(cr.asarray([0, 1, 1.5]))
    Tensor([-2.       , -1.3068528,       -inf], dtype=float32)
    """

    def __init__(self, rate: Operand) -> None:
        (self.rate,) = parameters("Poisson", rate)
        within("Poisson", 0, np.inf, rate=self.rate)

    @classmethod
    def fit(cls, x: Operand, weights: Operand | None = None) -> Poisson:
        """Maximum likelihood over axis 0: the mean."""
        return cls(average("Poisson.fit", x, weights))

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def variance(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return floor(self.rate)

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        (rate,), (key,) = wide(self.rate), keys(key, 1)
        same = Poisson(spread(rate, shape))
        found = count(same._log_density, same.rate, same.rate, same.mode, np.inf, key)
        return cast(found, int64)

    def _supports(self, x: Tensor) -> Tensor:
        return whole(x)

    def _log_density(self, x: Tensor) -> Tensor:
        return xlogy(x, self.rate) - self.rate - lgamma(x + 1)
