"""A loaded program bound to memory. Receives arrays and boxes from `jit`, runs the program on them,
returns arrays.

State is updated in its own memory; a call allocates nothing but its results.
"""

from __future__ import annotations

import ctypes
import math
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from chainrule.ir.node import Node
from chainrule.runtime.host import HostLaunch

STAGED = (
    1 << 14
)  # Arrays up to so many bytes are copied: cheaper than asking NumPy for their address.
ALIGNMENT = 64
# References to the array of a box while it is looked at, if nobody else looks on: the box's, the
# variable's and the call's own.
ALONE = 3


class Slot(NamedTuple):
    """What one pointer of the program stands for: kind is "state", "box" (only read), "input",
    "constant", "output".
    """

    kind: str
    shape: tuple[int, ...]
    dtype: np.dtype


class Holder(Protocol):
    """An object whose `_value` is the present content of some state."""

    _value: Any


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array that starts at a cache line.

    Its memory belongs to a bytearray, not to another array: so every view of it refers to the array
    itself, and references to the array tell whether somebody looks on.
    """
    memory = bytearray(math.prod(shape) * dtype.itemsize + ALIGNMENT)
    start = -ctypes.addressof(ctypes.c_char.from_buffer(memory)) % ALIGNMENT
    return np.ndarray(shape, dtype, memory, start)


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


class Executable:
    """A program with its slots, its arena and the boxes whose content it has seen last.

    `calls` are the nodes that it leaves to the host, by call number.
    """

    def __init__(
        self,
        make_launcher: Callable[[ctypes.Array], Callable[[], None]],
        slots: Sequence[Slot],
        constants: Sequence[np.ndarray],
        arena_bytes: int,
        calls: Mapping[int, list[Node]] | None = None,
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
        self._staged, self._direct = self._places(slots, "input")
        self._copied, self._handed = self._places(slots, "output")
        self._results = len(self._copied) + len(self._handed)
        self._launch = make_launcher(self._pointers)
        if calls:
            states = [(n, slot) for n, slot in self._boxes if slot.kind == "state"]
            self._launch = HostLaunch(self._launch, calls, self._pointers, states)
        self._turn = threading.Lock()

    def fill(self, value: float) -> None:
        """Set the memory of temporaries to a float32, for measurements: pages that nobody has
        written are all one page, which a cache holds.
        """
        self._arena[: self._arena.size // 4 * 4].view(np.float32)[...] = value

    def _places(self, slots: Sequence[Slot], kind: str) -> tuple[list, list]:
        """The inputs or outputs by their place among them: small ones with lasting memory, large
        ones with their slots.
        """
        small, large = [], []
        numbers = [number for number, slot in enumerate(slots) if slot.kind == kind]
        for place, number in enumerate(numbers):
            slot = slots[number]
            if math.prod(slot.shape) * slot.dtype.itemsize > STAGED:
                large.append((place, number, slot))
            else:
                small.append((place, stage := aligned_zeros(slot.shape, slot.dtype)))
                self._pointers[number] = address(stage)
        return small, large

    def __call__(self, boxes: Sequence[Holder], inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run once: `boxes` and `inputs` in the order of their slots; returns fresh outputs.

        The program has one memory, so threads that call it take turns.
        """
        with self._turn:
            seen, written = self._seen, self._written
            for place, box in enumerate(boxes):
                value = box._value
                if seen[place]() is not value or (
                    written[place] and sys.getrefcount(value) > ALONE
                ):
                    self._take_all(boxes)
                    break
            for place, stage in self._staged:
                stage[...] = inputs[place]
            kept = []
            for place, number, slot in self._direct:
                kept.append(array := np.ascontiguousarray(inputs[place], slot.dtype))
                self._pointers[number] = address(array)
            results: list[Any] = [None] * self._results
            for place, number, slot in self._handed:
                results[place] = array = np.empty(slot.shape, slot.dtype)
                self._pointers[number] = address(array)
            self._launch()
            for place, stage in self._copied:
                results[place] = stage.copy()
            return results

    def _take_all(self, boxes: Sequence[Holder]) -> None:
        """Make the arrays of all boxes the program's, where they are not yet."""
        for place, box in enumerate(boxes):
            value = box._value
            if self._seen[place]() is not value or (
                self._written[place] and sys.getrefcount(value) > ALONE
            ):
                del value
                self._take(place, box)

    def _take(self, place: int, box: Holder) -> None:
        """Make a box's array the program's: a private copy if it is written and could be seen
        elsewhere, and an aligned one where it is not, as vectors across two lines take twice as
        long.
        """
        number, slot = self._boxes[place]
        array = box._value
        private = slot.kind == "state" or not array.flags.c_contiguous
        if private or address(array) % ALIGNMENT:
            own = aligned_zeros(slot.shape, slot.dtype)
            np.copyto(own, array)
            box._value = array = own
        self._seen[place] = weakref.ref(array)
        self._pointers[number] = address(array)


def _nothing() -> None:
    """What has been seen of a box before the first call."""
