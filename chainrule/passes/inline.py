"""Inlining: the value of a node at an index, as an expression over loads. Lowering asks here for
each kernel.

Movement operations vanish: they only change the index at which a value is read.
"""

from __future__ import annotations

import math

from chainrule.dtypes import DType, bool_, int64, uint32
from chainrule.ir import index as ix
from chainrule.ir.index import Axis, Index
from chainrule.ir.node import Node
from chainrule.ir.plan import Condition, Expr, Load, Operand, Place

Conditions = tuple[Condition, ...]


class Inliner:
    """Expressions over the places where values of a block are stored; equal expressions are one
    object.
    """

    def __init__(self, places: dict[Node, Place]) -> None:
        self.places = places
        self._pinned: list[Place] = []  # Places that the kernel being made must wait for.
        self._exprs: dict[tuple, Expr] = {}
        self._rows = iter(range(10**6, 10**9))

    def place(self, node: Node) -> Place:
        """Where the whole value of a node lies, stored first if it is not in memory yet."""
        raise NotImplementedError

    def _expr(self, op: str, args: tuple[Expr, ...], dtype: DType, data: object = None) -> Expr:
        key = (op, tuple(map(id, args)), dtype, data)
        found = self._exprs.get(key)
        if found is None:
            found = self._exprs[key] = Expr(op, args, dtype, data)
        return found

    def _constant(self, value: float, dtype: DType) -> Expr:
        # repr keeps 0.0, -0.0 and False apart in the table of expressions.
        key = ("constant", repr(value), dtype)
        return self._exprs.setdefault(key, Expr("constant", (), dtype, value))

    def _load(self, operand: Operand) -> Expr:
        return self._expr("load", (), operand.place.dtype, Load(*operand))

    def value(
        self, node: Node, indices: list[Index], conditions: Conditions = (), own: bool = False
    ) -> Expr:
        """The element of a node at a multi-index, as an expression. Loads are only made where the
        conditions hold.

        `own`: compute it even though it is to be stored.
        """
        if node in self.places and not own:
            load = Load(self.places[node], ix.flat(indices, node.shape), conditions)
            return self._expr("load", (), node.dtype, load)
        family, name = node.op.family, node.op.name
        if family == "elementwise":
            args = tuple([self.value(child, indices, conditions) for child in node.inputs])
            return self._expr(name, args, node.dtype, node.attributes.get("dtype"))
        if name == "constant":
            return self._constant(node.attributes["value"], node.dtype)
        if name == "iota":
            return self._expr("index", (), node.dtype, indices[0])
        if name == "pad":
            return self._pad(node, indices, conditions)
        if family == "movement" and name != "concat":
            return self.value(node.inputs[0], _MOVE[name](node, indices), conditions)
        if name == "gather":
            return self._gather(node, indices, conditions)
        if name == "random_bits":
            return self._random(node, indices)
        if name == "after":
            self._pinned.append(self.place(node.inputs[1]))
            return self.value(node.inputs[0], indices, conditions)
        self.place(node)
        return self.value(node, indices, conditions)

    def _pad(self, node: Node, indices: list[Index], conditions: Conditions) -> Expr:
        x = node.inputs[0]
        inside, new = [], []
        for index, low, high, extent in zip(
            indices, node.attributes["low"], node.attributes["high"], x.shape, strict=True
        ):
            new.append(index + -low)
            if low or high:
                inside.append(Condition(index + -low, 0, extent))
        value = self.value(x, new, conditions + tuple(inside))
        fill = self._constant(node.attributes["value"], node.dtype)
        if value.op == "load" and not fill.data and math.copysign(1, fill.data) > 0:
            return value  # Loads give 0.0 outside.
        within = self._expr("within", (), bool_, tuple(inside))
        return self._expr("where", (within, value, fill), node.dtype)

    def _gather(self, node: Node, indices: list[Index], conditions: Conditions) -> Expr:
        """A load at a row that is itself a value; the rest of the index is linear."""
        x, rows = node.inputs
        rank = len(rows.shape)
        row = self.value(rows, indices[:rank], conditions)
        if row.dtype is not int64:
            row = self._expr("cast", (row,), int64, int64)
        row = self._expr("maximum", (row, self._constant(0, int64)), int64)
        row = self._expr("minimum", (row, self._constant(x.shape[0] - 1, int64)), int64)
        axis = Axis(next(self._rows), max(x.shape[0], 2))
        found = self.value(x, [ix.of_axis(axis), *indices[rank:]], conditions)
        stride = (
            found.data.index.coefficient(axis) if found.op == "load" and not found.args else None
        )
        if stride is None or any(
            axis in condition.index.axes() for condition in found.data.conditions
        ):
            place = self.place(x)
            stride = math.prod(x.shape[1:])
            load = Load(place, ix.flat(indices[rank:], x.shape[1:]), conditions, stride)
        else:
            rest = found.data.index.substitute({axis: ix.ZERO})
            load = Load(found.data.place, rest, found.data.conditions, stride)
        return self._expr("load", (row,), node.dtype, load)

    def _random(self, node: Node, indices: list[Index]) -> Expr:
        place = self.place(node.inputs[0])
        words = tuple(
            self._expr("load", (), uint32, Load(place, Index((), word))) for word in range(4)
        )
        position = self._expr("index", (), int64, ix.flat(indices, node.shape))
        return self._expr("random_bits", (*words, position), uint32)


def _move_slice(node: Node, indices: list[Index]) -> list[Index]:
    start, step = node.attributes["start"], node.attributes["step"]
    return [index * s + a for index, a, s in zip(indices, start, step, strict=True)]


def _move_flip(node: Node, indices: list[Index]) -> list[Index]:
    flipped = node.attributes["axes"]
    return [
        index * -1 + (extent - 1) if axis in flipped else index
        for axis, (index, extent) in enumerate(zip(indices, node.shape, strict=True))
    ]


def _move_permute(node: Node, indices: list[Index]) -> list[Index]:
    new = [ix.ZERO] * len(indices)
    for index, axis in zip(indices, node.attributes["axes"], strict=True):
        new[axis] = index
    return new


# How a view's index becomes the index of what it views.
_MOVE = {
    "reshape": lambda node, indices: ix.unflatten(
        ix.flat(indices, node.shape), node.inputs[0].shape
    ),
    "permute": _move_permute,
    "broadcast": lambda node, indices: [
        index if extent != 1 else ix.ZERO
        for index, extent in zip(indices, node.inputs[0].shape, strict=True)
    ],
    "slice": _move_slice,
    "flip": _move_flip,
}
