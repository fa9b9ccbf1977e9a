"""Batching (vmap), graph to graph: one row a primitive. Receives nodes of one example; hands on
nodes of a batch.

A row is `rule(node, inputs, batched, size)`: `inputs` are the new inputs, those that `batched`
marks have the batch as axis 0. It returns the result with the batch as axis 0, or for several
results a list of (result, whether it has a batch axis). The rows of control primitives are added by
`autodiff.batch_control`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from chainrule.dtypes import int64
from chainrule.ir.contraction import Dimension
from chainrule.ir.node import (
    OPS,
    Graph,
    Node,
    Spec,
    broadcast_to,
    cast,
    constant,
    current,
    make,
    permute,
    pick,
    reshape,
    topological,
    unique,
    variable,
)

Batched = list[tuple[Node, bool]]
Row = Callable[[Node, list[Node], list[bool], int], Any]


def batch(outputs: Iterable[Node], batched: dict[Node, Node], size: int) -> Batched:
    """The outputs when the nodes in `batched` are replaced by batches of `size`; and whether each
    became a batch.
    """
    outputs = list(outputs)
    new = {node: (replacement, True) for node, replacement in batched.items()}
    several: dict[Node, Batched] = {}
    before = current.origin
    for node in topological(outputs, skip=set(new).__contains__):
        if node.op.name == "pick" and node.inputs[0] in several:
            new[node] = several[node.inputs[0]][node.attributes["index"]]
            continue
        inputs = [new.get(child, (child, False))[0] for child in node.inputs]
        flags = [new.get(child, (child, False))[1] for child in node.inputs]
        current.origin = node.origin
        if not any(flags):
            new[node] = (make(node.op.name, *inputs, **node.attributes), False)
        elif node.shape is None:
            several[node] = TABLE[node.op.name](node, inputs, flags, size)
        else:
            new[node] = (TABLE[node.op.name](node, inputs, flags, size), True)
    current.origin = before
    return [new[node] for node in outputs]


def spread(node: Node, flag: bool, size: int) -> Node:
    """A node with the batch axis, repeated along it if it had none."""
    return node if flag else broadcast_to(node, (size, *node.shape))


def batch_body(graph: Graph, flags: Iterable[bool], size: int) -> tuple[list[Node], Batched]:
    """The parameters and results of a graph whose parameters marked by `flags` are batches."""
    parameters = [
        variable(Spec((size, *old.shape), old.dtype), "batch") if flag else old
        for old, flag in zip(graph.parameters, flags, strict=True)
    ]
    replaced = {
        old: new for old, new in zip(graph.parameters, parameters, strict=True) if old is not new
    }
    return parameters, batch(graph.outputs, replaced, size)


# ---- Elementwise, movement, reductions: the batch is one more axis in front ----


def _elementwise(node: Node, inputs: list[Node], flags: list[bool], size: int) -> Node:
    inputs = [spread(child, flag, size) for child, flag in zip(inputs, flags, strict=True)]
    return make(node.op.name, *inputs, **node.attributes)


def _shifted(name: str) -> Row:
    """The attribute of this name holds an axis or axes, which move by one."""

    def row(node: Node, inputs: list[Node], flags: list[bool], size: int) -> Node:
        axes = node.attributes[name]
        moved = axes + 1 if isinstance(axes, int) else tuple(axis + 1 for axis in axes)
        inputs = [spread(child, flag, size) for child, flag in zip(inputs, flags, strict=True)]
        return make(node.op.name, *inputs, **(node.attributes | {name: moved}))

    return row


def _extended(**first: Callable[[int], int]) -> Row:
    """Attributes of these names have an entry an axis; the entry of the batch axis goes in front.
    """

    def row(node: Node, inputs: list[Node], flags: list[bool], size: int) -> Node:
        entries = {name: (value(size), *node.attributes[name]) for name, value in first.items()}
        return make(node.op.name, *inputs, **(node.attributes | entries))

    return row


def _permute(node: Node, inputs: list[Node], flags: list[bool], size: int) -> Node:
    return permute(inputs[0], (0, *[axis + 1 for axis in node.attributes["axes"]]))


def _mark(node: Node, inputs: list[Node], flags: list[bool], size: int) -> Node:
    """The derivatives that the mark was made for have been taken before the batch."""
    return inputs[0]


def _after(node: Node, inputs: list[Node], flags: list[bool], size: int) -> Node:
    return make("after", spread(inputs[0], flags[0], size), inputs[1], serial=unique())


# ---- Contraction and indexing ----


def _contract(node: Node, inputs: list[Node], flags: list[bool], size: int) -> Node:
    spec = node.attributes["spec"]
    letter = len(spec.sizes)
    first = (Dimension(((letter, 1),)),)
    left = first + spec.left if flags[0] else spec.left
    right = first + spec.right if flags[1] else spec.right
    spec = spec._replace(
        sizes=(*spec.sizes, size), left=left, right=right, output=(letter, *spec.output)
    )
    return make("contract", *inputs, spec=spec)


def _move(x: Node, source: int, target: int) -> Node:
    axes = [axis for axis in range(x.rank) if axis != source]
    axes.insert(target, source)
    return permute(x, axes)


def _flat_rows(x: Node) -> Node:
    """(batch, n, ...) as (batch * n, ...)."""
    return reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:]))


def _flat_indices(indices: Node, rows: int) -> Node:
    """Indices of each example into its own `rows`, clamped to these, as indices into the rows of
    all.
    """
    size = indices.shape[0]
    indices = cast(indices, int64)
    low, high = constant(0, int64, indices.shape), constant(rows - 1, int64, indices.shape)
    clamped = make("minimum", make("maximum", indices, low), high)
    offsets = reshape(
        make("iota", size=size, dtype=int64) * rows, (size, *[1] * (indices.rank - 1))
    )
    return clamped + broadcast_to(offsets, indices.shape)


def _gather(node: Node, inputs: list[Node], flags: list[bool], size: int) -> Node:
    x, indices = inputs
    if not flags[0]:
        return make("gather", x, indices)
    if not flags[1]:
        return _move(make("gather", _move(x, 0, 1), indices), indices.rank, 0)
    return make("gather", _flat_rows(x), _flat_indices(indices, x.shape[1]))


def _scatter_add(node: Node, inputs: list[Node], flags: list[bool], size: int) -> Node:
    indices = inputs[1]
    x, updates = spread(inputs[0], flags[0], size), spread(inputs[2], flags[2], size)
    if not flags[1]:
        added = make("scatter_add", _move(x, 0, 1), indices, _move(updates, 0, indices.rank))
        return _move(added, 1, 0)
    flat = make("scatter_add", _flat_rows(x), _flat_indices(indices, x.shape[1]), updates)
    return reshape(flat, x.shape)


def _random_bits(node: Node, inputs: list[Node], flags: list[bool], size: int) -> Node:
    """Each example has a state of its own: a loop over them."""
    (state,) = node.inputs
    word = variable(Spec(state.shape, state.dtype), "state")
    body = Graph([word], [make("random_bits", word, **node.attributes)])
    loop = make("scan", *inputs, body=body, constants=0, carried=0, length=size, reverse=False)
    return pick(loop, 0)


def _host(node: Node, inputs: list[Node], flags: list[bool], size: int) -> Any:
    """One more axis of the stack."""
    stacked = _elementwise(node, inputs, flags, size)
    if node.shape is not None:
        return stacked
    return [(pick(stacked, place), True) for place in range(len(node.outputs))]


TABLE: dict[str, Row] = {
    name: _elementwise for name, op in OPS.items() if op.family == "elementwise"
}
TABLE |= {name: _host for name, op in OPS.items() if op.family == "host"}
TABLE |= {name: _shifted("axes") for name in ("flip", "sum", "prod", "max", "min")}
TABLE |= {name: _shifted("axis") for name in ("concat", "argmax", "argmin")}
TABLE |= {
    "argsort": _elementwise,
    "cumulative": _elementwise,
    "stop_gradient": _elementwise,
    "mark": _mark,
    "after": _after,
    "permute": _permute,
    "reshape": _extended(shape=lambda size: size),
    "broadcast": _extended(shape=lambda size: size),
    "slice": _extended(start=lambda size: 0, stop=lambda size: size, step=lambda size: 1),
    "pad": _extended(low=lambda size: 0, high=lambda size: 0),
    "contract": _contract,
    "gather": _gather,
    "scatter_add": _scatter_add,
    "random_bits": _random_bits,
}
