"""Checks of the activation functions."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from chainrule.checks import draw
from chainrule.checks.row import Check


def _anywhere(random: np.random.Generator) -> tuple:
    return (draw.floats(random, draw.shape(random)),)


def _away_from_zero(random: np.random.Generator) -> tuple:
    return (draw.floats(random, draw.shape(random), kinks=(0.0,)),)


CHECKS = (
    Check("relu", cr.relu, _away_from_zero),
    Check("sigmoid", cr.sigmoid, _anywhere),
)
