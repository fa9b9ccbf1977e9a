"""The primitives: shape rule and NumPy definition of each. Everything else in the library is
composed from these.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import dtypes
from chainrule.dtypes import DType, bool_, int64, uint32
from chainrule.errors import DTypeError, ShapeError
from chainrule.ir.contraction import Contraction, contract_numpy
from chainrule.ir.node import OPS, Array, Graph, Node, Op, Spec


def _require(condition: bool, op: str, what: str, why: str) -> None:
    if not condition:
        raise ShapeError(op, what, why)


def _describe(*specs: Spec | Node) -> str:
    return ", ".join(f"{spec.dtype.name}{list(spec.shape)}" for spec in specs)


# ---- Elementwise: equal shapes in, the same shape out; broadcasting happens before. ----


def _elementwise(name: str, numpy: Callable, allowed: str, result: DType | None = None) -> None:
    """Register an elementwise primitive for the kinds in `allowed`: b(ool), i(nteger), f(loat)."""

    def infer(*specs: Node) -> Spec:
        first = specs[0]
        for spec in specs[1:]:
            if spec.shape != first.shape or spec.dtype is not first.dtype:
                raise ShapeError(
                    name,
                    f"got {_describe(*specs)}",
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
        return np.power(x, y)
    return np.where(y < 0, np.array(0, x.dtype), np.power(x, np.maximum(y, np.array(0, y.dtype))))


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


def _register(name: str, family: str, infer: Callable) -> Callable[[Callable], Callable]:
    """Decorator: the decorated function is the NumPy definition."""

    def add(numpy: Callable) -> Callable:
        OPS[name] = Op(name, family, infer, numpy)
        return numpy

    return add


def _infer_where(condition: Node, x: Node, y: Node) -> Spec:
    same = condition.shape == x.shape == y.shape and x.dtype is y.dtype and condition.dtype is bool_
    _require(
        same,
        "where",
        f"got {_describe(condition, x, y)}",
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


@_register("cast", "elementwise", lambda x, dtype: Spec(x.shape, dtype))
def _cast(x: np.ndarray, dtype: DType) -> np.ndarray:
    if x.dtype.kind == "f" and dtype.is_integer:
        return saturating_cast(x, dtype.numpy)
    return x.astype(dtype.numpy)


def _infer_bitcast(x: Node, dtype: DType) -> Spec:
    _require(
        x.dtype.bits == dtype.bits,
        "bitcast",
        f"{x.dtype.name} to {dtype.name}",
        "the widths must be equal",
    )
    return Spec(x.shape, dtype)


@_register("bitcast", "elementwise", _infer_bitcast)
def _bitcast(x: np.ndarray, dtype: DType) -> np.ndarray:
    return np.ascontiguousarray(x).view(dtype.numpy).reshape(x.shape)


# ---- Leaves ----


@_register("constant", "leaf", lambda value, dtype: Spec((), dtype))
def _constant(value: float, dtype: DType) -> np.ndarray:
    return np.array(value, dtype.numpy)


@_register("buffer", "leaf", lambda data: Spec(data.value.shape, dtypes.of(data.value.dtype)))
def _buffer(data: Array) -> np.ndarray:
    return data.value


OPS["variable"] = Op("variable", "leaf", lambda spec, serial, name: spec, None)


@_register("iota", "leaf", lambda size, dtype: Spec((size,), dtype))
def _iota(size: int, dtype: DType) -> np.ndarray:
    return np.arange(size, dtype=dtype.numpy)


# ---- Identities: the value passes through, the derivative may not. ----

OPS["mark"] = Op("mark", "identity", lambda x, serial: x.spec, lambda x, serial: x)
OPS["stop_gradient"] = Op("stop_gradient", "identity", lambda x: x.spec, lambda x: x)
# `x` not before `token` is known: it keeps recomputation in the backward pass from being merged
# with the forward pass.
OPS["after"] = Op("after", "identity", lambda x, token, serial: x.spec, lambda x, token, serial: x)
# Inputs: `count` results, the arguments they were made from, then residuals. The graph `rule` takes
# the results' cotangents and the residuals to the arguments' cotangents.
OPS["custom_gradient"] = Op(
    "custom_gradient",
    "identity",
    lambda *nodes, count, rule: tuple(node.spec for node in nodes[:count]),
    lambda *arrays, count, rule: arrays[:count],
)
OPS["pick"] = Op(
    "pick", "identity", lambda node, index: node.outputs[index], lambda values, index: values[index]
)


# ---- Movement: every element is an element of the input at another place (or a fill value). ----


def _infer_reshape(x: Node, shape: tuple[int, ...]) -> Spec:
    _require(
        math.prod(shape) == x.size,
        "reshape",
        f"{list(x.shape)} to {list(shape)}",
        f"{x.size} elements do not fill {math.prod(shape)} places",
    )
    return Spec(shape, x.dtype)


OPS["reshape"] = Op("reshape", "movement", _infer_reshape, lambda x, shape: np.reshape(x, shape))


def _infer_permute(x: Node, axes: tuple[int, ...]) -> Spec:
    _require(
        sorted(axes) == list(range(len(x.shape))),
        "permute_dims",
        f"axes {axes} of {list(x.shape)}",
        "each axis must be named once",
    )
    return Spec(tuple(x.shape[axis] for axis in axes), x.dtype)


OPS["permute"] = Op("permute", "movement", _infer_permute, lambda x, axes: np.transpose(x, axes))


def _infer_broadcast(x: Node, shape: tuple[int, ...]) -> Spec:
    fits = len(shape) == len(x.shape) and all(
        a in (1, b) for a, b in zip(x.shape, shape, strict=True)
    )
    _require(
        fits,
        "broadcast_to",
        f"{list(x.shape)} to {list(shape)}",
        "only extents of 1 can be stretched",
    )
    return Spec(shape, x.dtype)


OPS["broadcast"] = Op(
    "broadcast", "movement", _infer_broadcast, lambda x, shape: np.broadcast_to(x, shape)
)


def _infer_slice(x: Node, start: tuple, stop: tuple, step: tuple) -> Spec:
    extents = []
    for size, a, b, s in zip(x.shape, start, stop, step, strict=True):
        _require(
            0 <= a <= size and 0 <= b <= size and s > 0,
            "slice",
            f"{a}:{b}:{s} of an axis of {size}",
            "bounds must lie inside and the step be positive",
        )
        extents.append(max(0, -(-(b - a) // s)))
    return Spec(tuple(extents), x.dtype)


@_register("slice", "movement", _infer_slice)
def _slice(x: np.ndarray, start: tuple, stop: tuple, step: tuple) -> np.ndarray:
    return x[tuple(map(slice, start, stop, step))]


def _infer_pad(x: Node, low: tuple, high: tuple, value: Any) -> Spec:
    _require(
        min((*low, *high), default=0) >= 0,
        "pad",
        f"low {low}, high {high}",
        "amounts must not be negative",
    )
    return Spec(tuple(size + a + b for size, a, b in zip(x.shape, low, high, strict=True)), x.dtype)


@_register("pad", "movement", _infer_pad)
def _pad(x: np.ndarray, low: tuple, high: tuple, value: Any) -> np.ndarray:
    return np.pad(x, tuple(zip(low, high, strict=True)), constant_values=value) if x.ndim else x


OPS["flip"] = Op("flip", "movement", lambda x, axes: x.spec, lambda x, axes: np.flip(x, axes))


def _infer_concat(*parts: Node, axis: int) -> Spec:
    first = parts[0]
    for part in parts[1:]:
        same = (
            part.shape[:axis] + part.shape[axis + 1 :]
            == first.shape[:axis] + first.shape[axis + 1 :]
        )
        _require(
            same and part.dtype is first.dtype,
            "concat",
            f"got {_describe(*parts)}",
            f"all extents but axis {axis} must be equal",
        )
    extent = sum(part.shape[axis] for part in parts)
    return Spec(first.shape[:axis] + (extent,) + first.shape[axis + 1 :], first.dtype)


OPS["concat"] = Op(
    "concat", "movement", _infer_concat, lambda *parts, axis: np.concatenate(parts, axis)
)


# ---- Reductions drop their axes. ----


def _reduction(name: str, numpy: Callable, allowed: str, has_identity: bool) -> None:
    def infer(x: Node, axes: tuple[int, ...]) -> Spec:
        if x.dtype.kind.replace("u", "")[0] not in allowed:
            raise DTypeError(
                name, f"is not defined for {x.dtype.name}", "", "cast the operand first"
            )
        empty = any(x.shape[axis] == 0 for axis in axes)
        _require(
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
    _require(
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


# ---- The contraction ----


def _infer_contract(left: Node, right: Node, spec: Contraction) -> Spec:
    _require(
        left.dtype is right.dtype and left.dtype is not bool_,
        "contract",
        f"got {_describe(left, right)}",
        "both operands need the same numeric dtype",
    )
    spec.check(left.shape, right.shape)
    return Spec(tuple(spec.sizes[letter] for letter in spec.output), left.dtype)


OPS["contract"] = Op("contract", "contraction", _infer_contract, contract_numpy)


# ---- Indexing along the first axis; indices outside are clamped to it. ----


def _infer_gather(x: Node, indices: Node) -> Spec:
    _require(
        len(x.shape) > 0 and (x.shape[0] > 0 or indices.size == 0),
        "take",
        f"from {_describe(x)}",
        "there is nothing to take",
    )
    return Spec(indices.shape + x.shape[1:], x.dtype)


@_register("gather", "indexing", _infer_gather)
def _gather(x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    if indices.size == 0:
        return np.zeros(indices.shape + x.shape[1:], x.dtype)
    return np.take(x, indices, axis=0, mode="clip")


def _infer_scatter_add(x: Node, indices: Node, updates: Node) -> Spec:
    fits = updates.shape == indices.shape + x.shape[1:] and updates.dtype is x.dtype
    _require(
        fits,
        "scatter_add",
        f"got {_describe(x, indices, updates)}",
        "updates must have the shape indices.shape + x.shape[1:]",
    )
    return x.spec


@_register("scatter_add", "indexing", _infer_scatter_add)
def _scatter_add(x: np.ndarray, indices: np.ndarray, updates: np.ndarray) -> np.ndarray:
    """`x` with `updates` added at their indices, in the order of the indices."""
    out = x.copy()
    if indices.size:
        np.add.at(out, np.clip(indices, 0, x.shape[0] - 1), updates)
    return out


# Order of the last axis, stable, NaN last. Descending keeps equal elements in their order too.
@_register("argsort", "indexing", lambda x, descending: Spec(x.shape, int64))
def _argsort(x: np.ndarray, descending: bool) -> np.ndarray:
    if not descending:
        return np.argsort(x, axis=-1, kind="stable")
    backwards = np.argsort(np.flip(x, -1), axis=-1, kind="stable")
    return np.flip(x.shape[-1] - 1 - backwards, -1)


CUMULATIVE = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}


@_register("cumulative", "indexing", lambda x, kind: x.spec)
def _cumulative(x: np.ndarray, kind: str) -> np.ndarray:
    """Running sum, prod, max or min along the last axis."""
    return CUMULATIVE[kind].accumulate(x, axis=-1, dtype=x.dtype)


# ---- Randomness: Philox 4x32-10 (Salmon et al. 2011). ----
# Element i is word 0 of block (i, 0, c0, c1) under key (k0, k1).


def philox(counter: list[np.ndarray], key: list[np.ndarray]) -> list[np.ndarray]:
    """Ten rounds on four counter words and two key words: uint64 arrays of 32-bit values."""
    mask = np.uint64(0xFFFFFFFF)
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (
            (p1 >> np.uint64(32)) ^ c1 ^ k0,
            p1 & mask,
            (p0 >> np.uint64(32)) ^ c3 ^ k1,
            p0 & mask,
        )
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & mask, (k1 + np.uint64(0xBB67AE85)) & mask
    return [c0, c1, c2, c3]


def _infer_random_bits(state: Node, shape: tuple[int, ...]) -> Spec:
    _require(
        state.shape == (4,) and state.dtype is uint32,
        "random_bits",
        f"state is {_describe(state)}",
        "it is four uint32 words: key, key, counter, counter",
    )
    return Spec(shape, uint32)


@_register("random_bits", "random", _infer_random_bits)
def _random_bits(state: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    k0, k1, c0, c1 = state.astype(np.uint64)
    index = np.arange(math.prod(shape), dtype=np.uint64)
    zero = np.zeros_like(index)
    words = philox(
        [index & np.uint64(0xFFFFFFFF), index >> np.uint64(32), zero + c0, zero + c1], [k0, k1]
    )
    return words[0].astype(np.uint32).reshape(shape)


# ---- Control ----
# Operands are constants of the body, then carried values, then (scan) arrays sliced along axis 0.
# Their NumPy definitions run the body graphs and stand in `ir.interpret`.


def _check_body(op: str, graph: Graph, specs: list[Spec]) -> None:
    expected = [parameter.spec for parameter in graph.parameters]
    _require(
        expected == specs,
        op,
        f"the body takes {_describe(*expected)} but is given {_describe(*specs)}",
        "shapes and dtypes must not change from one turn to the next",
    )


def _infer_scan(
    *operands: Node, body: Graph, constants: int, carried: int, length: int, reverse: bool
) -> tuple:
    fixed = [node.spec for node in operands[: constants + carried]]
    slices = [Spec(node.shape[1:], node.dtype) for node in operands[constants + carried :]]
    _check_body("scan", body, fixed + slices)
    results = [node.spec for node in body.outputs]
    _require(
        results[:carried] == fixed[constants:],
        "scan",
        f"the carried values come in as {_describe(*fixed[constants:])} and out as "
        f"{_describe(*results[:carried])}",
        "shapes and dtypes must not change from one turn to the next",
    )
    stacked = [Spec((length, *spec.shape), spec.dtype) for spec in results[carried:]]
    return (*results[:carried], *stacked)


def _infer_while(*operands: Node, condition: Graph, body: Graph, constants: int) -> tuple:
    specs = [node.spec for node in operands]
    _check_body("while_loop", condition, specs)
    _check_body("while_loop", body, specs)
    results = tuple(node.spec for node in body.outputs)
    _require(
        list(results) == specs[constants:],
        "while_loop",
        f"the carried values come in as {_describe(*specs[constants:])} "
        f"and out as {_describe(*results)}",
        "shapes and dtypes must not change from one turn to the next",
    )
    return results


def _infer_cond(predicate: Node, *operands: Node, then: Graph, otherwise: Graph) -> tuple:
    specs = [node.spec for node in operands]
    _check_body("cond", then, specs)
    _check_body("cond", otherwise, specs)
    first, second = ([node.spec for node in graph.outputs] for graph in (then, otherwise))
    _require(
        first == second and predicate.spec == Spec((), bool_),
        "cond",
        f"the branches return {_describe(*first)} and {_describe(*second)}",
        "both must return the same",
    )
    return tuple(first)


def _infer_checkpoint(*operands: Node, body: Graph) -> tuple:
    _check_body("checkpoint", body, [node.spec for node in operands])
    return tuple(node.spec for node in body.outputs)


OPS["scan"] = Op("scan", "control", _infer_scan, None)
OPS["while"] = Op("while", "control", _infer_while, None)
OPS["cond"] = Op("cond", "control", _infer_cond, None)
# The body's values are not kept for the backward pass but computed again.
OPS["checkpoint"] = Op("checkpoint", "control", _infer_checkpoint, None)
