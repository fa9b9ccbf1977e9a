"""Emission of kernels: loops over points and row programs. Receives a planned Kernel, hands back an
LLVM Function.

A kernel's function takes pointers to its places and a range of units, independent pieces of work;
the program shares the units among the threads.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate

from chainrule.codegen.builder import Function
from chainrule.codegen.point import Point, lanes_below
from chainrule.codegen.reduce import Accumulator
from chainrule.codegen.values import I64, PTR, Value, constant
from chainrule.dtypes import bool_
from chainrule.ir.index import Axis
from chainrule.ir.plan import Kernel, Place, Reduce, Store, walk
from chainrule.ir.stages import Stages, indices

# Vectors of columns summed together, if columns are so long and enough units remain.
BESIDE, LONG, COLUMN_UNITS = 4, 64, 8
PIECE = 512  # So many terms of a sum are added one by one; sums of pieces are then added.
UNITS = 512  # So many units the threads share evenly enough.


def signature(kernel: Kernel) -> list[Place]:
    """The places whose pointers the kernel's function takes, in order."""
    return list(dict.fromkeys(kernel.reads() + kernel.writes()))


def begin(kernel: Kernel, name: str) -> tuple[Function, dict[Place, Value], Value, Value]:
    """The head of a kernel's function: (function, pointers, first unit, end of units)."""
    places = signature(kernel)
    distinct = len({place.buffer for place in places}) == len(places)
    # Overlapping places (slices of one array) must not be promised apart.
    promise = "noalias nocapture" if distinct else "nocapture"
    parameters = [(PTR, f"p{number}", promise) for number in range(len(places))]
    f = Function(
        name, [*parameters, (I64, "begin", ""), (I64, "end", "")], prefix="", attributes="noinline"
    )
    *pointers, first, end = f.parameters
    return f, dict(zip(places, pointers, strict=True)), first, end


def vector_axis(kernel: Kernel) -> Axis | None:
    """The axis along which most memory is walked contiguously."""
    positions = [
        index for expr in kernel.expressions() for index in indices(expr) if expr.op == "load"
    ]
    positions += [store.index for store in kernel.stores]
    argument = any(
        isinstance(s, Reduce) and s.kind in ("argmax", "argmin") for s in kernel.statements
    )

    def score(axis: Axis) -> tuple[float, int]:
        steps = [index.coefficient(axis) for index in positions]
        return sum(3 if s == 1 else 1 if s == 0 else -4 for s in steps) - (
            8 if axis.size < 4 else 0
        ), axis.number

    candidates = [axis for axis in kernel.axes if not (argument and axis in kernel.inner)]
    return max(candidates, key=score, default=None)


def lanes_for(kernel: Kernel, axis: Axis | None, vector_bytes: int) -> int:
    """Lanes that fill a register with the kernel's widest float (or integer), but not more than the
    axis needs.
    """
    if axis is None:
        return 1
    dtypes = [expr.dtype for expr in kernel.expressions()]
    sizes = [d.itemsize for d in dtypes if d.is_float] or [
        d.itemsize for d in dtypes if d is not bool_
    ]
    lanes = vector_bytes // max([4, *sizes]) if sizes else vector_bytes // 4
    while lanes // 2 >= axis.size:
        lanes //= 2
    return lanes


def _lanes(kernel: Kernel, vector: Axis | None, vector_bytes: int) -> int:
    """Lanes of a visit: several vectors where it sums down columns that are far apart."""
    lanes = lanes_for(kernel, vector, vector_bytes)
    if vector is None or not _goes_down(kernel, vector):
        return lanes
    return max(
        lanes * n for n in (1, 2, BESIDE) if n == 1 or lanes * n * COLUMN_UNITS <= vector.size
    )


def _goes_down(kernel: Kernel, vector: Axis) -> bool:
    """Whether the kernel sums down columns: far from one element to the next, so that each visit
    should bring several vectors.
    """
    turns = math.prod(axis.size for axis in kernel.inner)
    return bool(kernel.inner) and vector not in kernel.inner and turns >= LONG


def units_of(kernel: Kernel, vector_bytes: int) -> tuple[Units, Axis | None, int]:
    """(how the kernel's points are numbered, along which axis its vectors lie, their lanes)."""
    vector = vector_axis(kernel)
    lanes = _lanes(kernel, vector, vector_bytes)
    return Units(kernel, vector, lanes), vector, lanes


