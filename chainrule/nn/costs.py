"""What a network costs: receives a module and shapes of its inputs; hands on what its graphs say of
each part, without computing anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from chainrule import tree
from chainrule.dtypes import default_float
from chainrule.frontend import trace
from chainrule.frontend.box import node_of
from chainrule.frontend.functions.creation import zeros
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.lift import lift, shape_of
from chainrule.frontend.tensor import Tensor
from chainrule.inspection.gradients import kept
from chainrule.inspection.reach import Reach, reaches
from chainrule.ir.count import work
from chainrule.ir.node import Node, Spec, variable
from chainrule.jit import jit
from chainrule.nn.calls import observed
from chainrule.transforms.derivatives import value_and_grad


class Costs(NamedTuple):
    """By path of a module: shapes of its results and how many places of the input these see; and
    of what the part holds and does itself, numbers of parameters, operations on floats, bytes kept
    for the backward pass. Of the whole, the bytes in use at once.
    """

    outputs: dict[str, str]
    fields: dict[str, tuple[int, ...]]
    parameters: Counter[str]
    flops: Counter[str]
    saved: Counter[str]
    peak: int


def measured(module: Any, inputs: tuple) -> Costs:
    """The costs of one call, and of one backward pass to all parameters."""
    found = Costs({}, {}, Counter(), Counter(), Counter(), 0)
    for path, parameter in module.parameters().items():
        found.parameters[_owner(module, path)] += parameter.size
    if not inputs:
        return found
    specs = [_spec(given) for given in inputs]
    results, outputs, source = _forward(module, specs)
    found.fields.update(_fields(results, outputs, source))
    for path, nodes in results.items():
        found.outputs[path] = ", ".join(str(list(node.shape)) for node in nodes)
    for node, count in work(outputs):
        found.flops[_maker(module, node)] += count
    for value in _saved(module, specs):
        found.saved[_maker(module, value)] += value.nbytes
    return found._replace(peak=_peak(module, specs))


def field(module: Any, given: Any) -> tuple[int, ...]:
    """How many places of an input a result of the whole sees."""
    return _fields(*_forward(module, [_spec(given)]))[""]


def _spec(given: Any) -> Spec:
    if isinstance(given, (Tensor, np.ndarray)):
        return lift(given).spec
    return Spec(shape_of(given), default_float())


# ---- Two recordings, which are thrown away ----


@contextmanager
def _variables(module: Any, specs: list[Spec]) -> Iterator[list[Tensor]]:
    """Variables for the inputs, in a level with one for each box, which gets its content back."""
    with trace.level("jit") as (_, level):
        for box in module.named_boxes().values():
            level.admit(box, variable(box.spec, box.name))
        yield [Tensor(None, variable(spec)) for spec in specs]


def _forward(module: Any, specs: list[Spec]) -> tuple[dict[str, list[Node]], list[Node], Node]:
    """The first results of each part by path, those of the whole, and the first input."""
    results: dict[str, list[Node]] = {}

    def observe(part: Any, result: Any) -> Any:
        path = module.walk().places.get(id(part))
        if path is not None:
            results.setdefault(path, _nodes(result))
        return result

    with _variables(module, specs) as tensors, observed(observe):
        return results, _nodes(module(*tensors)), node_of(tensors[0])


def _saved(module: Any, specs: list[Spec]) -> tuple:
    """What a loss that weights each output with a number of its own keeps."""
    with _variables(module, specs) as tensors:

        def loss(module: Any) -> Tensor:
            total = zeros(())
            for node in _nodes(module(*tensors)):
                if node.dtype.is_float:
                    total = total + sum(Tensor(None, node) * Tensor(None, variable(node.spec)))
            return total

        if not module.trainable():
            return ()
        value, gradient = value_and_grad(loss)(module)
        return kept(node_of(value), [node_of(leaf) for leaf in tree.leaves(gradient)]).values


def _nodes(result: Any) -> list[Node]:
    return [node_of(leaf) for leaf in tree.leaves(result) if isinstance(leaf, Tensor)]


# ---- What they say ----


def _owner(module: Any, path: str) -> str:
    """The path of the innermost part that a path leads into."""
    parts = module.named_modules()
    while path and path not in parts:
        path = path.rpartition(".")[0]
    return path


def _maker(module: Any, made: Any) -> str:
    """The path of the part that made a node or value."""
    return _owner(module, made.origin.module.removeprefix(type(module).__name__).lstrip("."))


def _fields(
    results: dict[str, list[Node]], outputs: list[Node], source: Node
) -> dict[str, tuple[int, ...]]:
    """How many places a result of each part sees along each axis between batch and channels."""
    nodes = [node for found in results.values() for node in found]
    axes = range(1, source.rank - 1)
    known = {axis: reaches([*nodes, *outputs], source, axis) for axis in axes}
    return {
        path: tuple(
            max([_seen(known[axis], node, source, axis) for node in found], default=0)
            for axis in axes
        )
        for path, found in results.items()
    }


def _seen(reach: dict[Node, Reach], node: Node, source: Node, axis: int) -> int:
    """How many places one result sees; without axes of places, all results together."""
    if node not in reach:
        return 0
    axes = range(node.rank) if node.rank < source.rank else ()
    return reach[node].over(node.shape, axes).size(source.shape[axis])


def _peak(module: Any, specs: list[Spec]) -> int:
    """The most bytes that a compiled call holds at once besides parameters and inputs."""
    arrays = [np.empty(spec.shape, spec.dtype.numpy) for spec in specs]
    plan = jit(lambda module, *arrays: module(*arrays)).plan(module, *arrays)
    return plan.temporary_bytes + plan.output_bytes
