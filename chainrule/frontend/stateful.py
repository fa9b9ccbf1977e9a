"""Objects that hold state: the common ground of modules and optimizers. `jit` asks them for their boxes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chainrule.frontend.tensor import Box, Tensor


class Stateful:
    """A plain mutable Python object whose attributes hold boxes, other Stateful objects, and settings.

    Names come from attributes: `hidden.weight`, `layers.0.bias`. What is found is remembered until any attribute of
    any Stateful object is set; a list or dict of modules must therefore be replaced, not changed, to be noticed.
    """

    changes = 0  # Counts assignments of attributes everywhere: remembered walks carry the count they were made at.

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        Stateful.changes += 1

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        Stateful.changes += 1

    def named_boxes(self) -> dict[str, Box]:
        """Every box under this object by its path; one that occurs twice has its first path only."""
        return self._walked()[0]

    def settings(self) -> tuple:
        """Everything that is not a box, hashable: two objects with equal settings trace to the same program."""
        return self._walked()[1]

    def _walked(self) -> tuple[dict[str, Box], tuple]:
        known = self.__dict__.get("_walk")
        if known is None or known[0] != Stateful.changes:
            boxes: dict[str, Box] = {}
            settings: list = []
            seen: set[int] = set()
            for path, value in _walk(self, "", seen):
                if isinstance(value, Box):
                    if id(value) not in seen:
                        seen.add(id(value))
                        boxes[path] = value
                        value.name = path
                    settings.append((path, "box", list(map(id, boxes.values())).index(id(value))))
                else:
                    settings.append((path, _fixed(value)))
            known = (Stateful.changes, boxes, tuple(settings))
            # Not through __setattr__: remembering is not a change.
            self.__dict__["_walk"] = known
        return known[1], known[2]


def _walk(value: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """(path, box or setting) for all that hangs under a value."""
    if isinstance(value, Box):
        yield path, value
        return
    if isinstance(value, Stateful):
        if id(value) in seen:
            return
        seen.add(id(value))
        yield path, type(value)
        items = [(name, inner) for name, inner in vars(value).items() if name != "_walk"]
    elif isinstance(value, (list, tuple)):
        items = list(enumerate(value))
    elif isinstance(value, dict):
        items = list(value.items())
    else:
        yield path, value
        return
    for name, inner in items:
        yield from _walk(inner, f"{path}.{name}" if path else str(name), seen)


def _fixed(value: Any) -> Any:
    """A setting as part of a key: by value where that is possible, else by identity."""
    if isinstance(value, Tensor):
        return "tensor", id(value)
    try:
        hash(value)
    except TypeError:
        return "object", id(value)
    return value
