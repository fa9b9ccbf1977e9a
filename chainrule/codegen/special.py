"""Emission of primitives that are not loops over independent points: argsort, cumulative,
scatter_add.
"""

from __future__ import annotations

import math

from chainrule.codegen.builder import Function
from chainrule.codegen.elementwise import (
    compute_type,
    convert,
    from_storage,
    storage_type,
    to_storage,
)
from chainrule.codegen.emit import begin
from chainrule.codegen.reduce import combine, identity
from chainrule.codegen.values import I64, Type, Value, constant
from chainrule.dtypes import DType, int64
from chainrule.ir.plan import Kernel, Place


def emit_special(kernel: Kernel, name: str, vector_bytes: int) -> tuple[Function, int]:
    """(the kernel's function, its number of units)."""
    f, pointers, first, end = begin(kernel, name)
    assert kernel.special is not None
    units = _EMIT[kernel.special.op](f, kernel, pointers, first, end)
    f.ret()
    return f, units


def _read(f: Function, pointers: dict[Place, Value], place: Place, index: Value) -> Value:
    scalar = storage_type(place.dtype)
    value = f.load(f.gep(pointers[place], index, scalar), Type(scalar), place.dtype.itemsize)
    return from_storage(f, value, place.dtype)


def _write(
    f: Function, pointers: dict[Place, Value], place: Place, index: Value, value: Value
) -> None:
    scalar = storage_type(place.dtype)
    value = to_storage(f, value, place.dtype)
    f.store(value, f.gep(pointers[place], index, scalar), place.dtype.itemsize)


def _rows(place: Place) -> tuple[int, int]:
    """(number of rows, length of a row) along the last axis."""
    length = place.shape[-1] if place.shape else 1
    return math.prod(place.shape) // max(length, 1), length


def _cumulative(f: Function, kernel: Kernel, pointers: dict, first: Value, end: Value) -> int:
    special = kernel.special
    x, out = special.operands[0], special.results[0]
    kind, dtype = special.attributes["kind"], x.dtype
    rows, length = _rows(x)
    start = constant(Type(compute_type(dtype)), identity(kind, dtype))
    with f.loop(first, end) as row:
        base = f.mul(row.index, length)
        with f.loop(0, length, 1, [start]) as loop:
            place = f.add(base, loop.index)
            total = combine(f, kind, loop.carried[0], _read(f, pointers, x, place), dtype)
            _write(f, pointers, out, place, total)
            loop.carry(total)
    return rows


def _scatter_add(f: Function, kernel: Kernel, pointers: dict, first: Value, end: Value) -> int:
    """Copy the operand, unless it is state that is added to in place; then add the updates in the
    order of their indices.
    """
    x, indices, updates = kernel.special.operands
    out = kernel.special.results[0]
    columns = math.prod(x.shape[1:])
    count = math.prod(indices.shape)
    if (out.buffer, out.turns) != (x.buffer, x.turns):
        with f.loop(0, math.prod(x.shape)) as loop:
            _write(f, pointers, out, loop.index, _read(f, pointers, x, loop.index))
    with f.loop(0, count) as update:
        row = convert(f, _read(f, pointers, indices, update.index), indices.dtype, int64)
        row = f.intrinsic("smax", I64, row, constant(I64, 0))
        row = f.intrinsic("smin", I64, row, constant(I64, x.shape[0] - 1))
        with f.loop(0, columns) as column:
            place = f.add(f.mul(row, columns), column.index)
            more = _read(f, pointers, updates, f.add(f.mul(update.index, columns), column.index))
            before = _read(f, pointers, out, place)
            _write(f, pointers, out, place, combine(f, "sum", before, more, x.dtype))
    return 1


def _argsort(f: Function, kernel: Kernel, pointers: dict, first: Value, end: Value) -> int:
    """Bottom-up merge sort of the places of each row: stable, by runs of 1, 2, 4, ..., between two
    arrays.
    """
    x = kernel.special.operands[0]
    out, scratch = kernel.special.results
    rows, length = _rows(x)
    order = _Order(f, pointers, x, kernel.special.attributes["descending"])
    passes = max(length - 1, 0).bit_length()
    # The last pass must end in `out`.
    buffers = [out, scratch] if passes % 2 == 0 else [scratch, out]
    with f.loop(first, end) as row:
        base = f.mul(row.index, length)
        with f.loop(0, length) as loop:
            _write(f, pointers, buffers[0], f.add(base, loop.index), loop.index)
        for number in range(passes):
            source, target = buffers[number % 2], buffers[(number + 1) % 2]
            with f.loop(0, length, 2 << number) as loop:
                _merge(f, pointers, order, base, (source, target), loop.index, 1 << number, length)
    return rows


class _Order:
    """Which of two places of a row comes first."""

    def __init__(self, f: Function, pointers: dict, x: Place, descending: bool) -> None:
        self.f, self.pointers, self.x, self.descending = f, pointers, x, descending

    def after(self, base: Value, a: Value, b: Value) -> Value:
        """Whether element `a` must come after `b`; NaN goes last, or first if descending."""
        f, dtype = self.f, self.x.dtype
        left, right = (_read(f, self.pointers, self.x, f.add(base, place)) for place in (a, b))
        if self.descending:
            left, right = right, left
        return _greater(f, left, right, dtype)


def _greater(f: Function, a: Value, b: Value, dtype: DType) -> Value:
    if dtype.is_float:
        return f.or_(f.fcmp("ogt", a, b), f.and_(f.fcmp("uno", a, a), f.fcmp("ord", b, b)))
    return f.icmp("sgt" if dtype.kind == "int" else "ugt", a, b)


def _merge(
    f: Function,
    pointers: dict,
    order: _Order,
    base: Value,
    arrays: tuple[Place, Place],
    low: Value,
    run: int,
    length: int,
) -> None:
    """Merge two neighbouring sorted runs: at each step take the left head unless the right one must
    come first.
    """
    source, target = arrays
    limit = constant(I64, length)
    middle = f.intrinsic("smin", I64, f.add(low, run), limit)
    high = f.intrinsic("smin", I64, f.add(low, 2 * run), limit)
    last = f.add(limit, -1)
    with f.loop(low, high, 1, [low, middle]) as loop:
        left, right = loop.carried
        # Heads that do not exist are read at a harmless place and not used.
        a = _read(f, pointers, source, f.add(base, f.intrinsic("smin", I64, left, last)))
        b = _read(f, pointers, source, f.add(base, f.intrinsic("smin", I64, right, last)))
        left_is_empty, right_is_empty = f.icmp("sge", left, middle), f.icmp("sge", right, high)
        take_right = f.or_(left_is_empty, f.and_(f.not_(right_is_empty), order.after(base, a, b)))
        _write(f, pointers, target, f.add(base, loop.index), f.select(take_right, b, a))
        step = f.zext(take_right, "i64")
        loop.carry(f.add(left, f.sub(1, step)), f.add(right, step))


_EMIT = {"cumulative": _cumulative, "scatter_add": _scatter_add, "argsort": _argsort}
