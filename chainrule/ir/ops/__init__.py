"""The primitives: shape rule and NumPy definition of each. All else is composed from these."""

from chainrule.ir.node import OPS
from chainrule.ir.ops import (
    control,
    elementwise,
    indexing,
    leaves,
    linalg,
    movement,
    random,
    reductions,
)

FAMILIES = (elementwise, leaves, movement, reductions, indexing, random, linalg, control)

__all__ = ["FAMILIES", "OPS"]
