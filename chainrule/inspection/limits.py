"""What this machine can do at most: measured once a process. `explain` compares kernels with it."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from chainrule.compiler import arithmetic, engine, measuring
from chainrule.dtypes import float32
from chainrule.inspection.marks import State, marked, measured, table
from chainrule.ir import index as ix
from chainrule.ir.index import Axis
from chainrule.ir.plan import Block, Buffer, Expr, Kernel, Load, Place, Program, Store

RUNS = 20
PATIENCE = 0.05  # Seconds at least for a measurement: other processes leave a gap now and then.
SIZES = (1 << 14, 1 << 18, 1 << 22, 1 << 26)  # Bytes: about what each level of memory holds.
MOVED = 1 << 24  # Bytes that a run moves at least, so that starting it does not count.


def flops_per_second(bits: int, serial: bool) -> float:
    """The most multiplications and additions on floats of so many bits."""
    return _flops_per_second(serial, 1 if serial else engine.threads) * 32 / bits


def bytes_per_second(size: int, serial: bool) -> float:
    """The fastest that memory of about this size is read and written again and again."""
    level = max([level for level in SIZES if level <= size], default=SIZES[0])
    return _bytes_per_second(level, serial, 1 if serial else engine.threads)


@functools.cache
def _flops_per_second(serial: bool, threads: int) -> float:
    marks = table(threads, 1)
    run, flops = arithmetic(marks, serial)
    return threads * flops / _fastest(lambda: run([], []), marks)


@functools.cache
def _bytes_per_second(size: int, serial: bool, threads: int) -> float:
    marks = table(threads, 1)
    program, turns = _stream(size, threads)
    run = measuring(marked(program, marks), 1, [marks])
    state = State(np.ones(program.slots[0].shape, np.float32))
    return size * turns / _fastest(lambda: run([state], []), marks)


def _fastest(run: Callable, marks: np.ndarray) -> float:
    """The seconds of the first kernel in the quickest run, for the slowest of its threads.

    Their own clocks count, so that threads which have to share a core do not look slow.
    """
    times, _ = measured(run, marks, RUNS, PATIENCE)
    return float(times[:, :, 1].max(1).min())


def _stream(size: int, threads: int) -> tuple[Program, int]:
    """A program that moves `size` bytes again and again, in place, and how often it does so."""
    turns = max(MOVED // size, 2)
    # Each thread keeps to a part of its own.
    length = size // 2 // threads // float32.itemsize
    axes = part, _, element = Axis(0, threads), Axis(1, turns), Axis(2, length)
    x = Place(Buffer("x", (threads * length,), float32, "state", 0), (threads * length,))
    index = ix.of_axis(part) * length + ix.of_axis(element)
    value = Expr("load", (), float32, Load(x, index))
    value = Expr("multiply", (value, Expr("constant", (), float32, 0.9999)), float32)
    kernel = Kernel(axes[threads == 1 :], statements=[Store(x, index, value)])
    return Program(Block([kernel], serial=threads == 1), [x.buffer]), turns
