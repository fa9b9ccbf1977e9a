"""Distributions of real numbers around a location, and two simple ones: receive parameters; hand on
draws and densities.
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.distributions.base import Distribution, average, parameters, positive
from chainrule.distributions.sampling import draw_log_gamma, keys
from chainrule.frontend import random
from chainrule.frontend.functions.creation import full_like
from chainrule.frontend.functions.elementary import atan, erf, erfinv, exp, expm1, log, log1p, tan
from chainrule.frontend.functions.elementwise import abs, clip, maximum, sign, sqrt, square
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.special import betaln, digamma
from chainrule.frontend.lift import Operand
from chainrule.frontend.tensor import Tensor


class _Located(Distribution):
    """A fixed density of z = (x - loc) / scale."""

    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Operand, scale: Operand) -> None:
        self.loc, self.scale = parameters(type(self).__name__, loc, scale)
        positive(type(self).__name__, scale=self.scale)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    def _z(self, x: Operand) -> Tensor:
        return (self._lifted(x) - self.loc) / self.scale


class Normal(_Located):
    """The Gaussian distribution of mean `loc` and standard deviation `scale` (A-267).

    Density exp(-z**2 / 2) / (scale sqrt(2 pi)) at z = (x - loc) / scale; entropy
    log(2 pi e scale**2) / 2.

    >>> normal = cr.distributions.Normal(0.0, cr.asarray([1.0, 2.0]))
    >>> normal.log_prob(0.0), normal.sample((3,)).shape
    (Tensor([-0.9189385, -1.6120857], dtype=float32), (3, 2))
    """

    @classmethod
    def fit(cls, x: Operand, weights: Operand | None = None) -> Normal:
        """Maximum likelihood over axis 0: the mean, and sqrt(mean((x - mean)**2)), which is biased.
        It maximizes the sum of weights * log_prob(x) (A-268).

        >>> cr.distributions.Normal.fit(np.asarray([1.0, 3.0], np.float32)).scale
        Tensor(1., dtype=float32)
        """
        loc = average("Normal.fit", x, weights)
        return cls(loc, sqrt(average("Normal.fit", square(x - loc), weights)))

    @property
    def variance(self) -> Tensor:
        return square(self.scale)

    def entropy(self) -> Tensor:
        return log(self.scale) + 0.5 * math.log(2 * math.pi * math.e)

    def cdf(self, x: Operand) -> Tensor:
        return 0.5 + 0.5 * erf(self._z(x) / math.sqrt(2))

    def icdf(self, p: Operand) -> Tensor:
        return self.loc + self.scale * math.sqrt(2) * erfinv(2 * self._lifted(p) - 1)

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        return self.loc + self.scale * random.normal(shape, dtype=self.dtype, key=key)

    def _log_density(self, x: Tensor) -> Tensor:
        return -0.5 * square(self._z(x)) - log(self.scale) - 0.5 * math.log(2 * math.pi)


class LogNormal(Distribution):
    """exp of a normal number with mean `loc` and standard deviation `scale`.

    >>> cr.distributions.LogNormal(0.0, 1.0).mean
    Tensor(1.6487212, dtype=float32)
    """

    inside = 1.0

    def __init__(self, loc: Operand, scale: Operand) -> None:
        self.log = Normal(loc, scale)

    @property
    def mean(self) -> Tensor:
        return exp(self.log.loc + 0.5 * self.log.variance)

    @property
    def variance(self) -> Tensor:
        return expm1(self.log.variance) * square(self.mean)

    @property
    def mode(self) -> Tensor:
        return exp(self.log.loc - self.log.variance)

    def entropy(self) -> Tensor:
        return self.log.entropy() + self.log.loc

    def cdf(self, x: Operand) -> Tensor:
        x = self._lifted(x)
        return where(x > 0, self.log.cdf(log(where(x > 0, x, 1))), 0)

    def icdf(self, p: Operand) -> Tensor:
        return exp(self.log.icdf(p))

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        return exp(self.log._draw(shape, key))

    def _supports(self, x: Tensor) -> Tensor:
        return x > 0

    def _log_density(self, x: Tensor) -> Tensor:
        return self.log.log_prob(log(x)) - log(x)


class Laplace(_Located):
    """Density exp(-|z|) / (2 scale) at z = (x - loc) / scale.

    >>> cr.distributions.Laplace(0.0, 1.0).log_prob(cr.asarray([0.0, 1.0]))
    Tensor([-0.6931472, -1.6931472], dtype=float32)
    """

    @property
    def variance(self) -> Tensor:
        return 2 * square(self.scale)

    def entropy(self) -> Tensor:
        return 1 + math.log(2) + log(self.scale)

    def cdf(self, x: Operand) -> Tensor:
        z = self._z(x)
        return 0.5 - 0.5 * sign(z) * expm1(-abs(z))

    def icdf(self, p: Operand) -> Tensor:
        centred = self._lifted(p) - 0.5
        return self.loc - self.scale * sign(centred) * log1p(-2 * abs(centred))

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        pair = random.exponential((2, *shape), dtype=self.dtype, key=key)
        return self.loc + self.scale * (pair[0] - pair[1])

    def _log_density(self, x: Tensor) -> Tensor:
        return -abs(self._z(x)) - log(self.scale) - math.log(2)


class Cauchy(_Located):
    """Density 1 / (pi scale (1 + z**2)) at z = (x - loc) / scale; mean and variance are NaN.

    >>> cr.distributions.Cauchy(0.0, 1.0).cdf(1.0)
    Tensor(0.75, dtype=float32)
    """

    @property
    def mean(self) -> Tensor:
        return full_like(self.loc, np.nan)

    @property
    def variance(self) -> Tensor:
        return full_like(self.loc, np.nan)

    def entropy(self) -> Tensor:
        return log(4 * math.pi * self.scale)

    def cdf(self, x: Operand) -> Tensor:
        return 0.5 + atan(self._z(x)) / math.pi

    def icdf(self, p: Operand) -> Tensor:
        return self.loc + self.scale * tan(math.pi * (self._lifted(p) - 0.5))

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        pair = random.normal((2, *shape), dtype=self.dtype, key=key)
        return self.loc + self.scale * (pair[0] / pair[1])

    def _log_density(self, x: Tensor) -> Tensor:
        return -log1p(square(self._z(x))) - log(self.scale) - math.log(math.pi)


class StudentT(Distribution):
    """Student's t with `df` degrees of freedom: density of (1 + z**2 / df)**(-(df + 1) / 2) at
    z = (x - loc) / scale. The variance is infinite up to df = 2, the mean NaN up to 1.

    >>> cr.distributions.StudentT(3.0).variance
    Tensor(3., dtype=float32)
    """

    def __init__(self, df: Operand, loc: Operand = 0.0, scale: Operand = 1.0) -> None:
        self.df, self.loc, self.scale = parameters("StudentT", df, loc, scale)
        positive("StudentT", df=self.df, scale=self.scale)

    @property
    def mean(self) -> Tensor:
        return where(self.df > 1, self.loc, np.nan)

    @property
    def variance(self) -> Tensor:
        heavy = self.df <= 2
        finite = square(self.scale) * self.df / (where(heavy, 3, self.df) - 2)
        return where(heavy, where(self.df > 1, np.inf, np.nan), finite)

    @property
    def mode(self) -> Tensor:
        return self.loc

    def entropy(self) -> Tensor:
        power = 0.5 * (self.df + 1)
        return power * (digamma(power) - digamma(0.5 * self.df)) + self._log_norm()

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        first, second = keys(key, 2)
        z = random.normal(shape, dtype=self.dtype, key=first)
        log_chi = draw_log_gamma(0.5 * self.df, shape, second) - log(0.5 * self.df)
        return self.loc + self.scale * z * exp(-0.5 * log_chi)

    def _log_density(self, x: Tensor) -> Tensor:
        z = (x - self.loc) / self.scale
        return -0.5 * (self.df + 1) * log1p(square(z) / self.df) - self._log_norm()

    def _log_norm(self) -> Tensor:
        return log(self.scale) + 0.5 * log(self.df) + betaln(0.5, 0.5 * self.df)


class Uniform(Distribution):
    """Density 1 / (high - low) from `low` to `high`.

    >>> cr.distributions.Uniform(0.0, 4.0).log_prob(cr.asarray([1.0, 5.0]))
    Tensor([-1.3862944,       -inf], dtype=float32)
    """

    def __init__(self, low: Operand, high: Operand) -> None:
        self.low, self.high = parameters("Uniform", low, high)
        positive("Uniform", **{"high - low": self.high - self.low})

    @property
    def mean(self) -> Tensor:
        return 0.5 * (self.low + self.high)

    @property
    def variance(self) -> Tensor:
        return square(self.high - self.low) / 12

    def entropy(self) -> Tensor:
        return log(self.high - self.low)

    def cdf(self, x: Operand) -> Tensor:
        return clip((self._lifted(x) - self.low) / (self.high - self.low), 0, 1)

    def icdf(self, p: Operand) -> Tensor:
        return self.low + self._lifted(p) * (self.high - self.low)

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        return self.icdf(random.uniform(shape, dtype=self.dtype, key=key))

    def log_prob(self, x: Operand) -> Tensor:
        x = self._lifted(x)
        return where((x >= self.low) & (x <= self.high), -self.entropy(), -np.inf)


class Exponential(Distribution):
    """Density rate exp(-rate x) for x >= 0.

    >>> cr.distributions.Exponential(2.0).mean
    Tensor(0.5, dtype=float32)
    """

    def __init__(self, rate: Operand) -> None:
        (self.rate,) = parameters("Exponential", rate)
        positive("Exponential", rate=self.rate)

    @classmethod
    def fit(cls, x: Operand, weights: Operand | None = None) -> Exponential:
        """Maximum likelihood over axis 0: 1 / mean."""
        return cls(1 / average("Exponential.fit", x, weights))

    @property
    def mean(self) -> Tensor:
        return 1 / self.rate

    @property
    def variance(self) -> Tensor:
        return 1 / square(self.rate)

    @property
    def mode(self) -> Tensor:
        return full_like(self.rate, 0)

    def entropy(self) -> Tensor:
        return 1 - log(self.rate)

    def cdf(self, x: Operand) -> Tensor:
        return -expm1(-self.rate * maximum(self._lifted(x), 0))

    def icdf(self, p: Operand) -> Tensor:
        return -log1p(-self._lifted(p)) / self.rate

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        return random.exponential(shape, dtype=self.dtype, key=key) / self.rate

    def _supports(self, x: Tensor) -> Tensor:
        return x >= 0

    def _log_density(self, x: Tensor) -> Tensor:
        return log(self.rate) - self.rate * x
