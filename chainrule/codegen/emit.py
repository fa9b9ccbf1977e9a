"""Emission of kernels: loops over points and row programs. Receives a planned Kernel, hands back an LLVM Function.

A kernel's function takes pointers to its places and a range of units, independent pieces of work; the program
shares the units among the threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from chainrule.codegen.builder import Function
from chainrule.codegen.elementwise import EMIT, compute_type, convert, extreme, storage_type
from chainrule.codegen.values import I1, I64, PTR, Type, Value, constant
from chainrule.dtypes import DType, bool_, int64
from chainrule.ir.index import Axis, Index, Quotient
from chainrule.ir.plan import Condition, Expr, Kernel, Load, Place, Reduce, Store, walk
from chainrule.ir.stages import Stages, indices


class Point:
    """The code for one point (or vector of points) of the loops: where the axes stand, and what is known there.

    `vector` is the axis that lanes run along; `mask` says which lanes exist (None: all).
    """

    def __init__(self, f: Function, pointers: dict[Place, Value], axes: dict[Axis, Value],
                 vector: Axis | None, lanes: int, mask: Value | None) -> None:
        self.f, self.pointers, self.axes = f, pointers, axes
        self.vector, self.lanes, self.mask = vector, lanes, mask
        self.values: dict[int, Value] = {}
        self._indices: dict[Index, Value] = {}

    def inside(self, axes: dict[Axis, Value], mask: Value | None) -> Point:
        """The same point further in: more axes stand, everything known stays known."""
        inner = Point(self.f, self.pointers, {**self.axes, **axes}, self.vector, self.lanes, mask)
        inner.values = dict(self.values)
        return inner

    # ---- Indices ----

    def index(self, index: Index) -> Value:
        """An index as i64: one number, or one a lane if it depends on the vector axis."""
        found = self._indices.get(index)
        if found is None:
            found = self._indices[index] = self._sum(index)
        return found

    def _sum(self, index: Index) -> Value:
        total = constant(I64, index.constant)
        for atom, coefficient in index.terms:
            total = self.binary("add", total, self._scaled(self._atom(atom), coefficient))
        return total

    def _scaled(self, value: Value, factor: int) -> Value:
        return value if factor == 1 else self.f.mul(value, constant(value.type, factor))

    def _atom(self, atom: Axis | Quotient) -> Value:
        if isinstance(atom, Quotient):
            inner = self.index(atom.index)
            operation = self.f.urem if atom.rest else self.f.udiv
            return operation(inner, constant(inner.type, atom.divisor))
        if atom == self.vector and self.lanes > 1:
            return self.f.add(self.f.splat(self.axes[atom], self.lanes), iota(self.lanes))
        return self.axes[atom]

    def base(self, index: Index) -> Value:
        """The index at lane 0 of an index that is linear in the vector axis."""
        saved, self.lanes = self.lanes, 1
        kept, self._indices = self._indices, {}
        result = self._sum(index)
        self.lanes, self._indices = saved, kept
        return result

    # ---- Values ----

    def binary(self, method: str, a: Value, b: Value) -> Value:
        a, b = self.together([a, b])
        return getattr(self.f, method)(a, b)

    def together(self, values: list[Value]) -> list[Value]:
        """Operands with the same number of lanes."""
        lanes = max(value.type.lanes for value in values)
        return [value if value.type.lanes == lanes else self.f.splat(value, lanes) for value in values]

    def emit(self, root: Expr) -> Value:
        """The value of an expression at this point."""
        for expr in walk(root):
            if id(expr) not in self.values:
                self.values[id(expr)] = self._one(expr)
        return self.values[id(root)]

    def _one(self, expr: Expr) -> Value:
        if expr.op == "load":
            return self._load(expr)
        if expr.op == "constant":
            return constant(Type(compute_type(expr.dtype)), expr.data)
        if expr.op == "index":
            return convert(self.f, self.index(expr.data), int64, expr.dtype)
        if expr.op == "within":
            return self.within(expr.data)
        args = self.together([self.values[id(arg)] for arg in expr.args])
        return EMIT[expr.op](self.f, args, expr)

    def within(self, conditions: Iterable[Condition]) -> Value:
        result: Value | None = None
        for index, low, high in conditions:
            value = self.index(index)
            # One unsigned comparison tests both bounds.
            shifted = value if low == 0 else self.f.sub(value, constant(value.type, low))
            holds = self.f.icmp("ult", shifted, constant(value.type, high - low))
            result = holds if result is None else self.binary("and_", result, holds)
        return result if result is not None else constant(I1, True)

    # ---- Memory ----

    def _load(self, expr: Expr) -> Value:
        load = expr.data
        scalar = storage_type(load.place.dtype)
        dynamic = self.values[id(expr.args[0])] if expr.args else None
        step = self._step(load.index, dynamic)
        condition = self.within(load.conditions) if load.conditions else None
        if step == 0:
            value = self._load_one(load, scalar, dynamic, condition)
        elif step == 1 and (dynamic is None or dynamic.type.lanes == 1):
            value = self._load_contiguous(load, scalar, dynamic, condition)
        else:
            value = self._load_scattered(load, scalar, dynamic, condition)
        return self.f.icmp("ne", value, 0) if load.place.dtype is bool_ else value

    def _step(self, index: Index, dynamic: Value | None) -> int | None:
        """How far apart neighbouring lanes lie in memory; None if that varies."""
        if dynamic is not None and dynamic.type.lanes > 1:
            return None
        return index.coefficient(self.vector) if self.vector is not None and self.lanes > 1 else 0

    def _address(self, load: Load, scalar: str, dynamic: Value | None, index: Value) -> Value:
        if dynamic is not None:
            index = self.binary("add", index, self._scaled(dynamic, load.stride))
        return self.f.gep(self.pointers[load.place], index, scalar)

    def _load_one(self, load: Load, scalar: str, dynamic: Value | None, condition: Value | None) -> Value:
        """The same element for all lanes."""
        f, size = self.f, load.place.dtype.itemsize
        index = self.index(load.index)
        if condition is None:
            return f.load(self._address(load, scalar, dynamic, index), Type(scalar), size)
        if condition.type.lanes > 1:
            return self._load_scattered(load, scalar, dynamic, condition)
        # Where the condition fails the first element is read and thrown away.
        offset = index if dynamic is None else f.add(index, self._scaled(dynamic, load.stride))
        safe = f.select(condition, offset, constant(I64, 0))
        value = f.load(f.gep(self.pointers[load.place], safe, scalar), Type(scalar), size)
        return f.select(condition, value, constant(value.type, 0))

    def _load_contiguous(self, load: Load, scalar: str, dynamic: Value | None, condition: Value | None) -> Value:
        f, type, size = self.f, Type(scalar, self.lanes), load.place.dtype.itemsize
        address = self._address(load, scalar, dynamic, self.base(load.index))
        mask = self._lanes_where(condition)
        if mask is None:
            return f.load(address, type, size)
        return f.masked_load(address, type, mask, constant(type, 0), size)

    def _load_scattered(self, load: Load, scalar: str, dynamic: Value | None, condition: Value | None) -> Value:
        f, type, size = self.f, Type(scalar, self.lanes), load.place.dtype.itemsize
        index = self.together([self.index(load.index), constant(Type("i64", self.lanes), 0)])[0]
        addresses = self._address(load, scalar, dynamic, index)
        mask = self._lanes_where(condition) or constant(Type("i1", self.lanes), True)
        return f.masked_gather(addresses, type, mask, constant(type, 0), size)

    def _lanes_where(self, condition: Value | None) -> Value | None:
        if condition is None:
            return self.mask
        condition = self.f.splat(condition, self.lanes) if condition.type.lanes == 1 else condition
        return condition if self.mask is None else self.f.and_(condition, self.mask)

    def store_all(self, stores: list[Store]) -> None:
        """Write several values. What their places held before (state) is read before the first is written."""
        places = {store.place for store in stores}
        for expr in walk(*[store.value for store in stores]):
            if expr.op == "load" and expr.data.place in places:
                self.emit(expr)
        for store in stores:
            self.store(store)

    def store(self, store: Store) -> None:
        """Write a value; on lanes if the place moves with the vector axis, else once."""
        f, place = self.f, store.place
        value, scalar, size = self.emit(store.value), storage_type(place.dtype), place.dtype.itemsize
        if place.dtype is bool_:
            value = f.zext(value, "i8")
        step = store.index.coefficient(self.vector) if self.vector is not None and self.lanes > 1 else 0
        if step == 0:
            f.store(value, f.gep(self.pointers[place], self.index(store.index), scalar), size)
            return
        value = f.splat(value, self.lanes) if value.type.lanes == 1 else value
        if step == 1:
            address = f.gep(self.pointers[place], self.base(store.index), scalar)
            if self.mask is None:
                f.store(value, address, size)
            else:
                f.masked_store(value, address, self.mask, size)
            return
        mask = self.mask or constant(Type("i1", self.lanes), True)
        f.masked_scatter(value, f.gep(self.pointers[place], self.index(store.index), scalar), mask, size)


def iota(lanes: int) -> Value:
    numbers = ", ".join(f"i64 {number}" for number in range(lanes))
    return Value(f"<{numbers}>", Type("i64", lanes))


def lanes_below(f: Function, lanes: int, count: int) -> Value:
    """The mask of the first `count` lanes."""
    bits = ", ".join(f"i1 {'true' if lane < count else 'false'}" for lane in range(lanes))
    return Value(f"<{bits}>", Type("i1", lanes))


# ---- Whole kernels ----


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
    f = Function(name, [*parameters, (I64, "begin", ""), (I64, "end", "")], prefix="", attributes="noinline")
    *pointers, first, end = f.parameters
    return f, dict(zip(places, pointers, strict=True)), first, end


def vector_axis(kernel: Kernel) -> Axis | None:
    """The axis along which most memory is walked contiguously."""
    positions = [index for expr in kernel.expressions() for index in indices(expr) if expr.op == "load"]
    positions += [store.index for store in kernel.stores]
    argument = any(isinstance(s, Reduce) and s.kind in ("argmax", "argmin") for s in kernel.statements)

    def score(axis: Axis) -> tuple[float, int]:
        steps = [index.coefficient(axis) for index in positions]
        return sum(3 if s == 1 else 1 if s == 0 else -4 for s in steps) - (8 if axis.size < 4 else 0), axis.number

    candidates = [axis for axis in kernel.axes if not (argument and axis in kernel.inner)]
    return max(candidates, key=score, default=None)


def lanes_for(kernel: Kernel, axis: Axis | None, vector_bytes: int) -> int:
    """Lanes that fill a register with the kernel's widest float (or integer), but not more than the axis needs."""
    if axis is None:
        return 1
    dtypes = [expr.dtype for expr in kernel.expressions()]
    sizes = [d.itemsize for d in dtypes if d.is_float] or [d.itemsize for d in dtypes if d is not bool_]
    lanes = vector_bytes // max([4, *sizes]) if sizes else vector_bytes // 4
    while lanes // 2 >= axis.size:
        lanes //= 2
    return lanes


