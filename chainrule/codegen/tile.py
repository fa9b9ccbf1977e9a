"""Emission of one tile of a contraction: its columns, its accumulation over blocks of terms, its
epilogue.

A tile is `rows` x `vectors` accumulators. Loops over the summed letters multiply a broadcast
element of the row operand (or, where lanes run through both operands, a vector of its own) with
vectors of the column operand; then the epilogue runs over the
tile's rows, where the accumulated value is just another operand of the kernel's stores.
"""

from __future__ import annotations

from functools import partial

from chainrule.codegen import squares
from chainrule.codegen.builder import Function
from chainrule.codegen.elementwise import compute_type, from_storage, storage_type
from chainrule.codegen.point import Point, lanes_below
from chainrule.codegen.squares import COLUMNS, LINE, ROWS, SIDE
from chainrule.codegen.terms import Stands, TermBlock
from chainrule.codegen.tiling import Tiling
from chainrule.codegen.values import I64, Type, Value, constant
from chainrule.ir.plan import Kernel, Operand, Place

WORTH_FETCHING = 96  # So many terms take as long as memory does to answer.


class Emission:
    """What the code of all tiles of a kernel has in common."""

    def __init__(
        self, kernel: Kernel, tiles: Tiling, f: Function, pointers: dict[Place, Value]
    ) -> None:
        assert kernel.hero is not None
        self.kernel, self.hero, self.tiles, self.f = kernel, kernel.hero, tiles, f
        self.pointers, self.size = pointers, kernel.hero.dtype.arithmetic.itemsize
        self.type = Type(compute_type(kernel.hero.dtype), tiles.lanes)


