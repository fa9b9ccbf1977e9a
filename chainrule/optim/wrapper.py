"""Optimizers around others: an update of the inner one, then a step more on each parameter."""

from __future__ import annotations

from typing import Any

from chainrule.errors import ArgumentError
from chainrule.frontend.lift import cast, unboxed
from chainrule.frontend.tensor import Tensor
from chainrule.optim.base import Optimizer


class Wrapper(Optimizer):
    """Lets `inner` make its step, and then puts `after(path, x, rate)` in the place of each x.

    Parameters, groups, rates and the count of steps are those of the inner optimizer, which may be
    a wrapper too; frozen parameters stay as they are. A subclass defines `after`.
    """

    def __init__(self, inner: Optimizer) -> None:
        if not isinstance(inner, Optimizer):
            raise ArgumentError(
                type(self).__name__,
                f"got a {type(inner).__name__}",
                "it goes around an optimizer",
                f"write {type(self).__name__}(cr.optim.SGD(model, 0.1))",
            )
        self.parameters, self.steps = inner.parameters, inner.steps
        self.hyperparameters = inner.hyperparameters
        self.groups, self.members = inner.groups, inner.members
        self.inner, self.looks_around = inner, inner.looks_around

    def after(self, path: str, x: Tensor, rate: Tensor) -> Tensor:
        """What replaces x, to which the inner optimizer brought a parameter with this rate."""
        raise NotImplementedError

    def update(self, grads: Any) -> Any:
        """One step of the inner optimizer, which gets `grads`, and what comes after it."""
        held = self.trainable()
        rates = {path: self.now(self.members[path]).learning_rate + 0 for path in held}
        result = self.inner.update(grads)
        for path, x in held.items():
            x.assign(self.after(path, unboxed(x), cast(rates[path], x.dtype)))
        return result
