"""The compiler's wiring: a traced function becomes an executable. Receives graphs from `jit`; calls
every stage.

Objects come from the disk cache where the same graph has been compiled before on such a machine.
"""

from __future__ import annotations

import functools
import gc
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chainrule.codegen import llvm
from chainrule.codegen.entry import ENTRY
from chainrule.codegen.measure import mark_ir, peak_flops, peak_ir
from chainrule.codegen.program import emit_kernel, emit_module, emit_program
from chainrule.codegen.shares import row_blocks
from chainrule.codegen.threads import barrier_ir, pool_ir
from chainrule.codegen.tiling import Choice, choices
from chainrule.config import config
from chainrule.dtypes import DType
from chainrule.frontend.tensor import Tensor
from chainrule.ir.fingerprint import fingerprint
from chainrule.ir.machine import Machine
from chainrule.ir.node import Node
from chainrule.ir.plan import Block, Kernel, Program
from chainrule.passes.pipeline import Job, plan
from chainrule.passes.schedule import BRIEF_PROGRAM, work
from chainrule.passes.simplify import simplify as simplify  # `inspection` reads graphs with it.
from chainrule.runtime.cache import Cache, default_folder, key
from chainrule.runtime.cpus import caches
from chainrule.runtime.engine import Engine
from chainrule.runtime.entry import Entry as Entry  # `jit` keeps some.
from chainrule.runtime.entry import WayIn, is_readable, offset
from chainrule.runtime.executable import Executable
from chainrule.runtime.host import host_calls
from chainrule.runtime.memory import Slot

PART = 1_500  # Lines: LLVM takes 50 ms for as many, and one more part 2 ms.
MOST_PARTS = 4


@functools.cache
def machine() -> Machine:
    """This one, with its caches where the system tells of them."""
    known = llvm.host()
    return known._replace(caches=caches() or known.caches)


@functools.cache
def _load_pool() -> llvm.LoadedObject:
    return _linked(_object(key("pool", text := pool_ir(llvm.host())), lambda: [(text, [])])[0])


engine = Engine(_load_pool)


@functools.cache
def _way_in() -> WayIn | None:
    """Past Python into brief programs; None where objects lie in memory as nobody expects."""
    tensor = Tensor(value := np.zeros(()))
    place = offset(tensor, value)
    if not place or not is_readable():
        return None
    code = _linked(_object(key("entry", ENTRY), lambda: [(ENTRY, [])])[0])
    return WayIn(code.address("enter"), Tensor, place, code)


@functools.cache
def _cache() -> Cache:
    return Cache(default_folder())


