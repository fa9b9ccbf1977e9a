"""Forward mode, graph to graph. Receives output nodes and the tangents of some nodes; hands on the
outputs' tangents.
"""

from __future__ import annotations

from collections.abc import Iterable

from chainrule.autodiff.rules import TABLE, Cotangents
from chainrule.ir.node import Node, current, topological


def tangents(outputs: Iterable[Node], seeds: dict[Node, Node | None]) -> Cotangents:
    """The tangent of each output, given those of `seeds`; None is zero."""
    outputs = list(outputs)
    known = dict(seeds)
    several: dict[Node, Cotangents] = {}
    before = current.origin
    for node in topological(outputs, skip=set(seeds).__contains__):
        if node.op.name == "pick":
            results = several.get(node.inputs[0])
            known[node] = results[node.attributes["index"]] if results is not None else None
            continue
        rule, given = TABLE[node.op.name], [known.get(child) for child in node.inputs]
        if rule is None or all(tangent is None for tangent in given):
            continue
        current.origin = node.origin
        results = rule.push(node, given)
        if node.shape is None:
            several[node] = results
        else:
            known[node] = results[0]
    current.origin = before
    return [known.get(node) for node in outputs]
