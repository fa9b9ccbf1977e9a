"""Checks of the losses."""

from __future__ import annotations

import numpy as np

from chainrule.checks import draw
from chainrule.checks.row import Check
from chainrule.nn import losses


def _labelled(random: np.random.Generator) -> tuple:
    shape, classes = draw.shape(random, 1, 2), int(random.integers(2, 7))
    return draw.floats(random, (*shape, classes)), draw.labels(random, shape, classes)


def _pair(random: np.random.Generator) -> tuple:
    shape = draw.shape(random)
    return draw.floats(random, shape), draw.floats(random, shape)


CHECKS = (
    Check("nn.losses.cross_entropy", losses.cross_entropy, _labelled),
    Check("nn.losses.mse", losses.mse, _pair),
)
