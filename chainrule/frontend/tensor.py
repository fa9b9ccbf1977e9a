"""Tensor: an immutable array with a value, a node, or both. `apply` is the one door from user code to primitives."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import dtypes
from chainrule.dtypes import DType
from chainrule.errors import ShapeError, TraceError
from chainrule.frontend import trace
from chainrule.ir import interpret
from chainrule.ir.node import OPS, Node, Spec, make, pick


class Tensor:
    """An immutable multidimensional array.

    Outside transforms it holds a value; inside one, also the node of the graph that makes it; under `jit` the
    node alone.
    """

    __slots__ = ("_value", "_node", "_session", "__weakref__")

    def __init__(self, value: np.ndarray | None, node: Node | None = None) -> None:
        self._value, self._node = value, node
        self._session = trace.state.session if node is not None else None

    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape if self._value is not None else self._node.shape

    @property
    def dtype(self) -> DType:
        return dtypes.of(self._value.dtype) if self._value is not None else self._node.dtype

    @property
    def spec(self) -> Spec:
        return Spec(self.shape, self.dtype)


class Box(Tensor):
    """A Tensor whose content may be replaced: a parameter, a buffer of a module, the random stream.

    `implicit` boxes enter a compiled function without being passed to it.
    """

    __slots__ = ("name",)
    implicit = False

    def __init__(self, value: np.ndarray, name: str = "") -> None:
        super().__init__(value)
        self.name = name

    def describe(self) -> str:
        return f"{type(self).__name__} {self.name or list(self.shape)}"

    def assign(self, content: Tensor) -> None:
        """Replace the content; shape and dtype stay. Raises ShapeError otherwise."""
        if content.spec != self.spec:
            raise ShapeError(
                "assign", f"{self.describe()} holds {self.dtype.name}{list(self.shape)}, got "
                f"{content.dtype.name}{list(content.shape)}", "state keeps its shape and dtype", "cast or reshape first",
            )
        if trace.state.level is None:
            self._value = concrete(content)
        else:
            trace.box_node(self)
            self._node, self._session, self._value = node_of(content), trace.state.session, content._value


def node_of(tensor: Tensor) -> Node:
    """The node that stands for a tensor in the open session; a concrete one becomes a leaf."""
    if isinstance(tensor, Box):
        return trace.box_node(tensor)
    if tensor._node is None or tensor._session is not trace.state.session:
        tensor._node, tensor._session = trace.leaf(concrete(tensor)), trace.state.session
    return tensor._node


def concrete(tensor: Tensor, use: str = "its value") -> np.ndarray:
    """The value of a tensor. Raises TraceError, naming the `use` and the user's line, where it is not known."""
    if tensor._value is not None:
        return tensor._value
    if tensor._session is not trace.state.session or tensor._node is None:
        raise TraceError(
            "trace", f"a traced {tensor.dtype.name}{list(tensor.shape)} was used after its transform had ended",
            "it stood for a value of that call only", f"return it from the function instead ({trace.user_origin()})",
        )
    try:
        return interpret.evaluate([tensor._node], tensor._session.values)[0]
    except TraceError:
        kind = trace.state.level.kind
        raise TraceError(
            {"jit": "jit", "map": "vmap", "body": "scan"}.get(kind, "jit"),
            f"{use} was asked of a traced {tensor.dtype.name}{list(tensor.shape)} at {trace.user_origin()}",
            "while a function is being compiled or mapped, values are not known yet",
            "use cr.where or cr.cond for a choice, cr.scan or cr.while_loop for a loop",
        ) from None


def apply(op: str, *tensors: Tensor, **attributes: Any) -> Any:
    """One primitive on tensors: computed at once where values are known, recorded where a transform is open."""
    level = trace.state.level
    if level is None:
        OPS[op].infer(*tensors, **attributes)
        result = interpret.compute(OPS[op], [concrete(tensor) for tensor in tensors], attributes)
        return tuple(map(Tensor, result)) if isinstance(result, tuple) else Tensor(result)
    trace.note_origin()
    node = make(op, *[node_of(tensor) for tensor in tensors], **attributes)
    known = not level.symbolic and all(tensor._value is not None for tensor in tensors)
    value = interpret.compute(node.op, [tensor._value for tensor in tensors], attributes) if known else None
    if known:
        trace.state.session.values[node] = value
    if node.shape is not None:
        return Tensor(value, node)
    picks = [pick(node, index) for index in range(len(node.outputs))]
    if known:
        trace.state.session.values.update(zip(picks, value, strict=True))
    return tuple(Tensor(value[i] if known else None, part) for i, part in enumerate(picks))
