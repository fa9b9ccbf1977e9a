"""Memory: every temporary gets its place in one arena before anything runs. Receives scheduled
blocks.
"""

from __future__ import annotations

from chainrule.ir.plan import Barrier, Block, Buffer, Program
from chainrule.passes.dependencies import bodies, touched

ALIGNMENT = 64


def memory(block: Block, slots: list[Buffer]) -> Program:
    """Before: temporaries without addresses. After: offsets in an arena; those never alive together
    may share.
    """
    return Program(block, slots, _place(block, 0))


def _place(block: Block, base: int) -> int:
    """Give the block's temporaries offsets from `base` on, and those of inner blocks; returns the
    end.
    """
    spans, inner = _lifetimes(block)
    free = _Arena(base)
    end = base
    # In an order that is the same in every process.
    starts = [buffer for buffer in block.temporaries if buffer in spans]
    events = sorted({first for first, _ in spans.values()} | {time for time, _ in inner})
    alive: list[Buffer] = []
    for time in events:
        for buffer in [b for b in alive if spans[b][1] < time]:
            alive.remove(buffer)
            free.release(buffer.offset, _aligned(buffer.nbytes))
        for buffer in starts:
            if spans[buffer][0] == time:
                buffer.offset = free.take(_aligned(buffer.nbytes))
                alive.append(buffer)
        end = max(end, free.end)
        for when, item in inner:
            if when == time:
                for body in bodies(item):
                    end = max(end, _place(body, free.end))
    return end


def _lifetimes(block: Block) -> tuple[dict[Buffer, tuple[int, int]], list[tuple[int, object]]]:
    """(first and last time that each temporary is touched, items with inner blocks and their time).

    Time advances with each item on one thread, with each barrier on several that meet there.
    """
    own = set(block.temporaries)
    spans: dict[Buffer, tuple[int, int]] = {}
    inner: list[tuple[int, object]] = []
    time = 0
    for item in block.items:
        time += block.serial or (isinstance(item, Barrier) and not block.rows)
        if isinstance(item, Barrier):
            continue
        if bodies(item):
            inner.append((time, item))
        for group in touched(item):
            for buffer in group & own:
                spans[buffer] = (spans.get(buffer, (time, time))[0], time)
    return spans, inner


def _aligned(size: int) -> int:
    return -(-max(size, 1) // ALIGNMENT) * ALIGNMENT


class _Arena:
    """Free ranges below `end`; takes the smallest that fits, else grows."""

    def __init__(self, base: int) -> None:
        self.end = base
        self.free: list[tuple[int, int]] = []  # (offset, size)

    def take(self, size: int) -> int:
        fitting = [block for block in self.free if block[1] >= size]
        if not fitting:
            offset, self.end = self.end, self.end + size
            return offset
        block = min(fitting, key=lambda block: block[1])
        self.free.remove(block)
        if block[1] > size:
            self.free.append((block[0] + size, block[1] - size))
        return block[0]

    def release(self, offset: int, size: int) -> None:
        """Return a range, joined with its free neighbours."""
        for other in list(self.free):
            if other[0] + other[1] == offset or offset + size == other[0]:
                self.free.remove(other)
                offset, size = min(offset, other[0]), size + other[1]
        self.free.append((offset, size))
