"""Hoisting: what a loop would compute anew in each turn, although it cannot change, is done once
before it. Receives a lowered block; hands on the same block with less in its loops.
"""

from __future__ import annotations

import math
from collections import Counter

from chainrule.ir.plan import Block, Buffer, Kernel, Loop, Turn, bodies
from chainrule.passes.dependencies import touched


def hoist(block: Block) -> Block:
    """Before: bodies hold all their kernels. After: none that reads nothing but constants."""
    items: list = []
    for item in block.items:
        for inner in bodies(item):
            hoist(inner)
        if isinstance(item, Loop):
            items += _moved(item, block)
        items.append(item)
    block.items = items
    return block


def _moved(loop: Loop, outer: Block) -> list[Kernel]:
    """The kernels that can leave a loop, taken out of it together with what they write."""
    body, moved = loop.body, []
    writers = Counter(buffer for item in body.items for buffer in touched(item)[1])
    varying = set(writers) | {place.buffer for pair in body.updates for place in pair}
    own = set(body.temporaries) - {place.buffer for pair in body.updates for place in pair}
    for item in body.items:
        if isinstance(item, Kernel) and _constant(item, loop.turn, varying, own, writers):
            moved.append(item)
            varying -= {place.buffer for place in item.writes()}
    gone = [place.buffer for kernel in moved for place in kernel.writes()]
    body.items = [item for item in body.items if item not in moved]
    body.temporaries = [buffer for buffer in body.temporaries if buffer not in gone]
    outer.temporaries += gone
    return moved


def _constant(
    kernel: Kernel, turn: Turn, varying: set[Buffer], own: set[Buffer], writers: Counter
) -> bool:
    """Whether a kernel does the same in every turn, alone writes what it writes, and does more than
    to repeat a few numbers, which cost less to compute again than to read.
    """
    reads, writes = kernel.reads(), kernel.writes()
    given, made = (sum(math.prod(place.shape) for place in group) for group in (reads, writes))
    return (
        2 * given >= made
        and not any(place.buffer in varying for place in reads)
        and not any(turn is other for place in (*reads, *writes) for other, _ in place.turns)
        and all(place.buffer in own and writers[place.buffer] == 1 for place in writes)
    )
