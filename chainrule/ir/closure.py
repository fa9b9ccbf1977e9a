"""Which nodes depend on which. Receives outputs and sources from autodiff and frontend; hands on
closed graphs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import compress

from chainrule.ir.node import Graph, Node, substitute, topological, variable

# Values that cost nothing to make again: they stay inside a body instead of becoming its operands.
_LITERALS = ("constant", "iota")
_SHAPING = ("reshape", "broadcast")


def dependents(outputs: Iterable[Node], sources: Iterable[Node]) -> set[Node]:
    """The nodes under `outputs` that depend on `sources`, these included."""
    found = set(sources)
    for node in topological(outputs, skip=set(found).__contains__):
        if not found.isdisjoint(node.inputs):
            found.add(node)
    return found


def influenced(outputs: Iterable[Node], sources: Iterable[Node]) -> set[Node]:
    """Like `dependents`, but of the results of a loop or branch only those that its body makes of
    `sources`.
    """
    found = set(sources)
    for node in topological(outputs, skip=set(found).__contains__):
        if node.op.name == "pick" and node.inputs[0].op.family == "control":
            if _influenced_results(node.inputs[0], found)[node.attributes["index"]]:
                found.add(node)
        elif not found.isdisjoint(node.inputs):
            found.add(node)
    return found


def _influenced_results(node: Node, found: set[Node]) -> list[bool]:
    flags = [child in found for child in node.inputs]
    if node.op.name == "while" or node.op.name == "cond" and flags.pop(0):
        # What decides about turns or branches decides about all results.
        return [any(flags) or node.op.name == "cond"] * len(node.outputs)
    bodies = [graph for graph in node.attributes.values() if isinstance(graph, Graph)]
    first, carried = (node.attributes.get(name, 0) for name in ("constants", "carried"))
    while True:
        results = [False] * len(node.outputs)
        for body in bodies:
            inside = influenced(body.outputs, compress(body.parameters, flags))
            results = [r or output in inside for r, output in zip(results, body.outputs)]
        grown = list(flags)
        for place in range(carried):
            grown[first + place] |= results[place]
        if grown == flags:
            return results
        flags = grown


def frontier(outputs: Iterable[Node], inside: set[Node]) -> list[Node]:
    """The nodes outside of `inside` that its nodes, or the outputs, use directly."""
    outputs = list(outputs)
    used = dict.fromkeys(node for node in outputs if node not in inside)
    for node in topological(outputs):
        if node in inside:
            used.update(dict.fromkeys(child for child in node.inputs if child not in inside))
    return list(used)


def is_literal(node: Node) -> bool:
    """A constant or a range, perhaps broadcast: it has no inputs and no storage."""
    while node.op.name in _SHAPING:
        node = node.inputs[0]
    return node.op.name in _LITERALS


def close(
    outputs: Iterable[Node],
    parameters: Iterable[Node],
    since: int | None = None,
    before: Collection[Node] = (),
) -> tuple[list[Node], list[Node], list[Node]]:
    """Turn everything from outside into parameters: what does not depend on `parameters`.

    With `since`, nodes that were made from this number on belong inside, whether they depend on
    them or not, except those that stand for what was known `before`. Returns the values from
    outside, a fresh variable for each of them, and the outputs in terms of these variables.
    """
    outputs, parameters = list(outputs), list(parameters)
    inside = dependents(outputs, parameters)
    if since is not None:
        order = topological(outputs, skip=before.__contains__)
        inside.update(n for n in order if n.inputs and n.number >= since and n not in before)
    captured = [node for node in frontier(outputs, inside) if not is_literal(node)]
    variables = [variable(node.spec, "captured") for node in captured]
    replaced = dict(zip(captured, variables, strict=True))
    return captured, variables, substitute(outputs, replaced)
