"""Reverse mode, graph to graph. Receives output nodes and their cotangents; hands on the cotangents
of `wrt`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chainrule.autodiff.rules import TABLE, Cotangents, total
from chainrule.ir.node import Node, current, topological


def active_nodes(
    outputs: Iterable[Node], wrt: Iterable[Node], fixed: Iterable[Node] = ()
) -> list[Node]:
    """The nodes that carry a derivative from `wrt` to `outputs`, inputs before users, `wrt`
    themselves left out.
    """
    active = set(wrt)
    order = []
    for node in topological(outputs, skip={*active, *fixed}.__contains__):
        if node.op.name != "pick" and TABLE[node.op.name] is None or active.isdisjoint(node.inputs):
            continue
        if node.dtype is None or node.dtype.is_float:
            active.add(node)
            order.append(node)
    return order


def gradients(
    outputs: Sequence[Node],
    cotangents: Sequence[Node | None],
    wrt: Sequence[Node],
    fixed: Iterable[Node] = (),
) -> Cotangents:
    """sum over k of cotangents[k] * d outputs[k] / d wrt[i], for each i; None is zero.

    The chain rule as dynamic programming: each node is visited once, users before inputs, with the
    finished sum of its cotangents (B-011), to which every path has added its own (B-010).

    The nodes of `wrt` count as independent: no derivative is taken through one to another. `fixed`
    are nodes that do not depend on them, below which need not be looked.
    """
    order = active_nodes(outputs, wrt, fixed)
    walk = _Walk({*order, *wrt})
    for output, cotangent in zip(outputs, cotangents, strict=True):
        walk.give(output, cotangent)
    before = current.origin
    for node in reversed(order):
        walk.visit(node)
    current.origin = before
    return [walk.sums.get(node) for node in wrt]


class _Walk:
    """The cotangents collected so far; for nodes with several results, a list of them."""

    def __init__(self, active: set[Node]) -> None:
        self.active = active
        self.sums: dict[Node, Node] = {}
        self.several: dict[Node, Cotangents] = {}

    def give(self, node: Node, cotangent: Node | None) -> None:
        if cotangent is not None and node in self.active:
            self.sums[node] = total(self.sums.get(node), cotangent)

    def visit(self, node: Node) -> None:
        """Hand the cotangents of a node's results on to its inputs."""
        if node.op.name == "pick":
            self._collect(node)
            return
        cotangents = self.several.pop(node, None) or [self.sums.pop(node, None)]
        if all(cotangent is None for cotangent in cotangents):
            return
        current.origin = node.origin
        needed = [child in self.active for child in node.inputs]
        for child, cotangent in zip(
            node.inputs, TABLE[node.op.name].pull(node, cotangents, needed), strict=True
        ):
            self.give(child, cotangent)

    def _collect(self, picked: Node) -> None:
        parent, index = picked.inputs[0], picked.attributes["index"]
        results = self.several.setdefault(parent, [None] * len(parent.outputs))
        results[index] = total(results[index], self.sums.pop(picked, None))
