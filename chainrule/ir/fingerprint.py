"""A graph as canonical text: equal functions give equal text in every process. `jit` addresses the
disk cache with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chainrule.dtypes import DType
from chainrule.ir.node import Graph, Node, topological

# What tells nodes apart in one process only, or does not change what is computed.
_LOCAL = frozenset(("serial", "name", "rule", "data"))


def fingerprint(parameters: Iterable[Node], outputs: Iterable[Node]) -> str:
    """One line a node: operation, operand numbers, attributes, result."""
    parameters, outputs = list(parameters), list(outputs)
    number = {node: place for place, node in enumerate(parameters)}
    lines = [_result(node) for node in parameters]
    for node in topological(outputs, skip=number.__contains__):
        operands = ",".join(str(number[child]) for child in node.inputs)
        attributes = ";".join(
            f"{name}={_text(value)}"
            for name, value in sorted(node.attributes.items())
            if name not in _LOCAL
        )
        number[node] = len(lines)
        lines.append(f"{node.op.name}({operands}){attributes}{_result(node)}")
    lines.append(",".join(str(number[node]) for node in outputs))
    return "\n".join(lines)


def _result(node: Node) -> str:
    return ":".join(f"{spec.dtype.name}{list(spec.shape)}" for spec in node.outputs)


def _text(value: Any) -> str:
    if isinstance(value, Graph):
        return "{" + fingerprint(value.parameters, value.outputs) + "}"
    if isinstance(value, DType):
        return value.name
    return value.hex() if isinstance(value, float) else repr(value)
