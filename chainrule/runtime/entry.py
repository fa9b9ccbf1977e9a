"""The short way into a brief program: receives what its arguments were last, hands on a function
that takes such arguments past Python.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.runtime.engine import Launcher, Prepared
from chainrule.runtime.memory import Stages

_PASSES_ONE = 8  # METH_O: called with one object.


class _Method(ctypes.Structure):
    """What CPython knows of a function written in C."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    ]


def _words(value: object, count: int) -> list[int]:
    """The first words of an object in memory."""
    return list((ctypes.c_int64 * count).from_address(id(value)))


def offset(holder: object, held: object) -> int:
    """Where in an object the reference to one that it holds lies; 0 if nowhere."""
    words = _words(holder, type(holder).__basicsize__ // 8)
    return 8 * words.index(id(held)) if id(held) in words else 0


def is_readable() -> bool:
    """Whether objects here are laid out as `chainrule.codegen.entry` reads them."""
    if sys.implementation.name != "cpython":
        return False
    array = np.zeros((3, 5), np.float32)
    pair = (array, None)
    start = array.__array_interface__["data"][0]
    expected = {1: id(np.ndarray), 2: start, 7: id(array.dtype)}
    words = _words(array, 9)
    return (
        all(words[place] == word for place, word in expected.items())
        and words[3] & 0xFFFFFFFF == 2
        and list((ctypes.c_int64 * 2).from_address(words[4])) == [3, 5]
        and words[8] & 0x101 == 0x101
        and _words(pair, 5)[1:] == [id(tuple), 2, id(array), id(None)]
        and bytes.__basicsize__ == 33
    )


class WayIn(NamedTuple):
    """The native function, the type of tensors, where in a tensor its array lies, and what keeps
    the function loaded.
    """

    function: int
    tensors: type
    offset: int
    code: object


class Input(NamedTuple):
    """An input of a program: the address of its slot, its shape and its dtype."""

    slot: int
    shape: tuple[int, ...]
    dtype: np.dtype


class Entry:
    """`enter(arguments)` runs the program if each argument is the object that was expected or,
    where any array was, one of the shape and dtype of the input. Then it returns a copy of the
    results: of the only one or, for `within` to part, of the memory where they lie; else False.

    It may be called while `Events.count` is `seen`. All that it points to lives as long.
    """

    __slots__ = ("enter", "within", "seen", "boxes", "_kept")

    def __init__(
        self,
        enter: Callable[[tuple], Any],
        within: Callable[[np.ndarray], list[np.ndarray]],
        boxes: Sequence[Any],
        kept: tuple,
    ) -> None:
        self.enter, self.within, self.boxes, self._kept = enter, within, boxes, kept
        self.seen = -1


class Door:
    """Where entries of one program are: at most one at a time is open, and none during a call that
    goes another way, which may leave other addresses in the slots.
    """

    def __init__(
        self,
        way_in: Callable[[], WayIn | None],
        launcher: Launcher,
        inputs: Sequence[Input],
        results: Stages,
    ) -> None:
        self._way_in, self._launcher, self._inputs = way_in, launcher, inputs
        single = len(results.arrays) == 1
        self._copy = results.arrays[0].copy if single else results.memory.copy
        self._within = results.within
        self._open = ctypes.c_int64(0)  # The number of the entry that may be used.
        self._entry: Entry | None = None
        self._for: Prepared | None = None
        self._entries = 0

    def close(self) -> None:
        self._open.value = 0

    def forget(self) -> None:
        self.close()
        self._entry = None

    def open(self, boxes: Sequence[Any], expected: Sequence[tuple], now: int) -> Entry | None:
        """An entry for calls with these objects, each in a tuple that is empty for an array."""
        way_in = self._way_in()
        if way_in is None:
            return None
        entry, prepared = self._entry, self._launcher.prepared()
        if entry is None or entry.boxes is not boxes or prepared is not self._for:
            self._entries, self._for = self._entries + 1, prepared
            entry = self._entry = self._made(way_in, boxes, expected)
        entry.seen = now
        self._open.value = self._entries
        return entry

    def _made(self, way_in: WayIn, boxes: Sequence[Any], expected: Sequence[tuple]) -> Entry:
        inputs = iter(self._inputs)
        rows = [_fixed(one[0]) if one else _array(next(inputs)) for one in expected]
        function, arguments = self._launcher.prepared()
        head = [len(rows), _address(function), *[argument.value or 0 for argument in arguments]]
        head += [id(np.ndarray), id(way_in.tensors), way_in.offset]
        head += [ctypes.addressof(self._open), self._entries, id(self._copy), _CALL, _BOOL]
        table = b"".join([_line(head, 16), *[line for line, _ in rows]])
        method = _Method(b"enter", way_in.function, _PASSES_ONE, None)
        enter = _new(ctypes.byref(method), table, None)
        kept = way_in, self._launcher, self._copy, self._open, method, rows
        return Entry(enter, self._within, boxes, kept)


def _line(words: Sequence[int], count: int = 8) -> bytes:
    return struct.pack(f"{count}q", *words, *[0] * (count - len(words)))


def _fixed(value: object) -> tuple[bytes, Any]:
    """The line of an argument that has to be this object, and what the line points to."""
    return _line([id(value)]), value


def _array(expected: Input) -> tuple[bytes, Any]:
    """The line of an argument that has to be such an array, and what the line points to."""
    slot, shape, dtype = expected
    extents = (ctypes.c_int64 * len(shape))(*shape)
    return _line([0, id(dtype), len(shape), ctypes.addressof(extents), slot]), (dtype, extents)


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


_CALL = _address(ctypes.pythonapi.PyObject_CallNoArgs)
_BOOL = _address(ctypes.pythonapi.PyBool_FromLong)
_new = ctypes.pythonapi.PyCFunction_NewEx
_new.restype = ctypes.py_object
_new.argtypes = ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p
