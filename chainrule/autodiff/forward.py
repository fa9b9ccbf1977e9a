"""Forward mode, graph to graph. Receives output nodes and the tangents of some nodes; hands on the
outputs' tangents.
"""

from __future__ import annotations

from collections.abc import Iterable

from chainrule.autodiff.rules import TABLE, Cotangents, Joint
from chainrule.ir.node import Node, current, make, pick, topological


def tangents(outputs: Iterable[Node], seeds: dict[Node, Node | None]) -> Cotangents:
    """The tangent of each output, given those of `seeds`; None is zero."""
    return pushforward(outputs, seeds).tangents


def pushforward(outputs: Iterable[Node], seeds: dict[Node, Node | None]) -> Joint:
    """The outputs, and the tangent of each, given those of `seeds`.

    A loop that computes tangents computes the values too: the outputs then come from there.
    """
    outputs = list(outputs)
    walk = _Walk(seeds)
    before = current.origin
    for node in topological(outputs, skip=set(seeds).__contains__):
        current.origin = node.origin
        walk.visit(node)
    current.origin = before
    return Joint(
        [walk.values.get(node, node) for node in outputs], list(map(walk.tangents.get, outputs))
    )


class _Walk:
    """The tangents found so far, and the values that now come from another node."""

    def __init__(self, seeds: dict[Node, Node | None]) -> None:
        self.tangents, self.values = dict(seeds), {}
        self.several: dict[Node, Joint] = {}

    def visit(self, node: Node) -> None:
        if node.op.name == "pick" and node.inputs[0] in self.several:
            joint, index = self.several[node.inputs[0]], node.attributes["index"]
            self._note(node, joint.values[index], joint.tangents[index])
            return
        value, given = self._current(node), [self.tangents.get(child) for child in node.inputs]
        rule = TABLE.get(node.op.name)
        if rule is None or all(tangent is None for tangent in given):
            self._note(node, value, None)
            return
        results = rule.push(value, given)
        if isinstance(results, Joint):
            self.several[node] = results
        elif node.shape is not None:
            self._note(node, value, results[0])
        else:
            self.several[node] = Joint([pick(value, i) for i in range(len(results))], results)

    def _current(self, node: Node) -> Node:
        """The node, made again if a value that it reads now comes from another node."""
        inputs = [self.values.get(child, child) for child in node.inputs]
        if all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
            return node
        return make(node.op.name, *inputs, **node.attributes)

    def _note(self, node: Node, value: Node, tangent: Node | None) -> None:
        self.tangents[node] = tangent
        if value is not node:
            self.values[node] = value
