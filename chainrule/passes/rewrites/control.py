"""Rules for identities and control flow: bodies keep only what must be done in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from chainrule.ir.node import (
    Graph,
    Node,
    broadcast_to,
    constant,
    make,
    pick,
    reshape,
    substitute,
    topological,
    variable,
)
from chainrule.ir.rewrite import Rules
from chainrule.passes.rewrites.values import scalar, stretched

rules = Rules()


@rules("mark", "stop_gradient")
def drop_identity(node: Node) -> Node | None:
    return node.inputs[0]


def _inlined(body: Graph, index: int, operands: Sequence[Node]) -> Node:
    return substitute([body.outputs[index]], dict(zip(body.parameters, operands, strict=True)))[0]


@rules("pick")
def pick_inlined(node: Node) -> Node | None:
    """A custom gradient's result, a checkpoint's body, the branch of a known condition."""
    x, index = node.inputs[0], node.attributes["index"]
    if x.op.name == "custom_gradient":
        return x.inputs[index]
    if x.op.name == "checkpoint":
        return _inlined(x.attributes["body"], index, x.inputs)
    if x.op.name == "cond":
        value = scalar(x.inputs[0])
        if value is not None:
            return _inlined(x.attributes["then" if value else "otherwise"], index, x.inputs[1:])
    return None


@rules("pick")
def pick_of_short_scan(node: Node) -> Node | None:
    """No turn leaves the initial value; a single turn is the body itself."""
    x, index = node.inputs[0], node.attributes["index"]
    if x.op.name != "scan" or x.attributes["length"] > 1:
        return None
    fixed = x.attributes["constants"] + x.attributes["carried"]
    if not x.attributes["length"]:
        return x.inputs[x.attributes["constants"] + index]
    slices = [reshape(array, array.shape[1:]) for array in x.inputs[fixed:]]
    result = _inlined(x.attributes["body"], index, [*x.inputs[:fixed], *slices])
    return reshape(result, node.shape)


@rules("pick")
def pick_unchanged(node: Node) -> Node | None:
    """A carried value that the body hands on as it is."""
    x, index = node.inputs[0], node.attributes["index"]
    if x.op.name not in ("scan", "while") or index not in _unchanged(x):
        return None
    return x.inputs[x.attributes["constants"] + index]


@rules("pick")
def pick_constant(node: Node) -> Node | None:
    """A result that is one known scalar in every turn, or in both branches."""
    x, index = node.inputs[0], node.attributes["index"]
    if x.op.name not in ("scan", "cond"):
        return None
    values = [scalar(graph.outputs[index]) for graph in _graphs(x).values()]
    same = values[0] is not None and repr(values[0]) == repr(values[-1])
    return constant(values[0], node.dtype, node.shape) if same else None


def _graphs(node: Node) -> dict[str, Graph]:
    return {name: value for name, value in node.attributes.items() if isinstance(value, Graph)}


def _unchanged(node: Node) -> list[int]:
    """The carried values of a scan or while that the body hands on as they are."""
    body, first = node.attributes["body"], node.attributes["constants"]
    carried = node.attributes.get("carried", len(node.inputs) - first)
    return [i for i in range(carried) if body.outputs[i] is body.parameters[first + i]]


@rules("scan", "while")
def unchanged_is_constant(node: Node) -> Node | None:
    """The body reads an unchanged carried value as a constant; the carried one is then unused."""
    first, graphs = node.attributes["constants"], _graphs(node)
    uses = [(graph, _uses(graph)) for graph in graphs.values()]
    moved = [
        i
        for i in _unchanged(node)
        if sum(used[graph.parameters[first + i]] for graph, used in uses) > 1
    ]
    if not moved:
        return None
    attributes = dict(node.attributes, constants=first + len(moved))
    for name, graph in graphs.items():
        fresh = {graph.parameters[first + i]: variable(node.inputs[first + i].spec) for i in moved}
        outputs = substitute(graph.outputs, fresh)
        if name == "body":
            for i in moved:
                outputs[i] = graph.outputs[i]
        parameters = [*graph.parameters[:first], *fresh.values(), *graph.parameters[first:]]
        attributes[name] = Graph(parameters, outputs)
    values = [node.inputs[first + i] for i in moved]
    return make(node.op.name, *node.inputs[:first], *values, *node.inputs[first:], **attributes)


def _uses(graph: Graph) -> Counter[Node]:
    """How often each node is read: a loop's test and body may have variables in common."""
    uses = Counter(x for node in topological(graph.outputs) for x in node.inputs)
    uses.update(graph.outputs)
    return uses


@rules("scan")
def repeated_is_constant(node: Node) -> Node | None:
    """An array whose slices are all equal is a constant of the body."""
    constants, body = node.attributes["constants"], node.attributes["body"]
    first = constants + node.attributes["carried"]
    moved = [i for i in range(first, len(node.inputs)) if 0 in stretched(node.inputs[i])]
    if not moved:
        return None
    kept = [i for i in range(constants, len(node.inputs)) if i not in moved]
    order = [*range(constants), *moved, *kept]
    operands = [_first_slice(node.inputs[i]) if i in moved else node.inputs[i] for i in order]
    body = Graph([body.parameters[i] for i in order], body.outputs)
    attributes = dict(node.attributes, body=body, constants=constants + len(moved))
    return make("scan", *operands, **attributes)


