"""Scheduling: in which order items run, which kernels all threads share, and where the threads must
meet.

Receives fused blocks; settles which new state is written in place, and hands on Blocks with
Barriers.
"""

from __future__ import annotations

import math

from chainrule.ir import index as ix
from chainrule.ir.index import Axis
from chainrule.ir.node import Origin
from chainrule.ir.plan import (
    Barrier,
    Block,
    Branch,
    Buffer,
    Expr,
    Kernel,
    Load,
    Loop,
    Place,
    Special,
    Store,
    While,
    walk,
)
from chainrule.ir.stages import Stages
from chainrule.passes.dependencies import Dependencies, bodies
from chainrule.passes.materialize import COST
from chainrule.passes.rows import rows_apart

READING = 2  # Work of reading a vector that is used once, out of the second cache.
LANES = 16  # Work is counted in vector instructions of about this width.
# Below this much work (about 4 us) sharing it with other threads costs more than it saves.
SMALL_PROGRAM = 15_000
BRIEF_PROGRAM = 100_000  # Below this much (about 20 us) so does waking them, if they sleep.
# Inside a loop the threads are awake. Meeting them costs about as much as this much work, which an
# item has to exceed, and all items of a turn together by so much.
MEETING = 3_000
SMALL_TURN = 4_000
SMALL_KERNEL = 1000  # Below this much work (about 0.3 us) a kernel is not worth splitting.


def schedule(block: Block) -> Block:
    """Before: items in an order that respects data. After: the final order, with barriers and
    in-place updates.

    Deterministic: the result does not depend on the number of threads.
    """
    effort = work(block)
    result = _schedule(block, serial=effort < SMALL_PROGRAM)
    result.brief = effort < BRIEF_PROGRAM and not _unbounded(block)
    return result


def _schedule(block: Block, serial: bool) -> Block:
    graph = Dependencies(block.items)
    copies = _settle_updates(block, graph)
    items = graph.ordered() + copies
    items = [_nested(item, serial) for item in items]
    for item in items:
        if isinstance(item, Kernel):
            item.serial = serial or is_serial(item)
            for other in item.beside:
                other.serial = item.serial
    result = Block(items, block.temporaries, serial)
    if not serial:
        result.items = _with_barriers(items)
    return result


def _nested(item: object, serial: bool) -> object:
    """Schedule the blocks inside an item; a loop with little to share stays on one thread."""
    inner = serial or all(_shareable(body) < SMALL_TURN for body in bodies(item))
    if isinstance(item, Loop):
        item.body = _schedule(item.body, inner)
        item.body.rows = 0 if inner else rows_apart(item.body, item.turn)
    elif isinstance(item, While):
        item.test, item.body = _schedule(item.test, inner), _schedule(item.body, inner)
    elif isinstance(item, Branch):
        item.then, item.otherwise = _schedule(item.then, inner), _schedule(item.otherwise, inner)
    return item


# ---- Cost ----


def work(item: object) -> float:
    """Estimated vector instructions of an item or block; a loop of unknown length counts as one
    turn.
    """
    if isinstance(item, Block):
        return sum(work(inner) for inner in item.items)
    if isinstance(item, Kernel):
        return kernel_work(item)
    if isinstance(item, Loop):
        return item.turn.length * work(item.body)
    return sum(work(body) for body in bodies(item))


def _unbounded(block: Block) -> bool:
    """Whether a loop of unknown length is in a block."""
    return any(
        isinstance(item, While) or any(map(_unbounded, bodies(item))) for item in block.items
    )


def _shareable(block: Block) -> float:
    """How far the work of items that threads can share exceeds that of meeting after each."""
    shared = [item for item in block.items if not (isinstance(item, Kernel) and is_serial(item))]
    return sum(max(0.0, work(item) - MEETING) for item in shared)


def kernel_work(kernel: Kernel) -> float:
    points = math.prod(axis.size for axis in kernel.axes)
    if kernel.special is not None:
        # What the host does is no reason to wake other threads.
        sizes = [math.prod(place.shape) for place in kernel.special.operands]
        return 0 if kernel.special.host else 4 * sum(sizes)
    total = points * sum(COST[expr.op] for expr in kernel.expressions()) / LANES
    if kernel.hero is not None:
        multiplied = points * math.prod(axis.size for axis in kernel.hero.summed) / LANES / 4
        read = [kernel.hero.left.place.shape, kernel.hero.right.place.shape]
        total += max(multiplied, READING * sum(map(math.prod, read)) / LANES)
    return total


def is_serial(kernel: Kernel) -> bool:
    """Whether one thread does it alone within a program of many threads."""
    return kernel.special is not None or not kernel.axes or kernel_work(kernel) < SMALL_KERNEL


# ---- State in place ----


def _settle_updates(block: Block, graph: Dependencies) -> list[Kernel]:
    """Let each new state be computed in the state's own memory where no one needs the old one any
    more.

    Returns the copies that remain to be made at the end of the block.
    """
    copies = []
    renamed: dict[Buffer, Place] = {}
    for state, new in block.updates:
        if _in_place(graph, state, new):
            renamed[new.buffer] = state
        else:
            copies.append(_copy(new, state))
    if renamed:
        for item in graph.items:
            _rename(item, renamed)
        block.temporaries = [buffer for buffer in block.temporaries if buffer not in renamed]
    block.updates = []
    return copies


def _in_place(graph: Dependencies, state: Place, new: Place) -> bool:
    writers = [
        n for n, (_, writes) in enumerate(graph.touched) if new.buffer in writes and graph.items[n]
    ]
    if len(writers) != 1 or not isinstance(graph.items[writers[0]], Kernel):
        return False
    writer = writers[0]
    if any(state.buffer in writes for _, writes in graph.touched):
        return False
    if not _reads_before_writing(graph.items[writer], state, new):
        return False
    readers = [
        n for n, (reads, _) in enumerate(graph.touched) if state.buffer in reads and n != writer
    ]
    if any(graph.depends(reader, writer) for reader in readers):
        return False
    for reader in readers:
        graph.add_edge(reader, writer)
    return True


