"""Box: a tensor whose content may be replaced; `node_of` leads from tensors to nodes."""

from __future__ import annotations

import numpy as np

from chainrule.errors import ShapeError
from chainrule.events import Events
from chainrule.frontend import trace
from chainrule.frontend.tensor import Tensor, concrete, describe
from chainrule.ir.node import Node


class Box(Tensor):
    """A Tensor whose content may be replaced: a parameter, a buffer of a module, the random stream.

    `implicit` boxes enter a compiled function without being passed to it; `trainable` ones have
    gradients.
    """

    __slots__ = ("name", "content")
    implicit = False
    trainable = False

    def __init__(self, value: np.ndarray, name: str = "") -> None:
        super().__init__(value)
        self.name = name

    @property
    def _value(self) -> np.ndarray | None:
        """The content, as all but compiled functions look at it."""
        content = self.content
        Events.count += 1
        return content

    @_value.setter
    def _value(self, value: np.ndarray | None) -> None:
        self.content = value
        Events.count += 1

    def describe(self) -> str:
        return f"{type(self).__name__} {self.name or list(self.shape)}"

    def assign(self, content: Tensor) -> None:
        """Replace the content; shape and dtype stay. Raises ShapeError otherwise."""
        if content.spec != self.spec:
            raise ShapeError(
                "assign",
                f"{self.describe()} holds {describe(self)}, got {describe(content)}",
                "state keeps its shape and dtype",
                "cast or reshape first",
            )
        if trace.state.level is None:
            self._value = concrete(content)
        else:
            trace.box_node(self)
            trace.state.session.assigned.setdefault(self, self._value)
            self._node, self._value = node_of(content), content._value
            self._session = trace.state.session


def node_of(tensor: Tensor) -> Node:
    """The node that stands for a tensor in the open session; a concrete one becomes a leaf."""
    if isinstance(tensor, Box):
        return trace.box_node(tensor)
    if tensor._node is None or tensor._session is not trace.state.session:
        tensor._node, tensor._session = trace.leaf(concrete(tensor)), trace.state.session
    return tensor._node
