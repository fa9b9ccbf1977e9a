"""Clipping: receives a tree of gradients, hands it on with a bounded norm or bounded elements."""

from __future__ import annotations

from functools import reduce
from typing import Any

from chainrule import tree
from chainrule.frontend.functions.elementwise import add, clip, minimum, sqrt
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.tensor import Tensor
from chainrule.optim.arguments import positive


def global_norm(grads: Any) -> Tensor:
    """sqrt(sum g**2) over all elements of all gradients, their length as one vector. (A-239)

    >>> cr.optim.global_norm({"w": cr.asarray([3.0, 0.0]), "b": cr.asarray([4.0])})
    Tensor(5., dtype=float32)
    """
    return sqrt(reduce(add, [sum(g * g) for g in tree.leaves(grads)]))


def clip_by_global_norm(grads: Any, max_norm: float) -> tuple[Any, Tensor]:
    """(grads * min(1, max_norm / norm), norm), where norm is that of all gradients as one vector
    (B-046).

    As in PyTorch, 1e-6 is added to the norm that divides.

    >>> grads, norm = cr.optim.clip_by_global_norm({"w": cr.asarray([30.0, 40.0])}, 5.0)
    >>> norm, grads["w"]
    (Tensor(50., dtype=float32), Tensor([3., 4.], dtype=float32))
    """
    positive("clip_by_global_norm", "max_norm", max_norm, "no gradient could be as short")
    norm = global_norm(grads)
    scale = minimum(max_norm / (norm + 1e-6), 1)
    return tree.map(lambda g: g * scale.astype(g.dtype), grads), norm


def clip_by_value(grads: Any, most: float) -> Any:
    """Every element of every gradient brought between -most and most (B-047).

    This turns the gradient as a whole; `clip_by_global_norm` keeps its direction.

    >>> cr.optim.clip_by_value({"w": cr.asarray([30.0, -0.5])}, 5.0)
    {'w': Tensor([ 5. , -0.5], dtype=float32)}
    """
    positive("clip_by_value", "most", most, "nothing would be left")
    return tree.map(lambda g: clip(g, -most, most), grads)
