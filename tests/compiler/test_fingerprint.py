"""The text by which programs are found again: the same for equal graphs, another for any other."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from compiler import fuzz
from compiler.programs import parallel

import chainrule as cr
from chainrule.codegen import llvm
from chainrule.codegen.program import emit_program
from chainrule.dtypes import float32, float64, int64
from chainrule.ir.contraction import plain
from chainrule.ir.fingerprint import fingerprint
from chainrule.ir.node import Graph, Spec, cast, constant, make, pick, variable
from chainrule.passes.pipeline import Job, plan


def of_seed(seed):
    case = fuzz.case(seed)
    return fingerprint(case.parameters, [*case.outputs, *case.updates.values()])


def test_random_graphs_have_texts_of_their_own():
    texts = [of_seed(seed) for seed in range(300)]
    assert len(set(texts)) == 300
    assert [of_seed(seed) for seed in range(0, 300, 10)] == texts[::10]


def program_of_seed(seed):
    case = fuzz.trained(fuzz.case(seed), seed)
    with parallel():
        program = plan(Job(case.parameters, case.outputs, case.updates))
    return hashlib.sha256(emit_program(program, llvm.host()).encode()).hexdigest()


def test_another_process_makes_the_same_texts():
    """Of graphs and of programs: no order may depend on addresses or on the seed of hashes."""
    call = "[[of_seed(n), program_of_seed(n)] for n in range(20)]"
    code = f"from compiler.test_fingerprint import *; print({call})"
    command, tests = [sys.executable, "-c", code], Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    run = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=tests, env=environment
    )
    assert run.stdout.strip() == str([[of_seed(n), program_of_seed(n)] for n in range(20)])


def body(function):
    inside = variable(Spec((4, 4), float32))
    return Graph([inside], [function(inside)])


def scanned(x, function=lambda h: make("sin", h), length=3, reverse=False):
    attributes = {"constants": 0, "carried": 1, "length": length, "reverse": reverse}
    return pick(make("scan", x, body=body(function), **attributes), 0)


# Attributes of primitives of a matrix whose results have the same shape: they alone tell apart.
FAMILIES = {
    "sum": [{"axes": (axis,)} for axis in (0, 1)],
    "argmax": [{"axis": axis} for axis in (0, 1)],
    "flip": [{"axes": axes} for axes in ((0,), (1,), (0, 1))],
    "permute": [{"axes": axes} for axes in ((0, 1), (1, 0))],
    "slice": [{"start": (n, 0), "stop": (n + 2, 4), "step": (step, 1)}
              for n, step in ((0, 1), (1, 1), (2, 1))],
    "pad": [{"low": (low, 0), "high": (1 - low, 0), "value": value}
            for low, value in ((0, 0.0), (1, 0.0), (0, 1.0), (0, -0.0))],
    "argsort": [{"descending": flag} for flag in (False, True)],
    "cumulative": [{"kind": kind} for kind in ("sum", "prod", "max", "min")],
}  # fmt: skip
PRODUCTS = [((0, 1), (1, 2), (0, 2)), ((0, 1), (2, 1), (0, 2)), ((1, 0), (1, 2), (0, 2)),
            ((0, 1), (1, 2), (2, 0))]  # fmt: skip


def different(outputs, x):
    return len({fingerprint([x], [output]) for output in outputs}) == len(outputs)


@pytest.mark.parametrize("name", FAMILIES)
def test_attributes_count(name):
    x = variable(Spec((4, 4), float32))
    assert different([make(name, x, **attributes) for attributes in FAMILIES[name]], x)


def test_letters_of_products_count():
    x = variable(Spec((4, 4), float32))
    specs = [plain({0: 4, 1: 4, 2: 4}, *letters) for letters in PRODUCTS]
    assert different([make("contract", x, x, spec=spec) for spec in specs], x)


def test_constants_and_casts_count():
    x = variable(Spec((4, 4), float32))
    assert different([x + constant(value, float32, (4, 4)) for value in (1.0, 2.0, -0.0, 0.0)], x)
    assert different([cast(cast(x, dtype), float32) for dtype in (float64, int64)], x)


def test_bodies_count():
    x = variable(Spec((4, 4), float32))
    cosine = scanned(x, lambda h: make("cos", h))
    assert different([scanned(x), cosine, scanned(x, length=4), scanned(x, reverse=True)], x)


def test_order_counts():
    x, y = variable(Spec((4,), float32)), variable(Spec((4,), float32))
    texts = {
        fingerprint([x, y], [x - y]),
        fingerprint([y, x], [x - y]),
        fingerprint([x, y], [y, x]),
    }
    assert len(texts | {fingerprint([x, y], [x, y])}) == 4


@pytest.mark.parametrize("letters", ["ij,jk->ik", "ij,kj->ik", "ji,jk->ik", "ij,jk->ki"])
def test_compiled_products_are_not_mistaken_for_each_other(letters):
    a, b = np.random.default_rng(0).normal(size=(2, 8, 8)).astype(np.float32)
    result = cr.jit(lambda a, b: cr.einsum(letters, a, b))(a, b)
    np.testing.assert_allclose(result, np.einsum(letters, a, b), rtol=1e-5, atol=1e-5)
