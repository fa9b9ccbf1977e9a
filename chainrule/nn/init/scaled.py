"""Initializers whose scale follows from the number of inputs and outputs of a unit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.frontend.tensor import Tensor
from chainrule.nn.init.plain import Init, normal, uniform

Variance = Callable[[tuple[int, ...]], float]


def fans(shape: tuple[int, ...], groups: int = 1) -> tuple[int, int]:
    """(inputs, outputs) of a unit: the last two axes, times the places of a convolution's kernel.

    The weight of a grouped convolution, (kernel..., inputs / groups, outputs), shows the inputs of
    a unit; each input reaches outputs / groups units. (PyTorch leaves out that division.)

    >>> cr.nn.init.fans((3, 3, 16, 32)), cr.nn.init.fans((3, 3, 16, 32), groups=4)
    ((144, 288), (144, 72))
    """
    if len(shape) < 2:
        raise ArgumentError(
            "init",
            f"a weight of shape {list(shape)} has no inputs and outputs",
            "these are its last two axes",
            "use zeros, constant, normal or uniform",
        )
    if groups < 1 or shape[-1] % groups:
        raise ArgumentError(
            "init", f"{shape[-1]} outputs in {groups} groups", "groups have the same size"
        )
    places = math.prod(shape[:-2])
    return places * shape[-2], places * shape[-1] // groups


def _fan(shape: tuple[int, ...], mode: str, groups: int = 1) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError("init", f"mode={mode!r}", 'only "fan_in" and "fan_out" exist')
    return max(fans(shape, groups)[mode == "fan_out"], 1)


def _normal(variance: Variance) -> Init:
    return lambda shape, dtype, key=None: normal(0.0, math.sqrt(variance(shape)))(shape, dtype, key)


def _uniform(variance: Variance) -> Init:
    """Uniform in +-sqrt(3 variance), which has that variance."""

    def draw(shape: tuple[int, ...], dtype: Any, key: Tensor | None = None) -> Tensor:
        bound = math.sqrt(3 * variance(shape))
        return uniform(-bound, bound)(shape, dtype, key)

    return draw


def _xavier(gain: float, groups: int) -> Variance:
    return lambda shape: 2 * gain**2 / max(sum(fans(shape, groups)), 1)


def rectifier(slope: float) -> float:
    """1 / (the share of a centred variance that max(x, slope * x) passes on as second moment)."""
    return 2 / (1 + slope**2)


def _he(mode: str, slope: float, groups: int) -> Variance:
    return lambda shape: rectifier(slope) / _fan(shape, mode, groups)


def _lecun(shape: tuple[int, ...]) -> float:
    return 1 / _fan(shape, "fan_in")


def xavier_normal(gain: float = 1.0, groups: int = 1) -> Init:
    """Normal with variance gain**2 * 2 / (fan_in + fan_out), for tanh and sigmoid (A-094).

    Glorot & Bengio 2010: a compromise that keeps the variance of signals and of gradients.

    >>> cr.nn.init.xavier_normal()((2, 3), cr.float32).shape
    (2, 3)
    """
    return _normal(_xavier(gain, groups))


def xavier_uniform(gain: float = 1.0, groups: int = 1) -> Init:
    """Uniform with the variance of `xavier_normal`: bound gain * sqrt(6 / (fan_in + fan_out)).

    (A-095)

    >>> cr.nn.init.xavier_uniform()((2, 3), cr.float32).shape
    (2, 3)
    """
    return _uniform(_xavier(gain, groups))


def he_normal(mode: str = "fan_in", slope: float = 0.0, groups: int = 1) -> Init:
    """Normal with variance 2 / ((1 + slope**2) * fan), for (leaky) ReLU (A-092).

    He et al. 2015. "fan_in" keeps the variance of signals, "fan_out" that of gradients. The notes'
    formula has slope 0 and fan_in. As in PyTorch it is not truncated, other than in Keras.

    >>> cr.nn.init.he_normal()((2, 3), cr.float32).shape
    (2, 3)
    """
    return _normal(_he(mode, slope, groups))


def he_uniform(mode: str = "fan_in", slope: float = 0.0, groups: int = 1) -> Init:
    """Uniform with the variance of `he_normal`: bound sqrt(6 / ((1 + slope**2) * fan)) (A-093).

    >>> cr.nn.init.he_uniform()((2, 3), cr.float32).shape
    (2, 3)
    """
    return _uniform(_he(mode, slope, groups))


def lecun_normal() -> Init:
    """Normal with variance 1 / fan_in, for SELU, which needs it to normalize itself (A-096).

    LeCun et al. 1998, Klambauer et al. 2017.

    >>> cr.nn.init.lecun_normal()((2, 3), cr.float32).shape
    (2, 3)
    """
    return _normal(_lecun)


def lecun_uniform() -> Init:
    """Uniform with the variance of `lecun_normal`: bound sqrt(3 / fan_in) (A-096).

    >>> cr.nn.init.lecun_uniform()((2, 3), cr.float32).shape
    (2, 3)
    """
    return _uniform(_lecun)
