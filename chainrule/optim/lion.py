"""Lion: receives gradients, hands on parameters all of which moved by the same length."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from chainrule.frontend.functions.elementwise import sign
from chainrule.frontend.tensor import Tensor
from chainrule.optim.adam import shares
from chainrule.optim.base import Factors, Optimizer
from chainrule.optim.hyperparameters import Groups, Rate


class Lion(Optimizer):
    """x - rate * sign(b1 m + (1 - b1) g), and then m = b2 m + (1 - b2) g (Chen et al. 2023).

    One moment alone; decay is decoupled. Every element moves by the rate, so take a third to a
    tenth of AdamW's, and three to ten times its decay. Defaults are the paper's.

    >>> x = cr.nn.Parameter([1.0, 2.0])
    >>> cr.optim.Lion([x], 0.1).update([cr.asarray([3.0, -0.01])])
    >>> x
    Parameter([0.9, 2.1], dtype=float32)
    """

    decoupled = True

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 1e-4,
        betas: tuple[Rate, Rate] = (0.9, 0.99),
        weight_decay: float = 0.0,
        groups: Groups = None,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay, groups, betas=betas)
        self.m = self.zeros()

    def factors(self, now: SimpleNamespace, step: Tensor) -> Factors:
        return now.learning_rate, *shares(now)

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        rate, b1, c1, b2, c2 = factors
        m = self.m[path] + 0
        self.m[path].assign(b2 * m + c2 * g)
        return x - rate * sign(b1 * m + c1 * g)
