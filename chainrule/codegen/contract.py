"""Emission of contractions: register tiles over memory read in place, with everything fused behind
them.

A tile is `rows` x `vectors` accumulators. Loops over the summed letters multiply a broadcast
element of the row operand with vectors of the column operand; then the epilogue runs over the
tile's rows, where the accumulated value is just another operand of the kernel's stores.

A column operand that exceeds the cache is copied panel by panel: for one block of the terms, the
columns of one tile lie beside each other while a group of tiles below each other uses them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from chainrule.codegen.builder import Function
from chainrule.codegen.elementwise import compute_type, from_storage, storage_type
from chainrule.codegen.emit import PIECE, begin, nested
from chainrule.codegen.point import Point, lanes_below
from chainrule.codegen.tiling import Terms, Tiling, tiling
from chainrule.codegen.values import I64, Type, Value, constant
from chainrule.ir.index import Axis
from chainrule.ir.plan import Kernel, Place

Stands = dict[Axis, Value]
Each = Callable[[Callable[["_Tile"], None]], None]


def emit_contraction(kernel: Kernel, name: str, vector_bytes: int) -> tuple[Function, int]:
    """A kernel with a contraction: (its function, its number of units)."""
    f, pointers, first, end = begin(kernel, name)
    tiles = tiling(kernel, vector_bytes)
    emitter = (_Groups if tiles.group else _Alone)(kernel, tiles, f, pointers)
    with f.loop(first, end) as loop:
        emitter.unit(loop.index)
    f.ret()
    return f, tiles.units


class _Alone:
    """A unit is one tile, which reads its columns where they lie."""

    def __init__(
        self, kernel: Kernel, tiles: Tiling, f: Function, pointers: dict[Place, Value]
    ) -> None:
        assert kernel.hero is not None
        self.kernel, self.hero, self.tiles, self.f = kernel, kernel.hero, tiles, f
        self.pointers, self.size = pointers, kernel.hero.dtype.arithmetic.itemsize
        self.type = Type(compute_type(kernel.hero.dtype), tiles.lanes)
        self.results = f.alloca(self.type, tiles.results * self.kept)

    @property
    def kept(self) -> int:
        """How many tiles are unfinished at a time."""
        return 1

    def unit(self, number: Value) -> None:
        f, tiles = self.f, self.tiles
        place, number = _divided(f, number, tiles.below * tiles.column_blocks)
        if tiles.columns_first:
            below, column = _divided(f, number, tiles.column_blocks)
        else:
            column, below = _divided(f, number, tiles.below)
        stands = self.start(place, column)

        def tile(columns: _Columns) -> None:
            self.rows(
                below,
                stands,
                lambda stands, rows: self._whole(_Tile(self, stands, rows, columns, self.results)),
            )

        self.widths(column, tile)

    def start(self, place: Value, column: Value) -> Stands:
        """Where the axes of the columns stand."""
        stands = _places(self.f, self.tiles.shared, place)
        return {**stands, self.tiles.across: self.f.mul(column, self.tiles.width)}

    def widths(self, column: Value, body: Callable[[_Columns], None]) -> None:
        """`body` for a whole tile's columns and, where they end, for fewer."""
        tiles = self.tiles
        rest = tiles.across.size % tiles.width
        _each_case(
            self.f,
            column,
            tiles.column_blocks,
            tiles.width,
            rest,
            lambda width: body(_Columns(self, width)),
        )

    def rows(self, below: Value, stands: Stands, body: Callable[[Stands, int], None]) -> None:
        """`body` for tile number `below` of its columns: with all rows, or fewer at the end."""
        f, tiles = self.f, self.tiles
        outer, block = _divided(f, below, tiles.row_blocks)
        stands = {**stands, **_places(f, tiles.free, outer)}
        if tiles.down:
            stands[tiles.down] = f.mul(block, tiles.rows)
        rest = tiles.down.size % tiles.rows if tiles.down else 0
        _each_case(f, block, tiles.row_blocks, tiles.rows, rest, lambda rows: body(stands, rows))

    def _whole(self, tile: _Tile) -> None:
        tile.clear()
        with _blocks(self.f, self.tiles.terms) as block:
            tile.accumulate(block)
        tile.epilogue()


