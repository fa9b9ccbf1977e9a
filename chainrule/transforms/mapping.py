"""vmap: receives a function of one example; hands on a function of a batch of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any

from chainrule import tree
from chainrule.autodiff.batch import batch, spread
from chainrule.errors import ArgumentError, DTypeError, ShapeError, TraceError
from chainrule.frontend import trace
from chainrule.frontend.box import node_of
from chainrule.frontend.lift import axis_of, lift
from chainrule.frontend.nesting import Stand, flat_nodes, outermost, standing, tensors
from chainrule.frontend.tensor import OPERANDS
from chainrule.ir.closure import dependents
from chainrule.ir.node import Node, Spec, permute, variable

Axes = Any  # A tree of int or None; one stands for a whole subtree of the arguments.


def vmap(f: Callable, in_axes: Axes = 0, out_axes: Axes = 0) -> Callable:
    """The function that applies `f` to each slice of its arguments along `in_axes`, in one go.

    An axis of None passes an argument to every call as it is. The results are stacked along
    `out_axes`. One draw from the global random stream serves all slices: map over keys instead.
    `vmap(grad(loss), in_axes=(None, 0))` gives the gradient of each example, whose mean is that of
    the mean loss (B-029).

    >>> cr.vmap(lambda x, y: cr.sum(x * y))(cr.ones((3, 2)), cr.ones((3, 2)))
    Tensor([2., 2., 2.], dtype=float32)
    """

    @wraps(f, updated=())
    def mapped(*arguments: Any) -> Any:
        axes = tuple(in_axes) if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(arguments)
        if len(axes) != len(arguments):
            raise ArgumentError(
                "vmap",
                f"in_axes has {len(axes)} entries for {len(arguments)} arguments",
                "each argument needs its axis",
                "pass one entry an argument, or one for all",
            )
        return outermost(lambda: _mapped(f, arguments, axes, out_axes))

    return mapped


def _mapped(f: Callable, arguments: tuple, in_axes: tuple, out_axes: Axes) -> Any:
    slices = _Slices()
    with trace.level("map"), ExitStack() as stack:
        inputs = [
            stack.enter_context(standing(argument, slices.chooser(axes, argument)))[0]
            for argument, axes in zip(arguments, in_axes, strict=True)
        ]
        outputs, structure = flat_nodes(f(*inputs), "vmap")
        _check_assigned(slices)
    size = slices.size()
    axes = _axis_of_leaves(out_axes, tree.unflatten(structure, outputs), "out_axes")
    results = batch(outputs, dict(slices.batches), size)
    nodes = [
        _placed(node, flag, axis, size) for (node, flag), axis in zip(results, axes, strict=True)
    ]
    return tree.unflatten(structure, tensors(nodes))


class _Slices:
    """The variables that stand for one slice each, and the arrays that they are slices of."""

    def __init__(self) -> None:
        self.batches: list[tuple[Node, Node]] = []

    def chooser(self, axes: Axes, argument: Any) -> Callable[[Any], Stand | None]:
        """What stands for each leaf of an argument, in order."""
        pending = iter(_axis_of_leaves(axes, argument, "in_axes"))
        return lambda leaf: self._slice(leaf, next(pending))

    def _slice(self, leaf: Any, axis: int | None) -> Stand | None:
        if axis is None:
            return None
        if not isinstance(leaf, OPERANDS):
            raise DTypeError(
                "vmap",
                f"an argument holds a {type(leaf).__name__}",
                "only arrays can be mapped over",
                "give it the axis None in in_axes",
            )
        tensor = lift(leaf, "vmap")
        if not tensor.shape:
            raise ShapeError(
                "vmap",
                f"an argument is one {tensor.dtype.name} without axes",
                f"there is no axis {axis} to map over",
                "give it the axis None in in_axes",
            )
        axis = axis_of(axis, len(tensor.shape), "vmap")
        order = [axis, *[other for other in range(len(tensor.shape)) if other != axis]]
        array = permute(node_of(tensor), order)
        self.batches.append((variable(Spec(array.shape[1:], array.dtype), "vmap"), array))
        return Stand(tensor, self.batches[-1][0])

    def size(self) -> int:
        """The number of slices. Raises where the arrays disagree about it."""
        sizes = {array.shape[0] for _, array in self.batches}
        if len(sizes) != 1:
            found = f"arrays with {sorted(sizes)} slices" if sizes else "nothing to map over"
            raise ShapeError(
                "vmap",
                f"got {found}",
                "each call takes one slice of every array",
                "pass arrays of one extent along in_axes; None passes one as it is",
            )
        return sizes.pop()


def _axis_of_leaves(axes: Axes, value: Any, name: str) -> list[int | None]:
    """The axis of each leaf, where one entry of `axes` stands for the whole subtree in its place.
    """
    if axes is None or isinstance(axes, int):
        return [axes] * len(tree.leaves(value))
    same = type(axes) is type(value) and len(axes) == len(value)
    if same and isinstance(axes, (tuple, list)):
        pairs = list(zip(axes, value, strict=True))
    elif same and isinstance(axes, dict) and axes.keys() == value.keys():
        pairs = [(axes[key], value[key]) for key in value]
    else:
        raise ArgumentError(
            "vmap",
            f"{name} has {axes!r} where the value is a {type(value).__name__}",
            "it must follow the structure of the value",
            "use an int, None, or a container of the same kind and length",
        )
    return [axis for part, inner in pairs for axis in _axis_of_leaves(part, inner, name)]


def _placed(node: Node, batched: bool, axis: int | None, size: int) -> Node:
    """A result with the batch at its place in out_axes."""
    if axis is None:
        if batched:
            raise ArgumentError(
                "vmap",
                "a result differs from call to call, but its out_axes is None",
                "there is no single value to return",
                "use an axis, or reduce it after vmap",
            )
        return node
    axis = axis_of(axis, node.rank + (not batched), "vmap")
    node = spread(node, batched, size)
    order = list(range(1, node.rank))
    order.insert(axis, 0)
    return permute(node, order)


def _check_assigned(slices: _Slices) -> None:
    """State has no batch axis: a box may not take a value that differs from call to call."""
    variables = {node for node, _ in slices.batches}
    for box in trace.state.session.assigned:
        node = box._node
        if node is None or node in variables:
            continue
        if node in dependents([node], variables):
            raise TraceError(
                "vmap",
                f"{box.describe()} was assigned a value that differs from call to call",
                "there is one of it for all",
                "return the value, and assign after vmap",
            )
