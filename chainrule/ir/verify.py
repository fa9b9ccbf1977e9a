"""The check after every pass: receives a Graph, raises VerificationError where a rule is broken."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import cache

from chainrule.dtypes import ALL
from chainrule.errors import ChainruleError, VerificationError
from chainrule.ir.node import Graph, Node, Spec, topological
from chainrule.ir.ops import OPS


def verify(graph: Graph, allowed: Iterable[Node] = ()) -> None:
    """Each node follows from its inputs; every variable is a parameter or `allowed`."""
    parameters = set(graph.parameters)
    if len(parameters) < len(graph.parameters):
        raise VerificationError("verify", "a parameter of the graph stands there twice")
    for parameter in graph.parameters:
        _require(parameter, parameter.op.name == "variable", "only variables can be parameters")
    known, earlier = parameters | set(allowed), set()
    for node in topological(graph.outputs):
        for child in node.inputs:
            _require(node, child in earlier, f"its input {child} depends on it")
        _require(
            node,
            node.op.name != "variable" or node in known,
            "this variable is not a parameter of the graph",
        )
        _check(node)
        earlier.add(node)
    for output in graph.outputs:
        _require(output, output.shape is not None, "several results cannot be one output")


def _require(node: Node, condition: bool, rule: str) -> None:
    if not condition:
        raise VerificationError("verify", f"{node} from {node.origin} is broken", rule)


def _check(node: Node) -> None:
    """One node against its primitive's own rule."""
    _require(node, OPS.get(node.op.name) is node.op, "its primitive is not in the table")
    if node.op.name == "pick":
        source, index = node.inputs[0], node.attributes.get("index")
        _require(node, source.shape is None, f"{source} has one result, there is nothing to pick")
        _require(node, index in range(len(source.outputs)), f"{source} has no result {index}")
    elif node.op.name != "custom_gradient":
        several = [child for child in node.inputs if child.shape is None]
        _require(node, not several, f"an input has several results, one must be picked: {several}")
    arity = _arity(node.op.name)
    _require(node, arity in (None, len(node.inputs)), f"it takes {arity} inputs")
    _check_specs(node)
    for value in node.attributes.values():
        if isinstance(value, Graph):
            verify(value)


@cache
def _arity(name: str) -> int | None:
    """How many inputs an elementwise primitive takes; other shape rules count themselves."""
    op = OPS[name]
    if op.family != "elementwise" or name in ("cast", "bitcast"):
        return None
    count = getattr(op.numpy, "nin", None)
    return 3 if name == "where" else count or len(inspect.signature(op.numpy).parameters)


def _check_specs(node: Node) -> None:
    for spec in node.outputs:
        _require(node, spec.dtype in ALL, f"{spec.dtype} is not a data type")
        sizes = all(isinstance(n, int) and n >= 0 for n in spec.shape)
        _require(node, sizes, f"the extents {spec.shape} are not counts")
    single = Spec(node.shape, node.dtype) if node.shape is not None else None
    _require(node, single is None or node.outputs == (single,), "shape and outputs disagree")
    try:
        specs = node.op.infer(*node.inputs, **node.attributes)
    except (ChainruleError, TypeError, ValueError, LookupError, AttributeError) as error:
        what = f"{node} from {node.origin} is broken"
        raise VerificationError("verify", what, str(error)) from error
    expected = (specs,) if isinstance(specs, Spec) else tuple(specs)
    _require(
        node,
        node.outputs == expected and (single is None) == (not isinstance(specs, Spec)),
        f"its inputs make {expected}, it says {node.outputs}",
    )
