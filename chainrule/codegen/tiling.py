"""The shape of a contraction's tiles: receives its kernel; hands on how results are cut into tiles,
and tiles grouped so that what they read stays in the cache.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from chainrule.codegen.squares import MOST_ROWS, MOST_VECTORS, SIDE
from chainrule.codegen.terms import ONCE, Terms, blocks_of
from chainrule.dtypes import bfloat16
from chainrule.ir.index import Axis
from chainrule.ir.machine import Machine
from chainrule.ir.plan import Hero, Kernel

PAGE = 4096  # Rows at multiples of this distance share one set of the first cache.
ENOUGH_ROWS = 12
TALL = 128  # With so many rows a smaller tile below the others does not matter.
MOST_LAYERS = 7
FEWEST_LANES = 4  # Instructions that add pairs have no fewer.
WORTH_PACKING = 8  # So many tiles must use a panel.
UNITS = 64  # So many units leave no thread idle for long.
# Shares of the cache that a core has for itself. A column operand up to this size may be walked
# again for each row block.
WALKED = 1 / 2
PANEL = 1 / 8  # A panel lies on the stack, and stays in the cache.
PARTIAL = 1 / 8  # So do the unfinished tiles of a group.


@dataclass
class Tiling:
    """The shape of the tiles: `rows` along `down`, for each place of `over`, times `vectors` of
    `lanes` along `across`.

    Of the outer axes the columns depend on `shared`, not on `free`.
    """

    across: Axis
    down: Axis | None
    shared: list[Axis]
    free: list[Axis]
    lanes: int
    rows: int
    vectors: int
    terms: Terms
    columns_first: bool = False  # Whether neighbouring units lie beside each other.
    squares: bool = False  # Whether `SIDE` rows, columns and pairs of terms are multiplied at once.
    group: int = 0  # So many tiles below each other share panels of columns (0: there are none).
    over: Axis | None = None

    @property
    def width(self) -> int:
        return self.lanes * self.vectors

    @property
    def layers(self) -> int:
        """How many times the rows along `down` are there."""
        return self.over.size if self.over else 1

    @property
    def results(self) -> int:
        """Vectors of a tile."""
        return self.layers * self.rows * self.vectors

    @property
    def row_blocks(self) -> int:
        return -(-self.down.size // self.rows) if self.down else 1

    @property
    def column_blocks(self) -> int:
        return -(-self.across.size // self.width)

    @property
    def below(self) -> int:
        """How many tiles use the same columns."""
        return math.prod(axis.size for axis in self.free) * self.row_blocks

    @property
    def units(self) -> int:
        places = math.prod(axis.size for axis in self.shared) * self.column_blocks
        return places * (-(-self.below // self.group) if self.group else self.below)


class Choice(NamedTuple):
    """What a search may decide: the shape of tiles, and whether their columns are copied."""

    rows: int
    vectors: int
    packs: bool


def tiling(kernel: Kernel, machine: Machine, choice: Choice | None = None) -> Tiling:
    """Tiles that fill the registers: enough accumulators to hide the latency of a fused
    multiply-add.
    """
    hero = kernel.hero
    assert hero is not None
    across, down = kernel.axes[-1], _down(kernel, hero)
    columns = hero.right.index.axes()
    outer = [axis for axis in kernel.axes[:-1] if axis != down]
    shared = [axis for axis in outer if axis in columns]
    free = [axis for axis in outer if axis not in columns]
    size = hero.dtype.arithmetic.itemsize
    paired = _paired(hero, machine) if across.size >= FEWEST_LANES else None
    lanes = machine.vector_bytes // size
    while lanes // 2 >= across.size:
        lanes //= 2
    apart = (hero.left.index.coefficient(down) or 0) * hero.dtype.itemsize if down else 0
    few = apart % PAGE == 0
    height, width = down.size if down else 1, -(-across.size // lanes)
    squares = lanes == SIDE and _are_square(hero, down, paired, machine)
    terms = math.prod(axis.size for axis in hero.summed)
    cache = machine.own_cache
    columns_first = terms * across.size * size <= WALKED * cache
    over = _over(hero, free) if columns_first and width == 1 and not paired else None
    most = _accumulators(machine.registers)
    if squares:
        usual = _squares_of(height, width)
    elif over:
        usual = _rows(height, most // over.size), 1
    elif paired and height >= TALL:
        usual = _tile_of_pairs(width)
    else:
        usual = _tile(height, width, machine.registers, few)
    rows, vectors = choice[:2] if choice else usual
    squares = squares and vectors <= MOST_VECTORS
    whole = blocks_of(hero.summed, terms, None)
    tiles = Tiling(across, down, shared, free, lanes, rows, vectors, whole, columns_first, squares)
    if over and rows * vectors * over.size <= most:
        tiles.over = over
        free.remove(over)
    packs = choice.packs if choice else not tiles.columns_first and tiles.below >= WORTH_PACKING
    if paired or packs:
        most = int(PANEL * cache) // (tiles.width * size)
        if squares:
            most = max(most - most % SIDE, SIDE)
        tiles.terms = blocks_of(hero.summed, most, paired)
        tiles.group = _group(tiles, size, int(PARTIAL * cache))
    return tiles


def choices(kernel: Kernel, machine: Machine) -> list[Choice]:
    """What is worth trying; first what `tiling` would do by itself."""
    usual = tiling(kernel, machine)
    height = usual.down.size if usual.down else 1
    found = [Choice(usual.rows, usual.vectors, bool(usual.group))]
    for vectors in range(1, min(4, -(-usual.across.size // usual.lanes)) + 1):
        for most in (8, _accumulators(machine.registers)):
            rows = _rows(height, min(most, _accumulators(machine.registers) // vectors))
            found += [Choice(rows, vectors, packs) for packs in (False, True)]
    return list(dict.fromkeys(found))


def _paired(hero: Hero, machine: Machine) -> Axis | None:
    """The summed axis along which pairs of terms lie beside each other in the rows, where the
    machine adds such pairs.
    """
    last = hero.summed[-1] if hero.summed else ONCE
    beside = hero.left.index.coefficient(last) == 1 and last.size % 2 == 0
    return last if beside and machine.adds_pairs and hero.dtype is bfloat16 else None


def _are_square(hero: Hero, down: Axis | None, paired: Axis | None, machine: Machine) -> bool:
    """Whether rows lie at equal distances, and they and the terms fill whole squares."""
    if not machine.multiplies_squares or down is None or paired is None:
        return False
    full = down.size >= SIDE and paired.size % (2 * SIDE) == 0
    return full and hero.left.index.coefficient(down) is not None


def _squares_of(height: int, width: int) -> tuple[int, int]:
    """(rows, vectors) of a tile. A rest of more rows than fill vector registers would be slow."""
    rest = height % MOST_ROWS
    rows = MOST_ROWS if height >= MOST_ROWS and rest <= SIDE else SIDE
    return rows, min(width, MOST_VECTORS)


def _down(kernel: Kernel, hero: Hero) -> Axis | None:
    """Of the axes that only the row operand has the one with the shortest step, if it is long
    enough for a tile, else the longest.
    """
    rows_of = [
        axis
        for axis in kernel.axes[:-1]
        if hero.left.index.coefficient(axis) and axis not in hero.right.index.axes()
    ]
    step = hero.left.index.coefficient
    enough = [axis for axis in rows_of if axis.size >= ENOUGH_ROWS]
    if enough:
        return min(enough, key=lambda axis: abs(step(axis) or 0))
    return max(rows_of, key=lambda axis: (axis.size, axis.number), default=None)


def _over(hero: Hero, free: list[Axis]) -> Axis | None:
    """An axis of a few rows that are read one after the other along a summed axis, too, as the
    place in a window is: together they read little more than one of them.
    """
    step = hero.left.index.coefficient
    along = [step(axis) for axis in hero.summed]
    few = [axis for axis in free if 1 < axis.size <= MOST_LAYERS and step(axis) in along]
    return min(few, key=lambda axis: abs(step(axis) or 0), default=None)


def _tile(height: int, width: int, registers: int, few: bool) -> tuple[int, int]:
    """(rows, vectors) of a tile: as many accumulators as registers allow, with little waste at the
    edges.

    Few rows take wider tiles, and so do rows that would drive each other out of the cache (`few`).
    """
    wide = 3 if few and width % 3 != 1 else 2
    # One row reads each vector once: the more of them lie beside each other, the faster.
    single = 16 if width >= 32 and registers > 16 else 8
    vectors = min(width, single if height == 1 else 4 if height <= 4 else wide)
    return _rows(height, min(_accumulators(registers) // vectors, 8 if few else 16)), vectors


def _tile_of_pairs(width: int) -> tuple[int, int]:
    """(rows, vectors) of one tile of many. Pairs are multiplied twice as fast as float32 is, so
    tiles are wider: rows come from a further cache.
    """
    vectors = next((n for n in (3, 4) if width % n == 0), min(width, 2))
    return 24 // vectors, vectors


def _accumulators(registers: int) -> int:
    """Operands need a few of the registers."""
    return registers - (4 if registers > 16 else 6)


def _rows(height: int, most: int) -> int:
    if height <= most:
        return height
    even = [rows for rows in range(max(4, most // 2), most + 1) if height % rows == 0]
    return max(even, default=-(-height // -(-height // most)))


def _group(tiles: Tiling, size: int, partial: int) -> int:
    """As many tiles as keep all threads busy, and their partial results in the cache."""
    all_tiles = tiles.below * tiles.column_blocks * math.prod(axis.size for axis in tiles.shared)
    most = tiles.below if tiles.terms.is_one else partial // (tiles.results * tiles.lanes * size)
    return min(tiles.below, max(WORTH_PACKING, min(most, all_tiles // UNITS)))
