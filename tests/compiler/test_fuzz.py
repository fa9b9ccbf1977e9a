"""Random graphs: compiled and interpreted agree, forward and backward, on any number of threads."""

import contextlib

import numpy as np
import pytest
from compiler import fuzz
from compiler.making import Case
from compiler.noise import RUNS, Spread, errors
from compiler.programs import Compiled, interpreted, parallel, same_bits, variables

from chainrule.codegen import llvm
from chainrule.codegen.program import emit_program
from chainrule.ir.node import make

GROUPS = range(0, 160, 10)  # Seeds of the graphs that stand alone, ten a test.
JOINED = range(1000, 1045, 15)
FOUND = [71020, 820142]


def flat(result):
    return [*result.outputs, *[result.updates[number] for number in sorted(result.updates)]]


def problems(case, shared, seed=None):
    """What is wrong with a graph's program; `shared`: its work is spread over threads."""
    spread = Spread(lambda: flat(interpreted(*case)))
    with parallel(seed) if shared else contextlib.nullcontext():
        compiled = Compiled(case.parameters, case.outputs, case.updates)
    results = [
        flat(compiled(case.arrays, threads)) for threads in ((1, 2, 3, 4) if shared else (1,))
    ]
    found = [line for result in results for line in spread.problems(result)]
    if not all(same_bits(results[0], other) for other in results[1:]):
        found.append("the bits depend on the number of threads")
    return found


def graph(seed):
    return fuzz.trained(fuzz.case(seed), seed)


def joined(cases):
    """One program that computes all graphs."""
    whole = Case([], [], [], {})
    for case in cases:
        start = len(whole.parameters)
        whole.updates.update({start + number: node for number, node in case.updates.items()})
        whole.parameters.extend(case.parameters)
        whole.arrays.extend(case.arrays)
        whole.outputs.extend(case.outputs)
    return whole


@pytest.mark.parametrize("first", GROUPS)
def test_random_graphs(first):
    seeds = range(first, first + 10)
    found = {n: problems(graph(n), shared=n % 4 < 3, seed=n if n % 4 else None) for n in seeds}
    assert {seed: lines for seed, lines in found.items() if lines} == {}


@pytest.mark.parametrize("seed", FOUND)
def test_graphs_that_were_wrong_once(seed):
    assert problems(graph(seed), shared=seed % 4 < 3, seed=seed if seed % 4 else None) == []


@pytest.mark.parametrize("first", JOINED)
def test_random_graphs_in_one_program(first):
    whole = joined([graph(seed) for seed in range(first, first + 15)])
    assert problems(whole, shared=True) == []
    assert problems(whole, shared=True, seed=first) == []


@pytest.mark.parametrize(("width", "features"), [(16, ""), (32, "+avx2,+fma")])
def test_random_graphs_for_narrower_registers(width, features, monkeypatch):
    """Other tiles, other tails: what AVX2 and NEON machines get. (The host compiles them.)"""
    narrow = llvm.host()._replace(features=features)
    monkeypatch.setattr("compiler.programs.emit_program", lambda p, _: emit_program(p, narrow))
    assert narrow.vector_bytes == width
    seeds = range(2000 + width, 2010 + width)
    assert problems(joined([graph(seed) for seed in seeds]), shared=True) == []


def test_the_oracle_sees_errors():
    """A result that is off by little more than rounding is found."""
    case = graph(3)
    spread = Spread(lambda: flat(interpreted(*case)))
    assert spread.problems(spread.wanted) == []
    for number, wanted in enumerate(spread.wanted):
        if wanted.dtype.kind == "f" and wanted.size:
            wrong = [np.array(array) for array in spread.wanted]
            wrong[number] = (wrong[number] * 1.001 + 0.001).astype(wanted.dtype)
            assert spread.problems(wrong) or not np.isfinite(wanted).any()


def test_errors_leave_infinities_and_single_terms_alone():
    """Infinity is not off by a unit, which would be NaN; nor is the sum of one term."""
    x = np.array([[np.inf], [1.1]], np.float32)
    (node,) = variables(x)
    sums = [make("sum", node, axes=axes) for axes in [(0,), (1,)]]
    for seed in range(RUNS):
        with errors(seed):
            whole, single = interpreted([node], [x], sums).outputs
        assert whole == np.inf
        np.testing.assert_array_equal(single, x[:, 0])
