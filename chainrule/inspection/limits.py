"""What this machine can do at most, measured by programs of our own and kept on disk. `explain`
compares kernels with it, `chainrule bench machine` prints it.
"""

from __future__ import annotations

import functools
import platform
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chainrule.compiler import arithmetic, engine, machine, measuring, remembered
from chainrule.dtypes import DType, bfloat16, float32, float64, int64
from chainrule.inspection.marks import State, marked, measured, table
from chainrule.inspection.traffic import Traffic, traffic
from chainrule.ir import index as ix
from chainrule.ir.count import flops_by_type
from chainrule.ir.index import Axis
from chainrule.ir.machine import Level
from chainrule.ir.plan import (
    Block,
    Buffer,
    Expr,
    Kernel,
    Load,
    Loop,
    Place,
    Program,
    Reduce,
    Store,
    bodies,
)

RUNS = 20
PATIENCE = 0.05  # Seconds at least for a measurement: other processes leave a gap now and then.
STREAMS = 8  # Parts of an array that are walked through side by side.
MOVED = 1 << 23  # Bytes that a run moves at least, so that starting it does not count.
DTYPES = (bfloat16, float32, float64)
MOVES = ("read", "write", "copy")


class Rate(NamedTuple):
    """So many operations or bytes a second: of the best run, of a usual one, and the quartiles."""

    best: float
    median: float
    low: float
    high: float


# ---- What bounds a kernel ----


def least_seconds(kernel: Kernel, moved: Traffic) -> tuple[float, str]:
    """The least time for one run on this machine, and what makes it so: "flops", or the level of
    memory through which most of the time goes.
    """
    threads = 1 if kernel.serial else engine.threads
    work = flops_by_type(kernel)
    arithmetic = sum(count / peak(dtype, threads).best for dtype, count in work.items())
    times: Counter[str] = Counter()
    for size, cache in moved.parts():
        level = nearest(cache, threads)
        times[level.name] += size / _bytes_per_second(level, threads)  # type: ignore[assignment]
    if arithmetic > times.total():
        return arithmetic, "flops"
    return times.total(), max(times, key=times.__getitem__, default="flops")


def least_time(block: Block) -> float:
    """The sum for all kernels in a call."""
    moved = traffic(block)
    return sum(times * least_seconds(kernel, moved[kernel])[0] for kernel, times in runs(block))


def nearest(size: int, threads: int) -> Level:
    """The first level in which so many bytes lie."""
    return next((level for level in levels() if level.of(threads) >= size), levels()[-1])


def runs(block: Block, times: int = 1) -> Iterator[tuple[Kernel, int]]:
    """Kernels and how often each runs in a call; a branch and a turn of a `while` count once."""
    for item in block.items:
        if isinstance(item, Kernel):
            yield item, times
        for body in bodies(item):
            yield from runs(body, times * (item.turn.length if isinstance(item, Loop) else 1))


def _bytes_per_second(level: Level, threads: int) -> float:
    """The fastest that bytes are moved there in any way."""
    return max(bandwidth(level, move, threads).best for move in MOVES)


# ---- The machine ----


@functools.cache
def processor() -> str:
    """The name of the processor, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


@functools.cache
def levels() -> tuple[Level, ...]:
    """Caches of data from the nearest on, and memory, of which so much that no cache helps."""
    caches = machine().caches
    return *caches, Level("memory", max(4 * caches[-1].size, 1 << 27), True)


# ---- Measuring ----


@functools.cache
def peak(dtype: DType, threads: int, anew: bool = False) -> Rate:
    """Multiplications and additions a second in registers, on so many threads."""

    def measure() -> Rate:
        marks = table(threads, 1)
        run, work = arithmetic(marks, dtype, threads == 1)
        return _rate(threads * work, lambda: run([], []), marks)

    return _remembered(f"{dtype.name} {threads}", measure, anew)


@functools.cache
def bandwidth(level: Level, move: str, threads: int, anew: bool = False) -> Rate:
    """Bytes a second that so many threads "read", "write", or "copy" (read and write) there."""

    def measure() -> Rate:
        marks = table(threads, 1)
        program, moved = _stream(level.of(threads) // 2, move, threads)
        states = [State(np.ones(slot.shape, np.float32)) for slot in program.slots]
        run = measuring(marked(program, marks), len(states), [marks])
        return _rate(moved, lambda: run(states, []), marks)

    return _remembered(f"{move} {level} {threads}", measure, anew)


def _remembered(name: str, measure: Callable[[], Rate], anew: bool) -> Rate:
    facts = remembered(f"{name} {processor()}", lambda: measure()._asdict(), anew)
    return Rate(**facts)


def _rate(work: int, run: Callable, marks: np.ndarray) -> Rate:
    """From the times of the first kernel for the slowest of its threads.

    Their own clocks count, so that threads which have to share a core do not look slow.
    """
    times, _ = measured(run, marks, RUNS, PATIENCE)
    rates = work / times[:, :, 1].max(1)
    return Rate(*map(float, (rates.max(), *np.quantile(rates, (0.5, 0.25, 0.75)))))


def _stream(size: int, move: str, threads: int) -> tuple[Program, int]:
    """A program that goes through `size` bytes again and again, and how many it moves in all."""
    arrays = 2 if move == "copy" else 1
    turns = max(MOVED // size, 2)
    # Each thread keeps to a part of its own.
    length = size // arrays // threads // float32.itemsize // STREAMS
    axes = part, turn, element = Axis(0, threads), Axis(1, turns), Axis(2, length)
    shape = (threads * STREAMS * length,)
    x, y = (Place(Buffer(name, shape, float32, "state", n), shape) for n, name in enumerate("xy"))
    start = ix.of_axis(part) * (STREAMS * length) + ix.of_axis(element)
    places = [start + number * length for number in range(STREAMS)]
    values = [Expr("load", (), float32, Load(x, place)) for place in places]
    inner: frozenset[Axis] = frozenset()
    if move == "read":
        # One sum alone would wait for its last addition.
        total = Reduce(0, "sum", _added(values), float32)
        row = ix.of_axis(part) * turns + ix.of_axis(turn)
        statements: list[Store | Reduce] = [total, Store(y, row, Expr("reduced", (), float32, 0))]
        inner = frozenset([element])
    else:
        if move == "write":
            count = Expr("index", (), int64, ix.of_axis(turn))
            values = [Expr("cast", (count,), float32)] * STREAMS
        statements = [Store(y, place, value) for place, value in zip(places, values, strict=True)]
    kernel = Kernel(axes[threads == 1 :], inner, statements)
    program = Program(Block([kernel], serial=threads == 1), [x.buffer, y.buffer])
    return program, turns * arrays * x.buffer.nbytes


def _added(values: list[Expr]) -> Expr:
    while len(values) > 1:
        pairs = zip(values[::2], values[1::2], strict=True)
        values = [Expr("add", pair, float32) for pair in pairs]
    return values[0]
