"""Checks of the layers: each is called as `layer(x)`, and differentiated by its parameters too."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import nn
from chainrule.checks import draw
from chainrule.checks.row import Check


def call(layer: Any, *inputs: Any) -> Any:
    return layer(*inputs)


def _linear(random: np.random.Generator) -> tuple:
    *batch, features = draw.shape(random, 1, 3)
    return nn.Linear(features, int(random.integers(1, 6))), draw.floats(random, (*batch, features))


CHECKS = (Check("nn.Linear", call, _linear),)
