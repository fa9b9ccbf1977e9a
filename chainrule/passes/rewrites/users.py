"""What depends on who uses a node: results that nobody picks, contractions read permuted."""

from __future__ import annotations

from collections import defaultdict

from chainrule.ir.node import Graph, Node, make, topological
from chainrule.ir.rewrite import transform
from chainrule.passes.rewrites.control import keep_results, live_results, pick_kept


def _users(outputs: list[Node]) -> dict[Node, list[Node | None]]:
    """Who reads each node; None is the outside."""
    users: dict[Node, list[Node | None]] = defaultdict(list)
    for node in topological(outputs):
        for child in node.inputs:
            users[child].append(node)
    for node in outputs:
        users[node].append(None)
    return users


def consolidate(outputs: list[Node], graphs: dict[Graph, Graph] | None = None) -> list[Node]:
    """The same values without unpicked results, and contractions in the order they are read."""
    graphs = {} if graphs is None else graphs
    live: dict[Node, list[int]] = {}
    permuted: set[Node] = set()
    for node, readers in _users(outputs).items():
        if node.op.family == "control":
            picked = {reader.attributes["index"] for reader in readers if reader is not None}
            live[node] = live_results(node, picked)
        elif node.op.name == "contract" and len(readers) == 1 and readers[0] is not None:
            permuted.update(reader for reader in readers if reader.op.name == "permute")
    if not live and not permuted:
        return outputs

    def step(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if node in permuted:
            return _permuted(inputs[0], node.attributes["axes"])
        if node in live:
            return _consolidated(node, inputs, live[node], graphs)
        if node.op.name == "pick" and node.inputs[0] in live:
            return pick_kept(inputs[0], live[node.inputs[0]], node.attributes["index"])
        return None

    return transform(outputs, step)


def _permuted(contract: Node, axes: tuple[int, ...]) -> Node:
    spec = contract.attributes["spec"]
    output = tuple(spec.output[axis] for axis in axes)
    return make("contract", *contract.inputs, spec=spec._replace(output=output))


def _consolidated(
    node: Node, inputs: tuple[Node, ...], live: list[int], graphs: dict[Graph, Graph]
) -> Node:
    """The control node with live results only, and its bodies consolidated too."""
    if len(live) < len(node.outputs):
        node = keep_results(node, inputs, live)
        inputs = node.inputs
    attributes = dict(node.attributes)
    for name, value in attributes.items():
        if isinstance(value, Graph):
            if value not in graphs:
                new = consolidate(list(value.outputs), graphs)
                same = tuple(new) == value.outputs
                graphs[value] = value if same else Graph(value.parameters, new)
            attributes[name] = graphs[value]
    return make(node.op.name, *inputs, **attributes)
