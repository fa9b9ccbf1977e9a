"""Loops of a program: turns follow each other on all threads, and have memory of their own."""

import numpy as np
import pytest
from compiler.networks import matmul
from compiler.programs import Compiled, interpreted, parallel

from chainrule.codegen import llvm
from chainrule.codegen.program import emit_program
from chainrule.dtypes import float32
from chainrule.ir.node import Graph, Spec, make, permute, pick, variable
from chainrule.ir.plan import Barrier, Kernel, Loop
from chainrule.passes.pipeline import Job, plan


def floats(*shape):
    return variable(Spec(shape, float32))


def planned(parameters, outputs):
    return plan(Job(list(parameters), list(outputs), {}))


def scanned(w, h, length, reverse=False):
    """h = tanh(h @ w), `length` times."""
    inside, carried = floats(*w.shape), floats(*h.shape)
    body = Graph([inside, carried], [make("tanh", matmul(carried, inside))])
    attributes = {"constants": 1, "carried": 1, "length": length, "reverse": reverse}
    return pick(make("scan", w, h, body=body, **attributes), 0)


def test_threads_meet_at_the_end_of_every_turn():
    w, h = floats(96, 96), floats(96, 96)
    with parallel():
        program = planned([w, h], [scanned(w, h, 60)])
    (loop,) = [item for item in program.block.items if isinstance(item, Loop)]
    barriers = [
        item for item in [*program.block.items, *loop.body.items] if isinstance(item, Barrier)
    ]
    text = emit_program(program, llvm.host())
    assert text.count("call void @barrier(") == len(barriers) + 1


@pytest.mark.parametrize(("size", "alone"), [(32, True), (384, False)])
def test_turns_are_shared_if_a_product_is_worth_meeting_after(size, alone):
    w, h = floats(size, size), floats(1, size)
    (loop,) = [i for i in planned([w, h], [scanned(w, h, 900)]).block.items if isinstance(i, Loop)]
    assert loop.body.serial is alone


def test_turns_follow_each_other_on_all_threads():
    """Every row of a turn needs all rows of the one before."""
    random = np.random.default_rng(0)
    arrays = [random.normal(size=(96, 96)).astype(np.float32) / scale for scale in (10, 1)]
    w, h = floats(96, 96), floats(96, 96)
    with parallel():
        compiled = Compiled([w, h], [scanned(w, h, 60)])
    (wanted,) = compiled(arrays).outputs
    for threads in (2, 3, 4, 7):
        assert np.array_equal(compiled(arrays, threads).outputs[0], wanted)


@pytest.mark.parametrize("view", ["itself", "turned"])
def test_initial_values_of_loops_are_not_lost(view):
    """What a loop carries is overwritten; who else reads the initial value reads it elsewhere."""
    random = np.random.default_rng(0)
    arrays = [random.normal(size=(8, 8)).astype(np.float32) for _ in range(2)]
    w, x = floats(8, 8), floats(8, 8)
    h = permute(x, (1, 0)) if view == "turned" else x
    outputs = [scanned(w, h, 3), make("flip", h, axes=(0,)), h + 1.0]
    wanted = interpreted([w, x], arrays, outputs)
    found = Compiled([w, x], outputs)(arrays)
    for result, array in zip(found.outputs, wanted.outputs, strict=True):
        np.testing.assert_allclose(result, array, rtol=1e-5, atol=1e-5)


READERS = {
    "nobody": lambda h, new: new,
    "later": lambda h, new: new + h,
    "another view": lambda h, new: matmul(new, permute(h, (1, 0))),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("turns", [0, 1, 4])
def test_a_state_is_moved_on_in_its_own_memory_if_only_the_loop_reads_it(reader, turns):
    random = np.random.default_rng(0)
    arrays = [random.normal(size=(8, 8)).astype(np.float32) for _ in range(2)]
    w, h = floats(8, 8), floats(8, 8)
    new = scanned(w, h, turns)
    outputs = [READERS[reader](h, new)]
    wanted = interpreted([w, h], arrays, outputs, {1: new})
    compiled = Compiled([w, h], outputs, {1: new})
    found = compiled(arrays)
    np.testing.assert_allclose(found.outputs[0], wanted.outputs[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.updates[1], wanted.updates[1], rtol=1e-5, atol=1e-5)
    if reader == "nobody" and turns > 1:
        kernels = [i for i in compiled.program.block.items if isinstance(i, Kernel)]
        assert len(kernels) == 1  # It copies the output.


def test_states_that_a_loop_exchanges_are_not_mixed_up():
    """a, b = b, tanh(a @ w): each gets what the other carried."""
    random = np.random.default_rng(0)
    arrays = [random.normal(size=(8, 8)).astype(np.float32) for _ in range(3)]
    w, a, b = floats(8, 8), floats(8, 8), floats(8, 8)
    inside, first, second = floats(8, 8), floats(8, 8), floats(8, 8)
    body = Graph([inside, first, second], [second, make("tanh", matmul(first, inside))])
    attributes = {"constants": 1, "carried": 2, "length": 3, "reverse": False}
    loop = make("scan", w, a, b, body=body, **attributes)
    for numbers in ((0, 1), (1, 0), (0, 0)):
        updates = {1: pick(loop, numbers[0]), 2: pick(loop, numbers[1])}
        wanted = interpreted([w, a, b], arrays, [], updates)
        found = Compiled([w, a, b], [], updates)(arrays)
        for number in (1, 2):
            np.testing.assert_allclose(
                found.updates[number], wanted.updates[number], rtol=1e-5, atol=1e-5
            )


def test_loops_have_memory_of_their_own():
    """What is carried from turn to turn does not overlap what lives within a turn."""
    w, h, x = floats(40, 40), floats(40, 40), floats(6, 40, 40)
    a, b, c = floats(40, 40), floats(40, 40), floats(40, 40)
    body = Graph([a, b, c], [make("tanh", matmul(matmul(b, a), a) + c)])
    node = make("scan", w, h, x, body=body, constants=1, carried=1, length=6, reverse=False)
    block = planned([w, h, x], [pick(node, 0)]).block
    (loop,) = [item for item in block.items if isinstance(item, Loop)]
    assert loop.body.temporaries
    for inner in loop.body.temporaries:
        for outer in block.temporaries:
            behind = inner.offset >= outer.offset + outer.nbytes
            assert behind or outer.offset >= inner.offset + inner.nbytes
