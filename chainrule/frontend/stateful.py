"""Objects that hold state: modules and optimizers. `jit` asks them for their boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import numpy as np

from chainrule.dtypes import of, stored
from chainrule.errors import ArgumentError, ShapeError
from chainrule.events import Events
from chainrule.frontend.box import Box
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.lift import from_numpy
from chainrule.frontend.tensor import Tensor, concrete

# Which boxes: a path, the path of a module, a pattern, a function of (path, box), or all.
Selection = str | Callable[[str, Any], bool] | None


class Buffer(Box):
    """State that no gradient changes: statistics, moments, counts. It owns a copy of its value.

    >>> cr.nn.Buffer([0.0, 1.0])
    Buffer([0., 1.], dtype=float32)
    """

    __slots__ = ()

    def __init__(self, value: Any, name: str = "") -> None:
        super().__init__(np.array(concrete(asarray(value))), name)


class Walk(NamedTuple):
    """All that hangs under an object at one count of changes: by path, and paths by id."""

    changes: int
    boxes: dict[str, Box]
    parts: dict[str, Stateful]
    places: dict[int, str]
    settings: tuple


class Stateful:
    """A plain Python object whose attributes hold boxes, other such objects, and settings.

    Names come from attributes: `hidden.weight`, `layers.0.bias`. What is found is remembered until
    any attribute of any Stateful object is set; a list or dict of modules must therefore be
    replaced, not changed, to be noticed.
    """

    # Counts assignments of attributes everywhere: a remembered walk carries the count of its time.
    changes = 0

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        note_change()

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        note_change()

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles walk anew: what was remembered speaks of the objects here."""
        return {name: value for name, value in vars(self).items() if name != "_walk"}

    def named_boxes(self) -> dict[str, Box]:
        """Every box under this object by path; one that occurs twice has its first path only."""
        return self.walk().boxes

    def settings(self) -> tuple:
        """All that is not a box, hashable: with equal settings, calls trace to the same program."""
        return self.walk().settings

    def walk(self) -> Walk:
        """What hangs under this object; remembered until something changes."""
        known = self.__dict__.get("_walk")
        if known is None or known.changes != Stateful.changes:
            known = self._walked()
            # Not through __setattr__: remembering is not a change.
            self.__dict__["_walk"] = known
        return known

    def _walked(self) -> Walk:
        found = Walk(Stateful.changes, {}, {}, {}, ())
        numbers: dict[Box, int] = {}
        settings: list = []
        for path, value in _walk(self, "", set()):
            if isinstance(value, Box):
                if value not in numbers:
                    numbers[value] = len(numbers)
                    found.boxes[path] = value
                    self._name(value, path)
                settings.append((path, type(value), value.trainable, numbers[value]))
            elif isinstance(value, Stateful):
                found.parts[path], found.places[id(value)] = value, path
                settings.append((path, type(value)))
            else:
                settings.append((path, _fixed(value)))
        return found._replace(settings=tuple(settings))

    def _name(self, box: Box, path: str) -> None:
        """Tell a box what to call itself in messages."""
        box.name = f"{type(self).__name__}.{path}"

    # ---- Saving and restoring ----

    def _state(self) -> dict[str, Box]:
        return self.named_boxes()

    def state_dict(self) -> dict[str, np.ndarray]:
        """A copy of all state by path, as NumPy arrays."""
        return {path: np.array(concrete(box)) for path, box in self._state().items()}

    def load_state_dict(
        self, arrays: Mapping[str, Any], strict: bool = True
    ) -> tuple[list[str], list[str]]:
        """Take over the state that `state_dict` gave: all of it or, after an error, nothing.

        With `strict=False` the paths may differ; returned are those that are missing in `arrays`,
        and those that are unknown here. Raises ArgumentError for other paths, ShapeError for other
        shapes or kinds of number.
        """
        where, boxes = f"{type(self).__name__}.load_state_dict", self._state()
        missing, unknown = (
            [p for p in boxes if p not in arrays],
            [p for p in arrays if p not in boxes],
        )
        if strict and (missing or unknown):
            parts = [
                f"{label} {listed(paths)}"
                for label, paths in (("missing", missing), ("unknown", unknown))
                if paths
            ]
            raise ArgumentError(
                where,
                " and ".join(parts),
                "the state belongs to an object that was built otherwise",
                "build this one in the same way, or pass strict=False to load what both have",
            )
        loaded = {
            path: _fitted(where, path, box, arrays[path])
            for path, box in boxes.items()
            if path in arrays
        }
        for path, value in loaded.items():
            boxes[path].assign(value)
        return missing, unknown


def note_change() -> None:
    """Some Stateful object, or a setting of a box, is not as it was."""
    Stateful.changes += 1
    Events.count += 1


def chooses(selection: Selection, path: str, box: Box) -> bool:
    """Whether a selection has the box at a path."""
    if selection is None or callable(selection):
        return selection is None or selection(path, box)
    return fnmatchcase(path, selection) or path.startswith(f"{selection}.")


def listed(paths: Iterable[str], most: int = 5) -> str:
    paths = list(paths)
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    return ", ".join(paths[:most]) + more


def _fitted(where: str, path: str, box: Box, given: Any) -> Tensor:
    """An array as content of a box: cast between widths, not between kinds of number or shapes."""
    array = from_numpy(given, wide=True)
    kind = of(array.dtype)
    if array.shape != box.shape or kind.kind != box.dtype.kind:
        turned = len(box.shape) == 2 and array.shape == box.shape[::-1]
        raise ShapeError(
            where,
            f"{path} is {box.dtype.name}{list(box.shape)}, "
            f"the state has {kind.name}{list(array.shape)}",
            "weights are (in, out) here and (out, in) in PyTorch"
            if turned
            else "a box keeps its shape and kind of number",
            "transpose the array" if turned else "load the state of an object with the same sizes",
        )
    return Tensor(np.array(stored(array, box.dtype)))


def _walk(value: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """(path, box, Stateful object or setting) for all that hangs under a value."""
    if isinstance(value, Stateful):
        if id(value) in seen:
            return
        seen.add(id(value))
        items: Iterable = [(name, inner) for name, inner in vars(value).items() if name != "_walk"]
        yield path, value
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    elif isinstance(value, dict):
        items = value.items()
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
