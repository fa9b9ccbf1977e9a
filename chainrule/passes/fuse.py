"""Fusion: kernels whose loops agree become one. Receives a lowered block; hands it on with fewer,
larger kernels.

A kernel may join an earlier one if it reads that one's results only at the very point where they
are made, and if nothing it needs depends on that one in another way. Values then pass in registers,
and stores that nobody else reads disappear.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from chainrule.ir import index as ix
from chainrule.ir.index import Axis, Index
from chainrule.ir.plan import Block, Expr, Kernel, Place, Reduce, Store, walk
from chainrule.ir.stages import Stages, rewrite
from chainrule.passes.dependencies import Dependencies, bodies, touched
from chainrule.passes.materialize import CHEAP, COST

EXPRESSIONS = 400  # A kernel grows no further: registers and compile time are finite.
LARGE = 1 << 16  # Elements of a copy that turns a matrix by itself.
PARALLEL = 64  # Fusion must leave that many independent points to large kernels.


def fuse(block: Block) -> Block:
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
            item.statements = rewrite(item.statements)
    _drop_dead_stores(block)
    for item in block.items:
        if isinstance(item, Kernel):
            _read_as_stored(item)
    return block


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
                _join(graph, target)  # What it needs now may take it.
                return


def merge(first: Kernel, second: Kernel) -> Kernel | None:
    """One kernel that does the work of both, or None if their loops or their data do not fit."""
    matched = _match(first, second)
    if matched is None or _turns(second):
        return None
    axes, inner, rename_first, rename_second = matched
    head = first.statements
    if rename_first:
        head = rewrite(head, index=lambda index: index.substitute(rename_first))
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
    after, beside = first.after + second.after, first.beside + second.beside
    return Kernel(axes, inner, statements, first.hero, None, after, first.origin, beside=beside)


def _match(first: Kernel, second: Kernel) -> tuple | None:
    """(axes, inner axes, renaming of the first's axes, renaming of the second's), if their loops
    can be one.
    """
    if second.hero is not None or first.special is not None:
        return None
    sizes, other = ([axis.size for axis in kernel.axes] for kernel in (first, second))
    outer, other_outer = _outer(first), _outer(second)
    if sizes == other:
        rename = _renaming(second.axes, first.axes)
        place = dict(zip(second.axes, first.axes, strict=True))
        inner = frozenset(place[axis] for axis in second.inner)
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


def _turns(kernel: Kernel) -> bool:
    """Whether it is a large copy that turns a matrix, which tiles do better than scattered
    stores.
    """
    if kernel.inner or len(kernel.statements) != 1 or kernel.hero or kernel.special:
        return False
    (store,) = kernel.stores
    load = store.value
    copied = load.op == "load" and not load.args and not load.data.conditions
    if not copied or math.prod(store.place.shape) < LARGE:
        return False
    return not any(
        store.index.coefficient(axis) == 1 == load.data.index.coefficient(axis)
        for axis in kernel.axes
    )


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


def _read_as_stored(kernel: Kernel) -> None:
    """A 16-bit float that is stored gets rounded for its readers in registers too: the readers of
    the memory, here and elsewhere, must not see another value.
    """
    uses = Counter(id(arg) for expr in kernel.expressions() for arg in expr.args)
    uses.update(id(statement.value) for statement in kernel.statements)
    exact = ("load", "cast", "constant")
    values = [store.value for store in kernel.stores if store.place.dtype.is_narrow]
    stored = {id(x) for x in values if x.op not in exact and uses[id(x)] > 1}
    if not stored:
        return
    new: dict[int, Expr] = {}
    for expr in kernel.expressions():
        args = tuple([new[id(arg)] for arg in expr.args])
        same = Expr(expr.op, args, expr.dtype, expr.data) if args else expr
        new[id(expr)] = Expr("cast", (same,), expr.dtype) if id(expr) in stored else same
    kernel.statements = [s._replace(value=new[id(s.value)]) for s in kernel.statements]


def costs(kernel: Kernel) -> dict[int, float]:
    """The cost of each expression with all that it is made of, by identity."""
    cost: dict[int, float] = {}
    for expr in kernel.expressions():
        cost[id(expr)] = COST[expr.op] + sum(cost[id(arg)] for arg in expr.args)
    return cost


def reloads(kernel: Kernel) -> set[Place]:
    """Places stored in one stage whose values a later stage reads back, because computing them
    again costs more.
    """
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


def _drop_dead_stores(block: Block) -> None:
    """Stores to temporaries that no item reads any more disappear, and kernels left without
    statements too.
    """
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
            kept = item.writes()
            item.beside = [other for other in item.beside if set(other.writes()) <= set(kept)]
    block.items = [
        item
        for item in block.items
        if not isinstance(item, Kernel) or item.special is not None or item.stores
    ]
    alive = {buffer for item in block.items for group in touched(item) for buffer in group}
    block.temporaries = [
        buffer for buffer in block.temporaries if buffer in alive or buffer in used
    ]
