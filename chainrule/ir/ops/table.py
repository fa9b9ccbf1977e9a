"""How primitives are entered in the table. The families of primitives use it; nobody else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chainrule.errors import ShapeError
from chainrule.ir.node import OPS, Node, Op, Spec


def require(condition: bool, op: str, what: str, why: str) -> None:
    if not condition:
        raise ShapeError(op, what, why)


def describe(*specs: Spec | Node | np.ndarray) -> str:
    return ", ".join(f"{spec.dtype.name}{list(spec.shape)}" for spec in specs)


def register(name: str, family: str, infer: Callable) -> Callable[[Callable], Callable]:
    """Decorator: the decorated function is the NumPy definition."""

    def add(numpy: Callable) -> Callable:
        OPS[name] = Op(name, family, infer, numpy)
        return numpy

    return add
