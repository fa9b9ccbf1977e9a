"""LAMB: receives gradients, hands on parameters moved in proportion to their size."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.norms import vector_norm
from chainrule.frontend.tensor import Tensor
from chainrule.optim.adam import Adam
from chainrule.optim.base import Factors
from chainrule.optim.hyperparameters import Groups, Rate


class LAMB(Adam):
    """x - rate * norm(x) / norm(u) * u, where u = m' / (sqrt(v') + eps) + weight_decay * x.

    The norms are those of one parameter, a layer's weight, and their ratio is 1 where one of them
    is 0 (You et al. 2020). Moments as in Adam; the paper's rates are those of its batches, and its
    decay 0.01.

    >>> x = cr.nn.Parameter([3.0, 4.0])
    >>> cr.optim.LAMB([x], 0.1).update([cr.asarray([1.0, -1.0])])
    >>> [round(float(element), 3) for element in x]
    [2.646, 4.354]
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 1e-3,
        betas: tuple[Rate, Rate] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        groups: Groups = None,
    ) -> None:
        super().__init__(parameters, learning_rate, betas, eps, weight_decay, groups)

    def decayed(self, x: Tensor, g: Tensor, now: SimpleNamespace) -> tuple[Tensor, Tensor]:
        # The decay is a part of u.
        return x, g

    def factors(self, now: SimpleNamespace, step: Tensor) -> Factors:
        rate = now.learning_rate
        return rate, rate * now.weight_decay, *super().factors(now, step)

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        rate, decay, *adam = factors
        step = self.difference(path, g, tuple(adam)) + decay * x  # rate * u
        long, short = vector_norm(x), vector_norm(step)
        known = (long > 0) & (short > 0)
        return x - where(known, rate * long / where(known, short, 1), 1) * step