class Units:
    """How the independent points of a kernel are numbered: the outermost axes, as few as give
    enough units; what is left is walked inside a unit. Where all axes are few, chunks of the vector
    axis are units too.
    """

    def __init__(self, kernel: Kernel, vector: Axis | None, lanes: int) -> None:
        self.vector_outside = vector is not None and vector not in kernel.inner
        axes = [axis for axis in kernel.axes if axis not in kernel.inner and axis != vector]
        sizes = list(accumulate((axis.size for axis in axes), operator.mul))
        outermost = 1 + next((n for n, size in enumerate(sizes) if size >= UNITS), len(axes))
        self.axes, self.inside = axes[:outermost], axes[outermost:]
        self.count = math.prod(axis.size for axis in self.axes)
        self.chunks = 1
        if vector is not None and self.vector_outside and self.count < UNITS:
            self.chunks = -(-vector.size // lanes)
            self.count *= self.chunks

    def locate(self, f: Function, unit: Value) -> tuple[dict[Axis, Value], Value]:
        """(where the outer axes stand, which chunk) for a unit."""
        place, chunk = unit, constant(I64, 0)
        if self.chunks > 1 and self.axes:
            place, chunk = f.udiv(unit, self.chunks), f.urem(unit, self.chunks)
        elif self.chunks > 1:
            chunk = unit
        stands = {}
        for number, axis in reversed(list(enumerate(self.axes))):
            stands[axis] = f.urem(place, axis.size) if number else place
            place = f.udiv(place, axis.size) if number else place
        return stands, chunk


def emit_loops(kernel: Kernel, name: str, vector_bytes: int) -> tuple[Function, int]:
    """A kernel without a contraction: (its function, its number of units)."""
    f, pointers, first, end = begin(kernel, name)
    units, vector, lanes = units_of(kernel, vector_bytes)
    with f.loop(first, end) as loop:
        stands, chunk = units.locate(f, loop.index)
        with nested(f, units.inside) as inside:
            point = Point(f, pointers, {**stands, **inside}, vector, lanes, None)
            if not units.vector_outside:
                _Row(kernel, point).emit()
            elif units.chunks > 1:
                _emit_chunk(kernel, point, chunk, units.chunks)
            else:
                _emit_chunks(kernel, point)
    f.ret()
    return f, units.count


def _emit_chunk(kernel: Kernel, point: Point, chunk: Value, chunks: int) -> None:
    """One vector of the points along the vector axis."""
    f, lanes, vector = point.f, point.lanes, point.vector
    assert vector is not None
    rest = vector.size % lanes
    start = {vector: f.mul(chunk, lanes)}
    with _full_or_rest(f, chunk, chunks, rest) as cases:
        for masked in cases:
            mask = lanes_below(f, lanes, rest) if masked and lanes > 1 else None
            _Row(kernel, point.inside(start, mask)).emit()


def _emit_chunks(kernel: Kernel, point: Point) -> None:
    """All points along the vector axis."""
    f, lanes, vector = point.f, point.lanes, point.vector
    assert vector is not None
    rest = vector.size % lanes
    if vector.size > rest:
        with f.loop(0, vector.size - rest, lanes) as loop:
            _Row(kernel, point.inside({vector: loop.index}, None)).emit()
    if rest:
        start = {vector: constant(I64, vector.size - rest)}
        _Row(kernel, point.inside(start, lanes_below(f, lanes, rest))).emit()


@contextmanager
def _full_or_rest(f: Function, chunk: Value, chunks: int, rest: int) -> Iterator[Iterator[bool]]:
    """The body once for whole chunks (False), once more for a last one that is not full (True)."""
    if not rest:
        yield iter([False])
    elif chunks == 1:
        yield iter([True])
    else:
        yield _branches(f, chunk, chunks)


def _branches(f: Function, chunk: Value, chunks: int) -> Iterator[bool]:
    full, partial, after = f.block("full"), f.block("rest"), f.block("after")
    f.cond_branch(f.icmp("slt", chunk, chunks - 1), full, partial)
    f.enter(full)
    yield False
    f.branch(after)
    f.enter(partial)
    yield True
    f.branch(after)
    f.enter(after)


class _Row:
    """The statements of a kernel at one place of its outer axes: stage after stage, each a loop
    over the inner axes.
    """

    def __init__(self, kernel: Kernel, point: Point) -> None:
        self.kernel, self.point, self.f = kernel, point, point.f
        self.stages = Stages(kernel)
        self.inner_axes = [axis for axis in kernel.axes if axis in kernel.inner]
        self.stored: dict[int, Store] = {}  # Values of inner stores of earlier stages, by identity.

    def emit(self) -> None:
        for stage in range(self.stages.count):
            statements = [
                s for s in self.kernel.statements if self.stages.stage[id(s.value)] == stage
            ]
            inner = [
                s for s in statements if isinstance(s, Reduce) or s.index.axes() & self.kernel.inner
            ]
            self._emit_uniform(inner)
            if inner:
                self._emit_loop(inner)
            outer = [s for s in statements if isinstance(s, Store) and s not in inner]
            self.point.store_all(outer)
            for statement in inner:
                if isinstance(statement, Store):
                    self.stored[id(statement.value)] = statement

    def _emit_uniform(self, statements: list) -> None:
        """What does not change along the row is computed before the loop."""
        for expr in walk(*[statement.value for statement in statements]):
            if not self.stages.inner[id(expr)]:
                self.point.emit(expr)

    def _emit_loop(self, statements: list) -> None:
        vector = self.point.vector if self.point.vector in self.kernel.inner else None
        turns = math.prod(axis.size for axis in self.inner_axes) // (
            self.point.lanes if vector else 1
        )
        accumulators = {
            s.number: Accumulator(self.kernel, s, self.point, turns > PIECE)
            for s in statements
            if isinstance(s, Reduce)
        }

        def close() -> None:
            for accumulator in accumulators.values():
                accumulator.close_piece()

        if vector is None:
            with nested(self.f, self.inner_axes, close) as stands:
                point = self.point.inside(stands, self.point.mask)
                self._emit_body(statements, accumulators, point)
        else:
            with nested(self.f, [axis for axis in self.inner_axes if axis != vector]) as stands:
                self._emit_along(vector, stands, statements, accumulators, close)
                close()
        for number, accumulator in accumulators.items():
            for expr in self.kernel.expressions():
                if expr.op == "reduced" and expr.data == number:
                    self.point.values[id(expr)] = accumulator.result(vector is not None)

    def _emit_along(
        self,
        vector: Axis,
        stands: dict,
        statements: list,
        accumulators: dict,
        close: Callable[[], None],
    ) -> None:
        """Whole vectors along the row, then the lanes that are left."""
        f, lanes = self.f, self.point.lanes
        full = vector.size - vector.size % lanes
        if full:
            with _in_pieces(f, full, lanes, PIECE, close) as index:
                point = self.point.inside({**stands, vector: index}, None)
                self._emit_body(statements, accumulators, point)
        if full < vector.size:
            mask = lanes_below(f, lanes, vector.size - full)
            stands = {**stands, vector: constant(I64, full)}
            self._emit_body(statements, accumulators, self.point.inside(stands, mask))

    def _emit_body(self, statements: list, accumulators: dict, point: Point) -> None:
        for value, store in self.stored.items():
            if value not in point.values and store.place in point.pointers:
                self._reload(value, store, statements, point)
        for statement in statements:
            if isinstance(statement, Reduce):
                accumulators[statement.number].add(point, point.emit(statement.value))
        point.store_all([statement for statement in statements if isinstance(statement, Store)])

    def _reload(self, value: int, store: Store, statements: list, point: Point) -> None:
        """Read back what an earlier stage stored, if this stage needs it."""
        if any(id(expr) == value for expr in walk(*[statement.value for statement in statements])):
            point.values[value] = point.read_back(store)


