"""Graphs for the tests of `simplify`, one file a family of rules, and how a case is checked."""

from typing import Any, NamedTuple

import numpy as np

from chainrule.dtypes import bool_, float32
from chainrule.ir.interpret import evaluate
from chainrule.ir.node import Graph, Spec, make, topological, variable
from chainrule.ir.rewrite import Rules
from chainrule.ir.verify import verify
from chainrule.passes import simplify as module
from chainrule.passes.rewrites.values import scalar
from chainrule.passes.simplify import RULES, simplify

MANTISSA = {np.dtype("float32"): 1e-5, np.dtype("float64"): 1e-12}


class Case(NamedTuple):
    """`left`: what `text` shows after simplification.

    `exact`: not even a rounding differs. `signed_zero`: nor the sign of a zero.
    """

    rules: tuple[str, ...]
    left: str
    exact: bool
    signed_zero: bool
    build: Any

    def __str__(self):
        return "-".join(self.rules) or self.build.__name__

    @property
    def outputs(self):
        return self.build()


class Cases(list):
    def __call__(self, *rules, left=None, exact=True, signed_zero=True):
        """Decorator: a function that builds outputs becomes a case."""

        def add(build):
            self.append(Case(rules, left, exact, signed_zero, build))
            return build

        return add


def var(*shape, dtype=float32):
    return variable(Spec(shape, dtype))


def cut(x, *bounds):
    """A slice; one (start, stop) or (start, stop, step) for each axis."""
    start, stop, step = zip(*[(*bound, 1)[:3] for bound in bounds])
    return make("slice", x, start=start, stop=stop, step=step)


class Printer:
    """Nodes as text. Variables are a, b, c, ...; another node with the same text has a prime."""

    def __init__(self, names=()):
        self.names = dict(names)
        self.nodes = {}

    def text(self, node):
        value = scalar(node)
        if value is not None:
            return repr(value)
        if node.op.name == "variable":
            return self.names.setdefault(node, chr(ord("a") + len(self.names)))
        found = self.described(node)
        while self.nodes.setdefault(found, node) is not node:
            found += "'"
        return found

    def described(self, node):
        if node.op.name == "pick":
            return f"{self.text(node.inputs[0])}.{node.attributes['index']}"
        bodies = [self.body(x) for x in node.attributes.values() if isinstance(x, Graph)]
        inputs = ", ".join(map(self.text, node.inputs))
        return f"{node.op.name}{''.join(bodies)}({inputs})"

    @staticmethod
    def body(graph):
        printer = Printer({node: f"p{i}" for i, node in enumerate(graph.parameters)})
        return "{" + ", ".join(map(printer.text, graph.outputs)) + "}"


def text(outputs):
    return ", ".join(map(Printer().text, outputs))


def without(rule):
    """The table of rules without this one."""
    table = Rules()
    for name, rules in RULES.table.items():
        table.table[name] = [other for other in rules if other is not rule]
    return table


def simplify_by(table, outputs):
    """`simplify` with another table of rules."""
    before, module.RULES = module.RULES, table
    try:
        return simplify(outputs)
    finally:
        module.RULES = before


def variables(outputs):
    return [node for node in topological(outputs) if node.op.name == "variable"]


def ordinary(spec, generator):
    if spec.dtype is bool_:
        return generator.integers(0, 2, spec.shape).astype(bool)
    if spec.dtype.is_integer:
        return generator.integers(0, 5, spec.shape).astype(spec.dtype.numpy)
    return np.asarray(generator.normal(size=spec.shape), spec.dtype.numpy)


# Sums of these are exact, so that the order of a sum does not show.
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.0, np.inf, -np.inf, np.nan])


def special(spec, generator):
    """Zeros of both signs, infinities, NaN; the largest and smallest integers."""
    if spec.dtype is bool_:
        return ordinary(spec, generator)
    if spec.dtype.is_integer:
        info = np.iinfo(spec.dtype.numpy)
        pool = np.array([0, 1, 2, info.max, info.min, info.max - 1], spec.dtype.numpy)
    else:
        pool = SPECIAL.astype(spec.dtype.numpy)
    return generator.choice(pool, spec.shape)


def extreme(spec, generator):
    """The largest, the smallest normal and the smallest floats."""
    if not spec.dtype.is_float:
        return ordinary(spec, generator)
    info = np.finfo(spec.dtype.numpy)
    pool = [info.max, info.min, info.tiny, info.smallest_subnormal, -info.smallest_subnormal, 1.0]
    return generator.choice(np.array(pool, spec.dtype.numpy), spec.shape)


def same_values(before, after, exact=True, signed_zero=True):
    """Whether two results agree: NaN where NaN, and if exact in every bit but a NaN's payload."""
    if before.shape != after.shape or before.dtype != after.dtype:
        return False
    if not exact and before.dtype in MANTISSA:
        tolerance = MANTISSA[before.dtype]
        return np.allclose(before, after, tolerance, tolerance, equal_nan=True)
    floating = before.dtype.kind == "f"
    signs = not floating or not signed_zero or np.array_equal(
        np.signbit(before)[before == 0], np.signbit(after)[after == 0])
    return signs and np.array_equal(before, after, equal_nan=floating)


def check_same(before, after, exact=True, signed_zero=True, repeats=4):
    """Interpret both graphs on ordinary and on special values, and compare."""
    verify(Graph(variables(before), after))
    assert [node.spec for node in before] == [node.spec for node in after]
    sources = (ordinary, special, extreme) if exact else (ordinary, special)
    for seed, source in enumerate(sources * repeats):
        generator = np.random.default_rng(seed)
        known = {node: source(node.spec, generator) for node in variables(before)}
        for a, b in zip(evaluate(before, known), evaluate(after, known), strict=True):
            assert same_values(a, b, exact, signed_zero), (source.__name__, known, a, b)
