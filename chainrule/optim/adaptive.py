"""AdaGrad, RMSProp, Adadelta: receive gradients, hand on parameters moved by steps that past
gradients scale.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from chainrule.frontend.functions.elementwise import maximum, sqrt
from chainrule.frontend.tensor import Tensor
from chainrule.optim.base import Factors, Optimizer
from chainrule.optim.hyperparameters import Groups, Rate


class AdaGrad(Optimizer):
    """x - rate * g / (sqrt(v) + eps), where v = v + g**2 is a sum that starts at 0 (A-066).

    Steps shrink for ever; what has rare gradients moves far (Duchi et al. 2011). PyTorch's formulas
    and defaults.

    >>> x = cr.nn.Parameter([1.0, 2.0])
    >>> cr.optim.AdaGrad([x], 0.1).update([cr.asarray([3.0, -0.01])])
    >>> x
    Parameter([0.9, 2.1], dtype=float32)
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 1e-2,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
        groups: Groups = None,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay, groups, eps=eps)
        self.v = self.zeros()

    def factors(self, now: SimpleNamespace, step: Tensor) -> Factors:
        return now.learning_rate, now.eps

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        rate, eps = factors
        v = self.v[path] + g * g
        self.v[path].assign(v)
        return x - rate * g / (sqrt(v) + eps)


class RMSProp(Optimizer):
    """x - rate * g / (sqrt(v) + eps), where v = alpha v + (1 - alpha) g**2 starts at 0 (A-067).

    `centered` subtracts the square of the mean gradient from v, which makes it a variance; with
    `momentum` b, m = b m + g / (sqrt(v) + eps) is what the rate scales. PyTorch's formulas and
    defaults; others, as Hinton's lecture, have alpha=0.9.

    >>> x = cr.nn.Parameter([1.0])
    >>> cr.optim.RMSProp([x], 0.1, alpha=0.75).update([cr.asarray([3.0])])
    >>> round(float(x[0]), 3)
    0.8
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: Rate = 0.0,
        centered: bool = False,
        groups: Groups = None,
    ) -> None:
        others = {"momentum": momentum} if momentum else {}
        super().__init__(
            parameters, learning_rate, weight_decay, groups, alpha=alpha, eps=eps, **others
        )
        self.v = self.zeros()
        self.mean = self.zeros() if centered else None
        self.m = self.zeros() if momentum else None

    def factors(self, now: SimpleNamespace, step: Tensor) -> Factors:
        return now.learning_rate, now.alpha, now.eps, getattr(now, "momentum", 0.0)

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        rate, alpha, eps, b = factors
        v = alpha * self.v[path] + (1 - alpha) * (g * g)
        self.v[path].assign(v)
        if self.mean is not None:
            mean = alpha * self.mean[path] + (1 - alpha) * g
            self.mean[path].assign(mean)
            # Rounding could leave less than nothing.
            v = maximum(v - mean * mean, 0)
        g = g / (sqrt(v) + eps)
        if self.m is not None:
            g = b * self.m[path] + g
            self.m[path].assign(g)
        return x - rate * g


class Adadelta(Optimizer):
    """x - rate * d, where d = g * sqrt(s + eps) / sqrt(v + eps) has the unit of x (Zeiler 2012).

    v and s are means of g**2 and d**2, as v = rho v + (1 - rho) g**2; d is made with the last s.
    PyTorch's formulas and defaults.

    >>> x = cr.nn.Parameter([1.0])
    >>> cr.optim.Adadelta([x], eps=1e-2).update([cr.asarray([3.0])])
    >>> round(float(x[0]), 3)
    0.686
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        groups: Groups = None,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay, groups, rho=rho, eps=eps)
        self.v, self.s = self.zeros(), self.zeros()

    def factors(self, now: SimpleNamespace, step: Tensor) -> Factors:
        return now.learning_rate, now.rho, now.eps

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        rate, rho, eps = factors
        v = rho * self.v[path] + (1 - rho) * (g * g)
        d = g * sqrt(self.s[path] + eps) / sqrt(v + eps)
        self.v[path].assign(v)
        self.s[path].assign(rho * self.s[path] + (1 - rho) * (d * d))
        return x - rate * d
