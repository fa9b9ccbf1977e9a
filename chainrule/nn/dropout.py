"""Dropout: receives a tensor, hands it on thinned in training and unchanged elsewhere."""

from __future__ import annotations

from chainrule.errors import ArgumentError
from chainrule.frontend import random, trace
from chainrule.frontend.functions.logic import where
from chainrule.frontend.tensor import Tensor
from chainrule.nn.module import Module


class Dropout(Module):
    """In training each element is 0 with probability p, else x / (1 - p) (Srivastava et al. 2014).

    Raises ArgumentError for p outside [0, 1].

    >>> cr.nn.Dropout(0.5)(cr.ones(3))
    Tensor([1., 1., 1.], dtype=float32)
    >>> cr.random.seed(1)
    >>> with cr.training():
    ...     cr.nn.Dropout(0.5)(cr.ones(6))
    Tensor([0., 0., 2., 0., 2., 2.], dtype=float32)
    """

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise ArgumentError(
                "Dropout",
                f"p is {p}",
                "it is the probability to drop an element",
                "choose 0 <= p <= 1",
            )
        self.p = p

    def __call__(self, x: Tensor) -> Tensor:
        if not trace.is_training() or self.p == 0:
            return x
        keep = 1 - self.p
        # Dropping all, the scale does not matter, but it must be finite.
        return where(random.bernoulli(x.shape, keep), x * (1 / keep if keep else 0.0), 0)
