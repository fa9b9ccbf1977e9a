"""What a compiled function needs and does: its memory, its kernels as loops, measured times.

Receives compiled functions, and the state and inputs of a call, from `jit`; hands back reports.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler import Compiled, engine, keeps_apart, measuring
from chainrule.inspection.limits import least_seconds, nearest
from chainrule.inspection.marks import State, marked, measured, table
from chainrule.inspection.traffic import Traffic, least_bytes, traffic
from chainrule.ir.count import flops
from chainrule.ir.describe import block_text, kernels, temporaries
from chainrule.ir.listing import origin_text
from chainrule.ir.plan import (
    Barrier,
    Block,
    Branch,
    Buffer,
    Kernel,
    Loop,
    bodies,
)
from chainrule.words import counted

MATTERS = 0.05  # Of the bytes that a kernel moves: smaller arrays are not told of.
RUNS, PATIENCE = 7, 0.2  # Measured are at least so many runs, and so many seconds.


# ---- Memory ----


@dataclass
class Plan:
    """What `step.plan(...)` returns: the memory of a call, known before it runs. Print or read it.

    State is updated in its own memory; temporaries that never live together share theirs.
    """

    name: str
    inputs: list[Buffer]
    state: list[Buffer]
    outputs: list[Buffer]
    constants: list[Buffer]
    temporaries: list[Buffer]
    temporary_bytes: int

    @property
    def input_bytes(self) -> int:
        return _bytes(self.inputs)

    @property
    def state_bytes(self) -> int:
        return _bytes(self.state)

    @property
    def output_bytes(self) -> int:
        return _bytes(self.outputs)

    @property
    def constant_bytes(self) -> int:
        return _bytes(self.constants)

    @property
    def peak_bytes(self) -> int:
        """All that a call needs at once, what the caller holds included."""
        kept = self.input_bytes + self.state_bytes + self.output_bytes + self.constant_bytes
        return kept + self.temporary_bytes

    def __str__(self) -> str:
        rows = [
            ("inputs", self.input_bytes, self.inputs),
            ("state", self.state_bytes, self.state),
            ("outputs", self.output_bytes, self.outputs),
            ("constants", self.constant_bytes, self.constants),
            ("temporaries", self.temporary_bytes, self.temporaries),
        ]
        lines = [
            f"  {kind:12}{size:>14,}  {_largest(found)}".rstrip() for kind, size, found in rows
        ]
        return "\n".join([f"{self.name}: bytes", *lines, f"  {'peak':12}{self.peak_bytes:>14,}"])


def _bytes(buffers: Iterable[Buffer]) -> int:
    return sum(buffer.nbytes for buffer in buffers)


def _largest(buffers: list[Buffer], most: int = 3) -> str:
    found = sorted(buffers, key=lambda buffer: -buffer.nbytes)
    names = [f"{b.name} {b.dtype.name}{list(b.shape)}" for b in found[:most]]
    return ", ".join(names) + (f" and {len(found) - most} more" if len(found) > most else "")


def plan(name: str, compiled: Compiled) -> Plan:
    """The memory of a program, which need not be compiled yet."""
    program, boxes = compiled.program, compiled.traced.boxes
    rest = program.slots[boxes:]
    inputs, outputs, constants = (
        [buffer for buffer in rest if buffer.kind == kind]
        for kind in ("input", "output", "constant")
    )
    return Plan(
        name, inputs, program.slots[:boxes], outputs, constants,
        temporaries(program.block), program.arena_bytes,
    )  # fmt: skip


# ---- Time ----


class Moved(NamedTuple):
    """Bytes of an array: `verb` is "reads" or "writes", `where` the level of memory that can still
    hold it, or the kernels for which it is written.
    """

    verb: str
    array: str
    bytes: int
    where: str


@dataclass
class Cost:
    """One kernel in one call: it runs `runs` times, with `flops`, `bytes` and `seconds` in all.

    `limit` is the least number of seconds for this machine; `bound` says what makes it so: "flops",
    or the level of memory that takes longest. `moved` are its largest arrays in one run.
    """

    where: str
    runs: int
    flops: int
    bytes: int
    seconds: float
    limit: float
    bound: str
    moved: Sequence[Moved] = ()

    @property
    def share(self) -> float:
        """How much of what the machine can do was reached, from 0 to 1."""
        return self.limit / self.seconds if self.seconds else 0.0


@dataclass
class Explanation:
    """What `step.explain(...)` returns: print it, or read the figures.

    `seconds` is one call within the program, `waiting` the part in which a thread waits for others;
    `compilation` is what planning and compiling take without a cache. Kernels stand in their order.
    """

    name: str
    block: Block = field(repr=False)
    threads: int
    compilation: float
    seconds: float
    waiting: float
    kernels: list[Cost]

    @property
    def barriers(self) -> int:
        """How often all threads meet in one call, each branch and `while` counted once."""
        return _barriers(self.block, self.threads)

    @property
    def flops(self) -> int:
        return sum(kernel.flops for kernel in self.kernels)

    @property
    def bytes(self) -> int:
        """What all kernels read and write."""
        return sum(kernel.bytes for kernel in self.kernels)

    @property
    def least_bytes(self) -> int:
        """What remains if nothing passes from kernel to kernel: inputs, state and results."""
        return least_bytes(self.block)

    @property
    def limit(self) -> float:
        """The sum of all kernels' least seconds."""
        return sum(kernel.limit for kernel in self.kernels)

    def __str__(self) -> str:
        counts = (len(self.kernels), "kernel"), (self.barriers, "barrier"), (self.threads, "thread")
        lines = [
            f"{self.name}: {', '.join(counted(*count) for count in counts)}; "
            f"compiled in {time_text(self.compilation)}",
            f"a call takes {time_text(self.seconds)}, {time_text(self.waiting)} of it waiting, for "
            f"{short_text(self.flops)}flop and {short_text(self.bytes)}B; at least "
            f"{time_text(self.limit)}",
            f"inputs, state and results are {short_text(self.least_bytes)}B: the rest passes from "
            "kernel to kernel",
            "",
            f"{'':10}{'runs':>6}{'time':>11}{'flop':>9}{'bytes':>9}{'GFLOP/s':>9}  of the limit",
        ]
        return "\n".join([*lines, block_text(self.block, self._head)])

    def _head(self, number: int, kernel: Kernel) -> str:
        cost = self.kernels[number]
        where = cost.where + ("  (one thread)" if kernel.serial and self.threads > 1 else "")
        speed = cost.flops / cost.seconds / 1e9 if cost.seconds else 0.0
        times = f"{cost.runs:>6}{time_text(cost.seconds):>11}"
        work = f"{short_text(cost.flops):>9}{short_text(cost.bytes):>9}{speed:>9.1f}"
        share = f"{cost.share:>6.0%} {cost.bound:8}"
        lines = [f"{f'kernel {number}':10}{times}{work}{share}{where}".rstrip()]
        for verb in ("reads", "writes"):
            arrays = [
                f"{m.array} {short_text(m.bytes)}B {m.where}" for m in cost.moved if m.verb == verb
            ]
            lines += [f"    {verb} {', '.join(arrays)}"] if arrays else []
        return "\n".join(lines)


