"""Memory of programs: what their pointers stand for, and arrays that start at cache lines."""

from __future__ import annotations

import ctypes
import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

ALIGNMENT = 64


class Slot(NamedTuple):
    """What one pointer of the program stands for: kind is "state", "box" (only read), "input",
    "constant", "output".
    """

    kind: str
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array that starts at a cache line.

    Its memory belongs to a bytearray, not to another array: so every view of it refers to the array
    itself, and references to the array tell whether somebody looks on.
    """
    memory = bytearray(math.prod(shape) * dtype.itemsize + ALIGNMENT)
    start = -ctypes.addressof(ctypes.c_char.from_buffer(memory)) % ALIGNMENT
    return np.ndarray(shape, dtype, memory, start)


class Stages:
    """Lasting memory of small arrays, each at a cache line of one `memory`."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        sizes = [-(-slot.bytes // ALIGNMENT) * ALIGNMENT for slot in slots]
        *starts, size = itertools.accumulate(sizes, initial=0)
        self._places = list(zip(slots, starts, strict=True))
        self.memory = aligned_zeros((size,), np.dtype(np.uint8))
        self.arrays = self.within(self.memory)

    def within(self, memory: np.ndarray) -> list[np.ndarray]:
        """The arrays as they lie in a copy of the memory."""
        return [np.ndarray(slot.shape, slot.dtype, memory, at) for slot, at in self._places]


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]