class Columns:
    """The columns of a tile: `vectors` vectors, of which the last may be masked."""

    def __init__(self, unit: Emission, width: int) -> None:
        self.unit, self.f, self.type = unit, unit.f, unit.type
        lanes = unit.type.lanes
        self.masks: list[Value | None] = [None] * -(-width // lanes)
        if width % lanes:
            self.masks[-1] = lanes_below(unit.f, lanes, width % lanes)
        self.panel: Value | None = None

    def pack(self, block: TermBlock, stands: Stands, panel: Value) -> None:
        """Copy the columns of a block to the panel."""
        self.panel = None
        with block.each(self.f) as (inner, term):
            for vector in range(len(self.masks)):
                value = self._column(block, {**stands, **inner}, vector)
                self.f.store(value, self._in_panel(panel, term, vector), self._alignment)

    def fetch_next(self, block: TermBlock, stands: Stands, first: Value, end: Value) -> None:
        """Ask for some terms of the columns beside these, which the next panel will be a copy of.
        Where there are none, nothing is read: a request for any address is harmless.
        """
        f, unit, paired = self.f, self.unit, block.terms.paired
        operand, size = unit.hero.right, unit.hero.dtype.itemsize
        stands = {**stands, unit.tiles.across: f.add(stands[unit.tiles.across], unit.tiles.width)}
        further = operand.index.coefficient(paired) if paired else None
        with f.loop(first, end) as loop:
            here = {**stands, **block.at(f, loop.index)}
            point = Point(f, unit.pointers, here, None, 1, None)
            scalar = storage_type(unit.hero.dtype)
            address = f.gep(unit.pointers[operand.place], point.index(operand.index), scalar)
            for moved in (0, further) if further else (0,):
                for line in range(0, unit.tiles.width * size, LINE):
                    f.prefetch(f.gep(address, moved * size + line, "i8"), written=False)

    def _column(self, block: TermBlock, stands: Stands, vector: int) -> Value:
        """What a panel holds of a vector: one term of each column, or a pair."""
        paired = block.terms.paired
        if paired is None:
            return self._read(stands, vector)
        pair = [self._bits(stands, vector)]
        stands = {**stands, paired: self.f.add(stands[paired], 1)}
        pair.append(self._bits(stands, vector))
        lanes = self.type.lanes
        mixed = [lane + lanes * second for lane in range(lanes) for second in (0, 1)]
        return self.f.bitcast(self.f.shuffle(pair[0], mixed, pair[1]), self.type)

    def load(self, stands: Stands, term: Value) -> list[Value]:
        """The vectors at one place of the summed letters, a term of the block."""
        return [self._load(stands, term, vector) for vector in range(len(self.masks))]

    def _load(self, stands: Stands, term: Value, vector: int) -> Value:
        if self.panel is None:
            return self._read(stands, vector)
        place = self._in_panel(self.panel, term, vector)
        return self.f.load(place, self.type, self._alignment)

    def load_squares(self, term: Value) -> None:
        """The columns of `SIDE` pairs of terms of the panel."""
        for vector in range(len(self.masks)):
            place = self._in_panel(self.panel, term, vector)
            squares.load(self.f, COLUMNS + vector, place, self.unit.tiles.width * self.unit.size)

    def _read(self, stands: Stands, vector: int) -> Value:
        return from_storage(self.f, self._bits(stands, vector), self.unit.hero.dtype)

    def _bits(self, stands: Stands, vector: int) -> Value:
        return self.bits_of(self.unit.hero.right, stands, vector, 0)

    def bits_of(self, operand: Operand, stands: Stands, vector: int, moved: int) -> Value:
        """A vector of an operand as it lies in memory, so many elements further on."""
        f, size = self.f, self.unit.hero.dtype.itemsize
        point = Point(f, self.unit.pointers, stands, None, 1, None)
        type = self.type.with_scalar(storage_type(self.unit.hero.dtype))
        address = f.gep(self.unit.pointers[operand.place], point.index(operand.index), type.scalar)
        address = f.gep(address, moved + vector * type.lanes, type.scalar)
        mask = self.masks[vector]
        if mask is None:
            return f.load(address, type, size)
        return f.masked_load(address, type, mask, constant(type, 0), size)

    @property
    def _alignment(self) -> int:
        return self.unit.size * self.type.lanes

    def _in_panel(self, panel: Value, term: Value, vector: int) -> Value:
        place = self.f.mul(term, self.unit.tiles.width)
        place = self.f.add(place, vector * self.type.lanes)
        return self.f.gep(panel, place, self.type.scalar)


class Tile:
    """One tile: `rows` x `columns` results, kept in memory between their accumulation and their
    last use.
    """

    def __init__(
        self,
        unit: Emission,
        stands: Stands,
        rows: int,
        columns: Columns,
        memory: Value,
        place: tuple[Value, Value] | None = None,
    ) -> None:
        self.place = place  # (which tile of its group, of how many)
        self.unit, self.f, self.tiles = unit, unit.f, unit.tiles
        self.stands, self.columns, self.memory = stands, columns, memory
        self.below, self.rows = rows, rows * self.tiles.layers
        self.type, self.size = unit.type, unit.size
        self.vectors = len(columns.masks)
        self.squares = unit.tiles.squares and rows % SIDE == 0

    def clear(self) -> None:
        """Before the first of several pieces is added."""
        terms = self.tiles.terms
        if terms.is_one if self.squares else terms.is_short:
            return
        for row in range(self.rows):
            for vector in range(self.vectors):
                self._put(row, vector, constant(self.type, 0))

    def accumulate(self, block: TermBlock) -> None:
        """Add a block's terms to the results, or store the sums of the only block."""
        if self.squares:
            self._accumulate_squares(block)
        else:
            self._accumulate_vectors(block)

    def _accumulate_vectors(self, block: TermBlock) -> None:
        """Vectors of sums in registers, stored piece by piece."""
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

        fetch = partial(self._fetch_share, block) if self._fetches else None
        with block.each(f, close, fetch) as (inner, term):
            self._add_products(sums, {**self.stands, **inner}, term)

    def _accumulate_squares(self, block: TermBlock) -> None:
        """Squares of sums in registers, stored after the last term."""
        f, stride = self.f, self.vectors * LINE
        if self._fetches:
            self._fetch(constant(I64, 0), constant(I64, self.rows))
        heights = range(self.rows // SIDE)
        sums = [
            (h, v, h * self.vectors + v, self._place(h * SIDE, v))
            for h in heights
            for v in range(self.vectors)
        ]
        for _, _, register, place in sums:
            if self.tiles.terms.is_one:
                squares.clear(f, register)
            else:
                squares.load(f, register, place, stride)
        with block.each_square(f) as (inner, term):
            self.columns.load_squares(term)
            for h in heights:
                address, apart = self._rows_at({**self.stands, **inner}, h * SIDE)
                squares.load(f, ROWS + h, address, apart)
            for h, v, register, _ in sums:
                squares.add_products(f, register, ROWS + h, COLUMNS + v)
        for _, _, register, place in sums:
            squares.store(f, register, place, stride)

    def _sum(self, row: int, vector: int, value: Value) -> Value:
        before = self._get(row, vector)
        return self.f.fadd(before, value) if self.type.is_float else self.f.add(before, value)

    def _add_products(self, sums: list[list[Value]], stands: Stands, term: Value) -> None:
        """One place of the summed letters: an outer product of a column of elements and a row of
        vectors, or products of vectors.
        """
        f, size = self.f, self.size
        columns = self.columns.load(stands, term)
        for r, row in enumerate(sums):
            elements = self._elements(stands, r)
            for register, element, column in zip(row, elements, columns, strict=True):
                before = f.load(register, self.type, size)
                f.store(self._added(before, element, column), register, size)

    def _added(self, before: Value, element: Value, column: Value) -> Value:
        """before + element * column; of pairs, both products."""
        f = self.f
        if self.tiles.terms.paired is not None:
            pairs = Type("bfloat", 2 * self.type.lanes)
            return f.add_pairs(before, f.bitcast(element, pairs), f.bitcast(column, pairs))
        if self.type.is_float:
            return f.fma(element, column, before)
        return f.add(before, f.mul(element, column))

    def _elements(self, stands: Stands, row: int) -> list[Value]:
        """What the row operand has for each vector of a row of the tile: one element, or pair of
        elements, in all lanes, or a vector.
        """
        operand, dtype = self.unit.hero.left, self.unit.hero.dtype
        places = zip((self.tiles.over, self.tiles.down), divmod(row, self.below), strict=True)
        moved = sum(n * (operand.index.coefficient(axis) or 0) for axis, n in places if axis)
        if not operand.index.coefficient(self.tiles.across):
            return [self._element(stands, moved)] * self.vectors
        bits = [self.columns.bits_of(operand, stands, v, moved) for v in range(self.vectors)]
        return [from_storage(self.f, value, dtype) for value in bits]

    def _element(self, stands: Stands, moved: int) -> Value:
        f, dtype = self.f, self.unit.hero.dtype
        type, address = Type(storage_type(dtype)), self._address(stands, moved)
        if self.tiles.terms.paired is not None:
            return f.splat(f.load(address, Type("i32"), dtype.itemsize), self.type.lanes)
        value = from_storage(f, f.load(address, type, dtype.itemsize), dtype)
        return f.splat(value, self.type.lanes)

    def _address(self, stands: Stands, moved: int) -> Value:
        """Of an element of the row operand, so many elements further on."""
        f, operand = self.f, self.unit.hero.left
        point = Point(f, self.unit.pointers, stands, None, 1, None)
        scalar = storage_type(self.unit.hero.dtype)
        address = f.gep(self.unit.pointers[operand.place], point.index(operand.index), scalar)
        return f.gep(address, moved, scalar)

    def _rows_at(self, stands: Stands, row: int) -> tuple[Value, int]:
        """(the address of a row, by how many bytes rows lie apart)."""
        apart = self.unit.hero.left.index.coefficient(self.tiles.down)
        return self._address(stands, row * apart), apart * self.unit.hero.dtype.itemsize

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

    def _stands_in(self, row: Value) -> Stands:
        """Where the axes of the result stand in a row."""
        f, tiles, stands = self.f, self.tiles, dict(self.stands)
        if tiles.over:
            stands[tiles.over], row = f.udiv(row, self.below), f.urem(row, self.below)
        if tiles.down:
            stands[tiles.down] = f.add(stands[tiles.down], row)
        return stands

    @property
    def _fetches(self) -> bool:
        """Whether what the epilogue will read and write is asked for while terms are added."""
        return self.tiles.terms.is_one and self.tiles.terms.most >= WORTH_FETCHING

    def _fetch_share(self, block: TermBlock, start: Value, end: Value) -> None:
        """The share of the rows that these turns are of all turns; and of the next columns, in
        these turns, the share that this tile is of its group.
        """
        f, inside = self.f, block.terms.inside
        self._fetch(*[f.udiv(f.mul(turn, self.rows), block.terms.step) for turn in (start, end)])
        if self.place is None:
            return
        number, count = self.place
        first, terms = f.mul(start, inside), f.mul(f.sub(end, start), inside)
        shares = [f.udiv(f.mul(terms, n), count) for n in (number, f.add(number, 1))]
        self.columns.fetch_next(block, self.stands, *[f.add(first, share) for share in shares])

    def _fetch(self, start: Value, end: Value) -> None:
        """Ask for some rows."""
        f, across, unit = self.f, self.tiles.across, self.unit
        loads = [expr.data for expr in unit.kernel.loads() if not expr.args]
        touched = dict.fromkeys((x.place, x.index) for x in (*loads, *unit.kernel.stores))
        with f.loop(start, end) as loop:
            stands = self._stands_in(loop.index)
            point = Point(f, unit.pointers, stands, None, 1, None)
            for place, index in touched:
                if index.coefficient(across) == 1:
                    first = point.index(index)
                    address = f.gep(unit.pointers[place], first, storage_type(place.dtype))
                    for line in range(0, self.tiles.width * place.dtype.itemsize, LINE):
                        f.prefetch(f.gep(address, line, "i8"))

    def epilogue(self) -> None:
        """The kernel's stores, row after row, with the accumulated value in the place of "hero"."""
        f, lanes, kernel = self.f, self.type.lanes, self.unit.kernel
        heroes = [expr for expr in kernel.expressions() if expr.op == "hero"]
        across = self.tiles.across
        with f.loop(0, self.rows) as loop:
            stands = self._stands_in(loop.index)
            for v, mask in enumerate(self.columns.masks):
                stands[across] = f.add(self.stands[across], v * lanes)
                point = Point(f, self.unit.pointers, dict(stands), across, lanes, mask)
                value = self._get(loop.index, v)
                point.values.update((id(expr), value) for expr in heroes)
                point.store_all(kernel.stores)
