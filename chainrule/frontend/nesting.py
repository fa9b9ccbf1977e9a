"""What every transform needs: the outermost level, arguments under marks, and nodes as tensors of
the present level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from chainrule import debug, tree
from chainrule.config import config
from chainrule.frontend import trace
from chainrule.frontend.box import Box, node_of
from chainrule.frontend.lift import lift
from chainrule.frontend.tensor import Tensor
from chainrule.ir.closure import dependents
from chainrule.ir.interpret import evaluate
from chainrule.ir.node import Node, topological


def outermost(work: Callable[[], Any]) -> Any:
    """Run a transform inside a level. If none was open the results are values: they let go of the
    graph.
    """
    if trace.state.level is not None:
        return work()
    with trace.level("grad"):
        result = work()
    return tree.replace(_settled, result)


def _settled(leaf: Any) -> Any:
    return Tensor(leaf._value) if type(leaf) is Tensor else leaf


def tensors(nodes: Iterable[Node]) -> list[Tensor]:
    """Nodes as tensors of the present level, with their values where they can be known."""
    nodes = list(nodes)
    assert trace.state.session is not None and trace.state.level is not None
    if trace.state.level.symbolic:
        return [Tensor(None, node) for node in nodes]
    known = trace.state.session.values
    hidden = _hidden(nodes, known)
    open_nodes = [node for node in nodes if node not in hidden]
    values = evaluate(open_nodes, known)
    if config.debug_nans and any(map(debug.has_nan, values)):
        debug.locate(open_nodes, known)
    known.update(zip(open_nodes, values, strict=True))
    return [Tensor(known.get(node), node) for node in nodes]


def _hidden(nodes: list[Node], known: dict[Node, Any]) -> set[Node]:
    """Those under a variable without a value: the cotangent of a rule that is being recorded."""
    below = topological(nodes, skip=known.__contains__)
    variables = [node for node in below if node.op.numpy is None]
    return dependents(nodes, variables) if variables else set()


def flat_nodes(result: Any, where: str) -> tuple[list[Node], tree.Structure]:
    """The results of a user's function as nodes; NumPy arrays and Python scalars are lifted."""
    leaves, structure = tree.flatten(result)
    return [node_of(lift(leaf, where)) for leaf in leaves], structure


class Stand(NamedTuple):
    """A leaf of an argument as a tensor, and the node that stands for it."""

    tensor: Tensor
    node: Node


@contextmanager
def standing(
    argument: Any, choose: Callable[[Any], Stand | None], keep_values: bool = False
) -> Iterator[tuple[Any, list[Stand | None]]]:
    """The argument with nodes in place of its leaves, and these in order (None where `choose`
    leaves one alone).

    A box stays in its container and holds its node for the duration, or until the function assigns
    to it.
    """
    stands: list[Stand | None] = []
    boxes: dict[Box, tuple[Stand, Node | None, np.ndarray | None]] = {}

    def place(leaf: Any) -> Any:
        if isinstance(leaf, Box) and leaf in boxes:
            stands.append(boxes[leaf][0])
            return leaf
        stands.append(stand := choose(leaf))
        if stand is None:
            return leaf
        value = stand.tensor._value if keep_values else None
        if not isinstance(leaf, Box):
            return Tensor(value, stand.node)
        boxes[leaf] = (stand, leaf._node, leaf._value)
        leaf._node, leaf._value, leaf._session = stand.node, value, trace.state.session
        return leaf

    try:
        yield tree.replace(place, argument), stands
    finally:
        for box, (stand, node, before) in boxes.items():
            if box._node is stand.node:
                box._node, box._value = node, before
