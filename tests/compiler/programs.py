"""Plans, compiles and runs raw graphs for the tests, and compares them with the interpreter."""

import contextlib
from typing import NamedTuple

import numpy as np
import pytest

from chainrule import dtypes
from chainrule.codegen import emit, llvm
from chainrule.codegen.program import emit_program
from chainrule.codegen.threads import barrier_ir, pool_ir
from chainrule.ir.interpret import evaluate
from chainrule.ir.node import Node, Spec, variable
from chainrule.ir.plan import Kernel, Program
from chainrule.passes import schedule, split
from chainrule.passes.dependencies import bodies
from chainrule.passes.pipeline import Job, plan
from chainrule.runtime.engine import Engine
from chainrule.runtime.executable import Executable
from chainrule.runtime.host import host_calls
from chainrule.runtime.memory import Slot

engine = Engine(lambda: llvm.LoadedObject(llvm.compile_ir(pool_ir(llvm.host()))))


class State:
    """Holds a state's content between runs, as a parameter does."""

    def __init__(self, value):
        self.content = np.array(value, order="C")


class Result(NamedTuple):
    outputs: list[np.ndarray]
    updates: dict[int, np.ndarray]


class Compiled:
    """A graph as a native program: `compiled(arrays)` runs it on arrays for its parameters."""

    def __init__(self, parameters, outputs, updates=None):
        job = Job(list(parameters), list(outputs), dict(updates or {}))
        self.updates = sorted(job.updates)
        constants = [node.attributes["data"].value for node in job.constants]
        slots = [
            Slot("state" if number in job.updates else "input", node.shape, node.dtype.numpy)
            for number, node in enumerate(job.parameters)
        ]
        slots += [Slot("constant", node.shape, node.dtype.numpy) for node in job.constants]
        slots += [Slot("output", node.shape, node.dtype.numpy) for node in job.outputs]
        self.program: Program = plan(job)
        text = emit_program(self.program, llvm.host()) + barrier_ir(llvm.host())
        native = llvm.LoadedObject(llvm.compile_ir(text))
        self.executable = Executable(
            lambda pointers: engine.launcher(native, pointers), slots, constants,
            self.program.arena_bytes, host_calls([*outputs, *job.updates.values()]),
        )  # fmt: skip

    def states(self, arrays):
        """A holder for each parameter that is updated."""
        return {number: State(arrays[number]) for number in self.updates}

    def __call__(self, arrays, threads=1, states=None):
        """One run: outputs, and the new content of updated parameters by their numbers."""
        engine.set_threads(threads)
        states = self.states(arrays) if states is None else states
        inputs = [array for number, array in enumerate(arrays) if number not in states]
        outputs = self.executable(list(states.values()), inputs)
        return Result(outputs, {number: state.content for number, state in states.items()})


def variables(*arrays) -> list[Node]:
    """A parameter for each array."""
    arrays = map(np.asarray, arrays)
    return [variable(Spec(array.shape, dtypes.of(array.dtype))) for array in arrays]


def interpreted(parameters, arrays, outputs, updates=None) -> Result:
    """What the definitions of the primitives say."""
    known, updates = dict(zip(parameters, map(np.asarray, arrays), strict=True)), updates or {}
    values = evaluate([*outputs, *updates.values()], known)
    return Result(values[: len(outputs)], dict(zip(updates, values[len(outputs) :], strict=True)))


@contextlib.contextmanager
def parallel(seed=None):
    """Programs planned here share their work among threads, however little it is, and make sums in
    parts; with a seed they share some of their loops and kernels, and leave the others to one
    thread.
    """
    random = np.random.default_rng(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schedule, "SMALL_PROGRAM", 0)
        patch.setattr(schedule, "SMALL_TURN", 0)
        patch.setattr(schedule, "SMALL_KERNEL", 0)
        patch.setattr(split, "LONG", 32)
        patch.setattr(split, "CACHED_BYTES", 256)
        patch.setattr(emit, "UNITS", 4)
        if seed is not None:
            alone, work = schedule.is_serial, schedule.work
            patch.setattr(schedule, "is_serial", lambda k: random.random() < 0.5 or alone(k))
            patch.setattr(schedule, "work", lambda x: -1 if random.random() < 0.5 else work(x))
        yield


def kernels(block) -> list[Kernel]:
    """All kernels of a block (or program), those of inner blocks too."""
    found = []
    for item in getattr(block, "block", block).items:
        found += [item] if isinstance(item, Kernel) else []
        for inner in bodies(item):
            found += kernels(inner)
    return found


def same_bits(a, b) -> bool:
    """Whether two lists of arrays are equal bit for bit."""
    return all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))
