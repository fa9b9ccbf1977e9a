"""Starting values: makes initializers, which receive a shape and dtype and hand on a tensor.

Pass one as `init=`: `nn.Linear(784, 256, init=nn.init.he_normal())`. Draws come from the global
stream.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.frontend import random
from chainrule.frontend.functions.creation import full
from chainrule.frontend.tensor import Tensor

Init = Callable[[tuple[int, ...], Any], Tensor]


def zeros() -> Init:
    """All 0: for biases; a layer of such weights never learns.

    >>> cr.nn.init.zeros()((2,), cr.float32)
    Tensor([0., 0.], dtype=float32)
    """
    return constant(0.0)


def constant(value: float) -> Init:
    """All equal to `value`.

    >>> cr.nn.init.constant(0.1)((2,), cr.float32)
    Tensor([0.1, 0.1], dtype=float32)
    """
    return lambda shape, dtype: full(shape, value, dtype=dtype)


def uniform(low: float = 0.0, high: float = 1.0) -> Init:
    """Uniform in [low, high).

    >>> cr.nn.init.uniform(-1, 1)((2, 3), cr.float32).shape
    (2, 3)
    """
    return lambda shape, dtype: random.uniform(shape, low, high, dtype=dtype)


def normal(mean: float = 0.0, std: float = 1.0) -> Init:
    """Normal with this mean and standard deviation.

    >>> cr.nn.init.normal(std=0.02)((2, 3), cr.float32).shape
    (2, 3)
    """
    return lambda shape, dtype: random.normal(shape, mean, std, dtype=dtype)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(inputs, outputs) of a unit: the last two axes, times the places of a convolution's kernel.

    >>> cr.nn.init.fans((3, 3, 16, 32))
    (144, 288)
    """
    if len(shape) < 2:
        raise ArgumentError(
            "init",
            f"a weight of shape {list(shape)} has no inputs and outputs",
            "these are its last two axes",
            "use zeros, constant, normal or uniform",
        )
    places = math.prod(shape[:-2])
    return places * shape[-2], places * shape[-1]


def _fan(shape: tuple[int, ...], mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError("init", f"mode={mode!r}", 'only "fan_in" and "fan_out" exist')
    return max(fans(shape)[mode == "fan_out"], 1)


def _normal(variance: Callable[[tuple[int, ...]], float]) -> Init:
    return lambda shape, dtype: normal(0.0, math.sqrt(variance(shape)))(shape, dtype)


def _uniform(variance: Callable[[tuple[int, ...]], float]) -> Init:
    """Uniform in +-sqrt(3 variance), which has that variance."""

    def draw(shape: tuple[int, ...], dtype: Any) -> Tensor:
        bound = math.sqrt(3 * variance(shape))
        return uniform(-bound, bound)(shape, dtype)

    return draw


def _xavier(gain: float) -> Callable[[tuple[int, ...]], float]:
    return lambda shape: 2 * gain**2 / max(sum(fans(shape)), 1)


def _he(mode: str, slope: float) -> Callable[[tuple[int, ...]], float]:
    return lambda shape: 2 / (1 + slope**2) / _fan(shape, mode)


def xavier_normal(gain: float = 1.0) -> Init:
    """Normal with variance gain**2 * 2 / (fan_in + fan_out), for tanh (Glorot & Bengio 2010).

    >>> cr.nn.init.xavier_normal()((2, 3), cr.float32).shape
    (2, 3)
    """
    return _normal(_xavier(gain))


def xavier_uniform(gain: float = 1.0) -> Init:
    """Uniform with the variance of `xavier_normal`: bound gain * sqrt(6 / (fan_in + fan_out)).

    >>> cr.nn.init.xavier_uniform()((2, 3), cr.float32).shape
    (2, 3)
    """
    return _uniform(_xavier(gain))


def he_normal(mode: str = "fan_in", slope: float = 0.0) -> Init:
    """Normal with variance 2 / ((1 + slope**2) * fan), for (leaky) ReLU (He et al. 2015).

    >>> cr.nn.init.he_normal()((2, 3), cr.float32).shape
    (2, 3)
    """
    return _normal(_he(mode, slope))


def he_uniform(mode: str = "fan_in", slope: float = 0.0) -> Init:
    """Uniform with the variance of `he_normal`: bound sqrt(6 / ((1 + slope**2) * fan)).

    >>> cr.nn.init.he_uniform()((2, 3), cr.float32).shape
    (2, 3)
    """
    return _uniform(_he(mode, slope))
