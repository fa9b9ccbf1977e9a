"""Emission of contractions: tiles over all results, in the order in which the cache serves them.

A column operand that exceeds the cache is copied panel by panel: for one block of the terms, the
columns of one tile lie beside each other while a group of tiles below each other uses them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

from chainrule.codegen.builder import Function
from chainrule.codegen.emit import begin
from chainrule.codegen.squares import squares
from chainrule.codegen.terms import Stands, term_blocks
from chainrule.codegen.tile import Columns, Emission, Tile
from chainrule.codegen.tiling import Choice, Tiling, tiling
from chainrule.codegen.values import I64, Value, constant
from chainrule.ir.index import Axis
from chainrule.ir.machine import Machine
from chainrule.ir.plan import Kernel, Place

Each = Callable[[Callable[[Tile], None]], None]


def emit_contraction(
    kernel: Kernel, name: str, machine: Machine, choice: Choice | None
) -> tuple[Function, int]:
    """A kernel with a contraction: (its function, its number of units)."""
    f, pointers, first, end = begin(kernel, name)
    tiles = tiling(kernel, machine, choice)
    emitter = (_Groups if tiles.group else _Alone)(kernel, tiles, f, pointers)
    with squares(f) if tiles.squares else nullcontext(), f.loop(first, end) as loop:
        emitter.unit(loop.index)
    f.ret()
    return f, tiles.units


class _Alone(Emission):
    """A unit is one tile, which reads its columns where they lie."""

    def __init__(
        self, kernel: Kernel, tiles: Tiling, f: Function, pointers: dict[Place, Value]
    ) -> None:
        super().__init__(kernel, tiles, f, pointers)
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

        def tile(columns: Columns) -> None:
            self.rows(
                below,
                stands,
                lambda stands, rows: self._whole(Tile(self, stands, rows, columns, self.results)),
            )

        self.widths(column, tile)

    def start(self, place: Value, column: Value) -> Stands:
        """Where the axes of the columns stand."""
        stands = _places(self.f, self.tiles.shared, place)
        return {**stands, self.tiles.across: self.f.mul(column, self.tiles.width)}

    def widths(self, column: Value, body: Callable[[Columns], None]) -> None:
        """`body` for a whole tile's columns and, where they end, for fewer."""
        tiles = self.tiles
        rest = tiles.across.size % tiles.width
        _each_case(
            self.f,
            column,
            tiles.column_blocks,
            tiles.width,
            rest,
            lambda width: body(Columns(self, width)),
        )

    def rows(self, below: Value, stands: Stands, body: Callable[[Stands, int], None]) -> None:
        """`body` for tile number `below` of its columns: with all rows, or fewer at the end."""
        f, tiles = self.f, self.tiles
        outer, block = _divided(f, below, tiles.row_blocks)
        stands = {**stands, **_places(f, tiles.free, outer)}
        if tiles.over:
            stands[tiles.over] = constant(I64, 0)
        if tiles.down:
            stands[tiles.down] = f.mul(block, tiles.rows)
        rest = tiles.down.size % tiles.rows if tiles.down else 0
        _each_case(f, block, tiles.row_blocks, tiles.rows, rest, lambda rows: body(stands, rows))

    def _whole(self, tile: Tile) -> None:
        tile.clear()
        with term_blocks(self.f, self.tiles.terms) as block:
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

        def tiles_of(columns: Columns) -> None:
            def each(body: Callable[[Tile], None]) -> None:
                with f.loop(first, end) as loop:
                    number = f.sub(loop.index, first)
                    memory, place = self._memory(number), (number, f.sub(end, first))
                    self.rows(
                        loop.index,
                        stands,
                        lambda stands, rows: body(Tile(self, stands, rows, columns, memory, place)),
                    )

            if tiles.terms.is_one:
                self._in_one_block(panel, stands, columns, each)
            else:
                self._in_blocks(stands, columns, each)

        self.widths(column, tiles_of)

    def _in_one_block(self, number: Value, stands: Stands, columns: Columns, each: Each) -> None:
        """The panel remains for the next unit, which often has the same columns."""
        f = self.f
        with term_blocks(f, self.tiles.terms) as block:
            with f.when(f.icmp("ne", f.load(self.filled, I64, 8), number)):
                f.store(number, self.filled, 8)
                columns.pack(block, stands, self.panel)
            columns.panel = self.panel

            def whole(tile: Tile) -> None:
                tile.clear()
                tile.accumulate(block)
                tile.epilogue()

            each(whole)

    def _in_blocks(self, stands: Stands, columns: Columns, each: Each) -> None:
        each(Tile.clear)
        with term_blocks(self.f, self.tiles.terms) as block:
            columns.pack(block, stands, self.panel)
            columns.panel = self.panel
            each(lambda tile: tile.accumulate(block))
        each(Tile.epilogue)

    def _memory(self, number: Value) -> Value:
        """The results of a tile of the unit."""
        if self.kept == 1:
            return self.results
        place = self.f.mul(number, self.tiles.results * self.type.lanes)
        return self.f.gep(self.results, place, self.type.scalar)


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
