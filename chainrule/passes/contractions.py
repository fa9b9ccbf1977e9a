"""Lowering of contractions: receives such a node; hands on a kernel of tiles where these pay, with
its operands as the tiles read them, else a reduction of products.
"""

from __future__ import annotations

import math

from chainrule.dtypes import bfloat16
from chainrule.ir import index as ix
from chainrule.ir.contraction import Contraction, Dimension
from chainrule.ir.index import Axis, Index
from chainrule.ir.node import Node, Spec
from chainrule.ir.plan import Condition, Expr, Hero, Kernel, Operand, Reduce, Store
from chainrule.passes.kernels import Kernels

SUMMED = 1000  # Axis numbers of summed letters start here, clear of the output's.
LANES = 16  # With fewer columns than these a copy of the rows does not pay.
LINE, WAY, CACHE = 1 << 6, 1 << 16, 1 << 20  # Bytes; of the usual second cache.
WIDE = 128  # From so many columns on a copy of rows that lie far apart pays.


class Contractions(Kernels):
    """Kernels, and how a contraction becomes one."""

    def _contraction(self, node: Node) -> None:
        """A hero kernel where tiles pay, else a reduction of products."""
        spec = node.attributes["spec"]
        target = self.places[node] = self.temporary(node)
        if not node.size:
            return
        axes = {
            letter: Axis(number, spec.sizes[letter]) for number, letter in enumerate(spec.output)
        }
        axes |= {letter: Axis(SUMMED + letter, spec.sizes[letter]) for letter in spec.summed}
        indices = [ix.of_axis(axes[letter]) for letter in spec.output]
        place = ix.flat(indices, node.shape)
        summed = ix.axes_of(ix.of_axis(axes[letter]) for letter in spec.summed)
        if any(axis.size == 0 for axis in axes.values()):
            zero = self._constant(0, node.dtype)
            self._emit(Kernel(ix.axes_of(indices), statements=[Store(target, place, zero)]), node)
            return
        left, right = (
            self._operand(operand, dimensions, axes)
            for operand, dimensions in zip(node.inputs, (spec.left, spec.right), strict=True)
        )
        hero = self._hero(node, ix.axes_of(indices), summed, left, right)
        if hero is not None:
            store = Store(target, place, Expr("hero", (), node.dtype))
            self._emit(Kernel(ix.axes_of(indices), statements=[store], hero=hero), node)
            return
        product = self._expr("multiply", (self._load(left), self._load(right)), node.dtype)
        if not summed:
            self._emit(
                Kernel(ix.axes_of(indices), statements=[Store(target, place, product)]), node
            )
            return
        statements: list[Store | Reduce] = [
            Reduce(0, "sum", product, node.dtype),
            Store(target, place, Expr("reduced", (), node.dtype, 0)),
        ]
        self._emit(Kernel(ix.axes_of(indices) + summed, frozenset(summed), statements), node)

    def _operand(
        self, node: Node, dimensions: tuple[Dimension, ...], axes: dict[int, Axis]
    ) -> Operand:
        """An operand as a place in memory read at a linear index: a view of what is stored, or a
        copy.
        """
        indices, conditions = [], []
        for dimension, extent in zip(dimensions, node.shape, strict=True):
            index = Index((), dimension.offset)
            for letter, coefficient in dimension.terms:
                index = index + ix.of_axis(axes[letter]) * coefficient
            if dimension.divisor > 1:
                conditions.append(Condition(index % dimension.divisor, 0, 1))
                index = index // dimension.divisor
            low, high = index.bounds()
            if low < 0 or high >= extent:
                conditions.append(Condition(index, 0, extent))
            indices.append(index)
        found = self.value(node, indices, tuple(conditions))
        if found.op == "load" and not found.args and found.data.index.is_linear:
            return Operand(found.data.place, found.data.index, found.data.conditions)
        return Operand(self.place(node), ix.flat(indices, node.shape), tuple(conditions))

    def _hero(
        self, node: Node, axes: tuple, summed: tuple, left: Operand, right: Operand
    ) -> Hero | None:
        """The tiled form: the last axis contiguous in both operands, or in one alone (copied so if
        need be).
        """
        spec = node.attributes["spec"]
        if not (spec.is_tiled and summed) or left.conditions or right.conditions:
            return None
        last = axes[-1]
        steps = [operand.index.coefficient(last) or 0 for operand in (left, right)]
        if all(steps):
            shared = left.index.axes() & right.index.axes()
            mine, others = (len(x.index.axes() - shared) for x in (left, right))
            rows, columns = (left, right) if mine >= others else (right, left)
            return Hero(spec, axes, summed, rows, columns, node.dtype) if steps == [1, 1] else None
        rows, columns = (left, right) if steps[1] else (right, left)
        if max(steps) != 1:
            if not any(axis in rows.index.axes() for axis in axes[:-1]):
                return None  # A single row: dot products along memory need no copy.
            columns = self._packed(node, columns, last)
        if node.dtype is bfloat16 and spec.is_plain:
            summed = _pairs_last(rows, summed)
            if rows.index.coefficient(summed[-1]) != 1 and last.size >= LANES:
                rows = self._packed(node, rows, summed[-1])
        far = _far_apart(spec, rows, summed) if last.size >= WIDE else None
        if far is not None:
            rows = self._packed(node, rows, far)
        return Hero(spec, axes, summed, rows, columns, node.dtype)

    def _packed(self, node: Node, operand: Operand, last: Axis) -> Operand:
        """A copy of an operand in which `last` is contiguous."""
        axes = sorted(operand.index.axes() - {last}) + [last]
        shape = tuple(axis.size for axis in axes)
        target = self.temporary(Spec(shape, node.dtype), "p")
        renumbered = {axis: ix.of_axis(Axis(number, axis.size)) for number, axis in enumerate(axes)}
        value = self._load(operand._replace(index=operand.index.substitute(renumbered)))
        indices = list(renumbered.values())
        store = Store(target, ix.flat(indices, shape), value)
        self._emit(Kernel(ix.axes_of(indices), statements=[store]), node)
        return Operand(target, ix.flat(map(ix.of_axis, axes), shape), ())


def _pairs_last(rows: Operand, summed: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """The summed axes so that pairs of terms can be taken along the last one: terms beside each
    other in the rows if there are such.
    """

    def pairs(axis: Axis) -> tuple[bool, bool, int]:
        return axis.size % 2 == 0, rows.index.coefficient(axis) == 1, axis.size

    last = max(summed, key=pairs)
    return (*(axis for axis in summed if axis != last), last)


def _far_apart(spec: Contraction, rows: Operand, summed: tuple[Axis, ...]) -> Axis | None:
    """The summed axis with the shortest step, if the terms lie so far apart that the few lines of
    the cache which they share cannot hold them all.
    """
    steps = {axis: rows.index.coefficient(axis) or 0 for axis in summed}
    axis = min(summed, key=lambda axis: steps[axis] or math.inf)
    step = steps[axis] * rows.place.dtype.itemsize
    terms = math.prod(axis.size for axis in summed)
    if spec.is_plain and step >= LINE and terms > CACHE // math.gcd(step, WAY):
        return axis
    return None
