"""`step.plan`: what it promises is what is allocated."""

import tracemalloc

import numpy as np
from explain.functions import array, training

import chainrule as cr
from chainrule.runtime import executable, memory


def test_the_table():
    def running(x, y):
        return cr.cumulative_sum(x * y)

    plan = cr.jit(running).plan(array(1000), array(1000))
    assert (
        str(plan)
        == """\
running: bytes
  inputs               8,000  x float32[1000], y float32[1000]
  state                    0
  outputs              4,000  out0 float32[1000]
  constants                0
  temporaries          8,064  t0 float32[1000], t1 float32[1000]
  peak                20,064"""
    )
    assert plan.peak_bytes == 20064


def test_kinds_of_memory():
    captured = cr.asarray(array(100))
    box = cr.nn.Buffer(array(100))

    @cr.jit
    def f(box, x):
        box.assign(box + x + captured)
        return x * 2, x[0]

    plan = f.plan(box, array(100))
    kinds = plan.input_bytes, plan.state_bytes, plan.output_bytes, plan.constant_bytes
    assert kinds == (400, 400, 404, 400)
    assert plan.peak_bytes == sum(kinds) + plan.temporary_bytes


def test_nothing_is_compiled_or_run():
    step, arguments = training(8, 4, 3)
    before = arguments[0].state_dict()
    step.plan(*arguments)
    assert all(np.array_equal(before[path], now) for path, now in arguments[0].state_dict().items())
    (call,) = step.compiled.values()
    assert "run" not in vars(call.program)


def test_the_peak_is_what_is_allocated():
    step, (model, opt, x, y) = training(64, 784, 256, 128, 10)
    promised = step.plan(model, opt, x, y).peak_bytes
    tracemalloc.start()
    try:
        loss = step(model, opt, x, y)
        taken = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    ours = [tracemalloc.Filter(True, module.__file__) for module in (executable, memory)]
    # State, temporaries and results; the inputs were there before.
    allocated = sum(trace.size for trace in taken.filter_traces(ours).traces)
    assert abs(allocated + x.nbytes + y.nbytes - promised) < 0.05 * promised
    assert loss.shape == ()