@contextmanager
def nested(
    f: Function, axes: list[Axis], close: Callable[[], None] | None = None
) -> Iterator[dict[Axis, Value]]:
    """Loops over all of `axes`, one inside the other; `close` is called after every PIECE turns or
    so, if there are more.
    """
    if not axes:
        yield {}
        return
    axis, rest = axes[0], axes[1:]
    inside = math.prod(axis.size for axis in rest)
    if close is None or inside > PIECE or axis.size * inside <= PIECE:
        with f.loop(0, axis.size) as loop, nested(f, rest, close) as inner:
            yield {axis: loop.index, **inner}
    else:
        with _in_pieces(f, axis.size, 1, PIECE // inside, close) as index, nested(f, rest) as inner:
            yield {axis: index, **inner}


@contextmanager
def _in_pieces(
    f: Function, stop: int, step: int, turns: int, close: Callable[[], None]
) -> Iterator[Value]:
    """for index in range(0, stop, step); `close` is called after so many turns, if there are
    more.
    """
    if stop <= turns * step:
        with f.loop(0, stop, step) as loop:
            yield loop.index
        return
    with f.loop(0, stop, turns * step) as piece:
        end = f.intrinsic("smin", I64, f.add(piece.index, turns * step), constant(I64, stop))
        with f.loop(piece.index, end, step) as loop:
            yield loop.index
        close()
