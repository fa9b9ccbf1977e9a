"""Checks of the activation functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn
from chainrule.checks import draw
from chainrule.checks.row import Check

Draw = Callable[[np.random.Generator], tuple]


def _away(*kinks: float) -> Draw:
    """Arguments of any shape, away from kinks."""
    return lambda random: (draw.floats(random, draw.shape(random), kinks=kinks),)


def _with(options: tuple[float, float], kinks: tuple[float, ...] = ()) -> Draw:
    """An option between two bounds behind the argument."""
    return lambda random: (*_away(*kinks)(random), float(random.uniform(*options)))


def _thresholded(random: np.random.Generator) -> tuple:
    threshold = float(random.uniform(0.3, 0.7))
    return (*_away(-threshold, threshold)(random), threshold)


def _limited(random: np.random.Generator) -> tuple:
    low, high = float(random.uniform(-2, -0.5)), float(random.uniform(0.5, 2))
    return (*_away(low, high)(random), low, high)


def _channels(random: np.random.Generator) -> tuple:
    (x,) = _away(0.0)(random)
    return x, random.uniform(-0.5, 1.5, x.shape[-1:])


def _even(random: np.random.Generator) -> tuple:
    *batch, half = draw.shape(random)
    return (draw.floats(random, (*batch, 2 * half), kinks=(0.0,)),)


def _along(random: np.random.Generator) -> tuple:
    shape = draw.shape(random)
    return draw.floats(random, shape), int(random.integers(-len(shape), len(shape)))


def _distinct(random: np.random.Generator) -> tuple:
    """No element as far as 1 / count from the others: the support of sparsemax does not change."""
    x, axis = _along(random)
    order = np.argsort(np.argsort(x, axis), axis)
    return 0.45 * order + random.uniform(0, 0.04, x.shape), axis


def _along_axis(function: Callable) -> Callable:
    return lambda x, axis: function(x, axis=axis)


def _prelu(random: np.random.Generator) -> tuple:
    (x,) = _away(0.0)(random)
    return nn.PReLU(int(random.choice([1, x.shape[-1]]))), x


def _swish(random: np.random.Generator) -> tuple:
    return nn.Swish(float(random.uniform(0.5, 2)), learnable=True), *_away()(random)


def _glu(random: np.random.Generator) -> tuple:
    *batch, features = draw.shape(random)
    layer = nn.GLU(features, int(random.integers(1, 6)))
    return layer, draw.floats(random, (*batch, features))


def _call(layer: Any, x: Any) -> Any:
    return layer(x)


CHECKS = (
    Check("identity", cr.identity, _away()),
    Check("heaviside", cr.heaviside, _away(0.0)),
    Check("sign", cr.sign, _away(0.0)),
    Check("relu", cr.relu, _away(0.0)),
    Check("leaky_relu", cr.leaky_relu, _with((0.01, 0.5), (0.0,))),
    Check("prelu", cr.prelu, _channels),
    Check("relu6", cr.relu6, _away(0.0, 6.0)),
    Check("hard_tanh", cr.hard_tanh, _limited),
    Check("hard_sigmoid", cr.hard_sigmoid, _away(-3.0, 3.0)),
    Check("hard_swish", cr.hard_swish, _away(-3.0, 3.0)),
    Check("hard_shrink", cr.hard_shrink, _thresholded),
    Check("soft_shrink", cr.soft_shrink, _thresholded),
    Check("sigmoid", cr.sigmoid, _away()),
    Check("log_sigmoid", cr.log_sigmoid, _away()),
    Check("softplus", cr.softplus, _with((0.5, 3))),
    Check("softsign", cr.softsign, _away(0.0)),
    Check("tanh", cr.tanh, _away()),
    Check("tanh_shrink", cr.tanh_shrink, _away()),
    Check("elu", cr.elu, _with((0.5, 2), (0.0,))),
    Check("celu", cr.celu, _with((0.5, 2), (0.0,))),
    Check("selu", cr.selu, _away(0.0)),
    Check("swish", cr.swish, _with((0.5, 2))),
    Check("silu", cr.silu, _away()),
    Check("mish", cr.mish, _away()),
    Check("gelu", cr.gelu, _away()),
    Check("gelu, tanh", partial(cr.gelu, approximate="tanh"), _away()),
    Check("softmax", _along_axis(cr.softmax), _along),
    Check("log_softmax", _along_axis(cr.log_softmax), _along),
    Check("sparsemax", _along_axis(cr.sparsemax), _distinct),
    Check("glu", cr.glu, _even),
    Check("reglu", cr.reglu, _even),
    Check("geglu", cr.geglu, _even),
    Check("swiglu", cr.swiglu, _even),
    Check("nn.PReLU", _call, _prelu),
    Check("nn.Swish", _call, _swish),
    Check("nn.GLU", _call, _glu),
)
