"""Clipping: receives a tree of gradients, hands it on with a bounded norm."""

from __future__ import annotations

from functools import reduce
from typing import Any

from chainrule import tree
from chainrule.errors import ArgumentError
from chainrule.frontend.functions.elementwise import add, minimum, sqrt
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.tensor import Tensor


def clip_by_global_norm(grads: Any, max_norm: float) -> tuple[Any, Tensor]:
    """(grads * min(1, max_norm / norm), norm), where norm is that of all gradients as one vector.

    As in PyTorch, 1e-6 is added to the norm that divides.

    >>> grads, norm = cr.optim.clip_by_global_norm({"w": cr.asarray([30.0, 40.0])}, 5.0)
    >>> norm, grads["w"]
    (Tensor(50., dtype=float32), Tensor([3., 4.], dtype=float32))
    """
    if not max_norm > 0:
        raise ArgumentError(
            "clip_by_global_norm",
            f"max_norm is {max_norm}",
            "no gradient could be as short",
            "choose max_norm > 0",
        )
    squares = [sum(g * g) for g in tree.leaves(grads)]
    norm = sqrt(reduce(add, squares))
    scale = minimum(max_norm / (norm + 1e-6), 1)
    return tree.map(lambda g: g * scale.astype(g.dtype), grads), norm
