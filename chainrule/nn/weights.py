"""Weights in safetensors files: receives and hands on dicts from paths to arrays in the storage of
our types.

The format is a length, a JSON header with type, shape and place of each array, and their bytes. It
is read and written here, since the package for NumPy knows no bfloat16.
"""

from __future__ import annotations

import json
import os
from os import PathLike
from typing import Any

import numpy as np

from chainrule.dtypes import ALL, DType, bool_, of
from chainrule.errors import ArgumentError


def _code(dtype: DType) -> str:
    kind = {"bfloat16": "BF", "bool": "BOOL"}.get(dtype.name, dtype.kind[0].upper())
    return kind if dtype is bool_ else f"{kind}{dtype.bits}"


_CODES = {dtype: _code(dtype) for dtype in ALL}
_TYPES = {code: dtype for dtype, code in _CODES.items()}


def save(arrays: dict[str, np.ndarray], path: str | PathLike) -> None:
    """Write arrays by name; a file that is there is replaced when the new one is complete."""
    arrays = dict(sorted(arrays.items()))
    header, place = {}, 0
    for name, array in arrays.items():
        end = place + array.nbytes
        header[name] = {
            "dtype": _CODES[of(array.dtype)],
            "shape": array.shape,
            "data_offsets": (place, end),
        }
        place = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    new = f"{os.fspath(path)}.new"
    with open(new, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            file.write(array.tobytes())
    os.replace(new, path)


def load(path: str | PathLike) -> dict[str, np.ndarray]:
    """Read arrays by name. Raises ArgumentError for a file of another kind, or a damaged one."""
    with open(path, "rb") as file:
        data = file.read()
    try:
        start = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:start])
        header.pop("__metadata__", None)
        return {name: _array(data, start, entry) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArgumentError(
            "load_weights",
            f"'{os.fspath(path)}' is no safetensors file, or damaged",
            f"{type(error).__name__}: {error}",
        ) from None


def _array(data: bytes, start: int, entry: dict[str, Any]) -> np.ndarray:
    first, end = (start + place for place in entry["data_offsets"])
    return np.frombuffer(data[first:end], _TYPES[entry["dtype"]].numpy).reshape(entry["shape"])
