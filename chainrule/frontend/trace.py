"""Recording. Transforms open levels here; operations on tensors become nodes of the graph while one
is open.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from chainrule.dtypes import DType
from chainrule.errors import ArgumentError, TraceError
from chainrule.events import Events
from chainrule.ir.interpret import evaluate
from chainrule.ir.node import Array, Node, Origin, Spec, buffer, current, mark, variable

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Session:
    """All recording from the outermost transform to its end.

    `values` holds what is known of its nodes; `assigned` the boxes that got a new content, with the
    value before.
    """

    __slots__ = ("values", "assigned")

    def __init__(self) -> None:
        self.values: dict[Node, Any] = {}
        self.assigned: dict[Any, np.ndarray | None] = {}

    def close(self, failed: bool) -> None:
        """Leave values alone in the boxes, and let go of the graph."""
        for box, before in self.assigned.items():
            if box._value is None:
                box._value = before if failed else evaluate([box._node], self.values)[0]
            box._node = box._session = None
        self.values.clear()


class Held(NamedTuple):
    """What a box held before a level, and the node that it starts with inside."""

    node: Node | None
    session: Session | None
    value: np.ndarray | None
    inside: Node


class Level:
    """One open transform.

    `kind` is "grad" (values are known, Python control flow works), "map" (vmap: values are
    unknown), "body" (scan, cond, while: `boxes` finds those that the body reads and assigns), or
    "jit" (boxes must be passed). `symbolic` says that values are unknown here or further out;
    `training` that a model is being differentiated.
    """

    __slots__ = ("kind", "symbolic", "outer", "boxes", "training")

    def __init__(self, kind: str, outer: Level | None, training: bool) -> None:
        self.kind, self.outer, self.training = kind, outer, training
        self.symbolic = kind != "grad" or (outer is not None and outer.symbolic)
        self.boxes: dict[Any, Held] = {}

    def admit(self, box: Any, inside: Node) -> None:
        """From now on `inside` stands for the box; what it held comes back at the level's end."""
        self.boxes[box] = Held(box._node, box._session, box._value, inside)
        box._node, box._session, box._value = inside, state.session, None


class _State(threading.local):
    session: Session | None = None
    level: Level | None = None
    modules: tuple[str, ...] = ()
    training: bool | str | None = None
    precision: DType | None = None  # What modules compute in, if not in the types they find.


state = _State()


@contextmanager
def level(kind: str, differentiates: bool = False) -> Iterator[tuple[Session, Level]]:
    """Open a level; the outermost one opens the session, and closes it at the end."""
    outer_session, outer = state.session, state.level
    session = outer_session if outer_session is not None else Session()
    opened = Level(kind, outer, differentiates or (outer is not None and outer.training))
    state.session, state.level = session, opened
    Events.open += 1
    failed = True
    try:
        yield session, opened
        failed = False
    finally:
        Events.open -= 1
        state.session, state.level = outer_session, outer
        for box, held in opened.boxes.items():
            box._node, box._session, box._value = held.node, held.session, held.value
        if outer_session is None:
            session.close(failed)


@contextmanager
def training(mode: bool | str = True) -> Iterator[None]:
    """Within this block modules behave as in training (`mode=True`) or as in use (`mode=False`),
    come what may; with `mode="dropout"` dropout alone is in training, as Monte-Carlo dropout needs.

    Without it a model trains exactly while a derivative of it is being taken. (B-062)
    """
    if mode not in (True, False, "dropout"):
        raise ArgumentError("training", f"mode={mode!r}", 'there are True, False and "dropout"')
    before, state.training = state.training, mode
    Events.open += 1
    try:
        yield
    finally:
        Events.open -= 1
        state.training = before


def is_training(layer: str = "") -> bool:
    """Whether batch statistics are taken at this point of the program; of a layer that drops,
    `is_training("dropout")`, whether it drops.
    """
    if state.training is not None:
        return state.training in (True, layer)
    return state.level is not None and state.level.training


def user_origin() -> Origin:
    """File and line of the innermost frame outside this package, and the running module's path."""
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    module = ".".join(state.modules)
    return (
        Origin(frame.f_code.co_filename, frame.f_lineno, module)
        if frame is not None
        else Origin("", 0, module)
    )


def note_origin() -> None:
    """Nodes made from now on belong to the user's present line."""
    current.origin = user_origin()


def leaf(value: np.ndarray) -> Node:
    """A concrete array as a node of the open session, which knows its value."""
    node = buffer(Array(value))
    assert state.session is not None
    state.session.values[node] = value
    return node


def box_node(box: Any) -> Node:
    """The node that stands for a box (parameter, buffer, random stream) at the present level."""
    return _box_node(box, state.level)


def _box_node(box: Any, at: Level | None) -> Node:
    while at is not None and at.kind in ("grad", "map"):
        at = at.outer
    if at is None:
        if box._session is not state.session or box._node is None:
            box._node, box._session = leaf(box._value), state.session
    elif box not in at.boxes:
        if at.kind == "body":
            at.admit(box, mark(_box_node(box, at.outer)))
        elif box.implicit:
            at.admit(box, variable(Spec(box.shape, box.dtype), box.name))
        else:
            raise TraceError(
                "jit",
                f"{box.describe()} is used in a compiled function but was not passed to it",
                "a captured parameter would be frozen into the program at its present value",
                f"pass the module that owns it as an argument ({user_origin()})",
            )
    return box._node
