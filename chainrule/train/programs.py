"""Programs that objects share: receives functions and the parts that they are called with; hands on
one compiled function for all parts of a kind.

Networks of equal settings and shapes, such as those of cross-validation, are compiled once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import chainrule as cr
from chainrule.frontend.stateful import Stateful

KEPT = 64  # Programs of one process; those used longest ago go first.


def shared(function: Callable, part: Stateful, *shapes: Any) -> Callable:
    """The function compiled for parts of this kind, beside arguments of these shapes."""
    boxes = tuple((path, box.shape, box.dtype) for path, box in part.named_boxes().items())
    return _shared(function, part.settings(), boxes, shapes)


@lru_cache(KEPT)
def _shared(function: Callable, *kind: Any) -> Callable:
    return cr.jit(function)
