"""Which initializer fits an activation: receives its name, function or layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.frontend.tensor import Tensor
from chainrule.nn.init.plain import Init, zeros
from chainrule.nn.init.scaled import (
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    rectifier,
    xavier_normal,
    xavier_uniform,
)

# The slopes below 0 of those that have one.
SLOPES = {"relu": 0.0, "leakyrelu": 0.01, "prelu": 0.25}
GAINS = {"linear": 1.0, "identity": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "selu": 3 / 4}

RECTIFIERS = {
    *SLOPES, "relu6", "elu", "celu", "gelu", "silu", "swish", "hardswish", "mish", "softplus",
}  # fmt: skip
SATURATING = {
    "sigmoid", "hardsigmoid", "logsigmoid", "tanh", "hardtanh", "tanhshrink", "hardshrink",
    "softshrink", "softsign", "softmax", "logsoftmax", "sparsemax", "identity", "linear",
}  # fmt: skip

FAMILIES: tuple[tuple[set[str], dict[str, Callable[..., Init]]], ...] = (
    (RECTIFIERS, {"normal": he_normal, "uniform": he_uniform}),
    (SATURATING, {"normal": xavier_normal, "uniform": xavier_uniform}),
    ({"selu"}, {"normal": lecun_normal, "uniform": lecun_uniform}),
)


def gain(activation: Any, slope: float | None = None) -> float:
    """The factor on a std of 1 / sqrt(fan) that makes up for an activation: PyTorch's table.

    1 for linear and sigmoid, 5/3 for tanh, sqrt(2) for ReLU, sqrt(2 / (1 + slope**2)) for leaky
    ReLU, 3/4 for SELU. Raises ArgumentError for others.

    >>> round(cr.nn.init.gain("relu"), 6), round(cr.nn.init.gain(cr.nn.LeakyReLU(1.0)), 6)
    (1.414214, 1.0)
    """
    name = _name(activation)
    if name in SLOPES:
        return math.sqrt(rectifier(_slope(activation, slope)))
    if name not in GAINS:
        raise _unknown("gain", name, {*SLOPES, *GAINS})
    return GAINS[name]


def for_activation(
    activation: Any, slope: float | None = None, distribution: str = "normal"
) -> Init:
    """The initializer for weights before an activation: its name, function or layer (A-099).

    He for the ReLU family (for leaky ones with their slope, or `slope`), Xavier for sigmoid, tanh,
    softmax and none ("linear"), LeCun for SELU; 0 for vectors, which are biases. `distribution` is
    "normal" or "uniform".

    >>> init = cr.nn.init.for_activation("relu")
    >>> cr.nn.Linear(3, 2, init=init, bias_init=init).bias
    Parameter([0., 0.], dtype=float32)
    """
    if distribution not in ("normal", "uniform"):
        raise ArgumentError(
            "for_activation",
            f"distribution is {distribution!r}",
            "",
            'choose "normal" or "uniform"',
        )
    name = _name(activation)
    for names, makers in FAMILIES:
        if name in names:
            options = {"slope": _slope(activation, slope)} if name in SLOPES else {}
            return _with_zero_biases(makers[distribution](**options))
    raise _unknown("for_activation", name, set().union(*[names for names, _ in FAMILIES]))


def _with_zero_biases(weights: Init) -> Init:
    def draw(shape: tuple[int, ...], dtype: Any, key: Tensor | None = None) -> Tensor:
        return (weights if len(shape) > 1 else zeros())(shape, dtype, key)

    return draw


def _name(activation: Any) -> str:
    """`leakyrelu` for "leaky_relu", "LeakyReLU", cr.leaky_relu and nn.LeakyReLU()."""
    if not isinstance(activation, str):
        activation = getattr(activation, "__name__", type(activation).__name__)
    return activation.replace("_", "").lower()


def _slope(activation: Any, slope: float | None) -> float:
    own = getattr(activation, "negative_slope", SLOPES[_name(activation)])
    return own if slope is None else slope


def _unknown(where: str, name: str, known: set[str]) -> ArgumentError:
    return ArgumentError(
        where,
        f"no rule for {name!r}",
        f"there are {', '.join(sorted(known))}",
        "choose one of them",
    )
