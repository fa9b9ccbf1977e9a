"""Adam and AdamW: receive gradients, hand on parameters moved by steps of even size."""

from __future__ import annotations

from typing import Any

from chainrule.frontend.functions.elementwise import sqrt
from chainrule.frontend.tensor import Tensor
from chainrule.optim.base import Choice, Factors, Optimizer, Rate


class Adam(Optimizer):
    """x - rate * m' / (sqrt(v') + eps), where m' = m / (1 - b1**t) and v' = v / (1 - b2**t).

    The moments m = b1 m + (1 - b1) g and v = b2 v + (1 - b2) g**2 start at 0, which the divisions
    undo (Kingma & Ba 2015). Weight decay adds weight_decay * x to the gradient; AdamW is usually
    what is meant. These are PyTorch's formulas and defaults.

    >>> x = cr.nn.Parameter([1.0, 2.0])
    >>> cr.optim.Adam([x], 0.1).update([cr.asarray([3.0, -0.01])])
    >>> x
    Parameter([0.9, 2.1], dtype=float32)
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decay_where: Choice = None,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay, decay_where)
        self.betas, self.eps = betas, eps
        self.m, self.v = self.zeros(), self.zeros()

    def factors(self, rate: Tensor, step: Tensor) -> Factors:
        b1, b2 = self.betas
        return rate / (1 - b1**step), 1 / sqrt(1 - b2**step), 1 - rate * self.weight_decay

    def decayed(self, x: Tensor, g: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        """Parameter and gradient after weight decay."""
        return x, g + self.weight_decay * x

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        (b1, b2), (rate, scale, keep) = self.betas, factors
        if self.decays(path):
            x, g = self.decayed(x, g, keep)
        m = b1 * self.m[path] + (1 - b1) * g
        v = b2 * self.v[path] + (1 - b2) * (g * g)
        self.m[path].assign(m)
        self.v[path].assign(v)
        return x - rate * m / (sqrt(v) * scale + self.eps)


class AdamW(Adam):
    """Adam whose decay shrinks x by the factor 1 - rate * weight_decay (Loshchilov & Hutter 2019).

    >>> x = cr.nn.Parameter([1.0])
    >>> cr.optim.AdamW([x], 0.1, weight_decay=0.5).update([cr.asarray([3.0])])
    >>> round(float(x[0]), 3)
    0.85
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        decay_where: Choice = None,
    ) -> None:
        super().__init__(parameters, learning_rate, betas, eps, weight_decay, decay_where)

    def decayed(self, x: Tensor, g: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        return x * keep, g
