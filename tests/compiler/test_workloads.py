"""Every workload of `chainrule bench`, smaller: the same bits on any number of threads."""

from dataclasses import replace

import pytest
from compiler.programs import parallel, same_bits

import chainrule as cr
from chainrule import compiler
from chainrule.bench.ours import Session
from chainrule.bench.workloads import WORKLOADS
from chainrule.frontend.stateful import Stateful
from chainrule.runtime.cache import Cache

STEPS = 3
# The same networks with less in them: sizes, and the shape of the input but for the batch.
SMALLER = {
    "mlp": ({}, None),
    "lenet": ({}, None),
    "resnet": ({"widths": (16, 24), "blocks": 1}, (16, 16, 3)),
    "lstm": ({"inputs": 24, "hidden": 40}, (5, 24)),
    "gpt": ({"layers": 1, "width": 48, "heads": 3, "tokens": 40, "vocabulary": 50}, (40,)),
    "mobilenet": ({"widths": ((40, 1), (48, 2))}, (16, 16, 3)),
    "vit": ({"layers": 1, "width": 48, "size": 32}, (32, 32, 3)),
}


def smaller(name):
    workload = WORKLOADS[name]
    sizes, shape = SMALLER[workload.network]
    sizes, shape = {**workload.sizes, **sizes}, shape or workload.shape[1:]
    rows = 8 * workload.batch or min(workload.shape[0], 4)
    group = "small" if workload.group == "large" else workload.group
    return replace(workload, group=group, sizes=sizes, shape=(rows, *shape))


# Most workloads that differ in their sizes alone are the same one here.
DISTINCT = {repr(replace(smaller(name), name="", title="")): name for name in WORKLOADS}


def after(session, states, threads):
    """What some steps return and leave behind, started from these states."""
    for owner, state in states:
        owner.load_state_dict(state)
    cr.set_threads(threads)
    results = [session.run() for _ in range(STEPS)]
    return [*results, *[array for owner, _ in states for array in owner.state_dict().values()]]


@pytest.mark.parametrize("name", DISTINCT.values())
def test_bits_do_not_depend_on_threads(name, tmp_path, monkeypatch):
    monkeypatch.setattr(compiler, "_cache", lambda: Cache(tmp_path))
    before = compiler.engine.threads
    session = Session(smaller(name), {}, None)
    owners = [part for part in session.arguments[:2] if isinstance(part, Stateful)]
    states = [(owner, owner.state_dict()) for owner in owners]
    with parallel(seed=0):
        first = after(session, states, 1)
    others = [after(session, states, threads) for threads in (2, 4)]
    cr.set_threads(before)
    assert all(same_bits(first, other) for other in others)
