"""Terms of a contraction: receives its summed axes; hands on the loops over them, in blocks whose
columns fit into the cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from chainrule.codegen.builder import Function
from chainrule.codegen.emit import PIECE, nested
from chainrule.codegen.squares import SIDE
from chainrule.codegen.values import I64, Value, constant
from chainrule.ir.index import Axis

ONCE = Axis(-1, 1)
BETWEEN = 32  # So many terms are added between two requests: many at once would be waited for.

Stands = dict[Axis, Value]
Fetch = Callable[[Value, Value], None]  # From one turn of a block to another.


class Terms(NamedTuple):
    """The summed axes in blocks whose columns fit into the cache: `step` places of `along`, at one
    place of the axes `before` and all of those `after`.
    """

    before: list[Axis]
    along: Axis
    step: int
    after: list[Axis]
    paired: Axis | None = None  # The last axis, if its terms are taken two at a time.

    @property
    def inside(self) -> int:
        """Terms at one place of `along`."""
        return math.prod(axis.size for axis in self.after)

    @property
    def most(self) -> int:
        """Terms of a whole block."""
        return self.step * self.inside

    @property
    def is_one(self) -> bool:
        """Whether there is one block."""
        return not self.before and self.step == self.along.size

    @property
    def is_short(self) -> bool:
        """Whether all terms are added in one piece."""
        return self.is_one and self.most <= PIECE


def blocks_of(summed: tuple[Axis, ...], most: int, paired: Axis | None) -> Terms:
    """The last axes whole, and of the one before them as much as `most` terms allow, in whole
    pieces.
    """
    if not summed:  # Each result is one product.
        summed = (ONCE,)
    if paired:
        summed = (*summed[:-1], Axis(paired.number, paired.size // 2))
    inside = 1
    for number in reversed(range(len(summed))):
        along = summed[number]
        if not number or inside * along.size > most:
            break
        inside *= along.size
    step, piece = min(along.size, max(1, most // inside)), max(1, PIECE // inside)
    if piece < step < along.size:
        step -= step % piece
    return Terms(list(summed[:number]), along, step, list(summed[number + 1 :]), paired)


class TermBlock(NamedTuple):
    """One block of the terms, under construction."""

    terms: Terms
    stands: Stands
    start: Value
    end: Value

    @contextmanager
    def each(
        self, f: Function, close: Callable[[], None] | None = None, fetch: Fetch | None = None
    ) -> Iterator[tuple[Stands, Value]]:
        """(where the summed axes stand, which term of the block) for each of its terms; `close` is
        called after every piece, `fetch` now and then.
        """
        after, inside = self.terms.after, self.terms.inside
        turns = max(1, PIECE // inside)
        with _pieces(f, self.start, self.end, turns if turns < self.terms.step else 0) as piece:
            long = close if inside > PIECE else None
            with _pieces(f, *piece, -(-BETWEEN // inside) if fetch else 0) as part:
                if fetch is not None:
                    fetch(*part)
                with f.loop(*part) as loop, nested(f, after, long) as inner:
                    yield self._term(f, {self.terms.along: loop.index, **inner})
            if close is not None and inside <= PIECE:
                close()

    @contextmanager
    def each_square(self, f: Function) -> Iterator[tuple[Stands, Value]]:
        """The same for the first of every `SIDE` pairs of terms."""
        *outer, pairs = [self.terms.along, *self.terms.after]
        if not outer:
            with f.loop(self.start, self.end, SIDE) as loop:
                yield self._term(f, {pairs: loop.index})
            return
        along, *after = outer
        with (
            f.loop(self.start, self.end) as loop,
            nested(f, after) as inner,
            f.loop(0, pairs.size, SIDE) as pair,
        ):
            yield self._term(f, {along: loop.index, **inner, pairs: pair.index})

    def at(self, f: Function, term: Value) -> Stands:
        """Where the summed axes stand at a term of the block."""
        found = {}
        for axis in reversed(self.terms.after):
            found[axis], term = f.urem(term, axis.size), f.udiv(term, axis.size)
        along = {self.terms.along: f.add(term, self.start)}
        return self._stands(f, {**along, **dict(reversed(found.items()))})

    def _term(self, f: Function, inner: Stands) -> tuple[Stands, Value]:
        """(where the summed axes stand, which term of the block it is)."""
        number = f.sub(inner[self.terms.along], self.start)
        for axis in self.terms.after:
            number = f.add(f.mul(number, axis.size), inner[axis])
        return self._stands(f, inner), number

    def _stands(self, f: Function, inner: Stands) -> Stands:
        """Where the summed axes stand."""
        if self.terms.paired is not None:
            *_, half = inner
            inner = {**inner, self.terms.paired: f.mul(inner[half], 2)}
        return {**self.stands, **inner}


@contextmanager
def _pieces(f: Function, start: Value, end: Value, turns: int) -> Iterator[tuple[Value, Value]]:
    """(first, end) of each piece of `turns` turns; of all where that is 0."""
    if not turns:
        yield start, end
        return
    with f.loop(start, end, turns) as piece:
        yield piece.index, f.intrinsic("smin", I64, f.add(piece.index, turns), end)


@contextmanager
def term_blocks(f: Function, terms: Terms) -> Iterator[TermBlock]:
    """The loops over all blocks."""
    size, step = terms.along.size, terms.step
    with nested(f, terms.before) as stands:
        if step == size:
            yield TermBlock(terms, stands, constant(I64, 0), constant(I64, size))
        else:
            with f.loop(0, size, step) as loop:
                end = f.add(loop.index, step)
                if size % step:
                    end = f.intrinsic("smin", I64, end, constant(I64, size))
                yield TermBlock(terms, stands, loop.index, end)
