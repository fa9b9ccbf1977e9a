"""Variants of Adam: receive gradients, hand on parameters moved by steps of even size."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from chainrule.dtypes import float64
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.functions.elementwise import abs, maximum, sqrt
from chainrule.frontend.functions.logic import where
from chainrule.frontend.lift import cast
from chainrule.frontend.stateful import Buffer
from chainrule.frontend.tensor import Tensor
from chainrule.optim.adam import Adam, shares
from chainrule.optim.base import Factors
from chainrule.optim.hyperparameters import Groups, Rate


class NAdam(Adam):
    """Adam with Nesterov's momentum: the mean of gradients is taken one step ahead (Dozat 2016).

    x - rate * (b m / (1 - p b) + (1 - a) g / (1 - p)) / (sqrt(v') + eps), where b is the weight of
    m in the next step, a in this one, and p the product of all so far. They rise to b1 from half of
    it: step t has b1 * (1 - 0.96**(t * momentum_decay) / 2). PyTorch's formulas and defaults.

    >>> x = cr.nn.Parameter([1.0])
    >>> cr.optim.NAdam([x], 0.1).update([cr.asarray([3.0])])
    >>> round(float(x[0]), 3)
    0.894
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 2e-3,
        betas: tuple[Rate, Rate] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        groups: Groups = None,
        *,
        momentum_decay: float = 4e-3,
        decoupled: bool = False,
    ) -> None:
        super().__init__(parameters, learning_rate, betas, eps, weight_decay, groups)
        self.momentum_decay, self.decoupled = momentum_decay, decoupled
        self.product = Buffer(asarray(1.0, dtype=float64))

    def update(self, grads: Any) -> None:
        self.product.assign(self.product * self._warmth(cast(self.steps + 1, float64)))
        super().update(grads)

    def factors(self, now: SimpleNamespace, step: Tensor) -> Factors:
        b1, b2 = now.betas
        this, following = b1 * self._warmth(step), b1 * self._warmth(step + 1)
        product = self.product * b1**step
        of_g = now.learning_rate * (1 - this) / (1 - product)
        of_m = now.learning_rate * following / (1 - product * following)
        return of_g, of_m, 1 / sqrt(1 - b2**step), now.eps, *shares(now)

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        of_g, of_m, scale, eps, *parts = factors
        m, v = self.moments(path, g, *parts)
        return x - (of_g * g + of_m * m) / (sqrt(v) * scale + eps)

    def _warmth(self, step: Tensor) -> Tensor:
        return 1 - 0.5 * 0.96 ** (step * self.momentum_decay)


class RAdam(Adam):
    """Adam that divides by sqrt(v') only once enough squares are known (Liu et al. 2020).

    With r = r1 - 2 t b2**t / (1 - b2**t) and r1 = 2 / (1 - b2) - 1 it is Adam, with the rate times
    sqrt((r - 4) (r - 2) r1 / ((r1 - 4) (r1 - 2) r)), where r > 5, and x - rate * m' before. This
    warms up by itself. PyTorch's formulas and defaults.

    >>> x = cr.nn.Parameter([1.0])
    >>> cr.optim.RAdam([x], 0.1).update([cr.asarray([3.0])])
    >>> round(float(x[0]), 3)
    0.7
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
        decoupled: bool = False,
    ) -> None:
        super().__init__(parameters, learning_rate, betas, eps, weight_decay, groups)
        self.decoupled = decoupled

    def factors(self, now: SimpleNamespace, step: Tensor) -> Factors:
        b1, b2 = now.betas
        correction, most = 1 - b2**step, 2 / (1 - b2) - 1
        r = most - 2 * step * (1 - correction) / correction
        known = r > 5
        share = (r - 4) * (r - 2) * most / ((most - 4) * (most - 2) * where(known, r, 1))
        scale = where(known, sqrt(where(known, share * correction, 1)), 0)
        return now.learning_rate / (1 - b1**step), scale, now.eps, *shares(now)

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        rate, scale, eps, *parts = factors
        m, v = self.moments(path, g, *parts)
        return x - rate * m * where(scale > 0, scale / (sqrt(v) + eps), 1)


class AdaMax(Adam):
    """x - rate * m' / v, where v = max(b2 v, abs(g) + eps), Adam with the largest gradient of late
    in place of a mean of squares (Kingma & Ba 2015). PyTorch's formulas and defaults.

    >>> x = cr.nn.Parameter([1.0, 2.0])
    >>> cr.optim.AdaMax([x], 0.1).update([cr.asarray([3.0, -0.01])])
    >>> x
    Parameter([0.9, 2.1], dtype=float32)
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 2e-3,
        betas: tuple[Rate, Rate] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        groups: Groups = None,
    ) -> None:
        super().__init__(parameters, learning_rate, betas, eps, weight_decay, groups)

    def factors(self, now: SimpleNamespace, step: Tensor) -> Factors:
        b1, b2 = now.betas
        return now.learning_rate / (1 - b1**step), now.eps, b1, 1 - b1, b2

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        rate, eps, b1, c1, b2 = factors
        m = b1 * self.m[path] + c1 * g
        v = maximum(b2 * self.v[path], abs(g) + eps)
        self.m[path].assign(m)
        self.v[path].assign(v)
        return x - rate * m / v
