"""Symbolic differentiation: receives functions of numbers and reads the graphs that the transforms
make of them; hands back formulas as text.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

from chainrule.deferred import Deferred
from chainrule.dtypes import float64
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend import trace
from chainrule.frontend.box import node_of
from chainrule.frontend.lift import lift
from chainrule.frontend.tensor import Tensor
from chainrule.inspection.algebra import Sum, atom, call, number
from chainrule.inspection.notation import Latex, Text
from chainrule.ir.node import Node, Spec, substitute, topological, variable
from chainrule.transforms.numerical import wide_floats

compiler = Deferred("chainrule.compiler")

MOST_CASES = 4  # Distinct conditions that are told apart over the whole formula.


def formula(f: Callable, latex: bool = False) -> str:
    r"""A function of numbers as a formula, in Python or LaTeX: the function itself, or the
    derivative that `cr.grad` makes of it (B-007).

    Equal terms are collected, and choices by `where` become cases of the whole. Constants may be
    folded as if division by zero did not occur. Raises ArgumentError for what is not elementwise.

    >>> f = lambda x: x * cr.exp(-x**2)
    >>> cr.formula(f), cr.formula(cr.grad(f))
    ('x*exp(-x**2)', 'exp(-x**2) - 2*x**2*exp(-x**2)')
    >>> print(cr.formula(cr.grad(cr.sqrt), latex=True))
    \frac{1}{2 \sqrt{x}}
    """
    writer = Latex() if latex else Text()
    return writer.sum(_cases(_graph(f)))


def _graph(f: Callable) -> Node:
    """The simplified graph of `f` at variables named like its parameters."""
    parameters = inspect.signature(f).parameters.values()
    names = [p.name for p in parameters if p.default is p.empty and p.kind < p.VAR_POSITIONAL]
    with wide_floats(), trace.level("body"):
        variables = [variable(Spec((), float64), name) for name in names]
        result = lift(f(*[Tensor(None, node) for node in variables]), "formula")
        if result.shape:
            raise ShapeError(
                "formula",
                f"the function returned {result.dtype.name}{list(result.shape)}",
                "a formula is of one number",
                "reduce it, or choose one element",
            )
        (node,) = compiler.simplify([node_of(result)])
    return node


# ---- From nodes to expressions ----


def _cases(node: Node) -> Sum:
    """Every condition is taken as true and as false throughout, so that what is left is smooth."""
    choices = [n for n in topological([node]) if n.op.name == "where"]
    conditions = {choice.inputs[0] for choice in choices}
    if not 0 < len(conditions) <= MOST_CASES:
        return _read(node)
    condition = choices[0].inputs[0]
    then, otherwise = (_cases(_decided(node, condition, place)) for place in (1, 2))
    return then if then == otherwise else call("where", _read(condition), then, otherwise)


def _decided(node: Node, condition: Node, place: int) -> Node:
    new: dict[Node, Node] = {}
    for choice in topological([node]):
        if choice.op.name == "where" and choice.inputs[0] is condition:
            (new[choice],) = substitute([choice.inputs[place]], new)
    return compiler.simplify(substitute([node], new))[0]


def _read(node: Node) -> Sum:
    read: dict[Node, Sum] = {}
    for each in topological([node]):
        read[each] = _operation(each, *[read[child] for child in each.inputs])
    return read[node]


ARITHMETIC: dict[str, Callable[..., Sum]] = {
    "add": Sum.__add__,
    "subtract": Sum.__sub__,
    "multiply": Sum.__mul__,
    "divide": Sum.__truediv__,
    "negative": Sum.__neg__,
    "sqrt": lambda x: x.power(0.5),
    "power": lambda x, p: call("power", x, p) if p.value is None else x.power(p.value),
    "invert": lambda x: call("logical_not", x),
}
SAME = {"cast", "reshape", "broadcast", "after", "stop_gradient"}


def _operation(node: Node, *operands: Sum) -> Sum:
    name = node.op.name
    if name == "variable":
        return atom(node.attributes["name"])
    if name == "constant":
        return number(node.attributes["value"])
    if name == "buffer" and node.size == 1:
        return number(node.attributes["data"].value.item())
    if name in ARITHMETIC:
        return ARITHMETIC[name](*operands)
    if name in SAME:
        return operands[0]
    if node.op.family != "elementwise":
        raise ArgumentError(
            "formula",
            f"the function uses {name} ({node.origin})",
            "formulas are made of elementwise operations on numbers",
            "write it for one number",
        )
    return call(name, *operands)
