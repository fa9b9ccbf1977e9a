"""Emission of contractions: register tiles over memory read in place, with everything fused behind
them.

A tile is `rows` x `vectors` accumulators. One loop over the summed letters multiplies a broadcast
element of the row operand with vectors of the column operand; then the epilogue runs over the
tile's rows, where the accumulated value is just another operand of the kernel's stores.

A column operand that exceeds the cache is copied panel by panel: the columns of one tile, for all
summed letters, lie beside each other while the tiles below each other use them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from chainrule.codegen.builder import Function
from chainrule.codegen.elementwise import compute_type, from_storage, storage_type
from chainrule.codegen.emit import PIECE, begin, nested
from chainrule.codegen.point import Point, lanes_below
from chainrule.codegen.values import I64, Type, Value, constant
from chainrule.dtypes import DType
from chainrule.ir.index import Axis
from chainrule.ir.plan import Kernel, Operand

L2_BYTES = 1 << 18  # A column operand up to this size may be walked again for each row block.
PANEL_BYTES = 1 << 19  # A panel lies on the stack, and must stay in the cache.
WORTH_PACKING = 8  # So many tiles must use a panel.
PAGE = 4096  # Rows at multiples of this distance share one set of the first cache.


@dataclass
class Tiling:
    """The shape of the tiles: `rows` along `down` times `vectors` of `lanes` along `across`."""

    across: Axis
    down: Axis | None
    outer: list[Axis]
    lanes: int
    rows: int
    vectors: int
    columns_first: bool  # Whether neighbouring units lie beside each other (else below each other).
    packs: bool  # Whether the columns of a tile are copied to a panel.

    @property
    def width(self) -> int:
        return self.lanes * self.vectors

    @property
    def row_blocks(self) -> int:
        return -(-self.down.size // self.rows) if self.down else 1

    @property
    def column_blocks(self) -> int:
        return -(-self.across.size // self.width)

    @property
    def units(self) -> int:
        return math.prod(axis.size for axis in self.outer) * self.row_blocks * self.column_blocks


def tiling(kernel: Kernel, vector_bytes: int) -> Tiling:
    """Tiles that fill the registers: enough accumulators to hide the latency of a fused
    multiply-add.
    """
    hero = kernel.hero
    assert hero is not None
    across = kernel.axes[-1]
    rows_of = [
        axis
        for axis in kernel.axes[:-1]
        if hero.left.index.coefficient(axis) and axis not in hero.right.index.axes()
    ]
    down = max(rows_of, key=lambda axis: (axis.size, axis.number), default=None)
    outer = [axis for axis in kernel.axes[:-1] if axis != down]
    lanes = vector_bytes // hero.dtype.arithmetic.itemsize
    while lanes // 2 >= across.size:
        lanes //= 2
    size = hero.dtype.arithmetic.itemsize
    apart = (hero.left.index.coefficient(down) or 0) * size if down else 0
    few = apart % PAGE == 0
    rows, vectors = _tile(down.size if down else 1, -(-across.size // lanes), vector_bytes, few)
    summed = math.prod(axis.size for axis in hero.summed)
    fits = summed * across.size * size <= L2_BYTES
    tiles = Tiling(across, down, outer, lanes, rows, vectors, fits, False)
    panel = summed * tiles.width * size
    tiles.packs = not fits and tiles.row_blocks >= WORTH_PACKING and panel <= PANEL_BYTES
    return tiles


def _tile(height: int, width: int, vector_bytes: int, few: bool) -> tuple[int, int]:
    """(rows, vectors) of a tile: as many accumulators as registers allow, with little waste at the
    edges.

    There are 32 registers with AVX-512 and NEON, 16 with AVX2; operands need a few of them. Few
    rows take wider tiles, and so do rows that would drive each other out of the cache (`few`).
    """
    registers = 10 if vector_bytes == 32 else 28
    vectors = min(width, 8 if height == 1 else 4 if height <= 4 else 3 if few else 2)
    most = min(registers // vectors, 8 if few else 16)
    if height <= most:
        return height, vectors
    even = [rows for rows in range(max(4, most // 2), most + 1) if height % rows == 0]
    return max(even, default=most), vectors


def emit_contraction(kernel: Kernel, name: str, vector_bytes: int) -> tuple[Function, int]:
    """A kernel with a contraction: (its function, its number of units)."""
    f, pointers, first, end = begin(kernel, name)
    tiles = tiling(kernel, vector_bytes)
    panel = _Panel(kernel, tiles, f, pointers) if tiles.packs else None
    with f.loop(first, end) as loop:
        stands, row_block, column_block = _locate(f, tiles, loop.index)
        start = {tiles.across: f.mul(column_block, tiles.width)}
        if tiles.down:
            start[tiles.down] = f.mul(row_block, tiles.rows)
        if panel is not None:
            panel.fill(f.udiv(loop.index, tiles.row_blocks), column_block, {**stands, **start})
        row_rest = tiles.down.size % tiles.rows if tiles.down else 0
        column_rest = tiles.across.size % tiles.width
        _each_case(
            f,
            row_block,
            tiles.row_blocks,
            tiles.rows,
            row_rest,
            lambda rows: _each_case(
                f,
                column_block,
                tiles.column_blocks,
                tiles.width,
                column_rest,
                lambda width: _Tile(
                    kernel, tiles, f, pointers, {**stands, **start}, rows, width, panel
                ).emit(),
            ),
        )
    f.ret()
    return f, tiles.units


def _locate(f: Function, tiles: Tiling, unit: Value) -> tuple[dict[Axis, Value], Value, Value]:
    """(where the outer axes stand, row block, column block) for a unit."""
    blocks = tiles.row_blocks * tiles.column_blocks
    place, block = f.udiv(unit, blocks), f.urem(unit, blocks)
    fast = tiles.column_blocks if tiles.columns_first else tiles.row_blocks
    slow, quick = f.udiv(block, fast), f.urem(block, fast)
    stands = {}
    for axis in reversed(tiles.outer):
        stands[axis], place = f.urem(place, axis.size), f.udiv(place, axis.size)
    return (stands, slow, quick) if tiles.columns_first else (stands, quick, slow)


def _each_case(f: Function, block: Value, blocks: int, whole: int, rest: int, body) -> None:
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


class _Columns:
    """The columns of one tile: `vectors` vectors, of which the last may be masked."""

    def __init__(self, kernel: Kernel, tiles: Tiling, f: Function, pointers: dict, width: int):
        assert kernel.hero is not None
        self.hero, self.tiles, self.f, self.pointers = kernel.hero, tiles, f, pointers
        lanes = tiles.lanes
        self.type = Type(compute_type(self.hero.dtype), lanes)
        self.masks: list[Value | None] = [None] * -(-width // lanes)
        if width % lanes:
            self.masks[-1] = lanes_below(f, lanes, width % lanes)

    def load(self, stands: dict[Axis, Value], vector: int) -> Value:
        """Vector number `vector` at one place of the summed letters."""
        f, operand, dtype = self.f, self.hero.right, self.hero.dtype
        type = self.type.with_scalar(storage_type(dtype))
        point = Point(f, self.pointers, stands, None, 1, None)
        address = f.gep(self.pointers[operand.place], point.index(operand.index), type.scalar)
        address = f.gep(address, vector * type.lanes, type.scalar)
        mask = self.masks[vector]
        if mask is None:
            return from_storage(f, f.load(address, type, dtype.itemsize), dtype)
        value = f.masked_load(address, type, mask, constant(type, 0), dtype.itemsize)
        return from_storage(f, value, dtype)


class _Panel:
    """A copy of one tile's columns for all places of the summed letters, filled as they change."""

    def __init__(self, kernel: Kernel, tiles: Tiling, f: Function, pointers: dict) -> None:
        assert kernel.hero is not None
        self.kernel, self.tiles, self.f, self.pointers = kernel, tiles, f, pointers
        self.summed = kernel.hero.summed
        self.size = kernel.hero.dtype.arithmetic.itemsize
        self.type = Type(compute_type(kernel.hero.dtype), tiles.lanes)
        places = math.prod(axis.size for axis in self.summed)
        self.memory = f.alloca(self.type, places * tiles.vectors)
        self.filled = f.alloca(I64)
        f.store(constant(I64, -1), self.filled, 8)

    def fill(self, number: Value, column_block: Value, stands: dict[Axis, Value]) -> None:
        """Copy the columns of panel `number`, unless they are there."""
        f = self.f
        new, after = f.block("fill"), f.block("filled")
        f.cond_branch(f.icmp("ne", f.load(self.filled, I64, 8), number), new, after)
        f.enter(new)
        f.store(number, self.filled, 8)
        rest = self.tiles.across.size % self.tiles.width
        blocks = self.tiles.column_blocks
        _each_case(f, column_block, blocks, self.tiles.width, rest, lambda w: self._copy(w, stands))
        f.branch(after)
        f.enter(after)

    def _copy(self, width: int, stands: dict[Axis, Value]) -> None:
        columns = _Columns(self.kernel, self.tiles, self.f, self.pointers, width)
        with nested(self.f, list(self.summed)) as inner:
            for vector in range(len(columns.masks)):
                value = columns.load({**stands, **inner}, vector)
                self.f.store(value, self._address(inner, vector), self._alignment)

    @property
    def _alignment(self) -> int:
        return self.size * self.tiles.lanes

    def load(self, stands: dict[Axis, Value], vector: int) -> Value:
        return self.f.load(self._address(stands, vector), self.type, self._alignment)

    def _address(self, stands: dict[Axis, Value], vector: int) -> Value:
        f, place = self.f, constant(I64, 0)
        for axis in self.summed:
            place = f.add(f.mul(place, axis.size), stands[axis])
        place = f.add(f.mul(place, self.tiles.width), vector * self.tiles.lanes)
        return f.gep(self.memory, place, self.type.scalar)


