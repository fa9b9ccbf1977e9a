"""A loaded program bound to memory. Receives arrays and boxes from `jit`, runs the program on them,
returns arrays.

State is updated in its own memory; a call allocates nothing but its results.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from chainrule.events import Events
from chainrule.ir.node import Node
from chainrule.runtime.engine import Launcher
from chainrule.runtime.entry import Door, Entry, Input, WayIn
from chainrule.runtime.host import HostLaunch
from chainrule.runtime.memory import ALIGNMENT, Slot, Stages, address, aligned_zeros

STAGED = (
    1 << 14
)  # Arrays up to so many bytes are copied: cheaper than asking NumPy for their address.
# References to the array of a box while it is looked at, if nobody else looks on: the box's, the
# variable's and the call's own.
ALONE = 3


class Holder(Protocol):
    """A place for some state."""

    content: Any


class Executable:
    """A program with its slots, its arena and the boxes whose content it has seen last.

    `calls` are the nodes that it leaves to the host, by call number. `way_in`, if the program is
    brief, makes calls shorter that are like the one before.
    """

    def __init__(
        self,
        make_launcher: Callable[[ctypes.Array], Launcher],
        slots: Sequence[Slot],
        constants: Sequence[np.ndarray],
        arena_bytes: int,
        calls: Mapping[int, list[Node]] | None = None,
        way_in: Callable[[], WayIn | None] | None = None,
    ) -> None:
        self._pointers = (ctypes.c_void_p * (len(slots) + 2))()
        self._arena = aligned_zeros((arena_bytes,), np.dtype(np.uint8))
        self._pointers[len(slots)] = address(self._arena)
        self._constants = [np.ascontiguousarray(array) for array in constants]
        numbers = [n for n, slot in enumerate(slots) if slot.kind == "constant"]
        for number, array in zip(numbers, self._constants, strict=True):
            self._pointers[number] = address(array)
        self._boxes = [(n, slot) for n, slot in enumerate(slots) if slot.kind in ("state", "box")]
        self._seen: list[Any] = [_nothing] * len(self._boxes)
        self._written = [slot.kind == "state" for _, slot in self._boxes]
        self._current: Sequence[Holder] | None = None  # The boxes that were looked through last,
        self._known_at = -1  # and how many events there had been.
        self._staged, self._direct, _ = self._places(slots, "input")
        self._copied, self._handed, small = self._places(slots, "output")
        self._results = len(self._copied) + len(self._handed)
        launcher = make_launcher(self._pointers)
        self._launch: Callable[[], None] = launcher
        if calls:
            states = [(n, slot) for n, slot in self._boxes if slot.kind == "state"]
            self._launch = HostLaunch(launcher, calls, self._pointers, states)
        self.door: Door | None = None
        if way_in is not None and not calls and not self._handed:
            self.door = Door(way_in, launcher, self._inputs(slots), small)
        self._turn = threading.Lock()

    def fill(self, value: float) -> None:
        """Set the memory of temporaries to a float32, for measurements: pages that nobody has
        written are all one page, which a cache holds.
        """
        self._arena[: self._arena.size // 4 * 4].view(np.float32)[...] = value

    def _inputs(self, slots: Sequence[Slot]) -> list[Input]:
        start, size = ctypes.addressof(self._pointers), ctypes.sizeof(ctypes.c_void_p)
        inputs = [(n, slot) for n, slot in enumerate(slots) if slot.kind == "input"]
        return [Input(start + n * size, slot.shape, slot.dtype) for n, slot in inputs]

    def _places(self, slots: Sequence[Slot], kind: str) -> tuple[list, list, Stages]:
        """The inputs or outputs by their place among them: small ones with lasting memory, large
        ones with their slots.
        """
        numbers = [number for number, slot in enumerate(slots) if slot.kind == kind]
        places = [(place, number, slots[number]) for place, number in enumerate(numbers)]
        large = [row for row in places if row[2].bytes > STAGED]
        small = [row for row in places if row[2].bytes <= STAGED]
        stages = Stages([slot for *_, slot in small])
        for (_, number, _), stage in zip(small, stages.arrays, strict=True):
            self._pointers[number] = address(stage)
        rows = zip(small, stages.arrays, strict=True)
        return (
            [(place, number, stage, address(stage)) for (place, number, _), stage in rows],
            large,
            stages,
        )

    def __call__(self, boxes: Sequence[Holder], inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run once: `boxes` and `inputs` in the order of their slots; returns fresh outputs.

        The program has one memory, so threads that call it take turns.
        """
        with self._turn:
            if self.door is not None:
                self.door.close()
            if boxes is not self._current or Events.count != self._known_at:
                self._take_all(boxes)
            for place, number, stage, start in self._staged:
                stage[...] = inputs[place]
                self._pointers[number] = start
            kept = []
            for place, number, slot in self._direct:
                kept.append(array := np.ascontiguousarray(inputs[place], slot.dtype))
                self._pointers[number] = address(array)
            results: list[Any] = [None] * self._results
            for place, number, slot in self._handed:
                results[place] = array = np.empty(slot.shape, slot.dtype)
                self._pointers[number] = address(array)
            self._launch()
            for place, _, stage, _ in self._copied:
                results[place] = stage.copy()
            return results

    def entry(self, boxes: Sequence[Holder], expected: Sequence[tuple]) -> Entry | None:
        """After a call: a short way for calls whose arguments are these objects, each in a tuple,
        or arrays like the inputs, for which the tuple is empty. None if there is no such way.
        """
        with self._turn:
            if self.door is None or boxes is not self._current:
                return None
            return self.door.open(boxes, expected, self._known_at)

    def release(self) -> None:
        """Let go of the boxes of the last call, and of the arguments that its entry expects."""
        with self._turn:
            self._current = None
            if self.door is not None:
                self.door.forget()

    def _take_all(self, boxes: Sequence[Holder]) -> None:
        """Make the arrays of all boxes the program's, where they are not yet."""
        now = Events.count
        for place, box in enumerate(boxes):
            value = box.content
            if self._seen[place]() is not value or (
                self._written[place] and sys.getrefcount(value) > ALONE
            ):
                del value
                self._take(place, box)
                Events.count += 1
        self._current, self._known_at = boxes, now

    def _take(self, place: int, box: Holder) -> None:
        """Make a box's array the program's: a private copy if it is written and could be seen
        elsewhere, and an aligned one where it is not, as vectors across two lines take twice as
        long.
        """
        number, slot = self._boxes[place]
        array = box.content
        private = slot.kind == "state" or not array.flags.c_contiguous
        if private or address(array) % ALIGNMENT:
            own = aligned_zeros(slot.shape, slot.dtype)
            np.copyto(own, array)
            box.content = array = own
        self._seen[place] = weakref.ref(array)
        self._pointers[number] = address(array)


def _nothing() -> None:
    """What has been seen of a box before the first call."""
