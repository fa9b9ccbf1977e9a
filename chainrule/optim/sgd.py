"""Gradient descent: receives gradients, hands on parameters moved against them."""

from __future__ import annotations

from typing import Any

from chainrule.errors import ArgumentError
from chainrule.frontend.tensor import Tensor
from chainrule.optim.base import Choice, Factors, Optimizer, Rate


class SGD(Optimizer):
    """x - rate * g. With momentum b, m = b m + g replaces g; with Nesterov's, g + b m does.

    Weight decay adds weight_decay * x to the gradient. These are PyTorch's formulas and defaults.

    >>> x = cr.nn.Parameter([1.0, 2.0])
    >>> cr.optim.SGD([x], 0.1).update([cr.asarray([1.0, 0.0])])
    >>> x
    Parameter([0.9, 2. ], dtype=float32)
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 1e-3,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        decay_where: Choice = None,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay, decay_where)
        if nesterov and not momentum:
            raise ArgumentError(
                "SGD",
                "nesterov=True without momentum",
                "it looks ahead along the momentum",
                "choose momentum=0.9",
            )
        self.momentum, self.nesterov = momentum, nesterov
        self.m = self.zeros() if momentum else None

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        (rate,) = factors
        if self.decays(path):
            g = g + self.weight_decay * x
        if self.m is not None:
            m = self.momentum * self.m[path] + g
            self.m[path].assign(m)
            g = g + self.momentum * m if self.nesterov else m
        return x - rate * g