class _Tile:
    """One tile: `rows` x `width` results from their accumulation to their last use."""

    def __init__(
        self,
        kernel: Kernel,
        tiles: Tiling,
        f: Function,
        pointers: dict,
        stands: dict[Axis, Value],
        rows: int,
        width: int,
        panel: _Panel | None,
    ) -> None:
        assert kernel.hero is not None
        self.kernel, self.hero, self.tiles, self.f = kernel, kernel.hero, tiles, f
        self.pointers, self.stands, self.rows = pointers, stands, rows
        columns = _Columns(kernel, tiles, f, pointers, width)
        self.columns: _Columns | _Panel = panel or columns
        self.masks, self.vectors = columns.masks, len(columns.masks)
        self.dtype: DType = self.hero.dtype.arithmetic
        self.type = columns.type

    def emit(self) -> None:
        f, size = self.f, self.dtype.itemsize
        sums = [[f.alloca(self.type) for _ in range(self.vectors)] for _ in range(self.rows)]
        for row in sums:
            for memory in row:
                f.store(constant(self.type, 0), memory, size)
        tile = f.alloca(self.type, self.rows * self.vectors)
        long = math.prod(axis.size for axis in self.hero.summed) > PIECE and self.dtype.is_float
        if long:
            self._put_aside(sums, tile, first=True)
        close = (lambda: self._put_aside(sums, tile, first=False)) if long else None
        with nested(f, list(self.hero.summed), close) as stands:
            self._accumulate(sums, {**self.stands, **stands})
        if not long:
            self._put_aside(sums, tile, first=True)
        self._epilogue(tile)

    def _put_aside(self, sums: list[list[Value]], tile: Value, first: bool) -> None:
        """Move the sums to the tile, or add them to it: rounding errors do not grow with the number
        of all terms.
        """
        f, size = self.f, self.dtype.itemsize
        bytes_ = size * self.type.lanes
        for r, row in enumerate(sums):
            for v, memory in enumerate(row):
                address = f.gep(tile, (r * self.vectors + v) * self.type.lanes, self.type.scalar)
                value = f.load(memory, self.type, size)
                value = value if first else f.fadd(f.load(address, self.type, bytes_), value)
                f.store(value, address, bytes_)
                f.store(constant(self.type, 0), memory, size)

    def _accumulate(self, sums: list[list[Value]], stands: dict[Axis, Value]) -> None:
        """One place of the summed letters: an outer product of a column of elements and a row of
        vectors.
        """
        f, size = self.f, self.dtype.itemsize
        columns = [self.columns.load(stands, v) for v in range(self.vectors)]
        for r, row in enumerate(sums):
            element = f.splat(self._element(self.hero.left, stands, r), self.type.lanes)
            for memory, column in zip(row, columns, strict=True):
                before = f.load(memory, self.type, size)
                if self.dtype.is_float:
                    after = f.fma(element, column, before)
                else:
                    after = f.add(before, f.mul(element, column))
                f.store(after, memory, size)

    def _element(self, operand: Operand, stands: dict[Axis, Value], row: int) -> Value:
        """The row operand's element for a row of the tile."""
        point = Point(self.f, self.pointers, stands, None, 1, None)
        dtype = self.hero.dtype
        type = Type(storage_type(dtype))
        address = self.f.gep(self.pointers[operand.place], point.index(operand.index), type.scalar)
        if row and self.tiles.down:
            step = operand.index.coefficient(self.tiles.down)
            address = self.f.gep(address, step * row, type.scalar)
        return from_storage(self.f, self.f.load(address, type, dtype.itemsize), dtype)

    def _epilogue(self, tile: Value) -> None:
        """The kernel's stores, row after row, with the accumulated value in the place of "hero"."""
        f, down, lanes, size = self.f, self.tiles.down, self.type.lanes, self.dtype.itemsize
        heroes = [expr for expr in self.kernel.expressions() if expr.op == "hero"]
        with f.loop(0, self.rows) as loop:
            stands = dict(self.stands)
            if down:
                stands[down] = f.add(stands[down], loop.index)
            for v, mask in enumerate(self.masks):
                across = f.add(self.stands[self.tiles.across], v * lanes)
                point = Point(
                    f,
                    self.pointers,
                    {**stands, self.tiles.across: across},
                    self.tiles.across,
                    lanes,
                    mask,
                )
                place = f.add(f.mul(loop.index, self.vectors * lanes), v * lanes)
                value = f.load(f.gep(tile, place, self.type.scalar), self.type, lanes * size)
                point.values.update((id(expr), value) for expr in heroes)
                point.store_all(self.kernel.stores)
