"""The compiler's passes in order. Receives a Job (a traced function), hands on a planned Program.

Each pass can be timed and printed by name (`CHAINRULE_DUMP=fuse,memory`); graphs and programs are
verified after every pass where `config.verify` is set, as it is in all tests.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chainrule.config import config
from chainrule.ir.describe import block_text, program_text
from chainrule.ir.listing import graph_text
from chainrule.ir.node import Graph, Node, topological
from chainrule.ir.plan import Block, Buffer, Place, Program
from chainrule.ir.rewrite import rewrite
from chainrule.ir.verify import verify
from chainrule.passes import channels, split, windows
from chainrule.passes.collapse import collapse
from chainrule.passes.fuse import fuse
from chainrule.passes.hoist import hoist
from chainrule.passes.lower import lower
from chainrule.passes.memory import memory
from chainrule.passes.schedule import schedule
from chainrule.passes.simplify import simplify
from chainrule.passes.verify import verify_block


@dataclass
class Job:
    """A function to compile: `outputs` of `parameters`, and `updates`: parameter number -> its new
    content.
    """

    parameters: list[Node]
    outputs: list[Node]
    updates: dict[int, Node]
    constants: list[Node] = field(default_factory=list)  # Arrays that the function captured.
    slots: list[Buffer] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        results = [*self.outputs, *self.updates.values()]
        self.constants = [node for node in topological(results) if node.op.name == "buffer"]


def _simplify(job: Job) -> Job:
    """Before: the graph as traced. After: an equivalent graph without marks, identities and
    foldable constants.
    """
    return _rewritten(job, simplify)


def _rewritten(job: Job, change: Callable[[list[Node]], list[Node]]) -> Job:
    results = change([*job.outputs, *job.updates.values()])
    job.outputs = results[: len(job.outputs)]
    job.updates = dict(zip(job.updates, results[len(job.outputs) :], strict=True))
    if config.verify:
        verify(Graph(job.parameters, results))
    return job


def _channels(job: Job) -> Job:
    """Before: the last letter of a result runs along lanes, however few. After: several places
    share a vector where it is a convolution's few channels.
    """
    return _rewritten(job, lambda results: rewrite(results, channels.rules))


def _windows(job: Job) -> Job:
    """Before: windows may reach beyond their operands. After: not in contractions made of tiles."""
    return _rewritten(job, windows.pad_windows)


def _split(job: Job) -> Job:
    """Before: one sum, however long. After: enough parts for all threads and for the cache."""
    return _rewritten(job, lambda results: rewrite(results, split.rules))


def _lower(job: Job) -> Block:
    """Before: a graph. After: kernels, one for each value that is stored, all views turned into
    indices.
    """
    places: dict[Node, Place] = {}
    for number, node in enumerate(job.parameters):
        kind = "state" if number in job.updates else "input"
        places[node] = _slot(job, node.attributes["name"] or f"x{number}", node, kind)
    for number, node in enumerate(job.constants):
        places[node] = _slot(job, f"c{number}", node, "constant")
    outputs = [
        (node, _slot(job, f"out{number}", node, "output"))
        for number, node in enumerate(job.outputs)
    ]
    updates = [(node, places[job.parameters[number]]) for number, node in job.updates.items()]
    return lower(outputs, places, updates)


def _slot(job: Job, name: str, node: Node, kind: str) -> Place:
    buffer = Buffer(name, node.shape, node.dtype, kind, len(job.slots))
    job.slots.append(buffer)
    return Place(buffer, node.shape)


PASSES: list[tuple[str, Callable]] = [
    ("simplify", _simplify),
    ("channels", _channels),
    ("windows", _windows),
    ("split", _split),
    ("lower", _lower),
    ("hoist", hoist),
    ("fuse", fuse),
    ("collapse", collapse),
    ("schedule", schedule),
]


def plan(job: Job) -> Program:
    """All passes over one job."""
    work: Any = job
    for name, run in PASSES:
        start = time.perf_counter()
        work = run(work)
        job.seconds[name] = time.perf_counter() - start
        _check(name, work)
    start = time.perf_counter()
    program = memory(work, job.slots)
    job.seconds["memory"] = time.perf_counter() - start
    _check("memory", program)
    return program


def _check(name: str, work: Any) -> None:
    if config.verify and not isinstance(work, Job):
        verify_block(name, work)
    if name in config.dump:
        print(f"---- after {name} ----\n{describe(work)}")


def describe(work: Any) -> str:
    """A stage of the compiler as text."""
    if isinstance(work, Job):
        return graph_text([*work.outputs, *work.updates.values()])
    return program_text(work) if isinstance(work, Program) else block_text(work)
