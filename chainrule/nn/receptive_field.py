"""Receptive fields: receives a network and a shape; hands on how far its outputs see."""

from __future__ import annotations

import numpy as np

from chainrule.frontend import random, trace
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.tensor import Tensor
from chainrule.jit import jit
from chainrule.nn.costs import field
from chainrule.nn.module import Module
from chainrule.transforms.derivatives import grad


def receptive_field(model: Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    """How many places of an input (N, *places, channels) one place of the output sees (A-149).

    Along a chain of windows each widens it by the strides before it: RF' = RF + (K - 1) dilation
    prod(strides), from the input upwards. (RF' = (RF - 1) S + K is the same recursion from the
    output down; upwards it is wrong.) Read from the traced graph, where branches join and means
    over places see everything; padding counts. Interpolation may be overstated by a place.

    >>> two = cr.nn.Sequential(cr.nn.Conv2d(1, 8, 3), cr.nn.Conv2d(8, 8, 3, stride=2))
    >>> cr.nn.receptive_field(two, (1, 32, 32, 1))
    (5, 5)
    """
    return field(model, shape)


def empirical_receptive_field(
    model: Module, shape: tuple[int, ...], draws: int = 16
) -> tuple[int, ...]:
    """The extent of the input's places with a gradient of the output's middle place (A-149).

    It is what `receptive_field` computes, if the input is large enough and the weights, as they
    are, let every path through: `draws` random inputs are tried, as a maximum or a ReLU lets few
    through at a time.

    >>> model = cr.nn.Sequential(cr.nn.Conv1d(1, 2, 3, dilation=2), cr.nn.MaxPool(2))
    >>> cr.nn.empirical_receptive_field(model, (1, 32, 1))
    (6,)
    """
    x = random.normal((draws, *shape[1:]), key=random.key(0))
    gradient = jit(grad(_middle, argnums=1))(model, x)
    seen = np.any(gradient.numpy() != 0, axis=(0, -1))
    return tuple(_extent(np.moveaxis(seen, axis, 0)) for axis in range(seen.ndim))


def _middle(model: Module, x: Tensor) -> Tensor:
    """Channels in the middle of the output, each with a weight, so that no sum is constant."""
    with trace.training(False):
        y = model(x)
    y = y[(slice(None), *[size // 2 for size in y.shape[1:-1]])]
    return sum(y * random.normal(y.shape, key=random.key(1)))


def _extent(seen: np.ndarray) -> int:
    """From the first to the last index of the first axis with anything true."""
    places = np.flatnonzero(seen.reshape(len(seen), -1).any(1))
    return int(places[-1] - places[0] + 1) if len(places) else 0
