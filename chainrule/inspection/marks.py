"""Programs that time themselves. Receives planned programs; hands back the times of their kernels.

After each kernel a mark adds the time that has passed to an entry of the thread's own row. A row is
the time of the last mark, then a time and a count for waiting, and for each kernel in order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from chainrule.dtypes import int64
from chainrule.ir.describe import kernels
from chainrule.ir.plan import (
    Block,
    Branch,
    Buffer,
    Kernel,
    Loop,
    Mark,
    Place,
    Program,
    While,
    bodies,
)

WAITING = 1  # The entry where waiting for other threads adds up.
WARM, MOST = 2, 1000  # Runs before measuring, and while measuring at most.


class State:
    """A copy of some state, as programs take it."""

    def __init__(self, value: np.ndarray) -> None:
        self.content = np.array(value)


def table(threads: int, count: int) -> np.ndarray:
    """Rows for so many kernels; whole cache lines, so that threads do not disturb each other."""
    return np.zeros((threads, -(-(3 + 2 * count) // 8) * 8), np.int64)


def marked(program: Program, marks: np.ndarray) -> Program:
    """The program with a mark behind everything it does, and `marks` as one more constant."""
    buffer = Buffer("marks", marks.shape, int64, "constant", len(program.slots))
    numbers = {kernel: number for number, kernel in enumerate(kernels(program.block), 1)}
    block = _marked(program.block, Place(buffer, marks.shape), numbers)
    return Program(block, [*program.slots, buffer], program.arena_bytes)


def _marked(block: Block, place: Place, numbers: dict[Kernel, int]) -> Block:
    items: list = [Mark(place, WAITING)]
    for item in block.items:
        inner = [_marked(body, place, numbers) for body in bodies(item)]
        if isinstance(item, Loop):
            item = Loop(item.turn, *inner)
        elif isinstance(item, While):
            item = While(inner[0], item.flag, inner[1])
        elif isinstance(item, Branch):
            item = Branch(item.flag, *inner)
        entry = WAITING + 2 * numbers[item] if isinstance(item, Kernel) else WAITING
        items += [item, Mark(place, entry)]
    return replace(block, items=items)


def measured(
    run: Callable, marks: np.ndarray, fewest: int, patience: float
) -> tuple[np.ndarray, np.ndarray]:
    """Seconds by run, thread and entry, and counts by run and entry; entry 0 is waiting."""
    results: list[np.ndarray] = []
    end = time.perf_counter() + patience
    while len(results) < WARM + fewest or (time.perf_counter() < end and len(results) < MOST):
        marks[:] = 0
        run()
        results.append(marks.copy())
    rows = np.stack(results[WARM:])
    return rows[..., WAITING::2] * 1e-9, rows[..., WAITING + 1 :: 2].max(1)
