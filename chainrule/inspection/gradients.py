"""What a gradient costs and what it keeps: receives functions with their arguments; hands back
reports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from chainrule import tree
from chainrule.deferred import Deferred
from chainrule.frontend.box import node_of
from chainrule.frontend.tensor import describe
from chainrule.ir.closure import frontier, is_literal
from chainrule.ir.count import flops
from chainrule.ir.listing import origin_text
from chainrule.ir.node import Node, Origin, Spec, topological
from chainrule.ir.plan import Branch, Kernel, Loop, bodies
from chainrule.transforms.derivatives import value_and_grad
from chainrule.transforms.numerical import probe

compiler = Deferred("chainrule.compiler")

# Other ways to look at a value that lies in memory already.
VIEWS = {"reshape", "permute", "broadcast", "slice", "flip", "pad"}


def _graph(f: Callable, arguments: tuple, argnums: int | Sequence[int]) -> tuple[Node, list[Node]]:
    """The value of `f` and its gradient as nodes. State that `f` assigns stays as it was."""
    with probe(arguments, lambda leaf: None):
        value, gradient = value_and_grad(f, argnums)(*arguments)
        return node_of(value), [node_of(leaf) for leaf in tree.leaves(gradient)]


# ---- Cost ----


class GradientCost(NamedTuple):
    """Operations on floats of a function, and of the function with its gradient by `numbers`
    arguments.
    """

    forward: int
    total: int
    numbers: int

    @property
    def ratio(self) -> float:
        """Value and gradient together, in evaluations of the function."""
        return self.total / self.forward

    @property
    def numerical(self) -> int:
        """What one-sided differences need: an evaluation for each number, and one at the point."""
        return self.numbers + 1

    def __str__(self) -> str:
        return (
            f"value {self.forward:,} flop, value and gradient {self.total:,} flop: "
            f"{self.ratio:.2f} evaluations; by differences {self.numerical:,} evaluations"
        )


def cost_of_gradient(
    f: Callable, *arguments: Any, argnums: int | Sequence[int] = 0
) -> GradientCost:
    """Operations of `f` and of its value and gradient, counted in the compiled programs (B-012).

    Backpropagation costs a small multiple of the function, differences one evaluation for each
    number: 3 against n + 1 for a chain of square layers, of which the backward pass is 2.

    >>> w, x = cr.ones((64, 64)), cr.ones((8, 64))
    >>> cost = cr.cost_of_gradient(lambda w: cr.sum(cr.tanh(x @ w @ w)), w)
    >>> round(cost.ratio, 1), cost.numerical
    (2.5, 4097)
    """
    value, gradient = _graph(f, arguments, argnums)
    numbers = sum(node.size for node in gradient)
    return GradientCost(_flops([value]), _flops([value, *gradient]), numbers)


def _flops(outputs: list[Node]) -> int:
    return _block_flops(compiler.Compiled(compiler.Traced(0, [], outputs, {})).program.block)


def _block_flops(block: Any) -> int:
    """Of branches the dearer one counts, of a `while` one turn."""
    total = 0
    for item in block.items:
        inner = [_block_flops(body) for body in bodies(item)]
        if isinstance(item, Kernel):
            total += flops(item)
        elif isinstance(item, Branch):
            total += max(inner)
        else:
            total += sum(inner) * (item.turn.length if isinstance(item, Loop) else 1)
    return total


# ---- Memory ----


class SavedValue(NamedTuple):
    """A value of the forward pass that the backward pass reads: what made it, and where."""

    spec: Spec
    operation: str
    origin: Origin

    @property
    def nbytes(self) -> int:
        size = self.spec.dtype.itemsize
        for extent in self.spec.shape:
            size *= extent
        return size


class SavedForBackward(NamedTuple):
    """All values that are kept from the forward to the backward pass. Print or read it."""

    values: tuple[SavedValue, ...]

    @property
    def nbytes(self) -> int:
        return sum(value.nbytes for value in self.values)

    def __str__(self) -> str:
        lines = [f"saved for the backward pass: {len(self.values)} values, {self.nbytes:,} bytes"]
        for value in self.values:
            made = f"{value.operation:12}{origin_text(value.origin)}"
            lines.append(f"  {describe(value.spec):24}{value.nbytes:>14,}  {made}".rstrip())
        return "\n".join(lines)


def saved_for_backward(
    f: Callable, *arguments: Any, argnums: int | Sequence[int] = 0
) -> SavedForBackward:
    """What the gradient of `f` keeps of the forward pass: shapes, bytes, and the module path and
    line that made each (B-026).

    Arguments and parameters are held by the caller and do not count; views count as what they look
    at. `cr.checkpoint` keeps less. `step.plan()` tells the memory of a whole compiled call, where
    what is cheap may be computed again.

    >>> x, w = cr.ones((2, 4)), cr.ones((4, 4))
    >>> saved = cr.saved_for_backward(lambda x: cr.sum(cr.tanh(cr.tanh(x @ w) @ w)), x)
    >>> [value.operation for value in saved.values], saved.nbytes
    (['tanh', 'tanh'], 64)
    """
    return kept(*_graph(f, arguments, argnums))


def kept(value: Node, gradient: list[Node]) -> SavedForBackward:
    """What the nodes of a gradient read of those of the value, in the simplified graph."""
    value, *gradient = compiler.simplify([value, *gradient])
    forward = set(topological([value]))
    backward = {node for node in topological(gradient) if not _is_of(forward, node)}
    kept = dict.fromkeys(_base(node) for node in frontier(gradient, backward))
    values = [
        SavedValue(node.spec, _made(node), node.origin)
        for node in kept
        if not is_literal(node) and node.op.family != "leaf"
    ]
    return SavedForBackward(tuple(values))


def _is_of(forward: set[Node], node: Node) -> bool:
    """Results of a scan or branch that the forward pass runs are its own, used there or not."""
    return node in forward or node.op.name == "pick" and node.inputs[0] in forward


def _base(node: Node) -> Node:
    while node.op.name in VIEWS:
        node = node.inputs[0]
    return node


def _made(node: Node) -> str:
    return (node.inputs[0] if node.op.name == "pick" else node).op.name
