"""Where a NaN comes from, for `config.debug_nans`. Receives single operations from eager code, and
calls of compiled functions from `jit`, which are replayed by the interpreter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np

from chainrule.errors import NanError
from chainrule.ir.interpret import call, compute
from chainrule.ir.node import Graph, Node, Op, Origin, topological

Attributes = Mapping[str, Any]
_OVERFLOW = "see what becomes infinite before: it has overflowed, or was divided by zero"
_CURES = {
    "log": "keep it above zero, as in cr.log(cr.maximum(x, 1e-6))",
    "log1p": "keep it above -1",
    "sqrt": "keep it from falling below zero, as in cr.sqrt(cr.maximum(x, 0))",
    "power": "a negative base needs a whole exponent",
    "divide": "keep the divisor away from zero, as in x / (y + 1e-6)",
    "where": "the nan is written there: classification losses give it to labels of no class",
}


def has_nan(value: Any) -> bool:
    """Whether an array of floats, or one of several results, holds a NaN."""
    if isinstance(value, tuple):
        return any(map(has_nan, value))
    return value.dtype.kind == "f" and bool(np.isnan(value).any())


def check(op: Op, arrays: list, attributes: Attributes, result: Any, origin: Callable) -> None:
    """Raise NanError where an operation makes a NaN from operands that hold none."""
    made = op.family not in ("leaf", "movement") and op.name != "bitcast" and has_nan(result)
    if made and not any(map(has_nan, arrays)):
        _blame(op, arrays, attributes, result, origin())


def _blame(
    op: Op, arrays: list, attributes: Attributes, result: Any, origin: Origin, inside: str = ""
) -> None:
    """Raise NanError for an operation, or for one in the graphs that it runs."""
    for graph, arguments, turn in _bodies(op.name, attributes, arrays):
        locate(graph.outputs, dict(zip(graph.parameters, arguments, strict=True)), turn + inside)
    result = next(filter(has_nan, result)) if isinstance(result, tuple) else result
    index = tuple(int(axis) for axis in np.argwhere(np.isnan(result))[0])
    if op.family == "elementwise":
        found = [str(np.broadcast_to(array, result.shape)[index]) for array in arrays]
        there = " there" if index else ""
    else:
        found = [f"from {a.min()} to {a.max()}" for a in arrays if a.size and a.dtype.kind == "f"]
        there = ""
    inputs = f"its inputs{there} were" if len(found) > 1 else f"its input{there} was"
    raise NanError(
        "debug_nans",
        f"{op.name} gave nan{f' at {list(index)}' if index else ''} in {origin}{inside}",
        f"{inputs} {' and '.join(found)}",
        _CURES.get(op.name, _OVERFLOW),
    )


# ---- Replay ----


def watched(run: Callable, graph: Any, boxes: Sequence, inputs: Sequence) -> list[np.ndarray]:
    """One call of a compiled function. If it makes a NaN, NanError says where, and the boxes are as
    before.
    """
    before = [box._value.copy() for box in boxes]
    arrays = [np.array(array) for array in inputs]
    results = run(boxes, inputs)
    updated = [boxes[number]._value for number in graph.updates]
    if not any(map(has_nan, [*results, *updated])):
        return results
    for box, value in zip(boxes, before, strict=True):
        box._value = value
    known = dict(zip(graph.parameters, before + arrays, strict=True))
    known = {node: array.astype(node.dtype.numpy, copy=False) for node, array in known.items()}
    locate([*graph.outputs, *graph.updates.values()], known)
    raise NanError(
        "debug_nans", "the compiled call gave nan where its replay by the interpreter gives none",
        "sums in another order may have overflowed", "look for values near the limit of the dtype",
    )  # fmt: skip


def locate(outputs: Iterable[Node], known: Mapping[Node, Any], inside: str = "") -> None:
    """Raise NanError for the first operation that made a NaN in these outputs, if one did."""
    outputs = list(outputs)
    values = dict(known)
    for node in topological(outputs, skip=known.__contains__):
        values[node] = compute(node.op, [values[c] for c in node.inputs], node.attributes)
    stack = [node for node in outputs if has_nan(values[node])]
    seen, makers = set(stack), []
    while stack:
        node = stack.pop()
        before = [] if node in known else [c for c in node.inputs if _enters(c, node, values)]
        stack += [child for child in before if child not in seen]
        seen.update(before)
        if not before:
            makers.append(node)
    if not makers:
        return
    first = min(makers, key=lambda node: node.number)
    if first in known or first.op.family == "leaf":
        name = first.attributes.get("name") or f"a {first.op.name}"
        raise NanError("debug_nans", f"{name} holds nan before the call{inside}")
    arrays = [values[child] for child in first.inputs]
    _blame(first.op, arrays, first.attributes, values[first], first.origin, inside)


def _enters(child: Node, node: Node, values: Mapping[Node, Any]) -> bool:
    """Whether a NaN of an operand went into the result; what `where` does not choose does not. One
    that is written in the program counts as made by what takes it.
    """
    written = child
    while written.op.family == "movement":
        written = written.inputs[0]
    if written.op.name == "constant" or not has_nan(values[child]):
        return False
    same = node.op.family == "elementwise"
    return not same or bool((np.isnan(values[child]) & np.isnan(values[node])).any())


def _bodies(name: str, attributes: Attributes, arrays: list) -> Iterator[tuple[Graph, list, str]]:
    """The graphs that a control operation runs, with the arguments of each run, and which it is."""
    if name == "cond":
        yield attributes["then" if arrays[0] else "otherwise"], arrays[1:], ""
    elif name == "checkpoint":
        yield attributes["body"], arrays, ""
    elif name in ("scan", "while"):
        body, start = attributes["body"], attributes["constants"]
        end = start + attributes.get("carried", len(arrays) - start)
        fixed, carry = arrays[:start], arrays[start:end]
        turns: Any = range(attributes["length"]) if name == "scan" else count()
        for turn in reversed(turns) if attributes.get("reverse") else turns:
            if name == "while" and not call(attributes["condition"], fixed + carry)[0]:
                return
            arguments = [*fixed, *carry, *[array[turn] for array in arrays[end:]]]
            yield body, arguments, f" in turn {turn}"
            carry = call(body, arguments)[: end - start]
