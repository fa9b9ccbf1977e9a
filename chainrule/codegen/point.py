"""Emission at one point of a kernel's loops: indices, loads, expressions, stores. Loops around it
stand elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable

from chainrule.codegen.builder import Function
from chainrule.codegen.elementwise import (
    EMIT,
    STEPS,
    compute_type,
    convert,
    from_storage,
    rounded,
    storage_type,
    to_storage,
)
from chainrule.codegen.values import I1, I64, Type, Value, constant
from chainrule.dtypes import int64
from chainrule.ir.index import Axis, Index, Quotient
from chainrule.ir.plan import Condition, Expr, Load, Place, Store, walk


class Point:
    """The code for one point (or vector of points) of the loops: where the axes stand, and what is
    known there.

    `vector` is the axis that lanes run along; `mask` says which lanes exist (None: all).
    """

    def __init__(
        self,
        f: Function,
        pointers: dict[Place, Value],
        axes: dict[Axis, Value],
        vector: Axis | None,
        lanes: int,
        mask: Value | None,
    ) -> None:
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
        return [
            value if value.type.lanes == lanes else self.f.splat(value, lanes) for value in values
        ]

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
        args = self.together([self._operand(expr, arg) for arg in expr.args])
        return EMIT[expr.op](self.f, args, expr)

    def _operand(self, expr: Expr, arg: Expr) -> Value:
        """16-bit floats keep the digits of float32 until they are stored; but where a small
        difference decides, all must see the value that is stored.
        """
        value = self.values[id(arg)]
        steps = expr.op in STEPS and arg.op != "load"
        return rounded(self.f, value, arg.dtype) if steps else value

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

    def read_back(self, store: Store) -> Value:
        """What was stored at this point before."""
        return self._load(Expr("load", (), store.place.dtype, Load(store.place, store.index)))

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
        return from_storage(self.f, value, load.place.dtype)

    def _step(self, index: Index, dynamic: Value | None) -> int | None:
        """How far apart neighbouring lanes lie in memory; None if that varies."""
        if dynamic is not None and dynamic.type.lanes > 1:
            return None
        return index.coefficient(self.vector) if self.vector is not None and self.lanes > 1 else 0

    def _address(self, load: Load, scalar: str, dynamic: Value | None, index: Value) -> Value:
        if dynamic is not None:
            index = self.binary("add", index, self._scaled(dynamic, load.stride))
        return self.f.gep(self.pointers[load.place], index, scalar)

    def _load_one(
        self, load: Load, scalar: str, dynamic: Value | None, condition: Value | None
    ) -> Value:
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

    def _load_contiguous(
        self, load: Load, scalar: str, dynamic: Value | None, condition: Value | None
    ) -> Value:
        f, type, size = self.f, Type(scalar, self.lanes), load.place.dtype.itemsize
        address = self._address(load, scalar, dynamic, self.base(load.index))
        mask = self._lanes_where(condition)
        if mask is None:
            return f.load(address, type, size)
        return f.masked_load(address, type, mask, constant(type, 0), size)

    def _load_scattered(
        self, load: Load, scalar: str, dynamic: Value | None, condition: Value | None
    ) -> Value:
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
        """Write several values. What their places held before (state) is read before the first is
        written.
        """
        places = {store.place for store in stores}
        for expr in walk(*[store.value for store in stores]):
            if expr.op == "load" and expr.data.place in places:
                self.emit(expr)
        for store in stores:
            self.store(store)

    def store(self, store: Store) -> None:
        """Write a value; on lanes if the place moves with the vector axis, else once."""
        f, place = self.f, store.place
        value, scalar, size = (
            to_storage(f, self.emit(store.value), place.dtype),
            storage_type(place.dtype),
            place.dtype.itemsize,
        )
        step = (
            store.index.coefficient(self.vector)
            if self.vector is not None and self.lanes > 1
            else 0
        )
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
        f.masked_scatter(
            value, f.gep(self.pointers[place], self.index(store.index), scalar), mask, size
        )


def iota(lanes: int) -> Value:
    numbers = ", ".join(f"i64 {number}" for number in range(lanes))
    return Value(f"<{numbers}>", Type("i64", lanes))


def lanes_below(f: Function, lanes: int, count: int) -> Value:
    """The mask of the first `count` lanes."""
    bits = ", ".join(f"i1 {'true' if lane < count else 'false'}" for lane in range(lanes))
    return Value(f"<{bits}>", Type("i1", lanes))