class Units:
    """How the independent points of a kernel are numbered: outer axes, then chunks of the vector axis if it is outer."""

    def __init__(self, kernel: Kernel, vector: Axis | None, lanes: int) -> None:
        self.vector_outside = vector is not None and vector not in kernel.inner
        self.axes = [axis for axis in kernel.axes if axis not in kernel.inner and axis != vector]
        self.chunks = -(-vector.size // lanes) if self.vector_outside else 1
        self.count = math.prod(axis.size for axis in self.axes) * self.chunks

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
    vector = vector_axis(kernel)
    lanes = lanes_for(kernel, vector, vector_bytes)
    units = Units(kernel, vector, lanes)
    with f.loop(first, end) as loop:
        stands, chunk = units.locate(f, loop.index)
        if not units.vector_outside:
            _Row(kernel, Point(f, pointers, stands, vector, lanes, None)).emit()
        else:
            assert vector is not None
            start = f.mul(chunk, lanes)
            rest = vector.size % lanes
            point = Point(f, pointers, {**stands, vector: start}, vector, lanes, None)
            with _full_or_rest(f, chunk, units.chunks, rest) as cases:
                for masked in cases:
                    mask = lanes_below(f, lanes, rest) if masked and lanes > 1 else None
                    _Row(kernel, point.inside({}, mask)).emit()
    f.ret()
    return f, units.count


@contextmanager
def _full_or_rest(f: Function, chunk: Value, chunks: int, rest: int) -> Iterator[Iterator[bool]]:
    """The body once for whole chunks (False), and once more for a last one that is not full (True)."""
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
    """The statements of a kernel at one place of its outer axes: stage after stage, each a loop over the inner axes."""

    def __init__(self, kernel: Kernel, point: Point) -> None:
        self.kernel, self.point, self.f = kernel, point, point.f
        self.stages = Stages(kernel)
        self.inner_axes = [axis for axis in kernel.axes if axis in kernel.inner]
        self.stored: dict[int, Store] = {}  # Values of inner stores of earlier stages, by identity.

    def emit(self) -> None:
        for stage in range(self.stages.count):
            statements = [s for s in self.kernel.statements if self.stages.stage[id(s.value)] == stage]
            inner = [s for s in statements if isinstance(s, Reduce) or s.index.axes() & self.kernel.inner]
            self._emit_uniform(inner, stage)
            if inner:
                self._emit_loop(inner, stage)
            self.point.store_all([s for s in statements if s not in inner])
            for statement in inner:
                if isinstance(statement, Store):
                    self.stored[id(statement.value)] = statement

    def _emit_uniform(self, statements: list, stage: int) -> None:
        """What does not change along the row is computed before the loop."""
        for expr in walk(*[statement.value for statement in statements]):
            if not self.stages.inner[id(expr)]:
                self.point.emit(expr)

    def _emit_loop(self, statements: list, stage: int) -> None:
        accumulators = {s.number: _Accumulator(self.kernel, s, self.point) for s in statements if isinstance(s, Reduce)}
        vector = self.point.vector if self.point.vector in self.kernel.inner else None
        with nested(self.f, [axis for axis in self.inner_axes if axis != vector]) as stands:
            if vector is None:
                self._emit_body(statements, accumulators, self.point.inside(stands, self.point.mask))
            else:
                self._emit_along(vector, stands, statements, accumulators)
        for number, accumulator in accumulators.items():
            for expr in self.kernel.expressions():
                if expr.op == "reduced" and expr.data == number:
                    self.point.values[id(expr)] = accumulator.result(vector is not None)

    def _emit_along(self, vector: Axis, stands: dict, statements: list, accumulators: dict) -> None:
        """Whole vectors along the row, then the lanes that are left."""
        f, lanes = self.f, self.point.lanes
        full = vector.size - vector.size % lanes
        if full:
            with f.loop(0, full, lanes) as loop:
                self._emit_body(statements, accumulators, self.point.inside({**stands, vector: loop.index}, None))
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
            from_memory = Expr("load", (), store.value.dtype, Load(store.place, store.index))
            point.values[value] = point.emit(from_memory)


@contextmanager
def nested(f: Function, axes: list[Axis]) -> Iterator[dict[Axis, Value]]:
    """Loops over all of `axes`, one inside the other."""
    if not axes:
        yield {}
        return
    with f.loop(0, axes[0].size) as loop, nested(f, axes[1:]) as inner:
        yield {axes[0]: loop.index, **inner}


class _Accumulator:
    """What a Reduce has gathered so far, in stack memory that LLVM turns into registers."""

    def __init__(self, kernel: Kernel, reduce: Reduce, point: Point) -> None:
        self.reduce, self.f, self.kernel = reduce, point.f, kernel
        self.dtype: DType = reduce.value.dtype
        scalar = compute_type(self.dtype)
        self.type = Type(scalar, point.lanes)
        self.argument = reduce.kind in ("argmax", "argmin")
        self.kind = reduce.kind.removeprefix("arg")
        self.memory = self.f.alloca(self.type)
        self.identity = constant(self.type, identity(self.kind, self.dtype))
        self.f.store(self.identity, self.memory, self.dtype.itemsize)
        if self.argument:
            self.places = self.f.alloca(Type("i64", point.lanes))
            self.f.store(constant(Type("i64", point.lanes), 0), self.places, 8)

    def add(self, point: Point, value: Value) -> None:
        f = self.f
        value = f.splat(value, self.type.lanes)
        before = f.load(self.memory, self.type, self.dtype.itemsize)
        if self.argument:
            self._add_argument(point, before, value)
            return
        if point.mask is not None and point.vector in self.kernel.inner:
            value = f.select(point.mask, value, self.identity)
        f.store(combine(f, self.kind, before, value, self.dtype), self.memory, self.dtype.itemsize)

    def _add_argument(self, point: Point, before: Value, value: Value) -> None:
        f = self.f
        better = self._beats(value, before)
        (axis,) = self.kernel.inner
        here = f.splat(point.axes[axis], self.type.lanes)
        places = f.load(self.places, here.type, 8)
        f.store(f.select(better, value, before), self.memory, self.dtype.itemsize)
        f.store(f.select(better, here, places), self.places, 8)

    def _beats(self, value: Value, before: Value) -> Value:
        """Strictly better, so that the first place wins; NaN beats all but NaN."""
        f = self.f
        if self.dtype.is_float:
            better = f.fcmp("ogt" if self.kind == "max" else "olt", value, before)
            return f.or_(better, f.and_(f.fcmp("uno", value, value), f.fcmp("ord", before, before)))
        sign = "s" if self.dtype.kind == "int" else "u"
        return f.icmp(sign + ("gt" if self.kind == "max" else "lt"), value, before)

    def result(self, across: bool) -> Value:
        """What was gathered; across the lanes if they ran along the row."""
        f = self.f
        if self.argument:
            return f.load(self.places, Type("i64", self.type.lanes), 8)
        value = f.load(self.memory, self.type, self.dtype.itemsize)
        if not across or self.type.lanes == 1:
            return value
        while (half := value.type.lanes // 2) > 1:
            low, high = f.shuffle(value, range(half)), f.shuffle(value, range(half, 2 * half))
            value = combine(f, self.kind, low, high, self.dtype)
        return combine(f, self.kind, f.extract(value, 0), f.extract(value, 1), self.dtype)


def identity(kind: str, dtype: DType) -> float:
    """What changes nothing when combined."""
    if kind in ("sum", "prod"):
        return 0 if kind == "sum" else 1
    if dtype is bool_:
        return kind == "min"
    if dtype.is_float:
        return -math.inf if kind == "max" else math.inf
    low = -(1 << (dtype.bits - 1)) if dtype.kind == "int" else 0
    high = (1 << (dtype.bits - 1)) - 1 if dtype.kind == "int" else (1 << dtype.bits) - 1
    return low if kind == "max" else high


def combine(f: Function, kind: str, a: Value, b: Value, dtype: DType) -> Value:
    """Two partial results of a reduction as one."""
    if kind in ("max", "min"):
        return extreme(f, kind, a, b, dtype)
    if dtype.is_float:
        return (f.fadd if kind == "sum" else f.fmul)(a, b)
    return (f.add if kind == "sum" else f.mul)(a, b)
