"""Control flow for users: cond, while_loop, scan. Receives functions; records each as the graph of
one node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule import tree
from chainrule.dtypes import bool_
from chainrule.errors import ArgumentError, ShapeError, TraceError
from chainrule.frontend import trace
from chainrule.frontend.apply import apply
from chainrule.frontend.bodies import Body, closed, record, resolve
from chainrule.frontend.lift import lift
from chainrule.frontend.nesting import outermost, tensors
from chainrule.frontend.tensor import Tensor, concrete
from chainrule.ir.node import Node, Spec, variable


def _lifted(values: Any, where: str) -> tuple[list[Tensor], tree.Structure]:
    leaves, structure = tree.flatten(values)
    return [lift(leaf, where) for leaf in leaves], structure


def _describe(values: Sequence[Tensor | Node], structure: tree.Structure) -> str:
    inside = ", ".join(f"{value.dtype.name}{list(value.shape)}" for value in values)
    return inside if structure.kind is None else f"{structure} of {inside}"


def _check_carried(
    where: str, came: list[Tensor], before: tree.Structure, went: list[Node], after: tree.Structure
) -> None:
    """Raise where a turn would change the structure, shape or dtype of the carried values."""
    if before != after or [tensor.spec for tensor in came] != [node.spec for node in went]:
        raise ShapeError(
            where,
            f"the carried values come in as {_describe(came, before)} "
            f"and go out as {_describe(went, after)}",
            "each turn hands them to the next",
            "start with values like those that the body returns",
        )


class _Assigned:
    """Boxes that a body assigns become carried values beside the user's."""

    def __init__(self, body: Body) -> None:
        self.boxes = body.assigned
        self.finals = [body.boxes[box].final for box in self.boxes]
        outside = [body.boxes[box].outside for box in self.boxes]
        self.inside = {
            box: variable(node.spec, box.name)
            for box, node in zip(self.boxes, outside, strict=True)
        }
        self.start = tensors(outside)

    def assign(self, values: list[Tensor]) -> None:
        for box, value in zip(self.boxes, values, strict=True):
            box.assign(value)


# ---- scan ----


def scan(
    f: Callable, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False
) -> tuple[Any, Any]:
    """Run `carry, y = f(carry, x)` for each x along axis 0 of `xs`; return the last carry and all
    y.

    `carry`, `x` and `y` may be trees. With `xs=None` x is None, and `length` counts the turns. With
    `reverse` the turns start at the last x; each y keeps the place of its x. Its gradient is
    backpropagation through time, as one scan in the other direction (B-025).

    >>> cr.scan(lambda total, x: (total + x, total), cr.asarray(0.0), cr.asarray([1.0, 2.0, 3.0]))
    (Tensor(6., dtype=float32), Tensor([0., 1., 3.], dtype=float32))
    """
    return outermost(lambda: _scan(f, init, xs, length, reverse))


def _scan(f: Callable, init: Any, xs: Any, length: int | None, reverse: bool) -> tuple[Any, Any]:
    start, structure = _lifted(init, "scan")
    slices, slices_structure = _lifted(xs, "scan")
    turns, count = _length(slices, length), len(start)
    body = record(
        "scan",
        f,
        [*[x.spec for x in start], *[Spec(x.shape[1:], x.dtype) for x in slices]],
        lambda inputs: (
            tree.unflatten(structure, inputs[:count]),
            tree.unflatten(slices_structure, inputs[count:]),
        ),
    )
    stacked = _check_turn(body, start, structure)
    boxes = _Assigned(body)
    parameters = [*body.parameters[:count], *boxes.inside.values(), *body.parameters[count:]]
    outputs = [*body.outputs[:count], *boxes.finals, *body.outputs[count:]]
    captured, (graph,) = closed([(parameters, resolve(body, outputs, boxes.inside))])
    carried = count + len(boxes.start)
    results = list(
        apply(
            "scan",
            *tensors(captured),
            *start,
            *boxes.start,
            *slices,
            body=graph,
            constants=len(captured),
            carried=carried,
            length=turns,
            reverse=reverse,
        )
    )
    boxes.assign(results[count:carried])
    return tree.unflatten(structure, results[:count]), tree.unflatten(stacked, results[carried:])


def _length(slices: list[Tensor], length: int | None) -> int:
    """The number of turns. Raises where the arrays disagree about it."""
    for array in slices:
        if not array.shape:
            raise ShapeError(
                "scan",
                f"xs holds one {array.dtype.name} without axes",
                "xs is sliced along axis 0",
                "use it in the body by its name instead",
            )
    lengths = {array.shape[0] for array in slices}
    if length is not None:
        lengths.add(length)
    if len(lengths) != 1:
        found = f"lengths {sorted(lengths)}" if lengths else "neither xs nor length"
        raise ArgumentError(
            "scan",
            f"got {found}",
            "each turn takes one slice of every array",
            "pass arrays of one length along axis 0, or length=",
        )
    return lengths.pop()


