"""Fusion: kernels whose loops agree become one. Receives a lowered block; hands it on with fewer, larger kernels.

A kernel may join an earlier one if it reads that one's results only at the very point where they are made, and if
nothing it needs depends on that one in another way. Values then pass in registers, and stores that nobody else
reads disappear.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from chainrule.ir import index as ix
from chainrule.ir.index import Axis, Index
from chainrule.ir.plan import Branch, Buffer, Expr, Kernel, Loop, Place, Reduce, Store, While, walk
from chainrule.ir.stages import Stages, rewrite
from chainrule.passes.lower import Lowered
from chainrule.passes.materialize import CHEAP, COST

EXPRESSIONS = 400  # A kernel grows no further: registers and compile time are finite.
PARALLEL = 64  # Fusion must leave that many independent points to large kernels.


def fuse(block: Lowered) -> Lowered:
    """Before: one kernel a stored value. After: no two kernels left that could be one."""
    for item in block.items:
        for inner in bodies(item):
            fuse(inner)
    graph = Dependencies(block.items)
    for number, item in enumerate(block.items):
        if isinstance(item, Kernel) and item.special is None:
            _join(graph, number)
    block.items = graph.ordered()
    for item in block.items:
        if isinstance(item, Kernel):
            # Equal expressions of the kernels that came together become one.
            item.statements = rewrite(item.statements, lambda expr: None)
    _drop_dead_stores(block)
    return block


def bodies(item: object) -> list[Lowered]:
    """The blocks inside an item."""
    if isinstance(item, Loop):
        return [item.body]
    if isinstance(item, While):
        return [item.test, item.body]
    return [item.then, item.otherwise] if isinstance(item, Branch) else []


def touched(item: object) -> tuple[set[Buffer], set[Buffer]]:
    """(buffers read, buffers written) by an item, with all that is inside it."""
    if isinstance(item, Kernel):
        return {place.buffer for place in item.reads()}, {place.buffer for place in item.writes()}
    reads, writes = set(), set()
    if isinstance(item, (While, Branch)):
        reads.add(item.flag.buffer)
    for body in bodies(item):
        for inner in body.items:
            more = touched(inner)
            reads |= more[0]
            writes |= more[1]
        for state, new in body.updates:
            reads.add(new.buffer)
            writes.add(state.buffer)
    return reads, writes


class Dependencies:
    """Which items must run before which, as direct edges and as bit sets of all ancestors."""

    def __init__(self, items: Iterable) -> None:
        self.items: list = list(items)
        self.direct: list[set[int]] = []
        self.users: list[set[int]] = [set() for _ in self.items]
        self.ancestors: list[int] = []
        writers: dict[Buffer, list[int]] = defaultdict(list)
        readers: dict[Buffer, list[int]] = defaultdict(list)
        self.touched = [touched(item) for item in self.items]
        self.sizes = [_size(item) if isinstance(item, Kernel) else 0 for item in self.items]
        for number, (reads, writes) in enumerate(self.touched):
            needs = {before for buffer in reads | writes for before in writers[buffer]}
            needs |= {before for buffer in writes for before in readers[buffer]}
            needs.discard(number)
            self.direct.append(needs)
            self.ancestors.append(self._closure(needs))
            for before in needs:
                self.users[before].add(number)
            for buffer in reads:
                readers[buffer].append(number)
            for buffer in writes:
                writers[buffer].append(number)
        self.readers = readers

    def _closure(self, needs: Iterable[int]) -> int:
        bits = 0
        for before in needs:
            bits |= self.ancestors[before] | (1 << before)
        return bits

    def depends(self, later: int, earlier: int) -> bool:
        return bool(self.ancestors[later] >> earlier & 1)

    def add_edge(self, earlier: int, later: int) -> None:
        """`earlier` must run before `later`; the caller knows that this closes no circle."""
        self.direct[later].add(earlier)
        self.users[earlier].add(later)
        bits = self.ancestors[earlier] | (1 << earlier)
        for number, ancestors in enumerate(self.ancestors):
            if number == later or ancestors >> later & 1:
                self.ancestors[number] |= bits

    def may_absorb(self, target: int, number: int) -> bool:
        """Whether `number` could run at the place of `target`: nothing else that it needs comes after `target`."""
        return all(
            before == target or not self.depends(before, target) for before in self.direct[number]
        )

    def absorb(self, target: int, number: int, merged: Kernel) -> None:
        """`target` becomes `merged`; `number` disappears, and who needed it needs `target`."""
        self.items[target], self.items[number] = merged, None
        self.touched[target] = tuple(
            a | b for a, b in zip(self.touched[target], self.touched[number], strict=True)
        )
        self.sizes[target] += self.sizes[number]
        needs = self.direct[number] - {target}
        self.direct[target] |= needs
        for before in self.direct[number]:
            self.users[before].discard(number)
            if before != target:
                self.users[before].add(target)
        for later in self.users[number]:
            self.direct[later].discard(number)
            self.direct[later].add(target)
        self.users[target] |= self.users[number]
        self.direct[number], self.users[number] = set(), set()
        self.ancestors[target] |= self._closure(needs)
        bits, either = self.ancestors[target] | (1 << target), (1 << target) | (1 << number)
        for other, ancestors in enumerate(self.ancestors):
            if ancestors & either:
                self.ancestors[other] |= bits
        for buffer in self.touched[number][0]:
            self.readers[buffer].append(target)

    def ordered(self) -> list:
        """The items that are left, each after all that it needs, otherwise in their old order."""
        done: list[int] = []
        placed: set[int] = set()
        for start, item in enumerate(self.items):
            stack = [start] if item is not None else []
            while stack:
                number = stack[-1]
                missing = [before for before in sorted(self.direct[number]) if before not in placed]
                if number in placed or not missing:
                    stack.pop()
                    if number not in placed:
                        placed.add(number)
                        done.append(number)
                else:
                    stack.extend(missing[::-1])
        return [self.items[number] for number in done]


def _join(graph: Dependencies, number: int) -> None:
    """Merge one kernel into the latest earlier one that can take it."""
    kernel = graph.items[number]
    relatives = set(graph.direct[number])
    for buffer in graph.touched[number][0]:
        relatives |= {other for other in graph.readers[buffer] if other < number}
    for target in sorted(relatives, reverse=True):
        other = graph.items[target]
        fits = graph.sizes[target] + graph.sizes[number] <= EXPRESSIONS
        if fits and isinstance(other, Kernel) and graph.may_absorb(target, number):
            merged = merge(other, kernel)
            if merged is not None:
                graph.absorb(target, number, merged)
                return


def merge(first: Kernel, second: Kernel) -> Kernel | None:
    """One kernel that does the work of both, or None if their loops or their data do not fit."""
    matched = _match(first, second)
    if matched is None:
        return None
    axes, inner, rename_first, rename_second = matched
    head = first.statements
    if rename_first:
        head = rewrite(head, lambda expr: None, lambda index: index.substitute(rename_first))
    stored = {statement.place: statement for statement in head if isinstance(statement, Store)}
    if any(place in stored for place in second.after):
        return None
    offset = sum(isinstance(statement, Reduce) for statement in head)
    tail = rewrite(
        second.statements,
        lambda expr: _renumbered(expr, offset),
        lambda index: index.substitute(rename_second),
    )
    if not _aligned(tail, stored):
        return None
    tail = [s if isinstance(s, Store) else s._replace(number=s.number + offset) for s in tail]
    statements = [*head, *rewrite(tail, lambda expr: _forwarded(expr, stored))]
    return Kernel(
        axes, inner, statements, first.hero, None, first.after + second.after, first.origin
    )


def _size(kernel: Kernel) -> int:
    return sum(1 for _ in kernel.expressions())


def _match(first: Kernel, second: Kernel) -> tuple | None:
    """(axes, inner axes, renaming of the first's axes, renaming of the second's), if their loops can be one."""
    if second.hero is not None or first.special is not None:
        return None
    sizes, other = ([axis.size for axis in kernel.axes] for kernel in (first, second))
    outer, other_outer = _outer(first), _outer(second)
    if sizes == other:
        rename = _renaming(second.axes, first.axes)
        inner = frozenset(rename[axis].terms[0][0] for axis in second.inner)
        if first.inner and inner and inner != first.inner:
            return None
        inner |= first.inner
        if inner and (first.hero is not None or not _parallel_enough(first, inner)):
            return None
        return first.axes, inner, {}, rename
    if first.hero is not None:
        return None
    if first.inner and not second.inner and [axis.size for axis in outer] == other:
        return first.axes, first.inner, {}, _renaming(second.axes, outer)
    if second.inner and not first.inner and [axis.size for axis in other_outer] == sizes:
        return second.axes, second.inner, _renaming(first.axes, other_outer), {}
    return None


def _outer(kernel: Kernel) -> tuple[Axis, ...]:
    return tuple(axis for axis in kernel.axes if axis not in kernel.inner)


def _parallel_enough(kernel: Kernel, inner: frozenset[Axis]) -> bool:
    """A large kernel without reductions keeps its independent points."""
    points = math.prod(axis.size for axis in kernel.axes)
    return (
        bool(kernel.inner)
        or points < 1 << 14
        or points // math.prod(axis.size for axis in inner) >= PARALLEL
    )


def _renaming(old: Iterable[Axis], new: Iterable[Axis]) -> dict[Axis, Index]:
    return {a: ix.of_axis(b) for a, b in zip(old, new, strict=True)}


def _renumbered(expr: Expr, offset: int) -> Expr | None:
    return (
        Expr("reduced", (), expr.dtype, expr.data + offset)
        if expr.op == "reduced" and offset
        else None
    )


def _aligned(statements: list, stored: dict[Place, Store]) -> bool:
    """Whether every load of a stored place reads the point that is stored."""
    buffers = {place.buffer for place in stored}
    for expr in walk(*[statement.value for statement in statements]):
        if expr.op == "load" and expr.data.place.buffer in buffers:
            store = stored.get(expr.data.place)
            if store is None or expr.args or expr.data.conditions or expr.data.index != store.index:
                return False
    return True


def _forwarded(expr: Expr, stored: dict[Place, Store]) -> Expr | None:
    if expr.op == "load" and expr.data.place in stored:
        return stored[expr.data.place].value
    return None


def costs(kernel: Kernel) -> dict[int, float]:
    """The cost of each expression with all that it is made of, by identity."""
    cost: dict[int, float] = {}
    for expr in kernel.expressions():
        cost[id(expr)] = COST[expr.op] + sum(cost[id(arg)] for arg in expr.args)
    return cost


def reloads(kernel: Kernel) -> set[Place]:
    """Places stored in one stage whose values a later stage reads back, because computing them again costs more."""
    if not kernel.inner:
        return set()
    stages, cost = Stages(kernel), costs(kernel)
    by_value = {
        id(store.value): store for store in kernel.stores if store.index.axes() & kernel.inner
    }
    needed: set[Place] = set()
    for statement in kernel.statements:
        stage = stages.stage[id(statement.value)]
        for expr in walk(statement.value):
            store = by_value.get(id(expr))
            if store is not None and stages.stage[id(expr)] < stage and cost[id(expr)] > CHEAP:
                needed.add(store.place)
    return needed


def _drop_dead_stores(block: Lowered) -> None:
    """Stores to temporaries that no item reads any more disappear, and kernels left without statements too."""
    used = {new.buffer for _, new in block.updates}
    used |= {
        place.buffer for item in block.items if isinstance(item, Kernel) for place in item.reads()
    }
    for item in block.items:
        if not isinstance(item, Kernel):
            used |= touched(item)[0]
    temporaries = set(block.temporaries)
    for item in block.items:
        if isinstance(item, Kernel) and item.special is None:
            keep = reloads(item)
            item.statements = [
                s
                for s in item.statements
                if isinstance(s, Reduce)
                or s.place.buffer in used
                or s.place.buffer not in temporaries
                or s.place in keep
            ]
    block.items = [
        item
        for item in block.items
        if not isinstance(item, Kernel) or item.special is not None or item.stores
    ]
    alive = {buffer for item in block.items for group in touched(item) for buffer in group}
    block.temporaries = [
        buffer for buffer in block.temporaries if buffer in alive or buffer in used
    ]
