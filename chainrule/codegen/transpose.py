"""Emission of copies that turn a matrix: square tiles are read along one axis, turned in registers,
written along the other.

A gather would read one element at a time; the weights of every layer are turned once a step.
"""

from __future__ import annotations

from typing import NamedTuple

from chainrule.codegen.builder import Function
from chainrule.codegen.elementwise import storage_type
from chainrule.codegen.emit import Units, begin, nested
from chainrule.codegen.point import Point
from chainrule.codegen.values import Type, Value
from chainrule.ir.index import Axis
from chainrule.ir.plan import Kernel


class Turned(NamedTuple):
    """A copy contiguous along `read` in the source and along `written` in the target, in tiles of
    `side`.
    """

    read: Axis
    written: Axis
    side: int


def turned(kernel: Kernel, vector_bytes: int) -> Turned | None:
    """How a kernel can be tiled as a transposition, if it is one."""
    if kernel.inner or kernel.hero or kernel.special or len(kernel.statements) != 1:
        return None
    store = kernel.stores[0]
    load = store.value.data if store.value.op == "load" and not store.value.args else None
    if load is None or load.conditions:
        return None
    read = _contiguous(kernel, load.index)
    written = _contiguous(kernel, store.index)
    if read is None or written is None or read == written:
        return None
    if load.index.coefficient(written) is None or store.index.coefficient(read) is None:
        return None
    side = vector_bytes // max(store.place.dtype.itemsize, 2)
    while side > 4 and (read.size % side or written.size % side):
        side //= 2
    return Turned(read, written, side) if not (read.size % side or written.size % side) else None


def _contiguous(kernel: Kernel, index) -> Axis | None:
    return next((axis for axis in kernel.axes if index.coefficient(axis) == 1), None)


def emit_transposition(
    kernel: Kernel, tiles: Turned, name: str, vector_bytes: int
) -> tuple[Function, int]:
    """(the kernel's function, its number of units): a unit is one tile."""
    f, pointers, first, end = begin(kernel, name)
    read, written, side = tiles
    blocks = (Axis(read.number, read.size // side), Axis(written.number, written.size // side))
    outer = tuple(axis for axis in kernel.axes if axis not in (read, written))
    units = Units(Kernel((*outer, *blocks)), None, 1)
    store = kernel.stores[0]
    scalar, size = storage_type(store.place.dtype), store.place.dtype.itemsize
    row = Type(scalar, side)
    with f.loop(first, end) as loop:
        stands, _ = units.locate(f, loop.index)
        with nested(f, units.inside) as inside:
            stands |= inside
            stands |= {
                axis: f.mul(stands[block], side)
                for axis, block in zip((read, written), blocks, strict=True)
            }
            point = Point(f, pointers, stands, None, 1, None)

            def address(place, index, axis: Axis, step: int) -> Value:
                start = f.gep(pointers[place], point.index(index), scalar)
                return f.gep(start, index.coefficient(axis) * step, scalar)

            source = store.value.data
            rows = [
                f.load(address(source.place, source.index, written, r), row, size)
                for r in range(side)
            ]
            for column, vector in enumerate(_turn(f, rows)):
                f.store(vector, address(store.place, store.index, read, column), size)
    f.ret()
    return f, units.count


def _turn(f: Function, rows: list[Value]) -> list[Value]:
    """A square of vectors turned: in each round, blocks off the diagonal of twice the size change
    places.
    """
    side, step = len(rows), 1
    while step < side:
        turned = list(rows)
        for i in range(side):
            if i & step:
                continue
            a, b = rows[i], rows[i + step]
            low = [lane if not lane & step else side + lane - step for lane in range(side)]
            high = [lane + step if not lane & step else side + lane for lane in range(side)]
            turned[i], turned[i + step] = f.shuffle(a, low, b), f.shuffle(a, high, b)
        rows, step = turned, 2 * step
    return rows