def _check_turn(body: Body, start: list[Tensor], structure: tree.Structure) -> tree.Structure:
    """The structure of y. Raises where the body does not return (carry, y) with a carry like
    `start`.
    """
    if body.structure.kind is not tuple or len(body.structure.children) != 2:
        raise ArgumentError(
            "scan",
            f"the body returned {body.structure}",
            "a turn makes the next carried value and a result",
            "return (carry, y); y may be None",
        )
    carry, stacked = body.structure.children
    _check_carried("scan", start, structure, body.outputs[: carry.leaves], carry)
    return stacked


# ---- while_loop ----


def while_loop(condition: Callable, body: Callable, init: Any) -> Any:
    """Run `value = body(value)` while `condition(value)`; return the last value. It may be a tree.

    Reverse mode needs the number of turns beforehand: for gradients use `scan`, or `jvp`.

    >>> cr.while_loop(lambda n: n < 100, lambda n: n * 2, cr.asarray(3))
    Tensor(192, dtype=int64)
    """
    return outermost(lambda: _while_loop(condition, body, init))


def _while_loop(condition: Callable, function: Callable, init: Any) -> Any:
    start, structure = _lifted(init, "while_loop")
    specs, count = [tensor.spec for tensor in start], len(start)

    def place(inputs: list[Tensor]) -> Sequence:
        return [tree.unflatten(structure, inputs)]

    test = record("while_loop", condition, specs, place)
    _check_test(test)
    body = record("while_loop", function, specs, place)
    _check_carried("while_loop", start, structure, body.outputs, body.structure)
    boxes = _Assigned(body)
    carried = boxes.inside.values()
    captured, (test_graph, body_graph) = closed(
        [
            ([*test.parameters, *carried], resolve(test, test.outputs, boxes.inside)),
            (
                [*body.parameters, *carried],
                resolve(body, [*body.outputs, *boxes.finals], boxes.inside),
            ),
        ]
    )
    results = list(
        apply(
            "while",
            *tensors(captured),
            *start,
            *boxes.start,
            condition=test_graph,
            body=body_graph,
            constants=len(captured),
        )
    )
    boxes.assign(results[count:])
    return tree.unflatten(structure, results[:count])


def _check_test(test: Body) -> None:
    if len(test.outputs) != 1 or test.outputs[0].spec != Spec((), bool_):
        raise ShapeError(
            "while_loop",
            f"the condition returned {_describe(test.outputs, test.structure)}",
            "it decides about one more turn",
            "return one bool; reduce several with cr.all or cr.any",
        )
    if test.assigned:
        raise TraceError(
            "while_loop",
            f"the condition assigned {test.assigned[0].describe()}",
            "it runs once more often than the body",
            "assign it in the body",
        )


# ---- cond ----


def cond(predicate: Any, true_function: Callable, false_function: Callable, *operands: Any) -> Any:
    """`true_function(*operands)` if `predicate`, else `false_function(*operands)`.

    Only the chosen one is computed. Where the predicate is not known yet (under jit or vmap, or in
    a body), both must return the same structure, shapes and dtypes.

    >>> cr.cond(cr.asarray(True), lambda x: x + 1, lambda x: x - 1, cr.asarray(2.0))
    Tensor(3., dtype=float32)
    """
    predicate = lift(predicate, "cond")
    if predicate.spec != Spec((), bool_):
        raise ShapeError(
            "cond",
            f"the predicate is {predicate.dtype.name}{list(predicate.shape)}",
            "it chooses one branch",
            "pass one bool; to choose for each element use cr.where",
        )
    if trace.state.level is None or not trace.state.level.symbolic:
        return (true_function if concrete(predicate) else false_function)(*operands)
    branches = [
        record("cond", branch, [], lambda _: operands) for branch in (true_function, false_function)
    ]
    return _cond(predicate, *branches)


def _cond(predicate: Tensor, then: Body, otherwise: Body) -> Any:
    count, given = len(then.outputs), [(body.outputs, body.structure) for body in (then, otherwise)]
    if (then.structure, [node.spec for node in then.outputs]) != (
        otherwise.structure,
        [node.spec for node in otherwise.outputs],
    ):
        raise ShapeError(
            "cond",
            f"the branches return {' and '.join(_describe(*g) for g in given)}",
            "which one is taken shows when the program runs",
            "return the same structure, shapes and dtypes from both",
        )
    touched = otherwise.boxes | then.boxes
    boxes = list(dict.fromkeys([*then.assigned, *otherwise.assigned]))
    graphs = []
    for body in (then, otherwise):
        finals = [
            body.boxes[box].final if box in body.boxes else touched[box].outside for box in boxes
        ]
        graphs.append(([], resolve(body, [*body.outputs, *finals])))
    captured, (first, second) = closed(graphs, whole=(then, otherwise))
    results = list(apply("cond", predicate, *tensors(captured), then=first, otherwise=second))
    for box, value in zip(boxes, results[count:], strict=True):
        box.assign(value)
    return tree.unflatten(then.structure, results[:count])