def time_text(seconds: float) -> str:
    """With the unit in which three digits are enough."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.2f} {unit}"
    return f"{seconds * 1e6:.2f} us"


def short_text(number: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} "


def _barriers(block: Block, threads: int) -> int:
    """Blocks on one thread have none; shared loops meet after each turn, if rows are not apart."""
    if block.serial:
        return 0
    total = 0
    for item in block.items:
        meets = [_barriers(body, threads) + (not body.serial) for body in bodies(item)]
        if isinstance(item, Branch):
            total += max(_barriers(body, threads) for body in bodies(item))
        elif not (isinstance(item, Loop) and keeps_apart(item.body, threads)):
            total += sum(meets) * (item.turn.length if isinstance(item, Loop) else 1)
        total += isinstance(item, Barrier)
    return total


# ---- Measuring ----


def explain(
    name: str, compiled: Compiled, boxes: Iterable[Any], inputs: Sequence[np.ndarray]
) -> Explanation:
    """Measure each kernel within calls of the whole program, on copies of all state."""
    start = time.perf_counter()
    fresh = Compiled(compiled.traced)  # Planned anew, so that its time is known.
    program = fresh.program
    threads = 1 if program.block.serial else engine.threads
    counted = list(kernels(program.block))
    marks = table(threads, len(counted))
    constants = [*fresh.constants, marks]
    run = measuring(marked(program, marks), fresh.traced.boxes, constants, fresh.calls)
    compilation = time.perf_counter() - start
    copies = [State(box._value) for box in boxes]
    times, runs = measured(lambda: run(copies, inputs), marks, RUNS, PATIENCE)
    longest = np.median(times.max(1), 0)  # The slowest thread's time, of a usual run.
    moved = traffic(program.block)
    costs = [
        _cost(kernel, moved[kernel], int(runs[-1, number]), float(longest[number]))
        for number, kernel in enumerate(counted, 1)
    ]
    total, waiting = float(np.median(times[:, 0].sum(1))), float(np.median(times[:, 0, 0]))
    return Explanation(name, program.block, threads, compilation, total, waiting, costs)


def _cost(kernel: Kernel, found: Traffic, runs: int, seconds: float) -> Cost:
    """A kernel for one thread is compared with what one thread can do."""
    least, bound = least_seconds(kernel, found)
    where, work, size = origin_text(kernel.origin), runs * flops(kernel), runs * found.bytes
    return Cost(where, runs, work, size, seconds, runs * least, bound, _moved(kernel, found))


def _moved(kernel: Kernel, found: Traffic) -> list[Moved]:
    """Its arrays, but for those that do not matter beside others."""
    threads = 1 if kernel.serial else engine.threads
    arrays = []
    for read in found.reads:
        level = nearest(read.distance + read.bytes, threads)
        arrays.append(Moved("reads", read.place.buffer.name, read.bytes, f"from {level.name}"))
    for write in found.writes:
        buffer = write.place.buffer
        arrays.append(Moved("writes", buffer.name, write.bytes, _purpose(buffer, write.readers)))
    return [moved for moved in arrays if moved.bytes >= MATTERS * found.bytes]


def _purpose(buffer: Buffer, readers: Sequence[int]) -> str:
    if buffer.kind != "temporary":
        return f"as {buffer.kind}"
    return f"for {'kernel' if len(readers) == 1 else 'kernels'} {', '.join(map(str, readers))}"
