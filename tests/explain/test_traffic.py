"""What kernels move: how long ago an array was touched, for whom it is written, what must move."""

import numpy as np
import pytest
from explain.functions import array, planned

import chainrule as cr
from chainrule.inspection import limits
from chainrule.inspection.limits import Level, nearest
from chainrule.inspection.traffic import least_bytes, traffic
from chainrule.ir.describe import kernels

SIDE = 32
ARRAY = SIDE * SIDE * 4


def residual(x, w, v):
    """Three products; what the first one makes is read again after the second."""
    a = x @ w
    return a @ v @ a


@pytest.fixture
def found():
    block = planned(residual, *[array(SIDE, SIDE) for _ in range(3)]).block
    return block, list(traffic(block).items())


def test_arrays_touched_in_between_are_the_distance(found):
    (_, first), (_, second), (_, third) = found[1]
    near = {read.place.buffer.name: read.distance for read in third.reads}
    a, b = (found[0].temporaries[n].name for n in range(2))
    assert near == {a: ARRAY * 2, b: 0}  # Between them were v and b.
    # The call before ended with a, b and its result.
    assert {read.distance for read in first.reads} >= {ARRAY * 4}
    assert all(read.bytes == ARRAY for moved in (first, second, third) for read in moved.reads)


def test_kernels_that_read_what_is_written_are_named(found):
    written = [moved.writes[0] for _, moved in found[1]]
    assert [write.readers for write in written] == [(1, 2), (2,), ()]


def test_inputs_and_results_must_move(found):
    block, moved = found
    assert least_bytes(block) == 4 * ARRAY
    assert sum(traffic.bytes for _, traffic in moved) == 9 * ARRAY


def test_turns_of_a_loop_find_their_state_near():
    def f(w, h):
        return cr.scan(lambda h, _: (cr.tanh(h @ w), None), h, None, length=8)[0]

    block = planned(f, array(SIDE, SIDE), array(SIDE, SIDE)).block
    moved = traffic(block)
    product = next(kernel for kernel in kernels(block) if kernel.hero is not None)
    assert all(read.distance <= 3 * ARRAY for read in moved[product].reads)


def test_the_nearest_level(monkeypatch):
    sizes = (Level("L1", 100, False), Level("L2", 1000, True), Level("memory", 9000, True))
    monkeypatch.setattr(limits, "levels", lambda: sizes)
    names = [nearest(size, threads).name for size, threads in ((150, 2), (150, 1), (1500, 2))]
    assert names == ["L1", "L2", "memory"] and nearest(10**6, 1).name == "memory"


def test_a_report_says_what_is_read_and_written():
    report = cr.jit(residual).explain(*[np.eye(SIDE, dtype=np.float32) for _ in range(3)])
    lines = str(report).split("\n")
    assert lines[2].startswith("inputs, state and results are 16.4 kB")
    a = next(moved.array for moved in report.kernels[0].moved if moved.verb == "writes")
    assert f"    writes {a} 4.1 kB for kernels 1, 2" in lines
    assert report.least_bytes == 4 * ARRAY and report.bytes == 9 * ARRAY
