"""Adam and AdamW: receive gradients, hand on parameters moved by steps of even size."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from chainrule.frontend.functions.elementwise import maximum, sqrt
from chainrule.frontend.tensor import Tensor
from chainrule.optim.base import Factors, Optimizer
from chainrule.optim.hyperparameters import Groups, Rate


class Adam(Optimizer):
    """x - rate m' / (sqrt(v') + eps), where m' = m / (1 - b1**t) and v' = v / (1 - b2**t) (A-068).

    The moments m = b1 m + (1 - b1) g and v = b2 v + (1 - b2) g**2 start at 0, which the divisions
    undo (Kingma & Ba 2015); with `bias_correction=False` m' = m and v' = v. `amsgrad` divides by
    the largest v so far (Reddi et al. 2018). Weight decay adds weight_decay * x to the gradient,
    L2 regularisation (A-069); AdamW is usually what is meant. These are PyTorch's formulas and
    defaults.

    >>> x = cr.nn.Parameter([1.0, 2.0])
    >>> cr.optim.Adam([x], 0.1).update([cr.asarray([3.0, -0.01])])
    >>> x
    Parameter([0.9, 2.1], dtype=float32)
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 1e-3,
        betas: tuple[Rate, Rate] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        groups: Groups = None,
        *,
        amsgrad: bool = False,
        bias_correction: bool = True,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay, groups, betas=betas, eps=eps)
        self.amsgrad, self.bias_correction = amsgrad, bias_correction
        self.m, self.v = self.zeros(), self.zeros()
        self.largest = self.zeros() if amsgrad else None

    def factors(self, now: SimpleNamespace, step: Tensor) -> Factors:
        b1, b2 = now.betas
        rate, scale = now.learning_rate, 1.0
        if self.bias_correction:
            rate, scale = rate / (1 - b1**step), 1 / sqrt(1 - b2**step)
        return rate, scale, now.eps, *shares(now)

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        return x - self.difference(path, g, factors)

    def difference(self, path: str, g: Tensor, factors: Factors) -> Tensor:
        """rate m' / (sqrt(v') + eps)."""
        rate, scale, eps, *parts = factors
        m, v = self.moments(path, g, *parts)
        if self.largest is not None:
            v = maximum(self.largest[path], v)
            self.largest[path].assign(v)
        return rate * m / (sqrt(v) * scale + eps)

    def moments(
        self, path: str, g: Tensor, b1: Tensor, c1: Tensor, b2: Tensor, c2: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The new means of gradients and of their squares."""
        m = b1 * self.m[path] + c1 * g
        v = b2 * self.v[path] + c2 * (g * g)
        self.m[path].assign(m)
        self.v[path].assign(v)
        return m, v


class AdamW(Adam):
    """Adam whose decay shrinks x by the factor 1 - rate * weight_decay (Loshchilov & Hutter 2019),
    so that it does not depend on the size of gradients (A-070, A-109).

    >>> x = cr.nn.Parameter([1.0])
    >>> cr.optim.AdamW([x], 0.1, weight_decay=0.5).update([cr.asarray([3.0])])
    >>> round(float(x[0]), 3)
    0.85
    """

    decoupled = True

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 1e-3,
        betas: tuple[Rate, Rate] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        groups: Groups = None,
        *,
        amsgrad: bool = False,
        bias_correction: bool = True,
    ) -> None:
        super().__init__(
            parameters, learning_rate, betas, eps, weight_decay, groups,
            amsgrad=amsgrad, bias_correction=bias_correction,
        )  # fmt: skip


def shares(now: SimpleNamespace) -> Factors:
    """b1, 1 - b1, b2, 1 - b2, of which float32 would round the differences."""
    b1, b2 = now.betas
    return b1, 1 - b1, b2, 1 - b2
