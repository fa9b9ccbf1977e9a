"""A search for the fastest tiles: receives planned programs; hands back choices for contractions.

Each candidate is measured as the one kernel of a program. Winners are kept in the cache on disk.
"""

from __future__ import annotations

import numpy as np

from chainrule.compiler import Choice, engine, measuring, remembered, signature, tile_choices
from chainrule.inspection.marks import State, marked, measured, table
from chainrule.ir.describe import kernels
from chainrule.ir.plan import Block, Buffer, Item, Kernel, Loop, Place, Program

RUNS, PATIENCE = 5, 0.02  # Measured are at least so many runs, and so many seconds.
BETTER = 0.97  # A candidate must be this much faster than what is done otherwise.


def fastest(program: Program) -> dict[Kernel, Choice]:
    """The best known tiles of each contraction that can be measured alone."""
    # Rows that are found in memory would lie anywhere.
    contractions = [
        kernel
        for kernel in kernels(program.block)
        if kernel.hero is not None and not any(load.args for load in kernel.loads())
    ]
    return {kernel: _best(program, kernel) for kernel in contractions}


def _best(program: Program, kernel: Kernel) -> Choice:
    threads = 1 if kernel.serial else engine.threads

    def measure() -> dict:
        candidates = tile_choices(kernel)
        times = [_seconds(program, kernel, choice, threads) for choice in candidates]
        least = int(np.argmin(times))
        return candidates[least if times[least] < BETTER * times[0] else 0]._asdict()

    return Choice(**remembered(f"tiles {threads} {signature(kernel)}", measure))


def _seconds(program: Program, kernel: Kernel, choice: Choice, threads: int) -> float:
    """The least time of one run, on numbers that are all 1."""
    marks = table(threads, 1)
    slots = [Buffer(b.name, b.shape, b.dtype, "state", b.slot) for b in program.slots]
    alone = Program(Block(_in_loops(kernel), serial=kernel.serial), slots, program.arena_bytes)
    run = measuring(marked(alone, marks), len(slots), [marks], choices={kernel: choice})
    run.fill(1)
    states = [State(np.ones(buffer.shape, buffer.dtype.numpy)) for buffer in slots]
    times, runs = measured(lambda: run(states, []), marks, RUNS, PATIENCE)
    return float(times[:, :, 1].max(1).min()) / int(runs[-1, 1])


def _in_loops(kernel: Kernel) -> list[Item]:
    """The kernel inside the loops whose turns move its places."""
    places: list[Place] = [*kernel.reads(), *kernel.writes()]
    items: list[Item] = [kernel]
    for turn in dict.fromkeys(turn for place in places for turn, _ in place.turns):
        items = [Loop(turn, Block(items, serial=kernel.serial))]
    return items