def _first_slice(x: Node) -> Node:
    return reshape(broadcast_to(x.inputs[0], (1, *x.shape[1:])), x.shape[1:])


@rules("scan", "while")
def stretched_in_the_body(node: Node) -> Node | None:
    """The body repeats a constant itself: it need not read the same numbers again and again."""
    repeated = [
        i for i, x in enumerate(node.inputs[: node.attributes["constants"]])
        if x.op.name == "broadcast" and x.inputs[0].size < x.size
    ]  # fmt: skip
    if not repeated:
        return None
    operands, attributes = list(node.inputs), dict(node.attributes)
    for i in repeated:
        operands[i] = node.inputs[i].inputs[0]
    for name, graph in _graphs(node).items():
        parameters, new = list(graph.parameters), {}
        for i in repeated:
            parameters[i] = variable(operands[i].spec)
            new[graph.parameters[i]] = broadcast_to(parameters[i], node.inputs[i].shape)
        attributes[name] = Graph(parameters, substitute(graph.outputs, new))
    return make(node.op.name, *operands, **attributes)


@rules("scan", "while", "cond")
def needless_operands(node: Node) -> Node | None:
    """Constants and slices that nobody reads, that another one equals, or known scalars."""
    graphs, skip = _graphs(node), int(node.op.name == "cond")
    operands = node.inputs[skip:]
    constants = node.attributes.get("constants", len(operands))
    carried = node.attributes.get("carried", len(operands) - constants)
    free = [*range(constants), *range(constants + carried, len(operands))]
    reached = {n for graph in graphs.values() for n in topological(graph.outputs)}
    replaced: dict[int, Node | int | None] = {}
    seen: dict[tuple[Node, bool], int] = {}
    for i in free:
        twin = seen.setdefault((operands[i], i < constants), i)
        if not any(graph.parameters[i] in reached for graph in graphs.values()):
            replaced[i] = None
        elif scalar(operands[i]) is not None and i < constants:
            replaced[i] = operands[i]
        elif twin != i and twin not in replaced:
            replaced[i] = twin
    if not replaced:
        return None
    attributes = {
        name: replace_operands(value, replaced) if isinstance(value, Graph) else value
        for name, value in node.attributes.items()
    }
    if "constants" in attributes:
        attributes["constants"] -= sum(i < constants for i in replaced)
    kept = [x for i, x in enumerate(operands) if i not in replaced]
    return make(node.op.name, *node.inputs[:skip], *kept, **attributes)


def replace_operands(graph: Graph, replaced: dict[int, Node | int | None]) -> Graph:
    """The body without these parameters: each is a node now, or another parameter, or unused."""
    new = {}
    for i, value in replaced.items():
        if value is not None:
            new[graph.parameters[i]] = graph.parameters[value] if isinstance(value, int) else value
    kept = [parameter for i, parameter in enumerate(graph.parameters) if i not in replaced]
    return Graph(kept, substitute(graph.outputs, new))


def live_results(node: Node, picked: set[int]) -> list[int]:
    """The results of a control node that are picked, or that the next turn needs for them."""
    graphs = _graphs(node)
    if node.op.name not in ("scan", "while"):
        return sorted(picked)
    live, body, first = set(picked), graphs["body"], node.attributes["constants"]
    carried = node.attributes.get("carried", len(body.outputs))
    while True:
        reached = set(topological([body.outputs[i] for i in sorted(live)]))
        turn = {i for i in range(carried) if body.parameters[first + i] in reached}
        if "condition" in graphs:
            condition = graphs["condition"]
            needed = set(topological(condition.outputs))
            turn |= {i for i in range(carried) if condition.parameters[first + i] in needed}
        if turn <= live:
            return sorted(live)
        live |= turn


def keep_results(node: Node, operands: Sequence[Node], live: list[int]) -> Node:
    """The control node on `operands`, with these results only."""
    attributes, dropped = dict(node.attributes), set()
    if node.op.name in ("scan", "while"):
        first = attributes["constants"]
        carried = attributes.get("carried", len(node.outputs))
        dropped = {first + i for i in range(carried) if i not in live}
        if "carried" in attributes:
            attributes["carried"] = carried - len(dropped)
    for name, graph in _graphs(node).items():
        outputs = graph.outputs if name == "condition" else [graph.outputs[i] for i in live]
        parameters = [p for i, p in enumerate(graph.parameters) if i not in dropped]
        attributes[name] = Graph(parameters, outputs)
    kept = [x for i, x in enumerate(operands) if i not in dropped]
    return make(node.op.name, *kept, **attributes)


def pick_kept(node: Node, live: list[int], index: int) -> Node:
    return pick(node, live.index(index))
