"""Elementwise primitives: equal shapes in, the same shape out; broadcasting happens before."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from chainrule.dtypes import DType, bool_, stored, widened
from chainrule.errors import DTypeError, ShapeError
from chainrule.ir.node import OPS, Node, Op, Spec
from chainrule.ir.ops.table import describe, register, require


def _elementwise(name: str, numpy: Callable, allowed: str, result: DType | None = None) -> None:
    """Register an elementwise primitive for the kinds in `allowed`: b(ool), i(nteger), f(loat)."""

    def infer(*specs: Node) -> Spec:
        first = specs[0]
        for spec in specs[1:]:
            if spec.shape != first.shape or spec.dtype is not first.dtype:
                raise ShapeError(
                    name,
                    f"got {describe(*specs)}",
                    "shapes and dtypes must be equal here",
                    "broadcast and cast the operands first",
                )
        if first.dtype.kind.replace("u", "")[0] not in allowed:
            raise DTypeError(
                name, f"is not defined for {first.dtype.name}", "", "cast the operand first"
            )
        return Spec(first.shape, result or first.dtype)

    OPS[name] = Op(name, "elementwise", infer, numpy)


def _floor_divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (
        np.floor_divide(x, y)
        if x.dtype.kind == "f"
        else np.where(y == 0, 0, np.floor_divide(x, y)).astype(x.dtype)
    )


def _power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Integers to negative powers are 0: the truncated value for all bases but 1, -1 and 0."""
    if x.dtype.kind == "f":
        # NumPy takes square roots where all exponents are one 0.5 in memory; they differ here.
        roots = (y == 0.5) & ((x == 0) | np.isneginf(x))
        return np.where(roots, np.abs(x), np.power(x, y))
    return np.where(y < 0, np.array(0, x.dtype), np.power(x, np.maximum(y, np.array(0, y.dtype))))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    falling = np.exp(-np.abs(x))
    return np.where(x > 0, np.ones_like(x), falling) / (1 + falling)


_math_erf = np.frompyfunc(math.erf, 1, 1)

_elementwise("negative", np.negative, "if")
_elementwise("abs", np.abs, "if")
_elementwise("sign", np.sign, "if")
_elementwise("floor", np.floor, "f")
_elementwise("round", np.rint, "f")
_elementwise("exp", np.exp, "f")
_elementwise("expm1", np.expm1, "f")
_elementwise("log", np.log, "f")
_elementwise("log1p", np.log1p, "f")
_elementwise("sqrt", np.sqrt, "f")
_elementwise("sin", np.sin, "f")
_elementwise("cos", np.cos, "f")
_elementwise("tanh", np.tanh, "f")
_elementwise("sigmoid", _sigmoid, "f")
_elementwise("erf", lambda x: np.asarray(_math_erf(x), x.dtype), "f")
_elementwise("invert", np.invert, "bi")
_elementwise("add", np.add, "if")
_elementwise("subtract", np.subtract, "if")
_elementwise("multiply", np.multiply, "if")
_elementwise("divide", np.divide, "f")
_elementwise("floor_divide", _floor_divide, "if")
_elementwise("remainder", np.remainder, "if")
_elementwise("power", _power, "if")
_elementwise("maximum", np.maximum, "bif")
_elementwise("minimum", np.minimum, "bif")
_elementwise("atan2", np.arctan2, "f")
_elementwise("bitwise_and", np.bitwise_and, "bi")
_elementwise("bitwise_or", np.bitwise_or, "bi")
_elementwise("bitwise_xor", np.bitwise_xor, "bi")
_elementwise("shift_left", np.left_shift, "i")
_elementwise("shift_right", np.right_shift, "i")
_elementwise("equal", np.equal, "bif", bool_)
_elementwise("less", np.less, "bif", bool_)
_elementwise("less_equal", np.less_equal, "bif", bool_)


def _infer_where(condition: Node, x: Node, y: Node) -> Spec:
    same = condition.shape == x.shape == y.shape and x.dtype is y.dtype and condition.dtype is bool_
    require(
        same,
        "where",
        f"got {describe(condition, x, y)}",
        "it needs a bool condition and two equal operands",
    )
    return x.spec


OPS["where"] = Op("where", "elementwise", _infer_where, np.where)


def saturating_cast(x: np.ndarray, target: np.dtype) -> np.ndarray:
    """Float to integer: truncated towards zero, clamped to the range, NaN to 0. (C leaves these
    undefined.)
    """
    info = np.iinfo(target)
    whole = np.trunc(np.nan_to_num(x, nan=0.0, posinf=np.inf, neginf=-np.inf))
    above, below = whole >= float(info.max), whole <= float(info.min)
    inside = np.where(above | below, 0, whole).astype(target)
    return np.where(above, info.max, np.where(below, info.min, inside)).astype(target)


@register("cast", "elementwise", lambda x, dtype: Spec(x.shape, dtype))
def _cast(x: np.ndarray, dtype: DType) -> np.ndarray:
    x = widened(x)
    if x.dtype.kind == "f" and dtype.is_integer:
        return saturating_cast(x, dtype.numpy)
    return stored(x, dtype)


def _infer_bitcast(x: Node, dtype: DType) -> Spec:
    require(
        x.dtype.bits == dtype.bits,
        "bitcast",
        f"{x.dtype.name} to {dtype.name}",
        "the widths must be equal",
    )
    return Spec(x.shape, dtype)


@register("bitcast", "elementwise", _infer_bitcast)
def _bitcast(x: np.ndarray, dtype: DType) -> np.ndarray:
    return np.ascontiguousarray(x).view(dtype.numpy).reshape(x.shape)
