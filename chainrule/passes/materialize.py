"""Which values must lie in memory. Receives a block's nodes in order; hands the chosen ones to
lowering.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping

from chainrule.ir.node import Node

REDUCTIONS = frozenset(("sum", "prod", "max", "min", "argmax", "argmin"))
# Values that no loop over independent points computes: they always get a kernel of their own.
ROOTS = REDUCTIONS | {
    "contract",
    "concat",
    "argsort",
    "cumulative",
    "scatter_add",
    "scan",
    "while",
    "cond",
    "pick",
}
# Rough cost of one element, in additions.
COST = defaultdict(
    lambda: 1,
    {
        "divide": 4,
        "sqrt": 4,
        "floor_divide": 6,
        "remainder": 6,
        "exp": 10,
        "expm1": 12,
        "log": 12,
        "log1p": 14,
        "sin": 20,
        "cos": 20,
        "tanh": 14,
        "sigmoid": 15,
        "erf": 16,
        "atan2": 20,
        "power": 30,
        "random_bits": 60,
        "gather": 2,
    },
)
CHEAP = 4  # Up to this cost a value is computed again for each of its readers.
AGAIN = 8  # The same where one array is all that it needs: keeping the value would cost more.
DEPTH = 40  # Inlining goes no deeper: it bounds recursion and the size of a kernel.


def choose(order: list[Node], outputs: list[Node], inputs: Container[Node]) -> set[Node]:
    """The nodes to store: results, roots, operands of contractions, and what would be computed
    again too often.
    """
    chosen = {node for node in order if node.op.name in ROOTS or node.op.family == "host"}
    chosen |= {node for node in set(order).intersection(outputs) if _computes(node)}
    for node in order:
        if node.op.name == "contract":
            chosen |= set(_stored_for(node, inputs))
        elif node.op.name == "after":
            chosen |= {source for source in map(_viewed, node.inputs[1:]) if source not in inputs}
    cost = _inlined_costs(order, chosen)
    needed = set(chosen)
    readers: dict[Node, int] = defaultdict(int)
    for node in reversed(order):
        if node not in chosen and _computes(node) and cost[node] > CHEAP and readers[node] > 1:
            chosen.add(node)
        times = 1 if node in chosen else max(readers[node], 1)
        if _repeats(node):
            times = 2
        for child in node.inputs:
            readers[child] += times
    return _thinned(order, chosen, needed)


def _thinned(order: list[Node], chosen: set[Node], needed: set[Node]) -> set[Node]:
    """Without what little work on one stored array gives again, now that others are stored: to
    read that array costs no more than to read the result.
    """
    chosen = set(chosen)
    cost: dict[Node, float] = defaultdict(int)
    arrays: dict[Node, set[Node]] = {}
    for node in order:
        cost[node] = _element_cost(node, cost, chosen)
        read = [arrays.get(child, {child}) for child in node.inputs]
        arrays[node] = set() if _repeats(node) else set().union(*read)
        if cost[node] <= AGAIN and len(arrays[node]) <= 1:
            chosen -= {node} - needed
        if node in chosen:
            arrays[node] = {node}
    return chosen


def _stored_for(contract: Node, inputs: Container[Node]) -> Iterator[Node]:
    """What tiles read: the operands, behind their views. A padded one is copied; what it pads must
    lie in memory too where a reshape stands between, whose places would have to be found for each
    element.
    """
    for source in map(_viewed, contract.inputs):
        if source not in inputs and (_computes(source) or source.op.name == "pad"):
            yield source
        reshaped = False
        while source.op.family == "movement" and source.op.name != "concat":
            reshaped = reshaped or source.op.name == "reshape"
            source = source.inputs[0]
        if reshaped and source not in inputs and _computes(source):
            yield source


def _computes(node: Node) -> bool:
    """False for views and for leaves, which cost nothing to read again."""
    return node.op.family not in ("movement", "leaf") and node.op.name != "after"


def _viewed(node: Node) -> Node:
    """What a chain of views looks at."""
    while (
        node.op.family == "movement" and node.op.name not in ("concat", "pad")
    ) or node.op.name == "after":
        node = node.inputs[0]
    return node


def _repeats(node: Node) -> bool:
    """Whether elements of the operand stand at several places: loops compute them outside."""
    return node.op.name == "broadcast" and node.size > node.inputs[0].size


def _element_cost(node: Node, cost: Mapping[Node, float], chosen: Container[Node]) -> float:
    """The cost of one element with everything inlined that is not chosen."""
    if _repeats(node):
        return 0
    own = COST[node.op.name] if _computes(node) else 0
    return own + sum(cost[child] for child in node.inputs if child not in chosen)


def _inlined_costs(order: list[Node], chosen: set[Node]) -> dict[Node, float]:
    """The cost of each node; too deep nestings are cut by adding to `chosen`."""
    cost: dict[Node, float] = defaultdict(int)
    depth: dict[Node, int] = defaultdict(int)
    for node in order:
        cost[node] = _element_cost(node, cost, chosen)
        inlined = [child for child in node.inputs if child not in chosen]
        depth[node] = 1 + max((depth[child] for child in inlined), default=0)
        if depth[node] > DEPTH and node.op.family != "leaf":
            chosen.add(node)
    return cost
