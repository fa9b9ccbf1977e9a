"""Distributions over classes: receive probabilities or logits (..., k); hand on draws (int64) and
probabilities. Draws have no derivative, but those of `RelaxedCategorical`.
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.distributions.base import (
    Distribution,
    average,
    either,
    positive,
    vectors,
    whole,
    within,
    xlogy,
)
from chainrule.dtypes import int64
from chainrule.frontend import random
from chainrule.frontend.functions.activation import log_softmax, softmax
from chainrule.frontend.functions.elementary import log
from chainrule.frontend.functions.indexing import take_along_axis
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.network import one_hot
from chainrule.frontend.functions.reductions import all, logsumexp, sum
from chainrule.frontend.functions.searching import argmax
from chainrule.frontend.functions.special import lgamma
from chainrule.frontend.lift import Operand, broadcast_shape, cast, floating, spread
from chainrule.frontend.tensor import Tensor


class _Classes(Distribution):
    """A probability for each class, on the last axis."""

    def _set(self, where_used: str, probs: Operand | None, logits: Operand | None) -> None:
        given = vectors(where_used, either(where_used, probs, logits))
        self._probs, self._logits = None, given
        if logits is None:
            within(where_used, 0, np.inf, probs=given)
            self._probs, self._logits = given / sum(given, axis=-1, keepdims=True), None

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return super().batch_shape[:-1]

    @property
    def classes(self) -> int:
        """How many there are."""
        return super().batch_shape[-1]

    @property
    def probs(self) -> Tensor:
        """Probabilities, which add up to 1."""
        return softmax(self._logits, axis=-1) if self._probs is None else self._probs

    @property
    def logits(self) -> Tensor:
        """Logarithms of the probabilities."""
        return log_softmax(self._logits, axis=-1) if self._probs is None else log(self._probs)

    def log_likelihood(self, counts: Tensor) -> Tensor:
        """sum(counts * log(probs)) over the classes, where 0 times anything is 0."""
        if self._probs is None:
            return sum(counts * self.logits, axis=-1)
        return sum(xlogy(counts, self._probs), axis=-1)


class Categorical(_Classes):
    """One of k classes, 0 to k - 1, with the probabilities or logits (..., k).

    Probabilities are divided by their sum.

    >>> categorical = cr.distributions.Categorical(cr.asarray([1.0, 3.0]))
    >>> categorical.log_prob(cr.asarray([0, 1, 2])), categorical.mode
    (Tensor([-1.3862944, -0.2876821,       -inf], dtype=float32), Tensor(1, dtype=int64))
    """

    def __init__(self, probs: Operand | None = None, *, logits: Operand | None = None) -> None:
        self._set("Categorical", probs, logits)

    @classmethod
    def fit(cls, x: Operand, classes: int, weights: Operand | None = None) -> Categorical:
        """Maximum likelihood over axis 0 of labels: the share of each class."""
        return cls(average("Categorical.fit", one_hot(x, classes), weights))

    @property
    def mode(self) -> Tensor:
        return argmax(self.logits, axis=-1)

    def entropy(self) -> Tensor:
        return -self.log_likelihood(self.probs)

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        noise = random.gumbel((*shape, self.classes), dtype=self.dtype, key=key)
        return argmax(self.logits + noise, axis=-1)

    def _supports(self, x: Tensor) -> Tensor:
        return whole(x) & (x < self.classes)

    def _log_density(self, x: Tensor) -> Tensor:
        shape = broadcast_shape("Categorical.log_prob", [x.shape, self.batch_shape])
        table = spread(self.probs if self._logits is None else self.logits, (*shape, self.classes))
        chosen = take_along_axis(table, cast(spread(x, shape), int64)[..., None], axis=-1)[..., 0]
        return log(chosen) if self._logits is None else chosen


class Multinomial(_Classes):
    """How often each of k classes occurs in `total_count` draws, a number.

    >>> cr.distributions.Multinomial(2, cr.asarray([0.5, 0.5])).log_prob(cr.asarray([1, 1]))
    Tensor(-0.6931472, dtype=float32)
    """

    options = ("total_count",)

    def __init__(
        self, total_count: int, probs: Operand | None = None, *, logits: Operand | None = None
    ) -> None:
        self.total_count = total_count.__index__()
        self._set("Multinomial", probs, logits)

    @property
    def event_shape(self) -> tuple[int, ...]:
        return (self.classes,)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def variance(self) -> Tensor:
        return self.mean * (1 - self.probs)

    def log_prob(self, x: Operand) -> Tensor:
        x = self._lifted(x)
        inside = all(whole(x), axis=-1) & (sum(x, axis=-1) == self.total_count)
        held = where(inside[..., None], x, 0)
        ways = math.lgamma(self.total_count + 1) - sum(lgamma(held + 1), axis=-1)
        return where(inside, ways + self.log_likelihood(held), -np.inf)

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        one = Categorical(probs=self._probs, logits=self._logits)
        draws = one._draw((self.total_count, *shape[:-1]), key)
        return sum(one_hot(draws, self.classes, dtype=int64), axis=0)


class RelaxedCategorical(_Classes):
    """softmax((logits + Gumbel noise) / temperature): nearly one-hot for low temperatures, with a
    gradient by the logits (Jang et al. 2017, Maddison et al. 2017).

    Draws and points are vectors of k positive numbers with sum 1.

    >>> relaxed = cr.distributions.RelaxedCategorical(0.5, logits=cr.asarray([0.0, 1.0]))
    >>> cr.round(cr.sum(relaxed.sample()))
    Tensor(1., dtype=float32)
    """

    def __init__(
        self, temperature: Operand, probs: Operand | None = None, *, logits: Operand | None = None
    ) -> None:
        self._set("RelaxedCategorical", probs, logits)
        self.temperature = cast(floating(temperature, "RelaxedCategorical"), self.dtype)
        positive("RelaxedCategorical", temperature=self.temperature)

    @property
    def event_shape(self) -> tuple[int, ...]:
        return (self.classes,)

    def log_prob(self, x: Operand) -> Tensor:
        log_x, t = log(self._lifted(x)), self.temperature
        scores = self.logits - t * log_x
        constant = math.lgamma(self.classes) + (self.classes - 1) * log(t)
        density = sum(scores - log_x, axis=-1) - self.classes * logsumexp(scores, axis=-1)
        return constant + density

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        noise = random.gumbel(shape, dtype=self.dtype, key=key)
        return softmax((self.logits + noise) / self.temperature, axis=-1)
