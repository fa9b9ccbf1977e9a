"""Primitives that sum up: reductions, which drop their axes, and the contraction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chainrule.dtypes import bool_, int64
from chainrule.errors import DTypeError
from chainrule.ir.contraction import Contraction, contract_numpy
from chainrule.ir.node import OPS, Node, Op, Spec
from chainrule.ir.ops.table import describe, require


def _reduction(name: str, numpy: Callable, allowed: str, has_identity: bool) -> None:
    def infer(x: Node, axes: tuple[int, ...]) -> Spec:
        if x.dtype.kind.replace("u", "")[0] not in allowed:
            raise DTypeError(
                name, f"is not defined for {x.dtype.name}", "", "cast the operand first"
            )
        empty = any(x.shape[axis] == 0 for axis in axes)
        require(
            has_identity or not empty,
            name,
            f"of no elements (axes {axes} of {list(x.shape)})",
            "it has no value",
        )
        return Spec(tuple(n for axis, n in enumerate(x.shape) if axis not in axes), x.dtype)

    OPS[name] = Op(name, "reduction", infer, numpy)


_reduction("sum", lambda x, axes: np.asarray(np.sum(x, axis=axes, dtype=x.dtype)), "if", True)
_reduction("prod", lambda x, axes: np.asarray(np.prod(x, axis=axes, dtype=x.dtype)), "if", True)
_reduction("max", lambda x, axes: np.asarray(np.max(x, axis=axes)), "bif", False)
_reduction("min", lambda x, axes: np.asarray(np.min(x, axis=axes)), "bif", False)


def _infer_argument(x: Node, axis: int) -> Spec:
    require(
        x.shape[axis] > 0,
        "argmax",
        f"of an empty axis {axis} of {list(x.shape)}",
        "it has no value",
    )
    return Spec(x.shape[:axis] + x.shape[axis + 1 :], int64)


# First place of the extreme value; a NaN counts as the extreme.
OPS["argmax"] = Op(
    "argmax", "reduction", _infer_argument, lambda x, axis: np.asarray(np.argmax(x, axis))
)
OPS["argmin"] = Op(
    "argmin", "reduction", _infer_argument, lambda x, axis: np.asarray(np.argmin(x, axis))
)


def _infer_contract(left: Node, right: Node, spec: Contraction) -> Spec:
    require(
        left.dtype is right.dtype and left.dtype is not bool_,
        "contract",
        f"got {describe(left, right)}",
        "both operands need the same numeric dtype",
    )
    spec.check(left.shape, right.shape)
    return Spec(tuple(spec.sizes[letter] for letter in spec.output), left.dtype)


OPS["contract"] = Op("contract", "contraction", _infer_contract, contract_numpy)