@contextmanager
def _uncollected() -> Iterator[None]:
    """Within it Python looks for no garbage in cycles: among the records of a program there is
    none, and a look at all that a process holds takes as long as a pass.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@functools.cache
def _compiler_version() -> str:
    """A hash of the compiler itself: an object made by other code is never used."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for stage in ("ir", "passes", "codegen"):
        for path in sorted((root / stage).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


Texts = list[tuple[str, list[str]]]  # The parts of a program, with the names of functions.


def _object(
    name: str,
    make_ir: Callable[[], Texts],
    facts: Callable[[], dict] = dict,
    brief: Callable[[], bool] = bool,
) -> tuple[list[llvm.Part], dict]:
    """The parts of object code and the facts stored with it: from the disk cache, else compiled and
    put there.

    Dumps need every pass to run.
    """
    name = key(name, _compiler_version(), llvm.host_fingerprint(), repr(machine().caches))
    found = _cache().load(name)
    if found is None or config.dump:
        texts, functions = zip(*make_ir(), strict=True)
        parts = list(map(llvm.Part, llvm.compile_parts(list(texts), brief()), functions))
        known = facts()
        shapes = [(len(part.code), part.functions) for part in parts]
        _cache().store(name, b"".join(part.code for part in parts), {**known, "parts": shapes})
        return parts, known
    code, known = found
    parts = []
    for size, names in known.pop("parts"):
        parts.append(llvm.Part(code[:size], names))
        code = code[size:]
    return parts, known


@dataclass
class Traced:
    """A function as a graph: the first `boxes` parameters are boxes, those in `updates` get new
    content.
    """

    boxes: int
    parameters: list[Node]
    outputs: list[Node]
    updates: dict[int, Node]

    def job(self) -> Job:
        return Job(self.parameters, self.outputs, self.updates)

    def kind(self, number: int) -> str:
        """What a parameter stands for, as the kind of its slot."""
        if number >= self.boxes:
            return "input"
        return "state" if number in self.updates else "box"


class Compiled:
    """A traced function with its program, which is compiled for the first run. `choose`, if it is
    set by then, says what tiles the contractions get.
    """

    def __init__(self, traced: Traced) -> None:
        self.traced, self.seconds = traced, 0.0
        self.choose: Callable[[Program], Mapping[Kernel, Choice]] | None = None
        job = traced.job()
        self.slots = [_slot(traced.kind(n), node) for n, node in enumerate(job.parameters)]
        self.slots += [_slot("constant", node) for node in job.constants]
        self.slots += [_slot("output", node) for node in job.outputs]
        self.constants = [node.attributes["data"].value for node in job.constants]
        self.calls = host_calls([*job.outputs, *job.updates.values()])

    @functools.cached_property
    def program(self) -> Program:
        return plan(self.traced.job())

    @functools.cached_property
    def run(self) -> Executable:
        start = time.perf_counter()
        job = self.traced.job()
        text = fingerprint(job.parameters, [*job.outputs, *job.updates.values()])
        name = key(
            "program", text + repr(list(job.updates)), "" if self.choose is None else "chosen"
        )
        with _uncollected():
            parts, facts = _object(name, self._emit, self._facts, self._is_brief)
        run = _loaded(parts, self.slots, self.constants, calls=self.calls, **facts)
        self.seconds = time.perf_counter() - start
        return run

    def _emit(self) -> Texts:
        choices = None if self.choose is None else self.choose(self.program)
        module = emit_module(self.program, machine(), choices)
        count = min(engine.threads, MOST_PARTS, 1 + module.length // PART)
        (first, names), *others = module.parts(count) if count > 1 else [(str(module), [])]
        return [(first + barrier_ir(machine()), names), *others]

    def _is_brief(self) -> bool:
        """Whether compiling it costs more than its turns are likely to."""
        return work(self.program.block) < BRIEF_PROGRAM

    def _facts(self) -> dict:
        block = self.program.block
        return {
            "arena_bytes": self.program.arena_bytes,
            "serial": block.serial,
            "brief": block.brief,
        }


def _slot(kind: str, node: Node) -> Slot:
    return Slot(kind, node.shape, node.dtype.numpy)


def _linked(parts: list[llvm.Part]) -> llvm.LoadedObject:
    first, *others = parts
    return llvm.LoadedObject(first.code, others)


def _loaded(
    parts: list[llvm.Part],
    slots: list[Slot],
    constants: list,
    arena_bytes: int,
    serial: bool,
    brief: bool = False,
    calls: Mapping[int, list[Node]] | None = None,
) -> Executable:
    """Object code bound to memory of its own."""
    native = _linked(parts)
    limit = 1 if serial else None
    return Executable(
        lambda pointers: engine.launcher(native, pointers, limit, brief),
        slots,
        constants,
        arena_bytes,
        calls,
        _way_in if brief else None,
    )


# ---- Measurements ----


def measuring(
    program: Program,
    boxes: int,
    constants: list,
    calls: Mapping[int, list[Node]] | None = None,
    choices: Mapping[Kernel, Choice] | None = None,
) -> Executable:
    """A planned program with Marks, compiled past the disk cache; its first slots are `boxes`."""
    slots = [Slot(buffer.kind, buffer.shape, buffer.dtype.numpy) for buffer in program.slots]
    slots[:boxes] = [s._replace(kind=s.kind.replace("input", "box")) for s in slots[:boxes]]
    text = emit_program(program, machine(), choices) + barrier_ir(machine()) + mark_ir(machine())
    code = llvm.compile_ir(text)
    block, arena = program.block, program.arena_bytes
    return _loaded([llvm.Part(code, [])], slots, constants, arena, block.serial, calls=calls)


def arithmetic(marks: np.ndarray, dtype: DType, serial: bool) -> tuple[Executable, int]:
    """A program of multiply-adds on such floats, and how many operations each thread does."""
    held = dtype.arithmetic
    slots = [
        Slot("constant", marks.shape, marks.dtype),
        Slot("output", (len(marks) * llvm.host().vector_bytes // held.itemsize,), held.numpy),
    ]
    code = llvm.compile_ir(peak_ir(llvm.host(), dtype) + mark_ir(llvm.host()))
    return _loaded([llvm.Part(code, [])], slots, [marks], 0, serial), peak_flops(llvm.host(), dtype)


def signature(kernel: Kernel) -> str:
    """A name for what a kernel does, whatever its arrays are called: its code on this machine."""
    return key(str(emit_kernel(kernel, "kernel", machine())[0].text("")))


def keeps_apart(body: Block, threads: int) -> bool:
    """Whether so many threads go through all turns of a loop without meeting."""
    return row_blocks(body, machine(), {}) % threads == 0


def tile_choices(kernel: Kernel) -> list[Choice]:
    """Tiles that are worth trying for a contraction; first those that it has otherwise."""
    return choices(kernel, machine())


def remembered(name: str, measure: Callable[[], dict], anew: bool = False) -> dict:
    """What `measure` finds on this kind of machine: from the disk cache, else put there."""
    name = key("machine", name, llvm.host_fingerprint())
    found = None if anew else _cache().load(name)
    if found is None:
        found = b"", measure()
        _cache().store(name, *found)
    return found[1]
