"""Lookahead: receives gradients for a fast optimizer, hands on parameters that it drew back."""

from __future__ import annotations

from chainrule.errors import ArgumentError
from chainrule.frontend.functions.logic import where
from chainrule.frontend.tensor import Tensor
from chainrule.optim.base import Optimizer
from chainrule.optim.wrapper import Wrapper


class Lookahead(Wrapper):
    """After every k-th step of `inner`, slow = slow + alpha (x - slow), and x = slow.

    Slow weights start as the parameters; between, x moves as `inner` has it (Zhang et al. 2019,
    with their k and alpha). Moments of the inner optimizer stay. (A-072)

    >>> x = cr.nn.Parameter([1.0])
    >>> optimizer = cr.optim.Lookahead(cr.optim.SGD([x], 0.1), k=2)
    >>> for _ in range(2):
    ...     optimizer.update([cr.asarray([1.0])])
    >>> x
    Parameter([0.9], dtype=float32)
    """

    def __init__(self, inner: Optimizer, k: int = 5, alpha: float = 0.5) -> None:
        super().__init__(inner)
        if k < 1 or not 0 < alpha <= 1:
            raise ArgumentError(
                "Lookahead",
                f"k is {k}, alpha {alpha}",
                "after k steps slow weights go the share alpha of the way",
                "choose k >= 1 and 0 < alpha <= 1",
            )
        self.k, self.alpha = k, alpha
        self.slow = self.copies()

    def after(self, path: str, x: Tensor, rate: Tensor) -> Tensor:
        slow, meets = self.slow[path], self.steps % self.k == 0
        drawn = slow + self.alpha * (x - slow)
        slow.assign(where(meets, drawn, slow))
        return where(meets, drawn, x)
