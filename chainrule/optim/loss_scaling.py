"""Loss scaling for float16: receives a loss, hands on gradients that did not vanish, and leaves out
steps in which they overflowed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce, wraps
from typing import Any, NamedTuple

from chainrule import tree
from chainrule.dtypes import float32, int64
from chainrule.errors import ArgumentError
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.functions.elementwise import isfinite
from chainrule.frontend.functions.logic import logical_and, where
from chainrule.frontend.functions.reductions import all, count_nonzero
from chainrule.frontend.lift import cast, unboxed
from chainrule.frontend.stateful import Buffer
from chainrule.frontend.tensor import Tensor
from chainrule.optim.base import Optimizer
from chainrule.optim.wrapper import Wrapper
from chainrule.transforms.derivatives import value_and_grad


class LossScaling(Wrapper):
    """Gradients of scale * loss over scale, and a step of `inner` where all of them are finite.

    Below 6e-8 a float16 is 0, and so are most gradients of a float16 network: the scale lifts them.
    Where one is infinite or NaN, parameters, moments and the count of steps stay as they are, and
    the scale is halved; after `interval` steps in a row without that it is doubled. Numbers as in
    `torch.amp.GradScaler` (Micikevicius et al. 2018). bfloat16 needs none of it. (B-049, E-072)

    >>> model = cr.nn.Linear(4, 1)
    >>> optimizer = cr.optim.LossScaling(cr.optim.SGD(model, 0.1))
    >>> @cr.jit
    ... def step(model, optimizer, x, y):
    ...     def loss(model):
    ...         return cr.nn.losses.mse(model(x)[:, 0], y)
    ...     value, grads = optimizer.value_and_grad(cr.mixed_precision(loss, cr.float16))(model)
    ...     optimizer.update(grads)
    ...     return value
    >>> value = step(model, optimizer, cr.ones((2, 4)), cr.asarray([1.0, 1e38]))
    >>> optimizer.steps, optimizer.scale
    (Buffer(0, dtype=int64), Buffer(32768., dtype=float32))
    """

    def __init__(
        self,
        inner: Optimizer,
        scale: float = 2.0**16,
        growth: float = 2.0,
        backoff: float = 0.5,
        interval: int = 2000,
    ) -> None:
        super().__init__(inner)
        if not (scale > 0 and growth >= 1 and 0 < backoff < 1 and interval >= 1):
            raise ArgumentError(
                "LossScaling",
                f"got {scale=}, {growth=}, {backoff=}, {interval=}",
                "the scale grows after `interval` good steps, and shrinks after a bad one",
                "choose scale > 0, growth >= 1, 0 < backoff < 1 and interval >= 1",
            )
        self.growth, self.backoff, self.interval = growth, backoff, interval
        self.scale = Buffer(asarray(scale, dtype=float32))
        self.good = Buffer(asarray(0, dtype=int64))  # Steps since the scale changed.

    def value_and_grad(self, f: Callable, argnums: Any = 0, has_aux: bool = False) -> Callable:
        """As `cr.value_and_grad`, by way of the scaled loss; value and gradients are not scaled."""

        @wraps(f, updated=())
        def scaled(*arguments: Any, **keywords: Any) -> tuple:
            result = f(*arguments, **keywords)
            loss = result[0] if has_aux else result
            return cast(loss, float32) * self.scale, result

        differentiated = value_and_grad(scaled, argnums=argnums, has_aux=True)

        @wraps(f, updated=())
        def run(*arguments: Any, **keywords: Any) -> tuple:
            (_, result), grads = differentiated(*arguments, **keywords)
            return result, tree.map(lambda g: g / cast(self.scale, g.dtype), grads)

        return run

    def update(self, grads: Any) -> Any:
        """A step of the inner optimizer, or none; then the scale of the next one."""
        finite = reduce(logical_and, [all(isfinite(g)) for g in tree.leaves(grads)])
        boxes = dict.fromkeys(self.inner.named_boxes().values())
        before = [unboxed(box) for box in boxes]
        result = self.inner.update(grads)
        for box, old in zip(boxes, before, strict=True):
            box.assign(where(finite, box, old))
        good = where(finite, self.good + 1, 0)
        grows = good == self.interval
        grown = self.scale * self.growth
        larger = where(grows & isfinite(grown), grown, self.scale)
        self.scale.assign(where(finite, larger, self.scale * self.backoff))
        self.good.assign(where(grows, 0, good))
        return result


class GradientShares(NamedTuple):
    """Which share of all elements of the gradients is 0, and which infinite or NaN.

    >>> cr.optim.gradient_shares([cr.asarray([0.0, 1.0])]).zero
    Tensor(0.5, dtype=float32)
    """

    zero: Tensor
    not_finite: Tensor


def gradient_shares(grads: Any) -> GradientShares:
    """How many elements of a tree of gradients were lost: most are 0 where a type of 16 bits holds
    none as small, and some infinite or NaN where a loss scale is too large. (E-072)

    >>> grads = {"w": cr.asarray([0.0, 2.0, cr.inf, 0.0])}
    >>> cr.optim.gradient_shares(grads)
    GradientShares(zero=Tensor(0.5, dtype=float32), not_finite=Tensor(0.25, dtype=float32))
    """
    leaves = tree.leaves(grads)
    size = sum(g.size for g in leaves)
    zeros = sum(g.size - count_nonzero(g) for g in leaves)
    wrong = sum(g.size - count_nonzero(isfinite(g)) for g in leaves)
    return GradientShares(zeros / size, wrong / size)
