"""AdamW without a schedule: receives gradients at y, hands on y to train with, x to evaluate."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

from chainrule.dtypes import float64
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.functions.elementwise import maximum, sqrt, square
from chainrule.frontend.functions.logic import where
from chainrule.frontend.stateful import Buffer
from chainrule.frontend.tensor import Tensor
from chainrule.optim.base import Factors, Optimizer
from chainrule.optim.hyperparameters import Groups, Rate
from chainrule.optim.trials import holding


class ScheduleFreeAdamW(Optimizer):
    """Steps of z at y, between z and their average x, which is what to evaluate (Defazio 2024).

    z = z - rate (g / (sqrt(v') + eps) + weight_decay y), with v' as in Adam and g the gradient at
    y; x = (1 - c) x + c z, with c = rate**2 / the sum of rate**2 so far (of the rate that no group
    overrides; where it falls, of the largest before); y = (1 - b1) z + b1 x. The rate takes no
    decay, at most a warm-up. The model's parameters are y: all that is not training belongs into
    `with optimizer.evaluation():`. Formulas are those of the authors' code and of optax, defaults
    optax's; the paper moves the correction of v into the rate, and so into c.

    >>> y = cr.nn.Parameter([1.0])
    >>> optimizer = cr.optim.ScheduleFreeAdamW([y], 0.1)
    >>> for _ in range(2):
    ...     optimizer.update([cr.asarray([3.0])])
    >>> with optimizer.evaluation():
    ...     round(float(y[0]), 3)
    0.85
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 2.5e-3,
        betas: tuple[Rate, Rate] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        groups: Groups = None,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay, groups, betas=betas, eps=eps)
        self.x, self.z, self.v = self.copies(), self.copies(), self.zeros()
        self.largest = Buffer(asarray(0.0, dtype=float64))
        self.total = Buffer(asarray(0.0, dtype=float64))

    def update(self, grads: Any) -> None:
        self.largest.assign(maximum(self.largest, self.learning_rate))
        self.total.assign(self.total + square(self.largest))
        super().update(grads)

    def factors(self, now: SimpleNamespace, step: Tensor) -> Factors:
        b1, b2 = now.betas
        # A warm-up may start at rate 0: nothing is averaged then.
        share = square(self.largest) / where(self.total > 0, self.total, 1)
        scale = 1 / sqrt(1 - b2**step)
        return now.learning_rate, scale, share, b1, b2, 1 - b2, now.eps, now.weight_decay

    def decayed(self, x: Tensor, g: Tensor, now: SimpleNamespace) -> tuple[Tensor, Tensor]:
        # The decay is a part of the step, beside the scaled gradient.
        return x, g

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        rate, scale, share, b1, b2, c2, eps, decay = factors
        v = b2 * self.v[path] + c2 * (g * g)
        step = g / (sqrt(v) * scale + eps)
        if decay:
            step = step + decay * x
        z = self.z[path] - rate * step
        average = (1 - share) * self.x[path] + share * z
        self.v[path].assign(v)
        self.z[path].assign(z)
        self.x[path].assign(average)
        return (1 - b1) * z + b1 * average

    def evaluation(self) -> AbstractContextManager[None]:
        """`with optimizer.evaluation():` the parameters are x, and then y again."""
        return holding(self.parameters, self.x)
