"""Emission of reductions: what a Reduce has gathered while the loops around it run."""

from __future__ import annotations

import math

from chainrule.codegen.builder import Function
from chainrule.codegen.elementwise import compute_type, extreme, rounded
from chainrule.codegen.point import Point
from chainrule.codegen.values import Type, Value, constant
from chainrule.dtypes import DType, bool_
from chainrule.ir.plan import Kernel, Reduce


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


class Accumulator:
    """What a Reduce has gathered so far, in stack memory that LLVM turns into registers."""

    def __init__(self, kernel: Kernel, reduce: Reduce, point: Point, long: bool) -> None:
        """`long`: the terms come in pieces, each of which is closed."""
        self.reduce, self.f, self.kernel = reduce, point.f, kernel
        self.dtype: DType = reduce.value.dtype.arithmetic
        scalar = compute_type(self.dtype)
        self.type = Type(scalar, point.lanes)
        self.argument = reduce.kind in ("argmax", "argmin")
        self.kind = reduce.kind.removeprefix("arg")
        self.memory = self.f.alloca(self.type)
        self.identity = constant(self.type, identity(self.kind, self.dtype))
        self.f.store(self.identity, self.memory, self.dtype.itemsize)
        self.closed = None
        if long and self.kind == "sum" and self.dtype.is_float:
            self.closed = self.f.alloca(self.type)
            self.f.store(self.identity, self.closed, self.dtype.itemsize)
        self.unordered = None
        if self.kind in ("max", "min") and self.dtype.is_float and not self.argument:
            self.unordered = self.f.alloca(Type("i1", point.lanes))
            self.f.store(constant(Type("i1", point.lanes), False), self.unordered, 1)
        if self.argument:
            self.places = self.f.alloca(Type("i64", point.lanes))
            self.f.store(constant(Type("i64", point.lanes), 0), self.places, 8)

    def close_piece(self) -> None:
        """Put the sum of a piece aside: rounding errors then grow with its length and with the
        number of pieces, not with the number of all terms.
        """
        if self.closed is not None:
            self.f.store(self._total(), self.closed, self.dtype.itemsize)
            self.f.store(self.identity, self.memory, self.dtype.itemsize)

    def _total(self) -> Value:
        value = self.f.load(self.memory, self.type, self.dtype.itemsize)
        if self.closed is None:
            return value
        return self.f.fadd(self.f.load(self.closed, self.type, self.dtype.itemsize), value)

    def add(self, point: Point, value: Value) -> None:
        f = self.f
        value = f.splat(value, self.type.lanes)
        before = f.load(self.memory, self.type, self.dtype.itemsize)
        if self.argument:
            self._add_argument(point, before, value)
            return
        if point.mask is not None and point.vector in self.kernel.inner:
            value = f.select(point.mask, value, self.identity)
        f.store(self._combine(before, value), self.memory, self.dtype.itemsize)
        if self.unordered is not None:
            known = f.load(self.unordered, Type("i1", self.type.lanes), 1)
            f.store(f.or_(known, f.fcmp("uno", value, value)), self.unordered, 1)

    def _combine(self, before: Value, value: Value) -> Value:
        """NaN is seen to apart from the comparisons, each of which waits for the one before it."""
        f = self.f
        if self.unordered is None:
            return combine(f, self.kind, before, value, self.dtype)
        better = f.fcmp("ogt" if self.kind == "max" else "olt", value, before)
        return f.select(better, value, before)

    def _add_argument(self, point: Point, before: Value, value: Value) -> None:
        f = self.f
        value = rounded(f, value, self.reduce.value.dtype)
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
        value, lanes = self._total(), self.type.lanes
        if not across or lanes == 1:
            return self._or_nan(value, lanes)
        while (half := value.type.lanes // 2) > 1:
            low, high = f.shuffle(value, range(half)), f.shuffle(value, range(half, 2 * half))
            value = self._combine(low, high)
        return self._or_nan(self._combine(f.extract(value, 0), f.extract(value, 1)), lanes)

    def _or_nan(self, value: Value, lanes: int) -> Value:
        """NaN where a term was."""
        f = self.f
        if self.unordered is None:
            return value
        found = f.load(self.unordered, Type("i1", lanes), 1)
        if value.type.lanes < lanes:
            found = f.icmp("ne", f.bitcast(found, Type(f"i{lanes}")), 0)
        return f.select(found, math.nan, value)
