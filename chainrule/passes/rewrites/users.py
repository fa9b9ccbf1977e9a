"""What depends on more than a node: unpicked results, contractions read permuted, equal scans."""

from __future__ import annotations

from collections import defaultdict

from chainrule.ir.node import Graph, Node, make, pick, substitute, topological
from chainrule.ir.rewrite import transform
from chainrule.passes.rewrites.accumulation import accumulate_outside
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
    outputs = accumulate_outside(merge_scans(outputs))
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


def merge_scans(outputs: list[Node]) -> list[Node]:
    """Scans over the same operands that carry the same values become one with all results.

    A derivative repeats the forward scan to keep its values; now they come from the first run.
    """
    classes: dict[tuple, list[tuple[Node, list[Node]]]] = defaultdict(list)
    parameters: dict[tuple, tuple[Node, ...]] = {}
    for node in topological(outputs):
        if node.op.name == "scan":
            body, count = node.attributes["body"], node.attributes["carried"]
            kind = map(node.attributes.get, ("constants", "length", "reverse"))
            turns = (node.inputs, count, *kind)
            first = parameters.setdefault(turns, body.parameters)
            results = substitute(body.outputs, dict(zip(body.parameters, first, strict=True)))
            classes[turns, tuple(results[:count])].append((node, results))
    plans = {}
    for (turns, carried), scans in classes.items():
        stacked = dict.fromkeys(x for _, found in scans for x in found[len(carried) :])
        if len(scans) > 1 or len(stacked) < len(scans[0][1]) - len(carried):
            body = Graph(parameters[turns], [*carried, *stacked])
            plans.update({node: (body, results) for node, results in scans})
    return _with_bodies(outputs, plans) if plans else outputs


def _with_bodies(outputs: list[Node], plans: dict[Node, tuple[Graph, list[Node]]]) -> list[Node]:
    """With these bodies in place of the scans' own; a pick finds its result among the new ones."""

    def step(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if node in plans:
            return make("scan", *inputs, **dict(node.attributes, body=plans[node][0]))
        if node.op.name == "pick" and node.inputs[0] in plans:
            body, results = plans[node.inputs[0]]
            carried, index = node.inputs[0].attributes["carried"], node.attributes["index"]
            place = body.outputs.index(results[index], carried) if index >= carried else index
            return pick(inputs[0], place)
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
