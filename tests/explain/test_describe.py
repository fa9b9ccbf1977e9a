"""Kernels and graphs as text: exact for small functions."""

import re
from textwrap import dedent

import numpy as np
import pytest
from explain.functions import array, planned

import chainrule as cr
from chainrule.config import config
from chainrule.dtypes import float32
from chainrule.ir import index as ix
from chainrule.ir.describe import KernelText, block_text, program_text
from chainrule.ir.index import Axis
from chainrule.ir.listing import graph_text
from chainrule.ir.node import Spec, constant, make, variable
from chainrule.ir.plan import Buffer, Expr, Kernel, Load, Place, Store


def text(function, *arguments):
    """The program without heads of kernels, which hold lines of this file."""
    return block_text(
        planned(function, *arguments).block, lambda number, kernel: f"kernel {number}"
    )


def test_a_contraction_with_what_follows_it():
    found = text(lambda x, w, b: cr.relu(x @ w + b), array(64, 32), array(32, 16), array(16))
    assert found == dedent("""\
        kernel 0
            for i0 < 64, i1 < 16 in tiles
                s = sum over i2 < 32 of x[i0, i2] * w[i2, i1]
                out0[i0, i1] = maximum(s + b[i1], 0)""")


def test_rows_are_successive_loops():
    found = text(lambda x: x / cr.sum(cr.exp(x), axis=1, keepdims=True), array(4, 8))
    assert found == dedent("""\
        kernel 0
            for i0 < 4
                r0 = sum over i1 < 8 of exp(x[i0, i1])
                for i1 < 8
                    out0[i0, i1] = x[i0, i1] / r0""")


def test_what_is_used_twice_has_a_name():
    found = text(lambda a: cr.tanh(a) * (1 - cr.tanh(a)), array(4))
    assert found == dedent("""\
        kernel 0
            for i0 < 4
                b = tanh(a[i0])
                out0[i0] = b * (1 - b)""")


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (lambda x: x - (x - (1 - x)), "x[i0] - (x[i0] - (1 - x[i0]))"),
        (lambda x: x + (x * 0.1 + 2.5), "x[i0] + x[i0] * 0.1 + 2.5"),
        (lambda x: x / (x / 3) * x, "(x[i0] / (x[i0] / 3)) * x[i0]"),
        (lambda x: -(x + 1), "-(x[i0] + 1)"),
        (lambda x: cr.where((x > 1) & (x <= 2), x, 0),
         "where((1 < x[i0]) & (x[i0] <= 2), x[i0], 0)"),
        (lambda x: cr.astype(x, cr.int32) % 3, "int32(x[i0]) % 3"),
            ],
)  # fmt: skip
def test_brackets_stand_where_they_are_needed(function, value):
    assert text(function, array(32)).split(" = ", 1)[1] == value


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (lambda x: cr.permute_dims(x, (1, 0)) * 2, "x[i1, i0] * 2"),
        (lambda x: x[1:, ::-2] * 2, "x[i0 + 1, -2*i1 + 7] * 2"),
        (lambda x: cr.flip(x, axis=1) * 2, "x[i0, -1*i1 + 7] * 2"),
        (lambda x: cr.pad(x, ((1, 1), (0, 0))) * 2,
         "(x[i0 - 1, i1] if 0 <= i0 - 1 < 4 else 0) * 2"),
        (lambda x: cr.pad(x, ((0, 2), (0, 0))) * 2, "(x[i0, i1] if i0 < 4 else 0) * 2"),
        (lambda x: cr.reshape(cr.permute_dims(x, (1, 0)), (16, 2)) * 2,
         "x[8*((2*i0 + i1) % 4) + ((2*i0 + i1) // 4)] * 2"),
    ],
)  # fmt: skip
def test_views_are_indices(function, value):
    assert text(function, array(4, 8)).split(" = ", 1)[1] == value


def test_rows_found_in_memory():
    assert "x[minimum(maximum(" in text(
        lambda x, i: cr.take(x, i, axis=0), array(4, 8), np.ones(3, int)
    )


def test_loops_and_branches():
    scanned = text(
        lambda c, xs: cr.scan(lambda c, x: (c + x, None), c, xs)[0], array(8), array(4, 8)
    )
    assert "for turn0 < 4\n    kernel 1" in scanned
    assert "x[turn0, i0]" in scanned.replace("xs", "x")
    assert "backwards" in text(
        lambda xs: cr.scan(lambda c, x: (c + x, None), 0.0, xs, reverse=True)[0], array(4)
    )
    chosen = text(lambda x: cr.cond(x[0] > 0, lambda x: x + 1, lambda x: x * 2, x), array(8))
    assert "\nif t" in chosen and "\nelse\n" in chosen
    repeated = text(lambda x: cr.while_loop(lambda x: x < 9, lambda x: x * x, x), array())
    assert "repeat\n" in repeated and "\nwhile flag" in repeated


def test_operations_that_are_no_loops():
    assert "t0 = argsort(x, descending=False)" in text(lambda x: cr.argsort(x), array(4, 8))


def test_an_old_value_keeps_its_name_after_its_place_is_written():
    axis = Axis(0, 4)
    m, w = (Place(Buffer(name, (4,), float32, "state", n), (4,)) for n, name in enumerate("mw"))
    old = Expr("load", (), float32, Load(m, ix.of_axis(axis)))
    two = Expr("constant", (), float32, 2.0)
    new = Expr("multiply", (old, two), float32)
    statements = [Store(m, ix.of_axis(axis), new), Store(w, ix.of_axis(axis), old)]
    assert KernelText(Kernel((axis,), statements=statements)).lines() == [
        "for i0 < 4",
        "    a = m[i0]",
        "    m[i0] = a * 2",
        "    w[i0] = a",
    ]


def test_programs_say_where_temporaries_lie():
    found = program_text(planned(lambda x: cr.cumulative_sum(x) + 1, array(8))).split("\n")
    assert found[-2:] == ["64 bytes for temporaries", "    t0:float32[8] at 0"]


def test_graphs_are_numbered_lines():
    x = variable(Spec((4, 8), float32), "x")
    body = make("multiply", make("exp", x), constant(2.0, float32, (4, 8)))
    found = graph_text([make("sum", body, axes=(1,))])
    assert re.sub(r"  # .*", "", found) == dedent("""\
        %0 = variable(name='x'): float32[4, 8]
        %1 = exp(%0): float32[4, 8]
        %2 = constant(value=2.0, dtype=float32): float32[]
        %3 = reshape(%2, shape=(1, 1)): float32[1, 1]
        %4 = broadcast(%3, shape=(4, 8)): float32[4, 8]
        %5 = multiply(%1, %4): float32[4, 8]
        %6 = sum(%5, axes=(1,)): float32[4]
        return %6""")


def test_dumps_print_the_asked_stages(monkeypatch, capsys):
    monkeypatch.setattr(config, "dump", frozenset(("simplify", "fuse", "memory")))
    for _ in range(2):  # The second time the program is in the disk cache.
        cr.jit(lambda x: x + 1)(array(4))
        printed = capsys.readouterr().out
        assert [line for line in printed.split("\n") if line.startswith("----")] == [
            "---- after simplify ----", "---- after fuse ----", "---- after memory ----",
        ]  # fmt: skip
        assert "add(%" in printed and "out0[i0] = x[i0] + 1" in printed