def _reads_before_writing(kernel: Kernel, state: Place, new: Place) -> bool:
    """Whether a kernel that would store `new` over `state` reads each old element no later than it
    writes there.
    """
    if kernel.special is not None:
        return _adds_to(kernel.special, state, new)
    if kernel.beside:
        return False
    if kernel.hero is not None and state.buffer in (
        kernel.hero.left.place.buffer,
        kernel.hero.right.place.buffer,
    ):
        return False
    stores = [store for store in kernel.stores if store.place.buffer is new.buffer]
    if len(stores) != 1 or stores[0].place != new:
        return False
    loads = [expr for expr in kernel.loads() if expr.data.place.buffer is state.buffer]
    if not loads:
        return True
    if any(
        load.args
        or load.data.conditions
        or load.data.place != state
        or load.data.index != stores[0].index
        for load in loads
    ):
        return False
    # In a kernel of several loops the old value could be read in a later loop than the one that
    # stores.
    return Stages(kernel).count == 1 or _outer_only(kernel, stores[0], loads)


def _adds_to(special: Special, state: Place, new: Place) -> bool:
    """Whether it adds some elements to the state and leaves the others."""
    first, *others = special.operands
    return (
        special.op == "scatter_add"
        and special.results[0].buffer is new.buffer
        and (first.buffer, first.turns) == (state.buffer, state.turns)
        and all(place.buffer is not state.buffer for place in others)
    )


def _outer_only(kernel: Kernel, store: Store, loads: list[Expr]) -> bool:
    """State that is one element a row, written when everything of that row has been read."""
    if store.index.axes() & kernel.inner:
        return False
    stages, read = Stages(kernel), {id(load) for load in loads}
    readers = [s.value for s in kernel.statements if read & {id(x) for x in walk(s.value)}]
    return max(stages.stage[id(x)] for x in readers) <= stages.stage[id(store.value)]


def _copy(source: Place, target: Place) -> Kernel:
    """A kernel that copies one place to another."""
    size = math.prod(source.shape)
    axis = Axis(0, size)
    index = ix.of_axis(axis)
    value = Expr("load", (), source.dtype, Load(source, index))
    return Kernel(
        (axis,) if size > 1 else (),
        statements=[Store(target, index, value)] if size else [],
        origin=Origin("", 0, "state"),
    )


def _rename(item: object, renamed: dict[Buffer, Place]) -> None:
    """Put the states' own places where their new values were to be stored."""

    def place(old: Place) -> Place:
        state = renamed.get(old.buffer)
        if state is None:
            return old
        return Place(state.buffer, old.shape, state.turns + old.turns)

    if isinstance(item, Kernel):
        for expr in item.loads():
            expr.data = expr.data._replace(place=place(expr.data.place))
        item.statements = [
            s._replace(place=place(s.place)) if isinstance(s, Store) else s for s in item.statements
        ]
        item.after = [place(old) for old in item.after]
        if item.hero is not None:
            item.hero.left = item.hero.left._replace(place=place(item.hero.left.place))
            item.hero.right = item.hero.right._replace(place=place(item.hero.right.place))
        if item.special is not None:
            item.special.operands = [place(old) for old in item.special.operands]
            item.special.results = [place(old) for old in item.special.results]
    elif item is not None:
        if isinstance(item, (While, Branch)):
            item.flag = place(item.flag)
        for body in bodies(item):
            for inner in body.items:
                _rename(inner, renamed)
            body.updates = [(place(state), place(new)) for state, new in body.updates]


# ---- Barriers ----


def _runs_serially(item: object) -> bool:
    if isinstance(item, Kernel):
        return item.serial
    return all(body.serial for body in bodies(item))


def _with_barriers(items: list) -> list:
    """Put a barrier wherever an item needs what another thread may still be making, or overwrites
    what one reads.

    Among the items that are ready, those that need no barrier go first.
    """
    graph = Dependencies(items)
    waiting = list(range(len(items)))
    done: set[int] = set()
    result: list = []
    phase = _Phase()
    while waiting:
        ready = [number for number in waiting if graph.direct[number] <= done]
        number = next((n for n in ready if not phase.conflicts(items[n], *graph.touched[n])), None)
        if number is None:
            result.append(Barrier())
            phase = _Phase()
            number = ready[0]
        phase.add(items[number], *graph.touched[number])
        result.append(items[number])
        done.add(number)
        waiting.remove(number)
    return result


class _Phase:
    """What has been read and written since the last barrier, by one thread alone and by all."""

    def __init__(self) -> None:
        self.serial: tuple[set, set] = (set(), set())
        self.shared: tuple[set, set] = (set(), set())
        self.closed = False

    def conflicts(self, item: object, reads: set[Buffer], writes: set[Buffer]) -> bool:
        alone = _runs_serially(item)
        if self.closed or (not isinstance(item, Kernel) and not alone and self._used()):
            return True
        others = [self.shared] if alone else [self.shared, self.serial]
        return any(reads & written or writes & (read | written) for read, written in others)

    def add(self, item: object, reads: set[Buffer], writes: set[Buffer]) -> None:
        alone = _runs_serially(item)
        group = self.serial if alone else self.shared
        group[0].update(reads)
        group[1].update(writes)
        # Loops that all threads share end with their own data in flight.
        self.closed = not isinstance(item, Kernel) and not alone

    def _used(self) -> bool:
        return any(self.serial) or any(self.shared)
