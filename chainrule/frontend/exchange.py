"""Arrays for other libraries and from them, by DLPack: receives NumPy arrays and capsules.

NumPy can neither make nor read a capsule of bfloat16. So it makes and reads one of uint16, in which
the code of the type is changed.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from chainrule.dtypes import bfloat16

# Where the code of the type stands: behind data, device and rank (versioned: 32 bytes further on).
_PLACES = {b"dltensor": 20, b"dltensor_versioned": 52}
_UINT, _BFLOAT = 1, 4

_name = ctypes.pythonapi.PyCapsule_GetName
_name.restype, _name.argtypes = ctypes.c_char_p, [ctypes.py_object]
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def capsule(array: np.ndarray, **options: Any) -> Any:
    """The DLPack capsule of an array in the storage of one of our types."""
    if array.dtype != bfloat16.numpy:
        return array.__dlpack__(**options)
    bits = array.view(np.uint16).__dlpack__(**options)
    _code(bits).value = _BFLOAT
    return bits


def array(x: Any, copy: bool | None) -> np.ndarray:
    """The array that another library's tensor hands on."""
    given = _Given(x)
    value = np.from_dlpack(given, copy=copy)
    return value.view(bfloat16.numpy) if given.is_bfloat16 else value


class _Given:
    """A tensor of another library whose capsule NumPy can read."""

    is_bfloat16 = False

    def __init__(self, x: Any) -> None:
        self._x = x

    def __dlpack__(self, **options: Any) -> Any:
        try:
            result = self._x.__dlpack__(**options)
        except TypeError:  # It was written before versions were.
            result = self._x.__dlpack__()
        code = _code(result)
        if code.value == _BFLOAT:
            self.is_bfloat16, code.value = True, _UINT
        return result

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._x.__dlpack_device__()


def _code(capsule: Any) -> ctypes.c_uint8:
    name = _name(capsule)
    return ctypes.c_uint8.from_address(_pointer(capsule, name) + _PLACES[name])
