"""The interpreter: evaluates a graph with the primitives' NumPy definitions. It is the oracle for
the compiler.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.dtypes import NARROW, of, stored, widened
from chainrule.errors import TraceError
from chainrule.ir.node import Graph, Node, Op, topological
from chainrule.ir.ops import OPS

# They hand on what they are given; a primitive that names a dtype converts by itself.
_VERBATIM = frozenset(("control", "identity"))


def compute(op: Op, arrays: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
    """One primitive on NumPy arrays. Special values (inf, NaN) are results here, not warnings.

    On 16-bit floats it computes in float32, and rounds its results once.
    """
    assert op.numpy is not None
    if op.family not in _VERBATIM and "dtype" not in attributes:
        for array in arrays:
            if array.dtype.char in NARROW:
                wide = compute(op, [widened(array) for array in arrays], attributes)
                several = isinstance(wide, tuple)
                results = [_narrow(x, array.dtype) for x in (wide if several else [wide])]
                return tuple(results) if several else results[0]
    with np.errstate(all="ignore"):
        result = op.numpy(*arrays, **attributes)
    return result if isinstance(result, (np.ndarray, tuple)) else np.asarray(result)


def _narrow(result: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return stored(result, of(dtype)) if result.dtype == np.float32 else result


def evaluate(outputs: Iterable[Node], known: Mapping[Node, Any] | None = None) -> list[Any]:
    """The values of `outputs`, given the values of some nodes. Values are dropped after their last
    use.

    Raises TraceError where a variable without a value is reached.
    """
    outputs = list(outputs)
    known = known if known is not None else {}
    order = topological(outputs, skip=known.__contains__)
    uses = Counter(child for node in order for child in node.inputs)
    uses.update(outputs)
    values: dict[Node, Any] = {}
    for node in order:
        if node.op.numpy is None:
            raise TraceError(
                "evaluate",
                f"the value of {node} is not known yet",
                "it is an input of a traced function",
            )
        arrays = []
        for child in node.inputs:
            arrays.append(values[child] if child in values else known[child])
        values[node] = compute(node.op, arrays, node.attributes)
        for child in node.inputs:
            uses[child] -= 1
            if not uses[child]:
                values.pop(child, None)
    return [values[node] if node in values else known[node] for node in outputs]


def call(graph: Graph, arguments: Iterable[Any]) -> list[Any]:
    """A graph as a function of NumPy arrays."""
    return evaluate(graph.outputs, dict(zip(graph.parameters, arguments, strict=True)))


def _scan(
    *operands: Any, body: Graph, constants: int, carried: int, length: int, reverse: bool
) -> tuple:
    fixed, carry = list(operands[:constants]), list(operands[constants : constants + carried])
    slices = operands[constants + carried :]
    specs = [node.spec for node in body.outputs[carried:]]
    stacked = [np.empty((length, *spec.shape), spec.dtype.numpy) for spec in specs]
    for turn in reversed(range(length)) if reverse else range(length):
        results = call(body, fixed + carry + [array[turn] for array in slices])
        carry = results[:carried]
        for out, value in zip(stacked, results[carried:], strict=True):
            out[turn] = value
    return (*carry, *stacked)


def _while(*operands: Any, condition: Graph, body: Graph, constants: int) -> tuple:
    fixed, carry = list(operands[:constants]), list(operands[constants:])
    while call(condition, fixed + carry)[0]:
        carry = call(body, fixed + carry)
    return tuple(carry)


def _cond(predicate: Any, *operands: Any, then: Graph, otherwise: Graph) -> tuple:
    return tuple(call(then if predicate else otherwise, operands))


# The control primitives run their bodies here, so their definitions are added here to the table of
# `ir.ops`.
OPS["scan"].numpy = _scan
OPS["while"].numpy = _while
OPS["cond"].numpy = _cond
OPS["checkpoint"].numpy = lambda *operands, body: tuple(call(body, operands))
