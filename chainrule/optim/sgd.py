"""Gradient descent: receives gradients, hands on parameters moved against them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.frontend.tensor import Tensor
from chainrule.optim.base import Factors, Optimizer
from chainrule.optim.hyperparameters import Groups, Rate


class SGD(Optimizer):
    """x - rate * g: gradient descent, where g is the mean gradient of what it is shown: of all
    samples (A-060), of one (A-061) or of a mini-batch (A-062).

    With `momentum` b it moves by a velocity that starts at 0 (the usual b is 0.9):

    - accumulates="gradients", convention A: m = b m + g, x - rate * m, as PyTorch (A-063)
    - accumulates="steps", convention B: m = b m + rate * g, x - m (Sutskever et al. 2013, A-064)

    They agree while the rate stays; where it falls, A slows down at once and B coasts. Nesterov's
    gradients, at x - b * rate * m (A) or x - b m (B), need a look ahead. With `nesterov=True` x is
    that point, as in PyTorch, so that steps are longer: g + b m for m in A, rate * g + b m in B
    (A-065). Weight decay is coupled, or decoupled if so chosen (A-071).

    >>> x = cr.nn.Parameter([1.0, 2.0])
    >>> cr.optim.SGD([x], 0.1).update([cr.asarray([1.0, 0.0])])
    >>> x
    Parameter([0.9, 2. ], dtype=float32)
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 1e-3,
        momentum: Rate = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        groups: Groups = None,
        *,
        decoupled: bool = False,
        accumulates: str = "gradients",
    ) -> None:
        # Without momentum there is no velocity, and nothing that a later number could change.
        others = {"momentum": momentum} if momentum else {}
        super().__init__(parameters, learning_rate, weight_decay, groups, **others)
        if nesterov and not momentum:
            raise ArgumentError(
                "SGD",
                "nesterov=True without momentum",
                "it looks ahead along the momentum",
                "choose momentum=0.9",
            )
        if accumulates not in ("gradients", "steps"):
            raise ArgumentError(
                "SGD", f"accumulates is {accumulates!r}", 'choose "gradients" or "steps"'
            )
        self.nesterov, self.decoupled, self.accumulates = nesterov, decoupled, accumulates
        self.m = self.zeros() if momentum else None

    def factors(self, now: SimpleNamespace, step: Tensor) -> Factors:
        return now.learning_rate, getattr(now, "momentum", 0.0)

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        rate, b = factors
        early = self.accumulates == "steps"
        g = rate * g if early else g
        if self.m is not None:
            m = b * self.m[path] + g
            self.m[path].assign(m)
            g = g + b * m if self.nesterov else m
        return x - (g if early else rate * g)
