"""Records that the passes make and the code generator reads: expressions over loads, kernels,
blocks, programs.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chainrule.dtypes import DType
from chainrule.ir.contraction import Contraction
from chainrule.ir.index import Axis, Index
from chainrule.ir.node import Origin


class Buffer:
    """A piece of memory: `kind` is "input", "state" (an input that is also written), "output",
    "constant" or "temporary".

    `slot` is its place among the program's pointers; temporaries have an `offset` in the arena
    instead.
    """

    __slots__ = ("name", "shape", "dtype", "kind", "slot", "offset")

    def __init__(
        self, name: str, shape: tuple[int, ...], dtype: DType, kind: str, slot: int = -1
    ) -> None:
        self.name, self.shape, self.dtype, self.kind, self.slot = name, shape, dtype, kind, slot
        self.offset = -1

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def __repr__(self) -> str:
        return f"{self.name}:{self.dtype.name}{list(self.shape)}"


class Turn:
    """The counter of a loop of the program (scan): places inside it may move with the turn."""

    __slots__ = ("length", "reverse")

    def __init__(self, length: int, reverse: bool) -> None:
        self.length, self.reverse = length, reverse


class Place(NamedTuple):
    """Where an array lies: a buffer, moved by `stride` elements for each turn of the enclosing
    loops.
    """

    buffer: Buffer
    shape: tuple[int, ...]
    turns: tuple[tuple[Turn, int], ...] = ()

    @property
    def dtype(self) -> DType:
        return self.buffer.dtype


class Condition(NamedTuple):
    """low <= index < high."""

    index: Index  # type: ignore[assignment]
    low: int
    high: int


class Expr:
    """A scalar expression of the kernel's axes.

    op "load": data is a Load. "index": the value of the Index in data. "constant": the number in
    data. "within": whether all conditions in data hold. "hero": what the contraction accumulated at
    this point. "reduced": the result of the Reduce numbered in data. Otherwise a primitive, with
    its attributes in data.
    """

    __slots__ = ("op", "args", "dtype", "data")

    def __init__(self, op: str, args: tuple[Expr, ...], dtype: DType, data: Any = None) -> None:
        self.op, self.args, self.dtype, self.data = op, args, dtype, data


class Load(NamedTuple):
    """What a "load" reads: element `index` of `place`, zero where a condition fails.

    With an argument, the expression's value (a row, already inside the bounds) times `stride` is
    added to the index.
    """

    place: Place
    index: Index  # type: ignore[assignment]
    conditions: tuple[Condition, ...] = ()
    stride: int = 0


def walk(*roots: Expr, seen: set[int] | None = None) -> list[Expr]:
    """Every expression under the roots once, operands first, without recursion; none that is `seen`
    already, by identity.
    """
    seen = set() if seen is None else seen
    order: list[Expr] = []
    stack: list[Expr | None] = list(reversed(roots))
    while stack:
        expr = stack.pop()
        if expr is None:  # What lies below it has been through all its operands.
            order.append(stack.pop())
        elif id(expr) not in seen:
            seen.add(id(expr))
            if expr.args:
                stack += (expr, None, *reversed(expr.args))
            else:
                order.append(expr)
    return order


class Store(NamedTuple):
    """place[index] = value, at every point of the axes (or once a row, if no inner axis occurs)."""

    place: Place
    index: Index  # type: ignore[assignment]
    value: Expr


class Reduce(NamedTuple):
    """Result number `number` of the kernel: `kind` (sum prod max min argmax argmin) of `value` over
    the inner axes.
    """

    number: int
    kind: str
    value: Expr
    dtype: DType


@dataclass(eq=False)
class Kernel:
    """Loops over `axes` with statements inside; `inner` axes are those that the Reduces run over.

    `hero`: the contraction whose accumulated value the stores use; its axes are the output letters.
    `special`: a primitive with an emitter of its own (argsort, cumulative, scatter_add), or a call
    of its definition.
    """

    axes: tuple[Axis, ...]
    inner: frozenset[Axis] = frozenset()
    statements: list[Store | Reduce] = field(default_factory=list)
    hero: Hero | None = None
    special: Special | None = None
    after: list[Place] = field(default_factory=list)
    origin: Origin = Origin("", 0, "")
    serial: bool = False  # One thread does it alone.
    # What writes the rest of a place of which this kernel writes a part: it needs nothing.
    beside: list[Kernel] = field(default_factory=list)
    _walked: tuple[list | None, list[Expr]] = (None, [])

    @property
    def stores(self) -> list[Store]:
        return [statement for statement in self.statements if isinstance(statement, Store)]

    def expressions(self) -> list[Expr]:
        """All expressions of the statements, a list that is made anew for another list of them."""
        of, expressions = self._walked
        if of is not self.statements:
            expressions = walk(*[statement.value for statement in self.statements])
            self._walked = self.statements, expressions
        return expressions

    def loads(self) -> list[Expr]:
        return [expr for expr in self.expressions() if expr.op == "load"]

    def reads(self) -> list[Place]:
        """All places that the kernel reads, each once."""
        places = [expr.data.place for expr in self.loads()]
        if self.hero is not None:
            places += [self.hero.left.place, self.hero.right.place]
        if self.special is not None:
            places += self.special.operands
        return list(dict.fromkeys(places + self.after))

    def writes(self) -> list[Place]:
        places = [store.place for store in self.stores]
        if self.special is not None:
            places += self.special.results
        return list(dict.fromkeys(places))


class Operand(NamedTuple):
    """An operand of a contraction in memory: its element at the letters (as axes), where the
    conditions hold, else zero.
    """

    place: Place
    index: Index  # type: ignore[assignment]
    conditions: tuple[Condition, ...]


@dataclass(eq=False)
class Hero:
    """A contraction over `letters` (axes numbered like the letters; the first `rank` are the
    output's).
    """

    spec: Contraction
    letters: tuple[Axis, ...]
    summed: tuple[Axis, ...]
    left: Operand
    right: Operand
    dtype: DType


@dataclass(eq=False)
class Special:
    """A primitive that is not a loop over independent points.

    `host`: the program calls its definition back, under the number `call_number` gives it.
    """

    op: str
    operands: list[Place]
    results: list[Place]
    attributes: dict[str, Any]
    host: bool = False


def call_number(
    op: str, attributes: Mapping[str, Any], operands: Iterable[Any], results: Iterable[Any]
) -> int:
    """By which a program names a definition, applied to arrays of these shapes and dtypes: the same
    in every process.
    """
    specs = [[(x.dtype.name, x.shape) for x in group] for group in (operands, results)]
    text = repr((op, sorted(attributes.items()), specs))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7])


@dataclass(eq=False)
class Loop:
    """A block repeated for each turn of a scan."""

    turn: Turn
    body: Block


@dataclass(eq=False)
class While:
    """`test` and then, while `flag` holds, `body`."""

    test: Block
    flag: Place
    body: Block


@dataclass(eq=False)
class Branch:
    """One of two blocks, as `flag` says."""

    flag: Place
    then: Block
    otherwise: Block


@dataclass(eq=False)
class Barrier:
    """All threads meet."""


@dataclass(eq=False)
class Mark:
    """Each thread adds the time since its last mark to entry `number` of its own row of `place`."""

    place: Place
    number: int


Item = Kernel | Loop | While | Branch | Barrier | Mark


@dataclass(eq=False)
class Block:
    """Items in order of execution. `temporaries` live no longer than one run of the block.

    `updates` are pairs (state, its new value) until scheduling has settled how the state gets it. A
    `serial` block runs on one thread, a `brief` program is over before others would be awake. If
    `rows` is not 0, no row of so many ever meets another in any turn of the block: its barriers may
    be left out where each thread keeps its own.
    """

    items: list[Item] = field(default_factory=list)
    temporaries: list[Buffer] = field(default_factory=list)
    serial: bool = False
    brief: bool = False
    rows: int = 0
    updates: list[tuple[Place, Place]] = field(default_factory=list)


def bodies(item: object) -> list[Block]:
    """The blocks inside an item."""
    if isinstance(item, Loop):
        return [item.body]
    if isinstance(item, While):
        return [item.test, item.body]
    return [item.then, item.otherwise] if isinstance(item, Branch) else []


@dataclass(eq=False)
class Program:
    """A planned program. `slots` are the buffers whose pointers the caller passes, in order; the
    arena comes last.
    """

    block: Block
    slots: list[Buffer]
    arena_bytes: int = 0
