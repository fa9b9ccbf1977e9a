"""`step.explain`: the report word for word, what it measures, and that it changes nothing."""

from types import SimpleNamespace

import numpy as np
from explain.functions import array, planned, training

import chainrule as cr
from chainrule.inspection.explain import Cost, Explanation, Moved
from chainrule.ir.describe import kernels
from chainrule.ir.plan import Barrier, Block, Branch, Kernel, Loop, Turn, While


def test_the_report():
    def f(x, w):
        return cr.maximum(x @ w, 0)

    block = planned(f, array(64, 32), array(32, 16)).block
    moved = [
        Moved("reads", "x", 8192, "from L1"),
        Moved("reads", "w", 2048, "from L1"),
        Moved("writes", "out0", 4096, "as output"),
    ]
    cost = Cost("Net.out at train.py:12", 1, 66_560, 14_336, 2e-6, 1.5e-6, "flops", moved)
    report = Explanation("f", block, 1, 0.05, 2.5e-6, 0.5e-6, [cost])
    assert (
        str(report)
        == """\
f: 1 kernel, 0 barriers, 1 thread; compiled in 50.00 ms
a call takes 2.50 us, 0.50 us of it waiting, for 66.6 kflop and 14.3 kB; at least 1.50 us
inputs, state and results are 14.3 kB: the rest passes from kernel to kernel

            runs       time     flop    bytes  GFLOP/s  of the limit
kernel 0       1    2.00 us   66.6 k   14.3 k     33.3   75% flops   Net.out at train.py:12
    reads x 8.2 kB from L1, w 2.0 kB from L1
    writes out0 4.1 kB as output
    for i0 < 64, i1 < 16 in tiles
        s = sum over i2 < 32 of x[i0, i2] * w[i2, i1]
        out0[i0, i1] = maximum(s, 0)"""
    )
    assert report.flops == 66_560 and cost.share == 0.75


def test_figures_of_a_training_step():
    step, arguments = training(32, 20, 16, 5)
    report = step.explain(*arguments)
    assert report.name == "step" and report.threads == 1 and report.barriers == 0
    assert len(report.kernels) == len(list(kernels(report.block)))
    # Three products of each matrix, but for the gradient of the input.
    assert report.flops > 2 * 32 * (3 * 16 * 5 + 2 * 20 * 16)
    assert all(cost.runs == 1 and cost.limit > 0 for cost in report.kernels)
    assert report.seconds >= max(cost.seconds for cost in report.kernels) > 0
    assert report.compilation > 0 and 0 <= report.waiting < report.seconds
    assert any(cost.where.startswith("Net.layers.0 at functions.py:") for cost in report.kernels)


def test_explaining_changes_nothing():
    step, arguments = training(32, 20, 16, 5)
    same, others = training(32, 20, 16, 5)
    before = cr.random.get_state()
    step.explain(*arguments)
    assert np.array_equal(before, cr.random.get_state())
    assert float(step(*arguments)) == float(same(*others))
    ours, theirs = arguments[0].state_dict(), others[0].state_dict()
    assert all(np.array_equal(ours[path], theirs[path]) for path in theirs)


def test_runs_are_counted_in_loops_and_branches():
    def f(xs, x):
        total, _ = cr.scan(lambda c, x: (c * 0.5 + x, None), xs[0], xs)
        grown = cr.while_loop(lambda x: cr.sum(x) < 100, lambda x: x * 2, x)
        return total, cr.cond(grown[0] > 1e9, lambda x: x + 1, lambda x: x - 1, grown)

    report = cr.jit(f).explain(array(6, 8), np.full(8, 1, np.float32))
    by_line = {}
    for kernel, cost in zip(kernels(report.block), report.kernels, strict=True):
        by_line.setdefault(kernel.origin.line, []).append(cost.runs)
    (start,) = {f.__code__.co_firstlineno}
    assert 6 in by_line[start + 1]
    assert {5, 4} <= set(by_line[start + 2])  # 8, 16, 32, 64, 128: four doublings, five tests.
    assert {0, 1} <= set(by_line[start + 3])


def test_programs_of_several_threads():
    report = cr.jit(lambda x: cr.sum(cr.exp(x @ x), axis=0)).explain(array(256, 256) / 1e4)
    assert report.barriers >= 1
    assert "---- all threads meet ----" in str(report)
    assert f"{report.barriers} barrier" in str(report).split("\n")[0]


def test_barriers_of_loops_and_branches():
    turn, here = Turn(10, False), SimpleNamespace()
    one, none = Block([Barrier(), Kernel(())]), Block([Kernel(())], serial=True)
    items = [Loop(turn, one), Loop(turn, none), Branch(here, one, none), While(none, here, one)]
    block = Block([Barrier(), *items])
    report = Explanation("f", block, 2, 0.0, 0.0, 0.0, [])
    # Each turn of a shared loop ends with a meeting.
    assert report.barriers == 1 + 10 * 2 + 0 + 1 + 2
