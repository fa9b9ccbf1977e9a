"""Bodies of scan, while_loop, cond and checkpoint: a user's function, recorded. Hands on closed
graphs.

What a body uses from outside becomes an operand. A box that it assigns becomes one more result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from chainrule import tree
from chainrule.frontend import trace
from chainrule.frontend.box import Box
from chainrule.frontend.nesting import flat_nodes
from chainrule.frontend.tensor import Tensor
from chainrule.ir.closure import close
from chainrule.ir.node import Graph, Node, Spec, substitute, unique, variable


class Touched(NamedTuple):
    """A box that a body used: its node outside, its node at the body's start, and at its end."""

    outside: Node
    inside: Node
    final: Node


class Body(NamedTuple):
    """A recorded function: its parameters, its results, and the boxes that it used."""

    parameters: list[Node]
    outputs: list[Node]
    structure: tree.Structure
    boxes: dict[Box, Touched]
    since: int  # Nodes with this number or a higher one were made by the body.

    @property
    def assigned(self) -> list[Box]:
        return [box for box, touched in self.boxes.items() if touched.final is not touched.inside]


def record(
    where: str, function: Callable, specs: Sequence[Spec], place: Callable[[list[Tensor]], Sequence]
) -> Body:
    """Run `function` on variables of these specs; `place` makes its arguments from them."""
    since = unique()
    parameters = [variable(spec, where) for spec in specs]
    with trace.level("body") as (_, level):
        result = function(*place([Tensor(None, node) for node in parameters]))
        outputs, structure = flat_nodes(result, where)
        boxes = {
            box: Touched(held.inside.inputs[0], held.inside, box._node)
            for box, held in level.boxes.items()
        }
    return Body(parameters, outputs, structure, boxes, since)


def resolve(
    body: Body, outputs: Sequence[Node], contents: Mapping[Box, Node] | None = None
) -> list[Node]:
    """`outputs` with a node for each box at the start: from `contents`, else its node outside."""
    contents = contents or {}
    return substitute(
        outputs,
        {touched.inside: contents.get(box, touched.outside) for box, touched in body.boxes.items()},
    )


def closed(
    graphs: Sequence[tuple[Sequence[Node], Sequence[Node]]], whole: Sequence[Body] = ()
) -> tuple[list[Node], list[Graph]]:
    """Graphs of (parameters, outputs) that all take the same values from outside first; and these
    values. Of `whole` bodies everything stays inside that they made, but for what their boxes held
    before.
    """
    since = min((body.since for body in whole), default=None)
    before = {touched.outside for body in whole for touched in body.boxes.values()}
    parts = [close(outputs, parameters, since, before) for parameters, outputs in graphs]
    captured = list(dict.fromkeys(node for part in parts for node in part[0]))
    results = []
    for (parameters, _), (mine, variables, outputs) in zip(graphs, parts, strict=True):
        own = dict(zip(mine, variables, strict=True))
        first = [own[node] if node in own else variable(node.spec, "unused") for node in captured]
        results.append(Graph([*first, *parameters], outputs))
    return captured, results
