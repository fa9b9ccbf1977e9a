"""The compiler's wiring: a traced function becomes an executable. Receives graphs from `jit`; calls every stage.

Objects come from the disk cache where the same graph has been compiled before on such a machine.
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chainrule.codegen import llvm
from chainrule.codegen.program import emit_program
from chainrule.codegen.threads import barrier_ir, pool_ir
from chainrule.ir.fingerprint import fingerprint
from chainrule.ir.node import Node
from chainrule.ir.plan import Program
from chainrule.passes.pipeline import Job, plan
from chainrule.runtime.cache import Cache, default_folder, key
from chainrule.runtime.engine import Engine
from chainrule.runtime.executable import Executable, Slot


@functools.cache
def _load_pool() -> llvm.LoadedObject:
    return llvm.LoadedObject(_object(key("pool", pool_ir()), pool_ir)[0])


engine = Engine(_load_pool)


def set_threads(count: int) -> None:
    """Let compiled programs use `count` threads from now on; at first it is `CHAINRULE_THREADS`, or the cores that this
    process may use. Results have the same bits for any number. Raises ArgumentError below 1.

    >>> import chainrule as cr
    >>> cr.set_threads(2)
    """
    engine.set_threads(count)


@functools.cache
def _cache() -> Cache:
    return Cache(default_folder())


@functools.cache
def _compiler_version() -> str:
    """A hash of the compiler itself: an object made by other code is never used."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for stage in ("ir", "passes", "codegen"):
        for path in sorted((root / stage).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _object(
    name: str, make_ir: Callable[[], str], facts: Callable[[], dict] = dict
) -> tuple[bytes, dict]:
    """Object code and the facts stored with it: from the disk cache, else compiled and put there."""
    name = key(name, _compiler_version(), llvm.host_fingerprint(), str(llvm.vector_bytes()))
    found = _cache().load(name)
    if found is None:
        text = make_ir()
        found = llvm.compile_ir(text), facts()
        _cache().store(name, *found)
    return found


@dataclass
class Traced:
    """A function as a graph: the first `boxes` parameters are boxes, those in `updates` get new content."""

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
    """A traced function with its program."""

    def __init__(self, traced: Traced) -> None:
        self.traced = traced
        job = traced.job()
        start = time.perf_counter()
        text = fingerprint(job.parameters, [*job.outputs, *job.updates.values()]) + repr(
            sorted(job.updates)
        )
        code, facts = _object(key("program", text), self._emit, self._facts)
        native = llvm.LoadedObject(code)
        self.seconds = time.perf_counter() - start
        slots = [_slot(traced.kind(n), node) for n, node in enumerate(job.parameters)]
        slots += [_slot("constant", node) for node in job.constants]
        slots += [_slot("output", node) for node in job.outputs]
        constants = [node.attributes["data"].value for node in job.constants]
        limit = 1 if facts["serial"] else None
        self.run = Executable(
            lambda pointers: engine.launcher(native, pointers, limit),
            slots,
            constants,
            facts["arena_bytes"],
        )

    @functools.cached_property
    def program(self) -> Program:
        return plan(self.traced.job())

    def _emit(self) -> str:
        return emit_program(self.program, llvm.vector_bytes()) + barrier_ir()

    def _facts(self) -> dict:
        return {"arena_bytes": self.program.arena_bytes, "serial": self.program.block.serial}


def _slot(kind: str, node: Node) -> Slot:
    return Slot(kind, node.shape, node.dtype.numpy)
