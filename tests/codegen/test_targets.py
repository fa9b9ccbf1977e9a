"""The same programs for other processors: their assembly is looked at, as none is at hand."""

import re
from collections import Counter

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.codegen import llvm
from chainrule.codegen.program import emit_program
from chainrule.codegen.threads import barrier_ir, pool_ir
from chainrule.ir.machine import Machine

GRAVITON = Machine("aarch64-unknown-linux-gnu", "neoverse-v1")
PHONE = Machine("aarch64-unknown-linux-gnu", "cortex-x1")
APPLE = Machine("arm64-apple-darwin", "apple-m1")
HASWELL = Machine("x86_64-unknown-linux-gnu", "haswell", "+avx2,+fma")
LEVEL3 = Machine("x86_64-unknown-linux-gnu", "x86-64-v3", "+avx2,+fma")
SERVER = Machine("x86_64-unknown-linux-gnu", "skylake-avx512", "+avx512f")
MACHINES = [GRAVITON, PHONE, APPLE, HASWELL, LEVEL3, SERVER]
ARM = [GRAVITON, PHONE, APPLE]

# A multiply-add of whole vectors; arithmetic on a single float.
WHOLE = {
    "aarch64": r"fmla\tv\d+\.4s|fmla\.4s",
    "haswell": r"vfn?m(?:add|sub)\d+ps\t.*%ymm",
    "x86-64-v3": r"vfn?m(?:add|sub)\d+ps\t.*%ymm",
    "skylake-avx512": r"vfn?m(?:add|sub)\d+ps\t.*%zmm",
}
SINGLE = (
    r"\tf(?:mul|add|sub|div|n?madd|n?msub)\ts\d"
    r"|\tv(?:mul|add|sub|div|fn?madd\d+|fn?msub\d+)ss\t"
)
SPILL = r"\t(?:str|stp|stur)\tq.*\[sp|\tvmov[au]ps\t%[yz]mm\d+, -?\d*\(%rsp\)"


def whole(machine):
    return WHOLE.get(machine.cpu, WHOLE["aarch64"])


def array(*shape):
    return np.ones(shape, np.float32)


def step(model, optimizer, x, y):
    def loss(model, x, y):
        return nn.losses.cross_entropy(model(x), y)

    value, gradients = cr.value_and_grad(loss)(model, x, y)
    optimizer.update(gradients)
    return value


def trained(model, *shape):
    return step, (model, optim.Adam(model), array(*shape), np.zeros(shape[0], np.int64))


def dense():
    return trained(nn.Sequential(nn.Linear(64, 48), cr.relu, nn.Linear(48, 16)), 32, 64)


def convolution():
    layers = (nn.Conv2d(8, 16, 3, padding=1), cr.relu, nn.Flatten(), nn.Linear(16 * 64, 16))
    return trained(nn.Sequential(*layers), 16, 8, 8, 8)


def attention():
    return cr.attention, [array(2, 4, 32, 16) for _ in range(3)]


def recurrence():
    def f(w, xs):
        return cr.scan(lambda h, x: (cr.tanh(h @ w + x), None), xs[0], xs)[0]

    return f, (array(32, 32), array(10, 16, 32))


def functions():
    names = (cr.exp, cr.log, cr.tanh, cr.sin, cr.erf, cr.sigmoid, cr.sqrt, cr.gelu)
    return lambda x: [function(x) for function in names], (array(64, 64),)


def mixed(dtype):
    """A step in 16 bits: loads that extend, stores that round."""
    layers = (nn.Linear(64, 48), nn.LayerNorm(48), cr.gelu, nn.Linear(48, 16))
    _, arguments = trained(nn.Sequential(*layers), 33, 64)
    return cr.mixed_precision(step, dtype), arguments


def in_bfloat16():
    return mixed(cr.bfloat16)


def in_float16():
    return mixed(cr.float16)


PROGRAMS = [dense, convolution, attention, recurrence, functions, in_bfloat16, in_float16]


def made_for(machine, make):
    """The assembly of a program."""
    function, arguments = make()
    program = cr.jit(function)._bound(arguments, {})[0].program.program
    return llvm.assembly(emit_program(program, machine) + barrier_ir(machine), machine)


def called(text):
    """Names of functions that are called and not there."""
    names = {name.lstrip("_") for name in re.findall(r"\t(?:bl|b|callq?|jmp)\t([\w.@]+)", text)}
    there = {name.lstrip("_") for name in re.findall(r"^([\w.]+):", text, re.M)}
    return {name.split("@")[0] for name in names} - there


def loops(text):
    """Stretches of code that end with a jump to their beginning, and have no label in between."""
    for label, code in re.findall(r"^(\.?L\w+):.*\n((?:\t.*\n)+)", text, re.M):
        found = re.match(rf"(?:\t.*\n)*?\t[a-z.]+\t(?:.*, )?{re.escape(label)}\n", code)
        if found:
            yield found[0]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.cpu)
@pytest.mark.parametrize("make", PROGRAMS, ids=lambda make: make.__name__)
def test_programs_are_made_of_whole_vectors(machine, make):
    text = made_for(machine, make)
    assert re.search(whole(machine), text)
    assert called(text) <= {"memset", "memcpy", "bzero", "syscall", "sched_yield", "usleep"}


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.cpu)
@pytest.mark.parametrize("make", [dense, convolution], ids=lambda make: make.__name__)
def test_products_stay_in_registers(machine, make):
    """Loops that consist of multiply-adds compute with no single number, and put none aside."""
    found = [
        (body, len(re.findall(whole(machine), body))) for body in loops(made_for(machine, make))
    ]
    heavy = [body for body, count in found if count >= 8 and 3 * count >= body.count("\n")]
    assert heavy
    for body in heavy:
        assert not re.search(SINGLE, body) and not re.search(SPILL, body), body


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.cpu)
def test_functions_are_computed_for_whole_vectors(machine):
    text = made_for(machine, functions)
    counts = Counter(bool(re.search(SINGLE, line)) for line in text.splitlines())
    assert counts[True] == 0


def test_threads_wait_as_each_system_can():
    pools = {machine.cpu: llvm.assembly(pool_ir(machine), machine) for machine in MACHINES}
    for machine in (GRAVITON, PHONE):
        text = pools[machine.cpu]
        assert "#98" in text and "syscall" in called(text) and "\tisb" in text
        assert re.search(r"\tldadd|\tldaxr", text) and re.search(r"\tldar|\tldapr", text)
    for machine in (HASWELL, LEVEL3, SERVER):
        text = pools[machine.cpu]
        assert "$202" in text and "syscall" in called(text) and "\tpause" in text
    assert {"sched_yield", "usleep"} <= called(pools["apple-m1"])
    assert not called(pools["apple-m1"]) & {"syscall", "sched_getcpu", "sched_setaffinity"}


def test_what_is_known_of_machines():
    assert [machine.architecture for machine in (APPLE, GRAVITON, HASWELL)] == [
        "aarch64", "aarch64", "x86_64"
    ]  # fmt: skip
    assert [machine.system for machine in (APPLE, HASWELL)] == ["darwin", "linux"]
    assert [machine.vector_bytes for machine in MACHINES] == [16, 16, 16, 32, 32, 64]
    assert [machine.registers for machine in MACHINES] == [32, 32, 32, 16, 16, 32]
