"""Checks of the layers and penalties: each is called as `layer(x)`, and differentiated by its
parameters too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn
from chainrule.checks import draw
from chainrule.checks.row import Check


def call(layer: Any, *inputs: Any) -> Any:
    return layer(*inputs)


def _linear(random: np.random.Generator) -> tuple:
    *batch, features = draw.shape(random, 1, 3)
    return nn.Linear(features, int(random.integers(1, 6))), draw.floats(random, (*batch, features))


# ---- Normalisation ----


def _stirred(random: np.random.Generator, layer: nn.Module) -> nn.Module:
    """The layer with parameters away from 0 and 1, where much would cancel, and from kinks."""
    for parameter in layer.parameters().values():
        value = draw.floats(random, parameter.shape, kinks=(0.0,))
        parameter.assign(cr.asarray(value, dtype=parameter.dtype))
    return layer


def _normalized(
    build: Callable[..., nn.Module], spread: float = 1.5, mean: float = 0.5
) -> Callable[[np.random.Generator], tuple]:
    """A layer for so many channels, and an x (N, ..., channels) with enough to take means of."""

    def arguments(random: np.random.Generator) -> tuple:
        places, channels = draw.shape(random, 0, 2, 4), 2 * int(random.integers(2, 4))
        x = draw.floats(random, (int(random.integers(5, 9)), *places, 3, channels), spread)
        return _stirred(random, build(channels)), x + mean

    return arguments


def _add_norm(channels: int) -> nn.Module:
    return nn.AddNorm(nn.Linear(channels, channels), nn.LayerNorm(channels))


# ---- Layers with a changed weight ----


def _reweighted(build: Callable) -> Callable[[np.random.Generator], tuple]:
    def arguments(random: np.random.Generator) -> tuple:
        # With one input a normalised weight is 1 or -1, and has no derivative.
        inputs, outputs = (int(size) for size in random.integers(2, 6, 2))
        x = draw.floats(random, (*draw.shape(random, 0, 2), inputs))
        return _stirred(random, build(nn.Linear(inputs, outputs))), x

    return arguments


def _in_use(layer: Any, x: Any) -> Any:
    """In training the vectors follow the weight, though they are constants of the derivative."""
    with cr.training(False):
        return layer(x)


# ---- Penalties ----


def _penalized(penalty: Callable) -> Callable:
    """How a penalty is used: added to a loss."""
    return lambda model, x: cr.mean(cr.square(model(x))) + penalty(model)


def _network(random: np.random.Generator) -> tuple:
    layer, x = _linear(random)
    return _stirred(random, layer), x


def _logits(random: np.random.Generator) -> tuple:
    return (draw.floats(random, (*draw.shape(random, 0, 2), int(random.integers(2, 7)))),)


CHECKS = (
    Check("nn.Linear", call, _linear),
    Check("nn.BatchNorm", call, _normalized(nn.BatchNorm)),
    # So far from the running averages that both corrections lie at their limits: constants.
    Check("nn.BatchRenorm", call, _normalized(nn.BatchRenorm, spread=8.0, mean=20.0)),
    Check("nn.InstanceNorm", call, _normalized(lambda n: nn.InstanceNorm(n, affine=True))),
    Check("nn.LayerNorm", call, _normalized(nn.LayerNorm)),
    Check("nn.RMSNorm", call, _normalized(nn.RMSNorm)),
    Check("nn.GroupNorm", call, _normalized(lambda n: nn.GroupNorm(2, n))),
    Check("nn.AddNorm", call, _normalized(_add_norm)),
    Check("nn.WeightNorm", call, _reweighted(nn.WeightNorm)),
    Check("nn.SpectralNorm", _in_use, _reweighted(nn.SpectralNorm)),
    Check("nn.penalties.l1", _penalized(lambda m: nn.penalties.l1(m, 0.3)), _network),
    Check("nn.penalties.l2", _penalized(lambda m: nn.penalties.l2(m, 0.3)), _network),
    Check(
        "nn.penalties.elastic_net",
        _penalized(lambda model: nn.penalties.elastic_net(model, 0.3, 0.2)),
        _network,
    ),
    Check("nn.penalties.confidence", nn.penalties.confidence, _logits),
)
