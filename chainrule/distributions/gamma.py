"""Distributions made of gamma numbers: receive positive parameters; hand on draws and densities.

Draws are reparametrised by implicit derivatives, and made of logarithms: those of tiny parameters
do not underflow before they are divided by each other.
"""

from __future__ import annotations

import numpy as np

from chainrule.distributions.base import Distribution, parameters, positive, vectors
from chainrule.distributions.sampling import Tail, draw_log_gamma, keys
from chainrule.dtypes import float64
from chainrule.frontend.functions.activation import sigmoid, softmax
from chainrule.frontend.functions.elementary import exp, log, log1p
from chainrule.frontend.functions.elementwise import abs, maximum, square
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.reductions import all, sum
from chainrule.frontend.functions.special import betaln, digamma, lgamma
from chainrule.frontend.lift import Operand, cast
from chainrule.frontend.tensor import Tensor


class Gamma(Distribution):
    """Density rate**a x**(a - 1) exp(-rate x) / Gamma(a) for x > 0, with a the concentration.

    chi-square with n degrees of freedom is Gamma(n / 2, 1 / 2).

    >>> gamma = cr.distributions.Gamma(2.0, 4.0)
    >>> gamma.mean, gamma.log_prob(0.5)
    (Tensor(0.5, dtype=float32), Tensor(0.07944155, dtype=float32))
    """

    inside = 1.0

    def __init__(self, concentration: Operand, rate: Operand) -> None:
        self.concentration, self.rate = parameters("Gamma", concentration, rate)
        positive("Gamma", concentration=self.concentration, rate=self.rate)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def variance(self) -> Tensor:
        return self.mean / self.rate

    @property
    def mode(self) -> Tensor:
        return maximum(self.concentration - 1, 0) / self.rate

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - log(self.rate) + lgamma(a) + (1 - a) * digamma(a)

    def cdf(self, x: Operand) -> Tensor:
        """By numerical integration, to about 1e-11 in float64."""
        x = self._lifted(x)
        a = cast(self.concentration, float64) + cast(0 * x, float64)
        log_y = cast(log(self.rate * where(x > 0, x, 1)), float64)
        tail = Tail(a, log_y)
        beyond = exp(a * log_y - exp(log_y) - lgamma(a)) * tail.integral()
        return cast(where(x > 0, where(tail.upper, 1 - beyond, beyond), 0), x.dtype)

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        return exp(draw_log_gamma(self.concentration, shape, key)) / self.rate

    def _supports(self, x: Tensor) -> Tensor:
        return x > 0

    def _log_density(self, x: Tensor) -> Tensor:
        a = self.concentration
        return a * log(self.rate) + (a - 1) * log(x) - self.rate * x - lgamma(a)


class Beta(Distribution):
    """Density x**(alpha - 1) (1 - x)**(beta - 1) / B(alpha, beta) for 0 < x < 1 (A-267).

    Beta(1, 1) is uniform; mixup draws its share from Beta(alpha, alpha).

    >>> beta = cr.distributions.Beta(2.0, 3.0)
    >>> beta.mean, beta.log_prob(cr.asarray([0.5, 1.5]))
    (Tensor(0.4, dtype=float32), Tensor([0.40546513,       -inf], dtype=float32))
    """

    inside = 0.5

    def __init__(self, alpha: Operand, beta: Operand) -> None:
        self.alpha, self.beta = parameters("Beta", alpha, beta)
        positive("Beta", alpha=self.alpha, beta=self.beta)

    @property
    def mean(self) -> Tensor:
        return self.alpha / (self.alpha + self.beta)

    @property
    def variance(self) -> Tensor:
        total = self.alpha + self.beta
        return self.alpha * self.beta / (square(total) * (total + 1))

    @property
    def mode(self) -> Tensor:
        peak = (self.alpha > 1) & (self.beta > 1)
        return where(peak, (self.alpha - 1) / where(peak, self.alpha + self.beta - 2, 1), np.nan)

    def entropy(self) -> Tensor:
        a, b = self.alpha, self.beta
        inner = (a - 1) * digamma(a) + (b - 1) * digamma(b) - (a + b - 2) * digamma(a + b)
        return betaln(a, b) - inner

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        first, second = keys(key, 2)
        ours, theirs = (
            draw_log_gamma(self.alpha, shape, first),
            draw_log_gamma(self.beta, shape, second),
        )
        return sigmoid(ours - theirs)

    def _supports(self, x: Tensor) -> Tensor:
        return (x > 0) & (x < 1)

    def _log_density(self, x: Tensor) -> Tensor:
        a, b = self.alpha, self.beta
        return (a - 1) * log(x) + (b - 1) * log1p(-x) - betaln(a, b)


class Dirichlet(Distribution):
    """Density of prod x_i**(a_i - 1) for vectors of positive numbers with sum 1 (A-267).

    a is the concentration (..., k). The last axis of draws and points holds the vector; a sum is
    taken for 1 within 1e-5.

    >>> dirichlet = cr.distributions.Dirichlet(cr.asarray([1.0, 2.0, 1.0]))
    >>> dirichlet.mean, dirichlet.sample((4,)).shape
    (Tensor([0.25, 0.5 , 0.25], dtype=float32), (4, 3))
    """

    def __init__(self, concentration: Operand) -> None:
        self.concentration = vectors("Dirichlet", concentration)
        positive("Dirichlet", concentration=self.concentration)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return self.concentration.shape[:-1]

    @property
    def event_shape(self) -> tuple[int, ...]:
        return self.concentration.shape[-1:]

    @property
    def mean(self) -> Tensor:
        return self.concentration / self._total()[..., None]

    @property
    def variance(self) -> Tensor:
        return self.mean * (1 - self.mean) / (self._total()[..., None] + 1)

    @property
    def mode(self) -> Tensor:
        inside = all(self.concentration > 1, axis=-1, keepdims=True)
        lowered = where(inside, self.concentration - 1, 1)
        return where(inside, lowered / sum(lowered, axis=-1, keepdims=True), np.nan)

    def entropy(self) -> Tensor:
        a, total = self.concentration, self._total()
        inner = sum((a - 1) * digamma(a), axis=-1)
        return self.log_norm() - inner + (total - a.shape[-1]) * digamma(total)

    def log_prob(self, x: Operand) -> Tensor:
        x = self._lifted(x)
        inside = all(x > 0, axis=-1) & (abs(sum(x, axis=-1) - 1) < 1e-5)
        held = where(inside[..., None], x, 1 / self.event_shape[0])
        density = sum((self.concentration - 1) * log(held), axis=-1) - self.log_norm()
        return where(inside, density, -np.inf)

    def log_norm(self) -> Tensor:
        """The logarithm of prod Gamma(a_i) / Gamma(sum a_i), the integral of the product."""
        return sum(lgamma(self.concentration), axis=-1) - lgamma(self._total())

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        return softmax(draw_log_gamma(self.concentration, shape, key), axis=-1)

    def _total(self) -> Tensor:
        return sum(self.concentration, axis=-1)