class _Groups(_Alone):
    """A unit is a group of tiles below each other: for each block of the terms their columns are
    copied to a panel once.
    """

    def __init__(
        self, kernel: Kernel, tiles: Tiling, f: Function, pointers: dict[Place, Value]
    ) -> None:
        super().__init__(kernel, tiles, f, pointers)
        self.panel = f.alloca(self.type, tiles.terms.most * tiles.vectors)
        self.filled = f.alloca(I64)
        f.store(constant(I64, -1), self.filled, 8)

    @property
    def kept(self) -> int:
        return 1 if self.tiles.terms.is_one else self.tiles.group

    def unit(self, number: Value) -> None:
        f, tiles = self.f, self.tiles
        panel, group = _divided(f, number, -(-tiles.below // tiles.group))
        place, column = _divided(f, panel, tiles.column_blocks)
        stands = self.start(place, column)
        first = f.mul(group, tiles.group)
        end = f.intrinsic("smin", I64, f.add(first, tiles.group), constant(I64, tiles.below))

        def tiles_of(columns: _Columns) -> None:
            def each(body: Callable[[_Tile], None]) -> None:
                with f.loop(first, end) as loop:
                    memory = self._memory(f.sub(loop.index, first))
                    self.rows(
                        loop.index,
                        stands,
                        lambda stands, rows: body(_Tile(self, stands, rows, columns, memory)),
                    )

            if tiles.terms.is_one:
                self._in_one_block(panel, stands, columns, each)
            else:
                self._in_blocks(stands, columns, each)

        self.widths(column, tiles_of)

    def _in_one_block(self, number: Value, stands: Stands, columns: _Columns, each: Each) -> None:
        """The panel remains for the next unit, which often has the same columns."""
        f = self.f
        with _blocks(f, self.tiles.terms) as block:
            with f.when(f.icmp("ne", f.load(self.filled, I64, 8), number)):
                f.store(number, self.filled, 8)
                columns.pack(block, stands, self.panel)
            columns.panel = self.panel

            def whole(tile: _Tile) -> None:
                tile.clear()
                tile.accumulate(block)
                tile.epilogue()

            each(whole)

    def _in_blocks(self, stands: Stands, columns: _Columns, each: Each) -> None:
        each(_Tile.clear)
        with _blocks(self.f, self.tiles.terms) as block:
            columns.pack(block, stands, self.panel)
            columns.panel = self.panel
            each(lambda tile: tile.accumulate(block))
        each(_Tile.epilogue)

    def _memory(self, number: Value) -> Value:
        """The results of a tile of the unit."""
        if self.kept == 1:
            return self.results
        place = self.f.mul(number, self.tiles.results * self.type.lanes)
        return self.f.gep(self.results, place, self.type.scalar)


class _TermBlock(NamedTuple):
    """One block of the terms, under construction."""

    terms: Terms
    stands: Stands
    start: Value
    end: Value

    @contextmanager
    def each(
        self, f: Function, close: Callable[[], None] | None = None
    ) -> Iterator[tuple[Stands, Value]]:
        """(where the summed axes stand, which term of the block) for each of its terms; `close` is
        called after every piece.
        """
        after, inside = self.terms.after, self.terms.inside
        turns = max(1, PIECE // inside)
        with _pieces(f, self.start, self.end, turns if turns < self.terms.step else 0) as piece:
            long = close if inside > PIECE else None
            with f.loop(*piece) as loop, nested(f, after, long) as inner:
                number = f.sub(loop.index, self.start)
                for axis in after:
                    number = f.add(f.mul(number, axis.size), inner[axis])
                yield {**self.stands, self.terms.along: loop.index, **inner}, number
            if close is not None and inside <= PIECE:
                close()


@contextmanager
def _pieces(f: Function, start: Value, end: Value, turns: int) -> Iterator[tuple[Value, Value]]:
    """(first, end) of each piece of `turns` turns; of all where that is 0."""
    if not turns:
        yield start, end
        return
    with f.loop(start, end, turns) as piece:
        yield piece.index, f.intrinsic("smin", I64, f.add(piece.index, turns), end)


@contextmanager
def _blocks(f: Function, terms: Terms) -> Iterator[_TermBlock]:
    """The loops over all blocks."""
    size, step = terms.along.size, terms.step
    with nested(f, terms.before) as stands:
        if step == size:
            yield _TermBlock(terms, stands, constant(I64, 0), constant(I64, size))
        else:
            with f.loop(0, size, step) as loop:
                end = f.add(loop.index, step)
                if size % step:
                    end = f.intrinsic("smin", I64, end, constant(I64, size))
                yield _TermBlock(terms, stands, loop.index, end)


class _Columns:
    """The columns of a tile: `vectors` vectors, of which the last may be masked."""

    def __init__(self, unit: _Alone, width: int) -> None:
        self.unit, self.f, self.type = unit, unit.f, unit.type
        lanes = unit.type.lanes
        self.masks: list[Value | None] = [None] * -(-width // lanes)
        if width % lanes:
            self.masks[-1] = lanes_below(unit.f, lanes, width % lanes)
        self.panel: Value | None = None

    def pack(self, block: _TermBlock, stands: Stands, panel: Value) -> None:
        """Copy the columns of a block to the panel."""
        self.panel = None
        with block.each(self.f) as (inner, term):
            for vector, value in enumerate(self.load({**stands, **inner}, term)):
                self.f.store(value, self._in_panel(panel, term, vector), self._alignment)

    def load(self, stands: Stands, term: Value) -> list[Value]:
        """The vectors at one place of the summed letters, a term of the block."""
        return [self._load(stands, term, vector) for vector in range(len(self.masks))]

    def _load(self, stands: Stands, term: Value, vector: int) -> Value:
        f, operand, dtype = self.f, self.unit.hero.right, self.unit.hero.dtype
        if self.panel is not None:
            return f.load(self._in_panel(self.panel, term, vector), self.type, self._alignment)
        point = Point(f, self.unit.pointers, stands, None, 1, None)
        type = self.type.with_scalar(storage_type(dtype))
        address = f.gep(self.unit.pointers[operand.place], point.index(operand.index), type.scalar)
        address = f.gep(address, vector * type.lanes, type.scalar)
        mask = self.masks[vector]
        if mask is None:
            return from_storage(f, f.load(address, type, dtype.itemsize), dtype)
        value = f.masked_load(address, type, mask, constant(type, 0), dtype.itemsize)
        return from_storage(f, value, dtype)

    @property
    def _alignment(self) -> int:
        return self.unit.size * self.type.lanes

    def _in_panel(self, panel: Value, term: Value, vector: int) -> Value:
        place = self.f.mul(term, self.unit.tiles.width)
        place = self.f.add(place, vector * self.type.lanes)
        return self.f.gep(panel, place, self.type.scalar)


class _Tile:
    """One tile: `rows` x `columns` results, kept in memory between their accumulation and their
    last use.
    """

    def __init__(
        self, unit: _Alone, stands: Stands, rows: int, columns: _Columns, memory: Value
    ) -> None:
        self.unit, self.f, self.tiles = unit, unit.f, unit.tiles
        self.stands, self.rows, self.columns, self.memory = stands, rows, columns, memory
        self.type, self.size = unit.type, unit.size
        self.vectors = len(columns.masks)

    def clear(self) -> None:
        """Before the first of several pieces is added."""
        if self.tiles.terms.is_short:
            return
        for row in range(self.rows):
            for vector in range(self.vectors):
                self._put(row, vector, constant(self.type, 0))

    def accumulate(self, block: _TermBlock) -> None:
        """Add a block's terms to the results, piece by piece, or store the only piece's sum."""
        f, size, zero = self.f, self.size, constant(self.type, 0)
        sums = [[f.alloca(self.type) for _ in range(self.vectors)] for _ in range(self.rows)]
        for row in sums:
            for register in row:
                f.store(zero, register, size)

        def close() -> None:
            for r, row in enumerate(sums):
                for v, register in enumerate(row):
                    value = f.load(register, self.type, size)
                    self._put(r, v, value if self.tiles.terms.is_short else self._sum(r, v, value))
                    f.store(zero, register, size)

        with block.each(f, close) as (inner, term):
            self._add_products(sums, {**self.stands, **inner}, term)

    def _sum(self, row: int, vector: int, value: Value) -> Value:
        before = self._get(row, vector)
        return self.f.fadd(before, value) if self.type.is_float else self.f.add(before, value)

    def _add_products(self, sums: list[list[Value]], stands: Stands, term: Value) -> None:
        """One place of the summed letters: an outer product of a column of elements and a row of
        vectors.
        """
        f, size = self.f, self.size
        columns = self.columns.load(stands, term)
        for r, row in enumerate(sums):
            element = f.splat(self._element(stands, r), self.type.lanes)
            for register, column in zip(row, columns, strict=True):
                before = f.load(register, self.type, size)
                if self.type.is_float:
                    after = f.fma(element, column, before)
                else:
                    after = f.add(before, f.mul(element, column))
                f.store(after, register, size)

    def _element(self, stands: Stands, row: int) -> Value:
        """The row operand's element for a row of the tile."""
        f, operand, dtype = self.f, self.unit.hero.left, self.unit.hero.dtype
        point = Point(f, self.unit.pointers, stands, None, 1, None)
        type = Type(storage_type(dtype))
        address = f.gep(self.unit.pointers[operand.place], point.index(operand.index), type.scalar)
        if row and self.tiles.down:
            step = operand.index.coefficient(self.tiles.down)
            address = f.gep(address, step * row, type.scalar)
        return from_storage(f, f.load(address, type, dtype.itemsize), dtype)

    # ---- Results ----

    def _place(self, row: int | Value, vector: int) -> Value:
        f, lanes = self.f, self.type.lanes
        row = row if isinstance(row, Value) else constant(I64, row)
        place = f.add(f.mul(row, self.vectors * lanes), vector * lanes)
        return f.gep(self.memory, place, self.type.scalar)

    def _get(self, row: int | Value, vector: int) -> Value:
        alignment = self.size * self.type.lanes
        return self.f.load(self._place(row, vector), self.type, alignment)

    def _put(self, row: int, vector: int, value: Value) -> None:
        self.f.store(value, self._place(row, vector), self.size * self.type.lanes)

    def epilogue(self) -> None:
        """The kernel's stores, row after row, with the accumulated value in the place of "hero"."""
        f, down, lanes, kernel = self.f, self.tiles.down, self.type.lanes, self.unit.kernel
        heroes = [expr for expr in kernel.expressions() if expr.op == "hero"]
        across = self.tiles.across
        with f.loop(0, self.rows) as loop:
            stands = dict(self.stands)
            if down:
                stands[down] = f.add(stands[down], loop.index)
            for v, mask in enumerate(self.columns.masks):
                stands[across] = f.add(self.stands[across], v * lanes)
                point = Point(f, self.unit.pointers, dict(stands), across, lanes, mask)
                value = self._get(loop.index, v)
                point.values.update((id(expr), value) for expr in heroes)
                point.store_all(kernel.stores)


def _divided(f: Function, number: Value, divisor: int) -> tuple[Value, Value]:
    """(quotient, rest)."""
    return f.udiv(number, divisor), f.urem(number, divisor)


def _places(f: Function, axes: list[Axis], number: Value) -> Stands:
    """Where `axes` stand at place `number` of all their places."""
    stands = {}
    for axis in reversed(axes):
        number, stands[axis] = _divided(f, number, axis.size)
    return stands


def _each_case(
    f: Function, block: Value, blocks: int, whole: int, rest: int, body: Callable[[int], None]
) -> None:
    """`body(extent)` for whole blocks and, in a branch of its own, for a smaller last one."""
    if not rest:
        body(whole)
    elif blocks == 1:
        body(rest)
    else:
        full, partial, after = f.block("full"), f.block("rest"), f.block("after")
        f.cond_branch(f.icmp("slt", block, blocks - 1), full, partial)
        for label, extent in ((full, whole), (partial, rest)):
            f.enter(label)
            body(extent)
            f.branch(after)
        f.enter(after)
