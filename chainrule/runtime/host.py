"""Definitions that a program calls back. Receives the nodes that a graph computes on the host, and
the launch of its program; hands on a launch that raises what a definition raises.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.ir.interpret import compute
from chainrule.ir.node import Graph, Node, topological
from chainrule.ir.plan import call_number

_Function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p))


def host_calls(outputs: Iterable[Node]) -> dict[int, list[Node]]:
    """The nodes of a graph, and of the graphs inside it, that the host computes, by call number."""
    found: dict[int, list[Node]] = {}
    for node in topological(outputs):
        if node.op.family == "host":
            inputs = [child.spec for child in node.inputs]
            number = call_number(node.op.name, node.attributes, inputs, node.outputs)
            found.setdefault(number, []).append(node)
        for value in node.attributes.values():
            if isinstance(value, Graph):
                for number, nodes in host_calls(value.outputs).items():
                    found.setdefault(number, []).extend(nodes)
    return found


def _view(address: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """The array of this shape and dtype at an address."""
    memory = (ctypes.c_char * (math.prod(shape) * dtype.itemsize)).from_address(address)
    return np.ndarray(shape, dtype, memory)


def _apply(node: Node, pointers: Any) -> None:
    """Compute a node from the arrays at the first pointers, into those at the others."""
    specs = [*[child.spec for child in node.inputs], *node.outputs]
    arrays = [_view(pointers[n], spec.shape, spec.dtype.numpy) for n, spec in enumerate(specs)]
    operands, places = arrays[: len(node.inputs)], arrays[len(node.inputs) :]
    result = compute(node.op, operands, node.attributes)
    for place, array in zip(places, result if node.shape is None else [result], strict=True):
        place[...] = array


def _calling(calls: Mapping[int, list[Node]], errors: list[BaseException]) -> Callable:
    """What the program calls: it must not hold the program, nor raise anything into it."""

    def call(number: int, pointers: Any) -> int:
        try:
            if not errors:
                _apply(calls[number][0], pointers)
        except BaseException as error:
            places = dict.fromkeys(str(node.origin) for node in calls.get(number, ()))
            error.add_note(f"in a compiled function, at {' or '.join(places)}")
            # Its frames hold views of memory that may be gone when somebody looks at them.
            errors.append(error.with_traceback(None))
        return bool(errors)

    return call


class HostLaunch:
    """Runs a program, called without arguments, once for each run.

    If a definition raises, the program goes on to its end without further calls; then its state
    gets back its old content, and the error is raised.
    """

    def __init__(
        self,
        launch: Callable[[], None],
        calls: Mapping[int, list[Node]],
        pointers: ctypes.Array,
        states: Sequence[tuple[int, Any]],
    ) -> None:
        self._launch, self._pointers, self._states = launch, pointers, states
        self._errors: list[BaseException] = []
        self._function = _Function(_calling(calls, self._errors))
        pointers[len(pointers) - 1] = ctypes.cast(self._function, ctypes.c_void_p).value

    def __call__(self) -> None:
        states = [_view(self._pointers[n], slot.shape, slot.dtype) for n, slot in self._states]
        before = [state.copy() for state in states]
        self._errors.clear()
        self._launch()
        if self._errors:
            for state, content in zip(states, before, strict=True):
                state[...] = content
            raise self._errors.pop()
