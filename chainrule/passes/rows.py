"""Loops whose turns keep rows apart: no row of what they write is ever read or written for another.

Receives the scheduled body of a loop; tells into how many rows it falls. Threads that take a share
of the rows each go through all turns without meeting.
"""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.ir.index import Axis, Index
from chainrule.ir.plan import Barrier, Block, Buffer, Kernel, Place, Turn

Access = tuple[Place, Index | None]


def rows_apart(body: Block, turn: Turn) -> int:
    """The number of rows, which each kernel's first axis goes through; 0 if they are not apart."""
    kernels = [item for item in body.items if isinstance(item, Kernel) and _is_walk(item)]
    barriers = sum(isinstance(item, Barrier) for item in body.items)
    if not kernels or len(kernels) + barriers < len(body.items):
        return 0
    rows = min(kernel.axes[0].size for kernel in kernels)
    if any(kernel.axes[0].size % rows for kernel in kernels):
        return 0
    written = {place.buffer for kernel in kernels for place in kernel.writes()}
    lengths: dict[Buffer, int] = {}
    for kernel in kernels:
        for place, index in _accesses(kernel):
            if place.buffer in written:
                length = _row_length(index, kernel.axes[0], rows)
                if not length or lengths.setdefault(place.buffer, length) != length:
                    return 0
                if any(t is turn and abs(step) < rows * length for t, step in place.turns):
                    return 0
    return rows


def _is_walk(kernel: Kernel) -> bool:
    """Whether a kernel goes through rows along its first axis."""
    plain = kernel.special is None and not kernel.beside and bool(kernel.axes)
    return plain and kernel.axes[0] not in kernel.inner


def _accesses(kernel: Kernel) -> Iterator[Access]:
    """Each place that a kernel reads or writes, with the index there; None if it may be any."""
    for expr in kernel.loads():
        yield expr.data.place, None if expr.args else expr.data.index
    for store in kernel.stores:
        yield store.place, store.index
    for place in kernel.after:
        yield place, None
    if kernel.hero is not None:
        for operand in (kernel.hero.left, kernel.hero.right):
            yield operand.place, operand.index


def _row_length(index: Index | None, axis: Axis, rows: int) -> int:
    """How many elements lie from one row to the next, if an index never leaves its row; else 0."""
    step = index.coefficient(axis) if index is not None else None
    if index is None or not step or step < 0:
        return 0
    within = axis.size // rows
    low, high = (index + Index([(axis, -step)])).bounds()
    length = step * within
    return length if low >= 0 and step * (within - 1) + high < length else 0
