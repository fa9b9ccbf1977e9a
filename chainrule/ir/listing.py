"""Graphs as numbered lines. Receives nodes; the dumps of the passes print the text."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from chainrule.dtypes import DType
from chainrule.ir.contraction import Contraction, Dimension
from chainrule.ir.node import Graph, Node, Origin, topological


def origin_text(origin: Origin) -> str:
    """Module path, file and line, the file without its folders: `Net.hidden at train.py:31`."""
    file = origin.file and f"{os.path.basename(origin.file)}:{origin.line}"
    return " at ".join(filter(None, (origin.module, file)))


def indented(lines: Iterable[str]) -> list[str]:
    return ["    " + line for line in lines]


def under(head: str, body: list[str]) -> list[str]:
    return [head, *indented(body)] if head else body


def graph_text(outputs: Iterable[Node]) -> str:
    """A graph, one numbered line a node: operation, operands, attributes, result, origin."""
    outputs = list(outputs)
    number: dict[Node, str] = {}
    lines: list[str] = []
    for node in topological(outputs):
        operands = [number[child] for child in node.inputs]
        number[node] = f"%{len(number)}"
        lines += _node(node, number[node], operands)
    return "\n".join([*lines, "return " + ", ".join(number[node] for node in outputs)])


def _node(node: Node, name: str, operands: list[str]) -> list[str]:
    """The line of a node, and under it the graphs that it runs."""
    graphs = {key: value for key, value in node.attributes.items() if isinstance(value, Graph)}
    hidden = {*graphs, "serial", "data", "rule", "spec" if node.op.name == "variable" else ""}
    others = [
        f"{key}={attribute_text(value)}"
        for key, value in node.attributes.items()
        if key not in hidden
    ]
    result = " ".join(f"{spec.dtype.name}{list(spec.shape)}" for spec in node.outputs)
    origin = origin_text(node.origin)
    line = f"{name} = {node.op.name}({', '.join(operands + others)}): {result}"
    lines = [f"{line}  # {origin}" if origin else line]
    for key, graph in graphs.items():
        inner = graph_text(graph.outputs).split("\n")
        lines += indented(under(f"{key}:", inner))
    return lines


def attribute_text(value: Any) -> str:
    if isinstance(value, DType):
        return value.name
    if isinstance(value, Contraction):
        sides = ",".join(_dimensions(side) for side in (value.left, value.right))
        return sides + "->" + "".join(map(_letter, value.output))
    return repr(value)


def _dimensions(dimensions: Iterable[Dimension]) -> str:
    return "".join(map(_dimension, dimensions))


def _dimension(dimension: Dimension) -> str:
    """A letter, or in brackets the sum of letters that moves a window."""
    terms = [_letter(n) if c == 1 else f"{c}*{_letter(n)}" for n, c in dimension.terms]
    if dimension.offset or not terms:
        terms.append(str(dimension.offset))
    text = " + ".join(terms).replace("+ -", "- ")
    text = f"({text})/{dimension.divisor}" if dimension.divisor > 1 else text
    return text if dimension.letter is not None else f"[{text}]"


def _letter(number: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[number] if number < 26 else f"a{number}"
