"""Layers that are random in training: receive a tensor, hand it on thinned or noisy, and in use
unchanged.
"""

from __future__ import annotations

import math

from chainrule.errors import ArgumentError
from chainrule.frontend import random, trace
from chainrule.frontend.functions.logic import where
from chainrule.frontend.tensor import Tensor
from chainrule.nn.module import Module


def dropped(x: Tensor, p: float, shape: tuple[int, ...], scale: float | None = None) -> Tensor:
    """x * scale, or 0 with probability p where a coin of `shape`, which broadcasts, says so.

    Without a scale it is 1 / (1 - p), which keeps the expectation.
    """
    keep = 1 - p
    if scale is None:
        # Dropping all, the scale does not matter, but it must be finite.
        scale = 1 / keep if keep else 0.0
    return where(random.bernoulli(shape, keep), x * scale, 0)


def check_probability(where_used: str, p: float) -> float:
    if not 0 <= p <= 1:
        raise ArgumentError(
            where_used,
            f"p is {p}",
            "it is the probability to drop an element",
            "choose 0 <= p <= 1",
        )
    return p


class Dropout(Module):
    """In training each element is 0 with probability p, else x / (1 - p) (Srivastava et al. 2014).

    With `inverted=False` the scale moves to the time of use: x where it is kept, and in use
    x * (1 - p). Raises ArgumentError for p outside [0, 1]. (A-110, A-111)

    >>> cr.nn.Dropout(0.5)(cr.ones(3))
    Tensor([1., 1., 1.], dtype=float32)
    >>> cr.random.seed(1)
    >>> with cr.training():
    ...     cr.nn.Dropout(0.5)(cr.ones(6))
    Tensor([0., 0., 2., 0., 2., 2.], dtype=float32)
    """

    def __init__(self, p: float = 0.5, inverted: bool = True) -> None:
        self.p, self.inverted = check_probability(type(self).__name__, p), inverted

    def __call__(self, x: Tensor) -> Tensor:
        if self.p == 0:
            return x
        if trace.is_training("dropout"):
            return dropped(x, self.p, self._coins(x.shape), None if self.inverted else 1.0)
        return x if self.inverted else x * (1 - self.p)

    def _coins(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the mask."""
        return shape


class SpatialDropout(Dropout):
    """Dropout of whole channels of x (N, ..., channels): neighbours in an image or a sequence know
    too much of each other for single elements to matter (Tompson et al. 2015). (A-110)

    >>> with cr.training():
    ...     y = cr.nn.SpatialDropout(0.5)(cr.ones((2, 4, 4, 8)))
    >>> cr.all(y == y[:, :1, :1])
    Tensor(True, dtype=bool)
    """

    def _coins(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:1], *[1] * (len(shape) - 2), *shape[1:][-1:])


class StochasticDepth(Dropout):
    """Dropout of whole residual branches, x + StochasticDepth(p)(layer(x)) (Huang et al. 2016).

    `mode="row"` decides for each example, "batch" for all of them at once, which is the paper's and
    so is the rate p * l / L for layer l of L, p = 0.5: see `depth_rates`. (A-114)

    >>> with cr.training():
    ...     y = cr.nn.StochasticDepth(0.5)(cr.ones((4, 8)))
    >>> cr.all(y == y[:, :1])
    Tensor(True, dtype=bool)
    """

    def __init__(self, p: float = 0.5, mode: str = "row") -> None:
        if mode not in ("row", "batch"):
            raise ArgumentError("StochasticDepth", f"mode={mode!r}", 'there are "row" and "batch"')
        super().__init__(p)
        self.mode = mode

    def _coins(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        rows = shape[:1] if self.mode == "row" else (1,) * len(shape[:1])
        return (*rows, *[1] * (len(shape) - 1))


def depth_rates(layers: int, last: float = 0.5) -> list[float]:
    """p for each layer's StochasticDepth: last * l / layers for l = 1 ... layers. (A-114)

    >>> cr.nn.depth_rates(4)
    [0.125, 0.25, 0.375, 0.5]
    """
    return [
        check_probability("depth_rates", last) * layer / layers for layer in range(1, layers + 1)
    ]


class AlphaDropout(Module):
    """Dropout for SELU: dropped elements become -1.7581, what SELU gives at -infinity, and a linear
    map keeps mean 0 and variance 1 (Klambauer et al. 2017). (A-110)

    >>> cr.nn.AlphaDropout(0.5)(cr.ones(3))
    Tensor([1., 1., 1.], dtype=float32)
    """

    FLOOR = -1.7580993408473766

    def __init__(self, p: float = 0.5) -> None:
        self.p = check_probability("AlphaDropout", p)

    def __call__(self, x: Tensor) -> Tensor:
        if self.p == 0 or not trace.is_training("dropout"):
            return x
        keep = 1 - self.p
        # The variance of what is a draw from {x, FLOOR}, for x of mean 0 and variance 1.
        variance = keep * (1 + self.p * self.FLOOR**2)
        scale = 1 / math.sqrt(variance) if keep else 0.0
        kept = where(random.bernoulli(x.shape, keep), x, self.FLOOR)
        return scale * kept - scale * self.p * self.FLOOR


class GaussianNoise(Module):
    """In training x + std * normal noise, a constant of the derivative. (A-118)

    >>> cr.nn.GaussianNoise(0.1)(cr.ones(3))
    Tensor([1., 1., 1.], dtype=float32)
    """

    def __init__(self, std: float) -> None:
        if not 0 <= std < math.inf:
            raise ArgumentError(
                "GaussianNoise", f"std is {std}", "it is a standard deviation", "choose std >= 0"
            )
        self.std = std

    def __call__(self, x: Tensor) -> Tensor:
        if not trace.is_training():
            return x
        return x + random.normal(x.shape, 0.0, self.std, dtype=x.dtype)


class GaussianDropout(Module):
    """In training x * normal noise of mean 1 and variance p / (1 - p), that of dropout with p
    (Srivastava et al. 2014, section 10). Raises ArgumentError for p = 1. (A-118)

    >>> cr.nn.GaussianDropout(0.5)(cr.ones(3))
    Tensor([1., 1., 1.], dtype=float32)
    """

    def __init__(self, p: float = 0.5) -> None:
        if check_probability("GaussianDropout", p) == 1:
            raise ArgumentError(
                "GaussianDropout", "p is 1", "the noise would be infinite", "choose p < 1"
            )
        self.p = p

    def __call__(self, x: Tensor) -> Tensor:
        if not trace.is_training("dropout"):
            return x
        std = math.sqrt(self.p / (1 - self.p))
        return x * random.normal(x.shape, 1.0, std, dtype=x.dtype)
