"""Control flow: primitives that have graphs for attributes."""

from __future__ import annotations

from chainrule.dtypes import bool_
from chainrule.ir.node import OPS, Graph, Node, Op, Spec
from chainrule.ir.ops.table import describe, require

# Operands are constants of the body, then carried values, then (scan) arrays sliced along axis 0.
# Their NumPy definitions run the body graphs and stand in `ir.interpret`.


def _check_body(op: str, graph: Graph, specs: list[Spec]) -> None:
    expected = [parameter.spec for parameter in graph.parameters]
    require(
        expected == specs,
        op,
        f"the body takes {describe(*expected)} but is given {describe(*specs)}",
        "shapes and dtypes must not change from one turn to the next",
    )


def _infer_scan(
    *operands: Node, body: Graph, constants: int, carried: int, length: int, reverse: bool
) -> tuple:
    fixed = [node.spec for node in operands[: constants + carried]]
    slices = [Spec(node.shape[1:], node.dtype) for node in operands[constants + carried :]]
    _check_body("scan", body, fixed + slices)
    results = [node.spec for node in body.outputs]
    require(
        results[:carried] == fixed[constants:],
        "scan",
        f"the carried values come in as {describe(*fixed[constants:])} and out as "
        f"{describe(*results[:carried])}",
        "shapes and dtypes must not change from one turn to the next",
    )
    stacked = [Spec((length, *spec.shape), spec.dtype) for spec in results[carried:]]
    return (*results[:carried], *stacked)


def _infer_while(*operands: Node, condition: Graph, body: Graph, constants: int) -> tuple:
    specs = [node.spec for node in operands]
    _check_body("while_loop", condition, specs)
    _check_body("while_loop", body, specs)
    results = tuple(node.spec for node in body.outputs)
    require(
        list(results) == specs[constants:],
        "while_loop",
        f"the carried values come in as {describe(*specs[constants:])} "
        f"and out as {describe(*results)}",
        "shapes and dtypes must not change from one turn to the next",
    )
    return results


def _infer_cond(predicate: Node, *operands: Node, then: Graph, otherwise: Graph) -> tuple:
    specs = [node.spec for node in operands]
    _check_body("cond", then, specs)
    _check_body("cond", otherwise, specs)
    first, second = ([node.spec for node in graph.outputs] for graph in (then, otherwise))
    require(
        first == second and predicate.spec == Spec((), bool_),
        "cond",
        f"the branches return {describe(*first)} and {describe(*second)}",
        "both must return the same",
    )
    return tuple(first)


def _infer_checkpoint(*operands: Node, body: Graph) -> tuple:
    _check_body("checkpoint", body, [node.spec for node in operands])
    return tuple(node.spec for node in body.outputs)


OPS["scan"] = Op("scan", "control", _infer_scan, None)
OPS["while"] = Op("while", "control", _infer_while, None)
OPS["cond"] = Op("cond", "control", _infer_cond, None)
# The body's values are not kept for the backward pass but computed again.
OPS["checkpoint"] = Op("checkpoint", "control", _infer_checkpoint, None)
