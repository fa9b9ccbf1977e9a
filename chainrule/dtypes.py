"""Base: the data types, their promotion, and their NumPy storage. Everything above receives `DType`
from here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chainrule.config import config
from chainrule.errors import DTypeError


class DType:
    """A type of array elements: `kind` is "bool", "int", "uint" or "float"; `bits` its width in
    memory.
    """

    __slots__ = ("name", "kind", "bits", "numpy")

    def __init__(self, name: str, kind: str, bits: int) -> None:
        self.name, self.kind, self.bits = name, kind, bits
        self.numpy = np.dtype(name)

    @property
    def itemsize(self) -> int:
        return self.bits // 8

    @property
    def is_float(self) -> bool:
        return self.kind == "float"

    @property
    def is_integer(self) -> bool:
        return self.kind in ("int", "uint")

    def __repr__(self) -> str:
        return f"chainrule.{self.name}"

    def __reduce__(self) -> tuple:
        return of, (self.name,)


# Own spelling of the width: a bool occupies one byte.
bool_ = DType("bool", "bool", 8)
int8, int16, int32, int64 = (DType(f"int{n}", "int", n) for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (DType(f"uint{n}", "uint", n) for n in (8, 16, 32, 64))
float32, float64 = (DType(f"float{n}", "float", n) for n in (32, 64))

ALL = (bool_, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64)
_BY_NAME = {dtype.name: dtype for dtype in ALL}
_BY_NUMPY = {dtype.numpy: dtype for dtype in ALL}
_BY_PYTHON = {bool: bool_, int: int64}


def default_float() -> DType:
    """The type of Python floats: float32, or float64 where `config.float64` is set."""
    return float64 if config.float64 else float32


def of(thing: object) -> DType:
    """The DType of a DType, a name, a NumPy dtype or a Python scalar type.

    Python's `float` is the default float type, its `int` is int64. Raises DTypeError for anything
    without a counterpart.
    """
    if isinstance(thing, DType):
        return thing
    if thing is float:
        return default_float()
    found = None
    if isinstance(thing, str):
        found = _BY_NAME.get(thing)
    elif isinstance(thing, type):
        found = _BY_PYTHON.get(thing)
    if found is None:
        try:
            found = _BY_NUMPY.get(np.dtype(thing))
        except TypeError:
            found = None
    if found is None:
        names = ", ".join(_BY_NAME)
        raise DTypeError(
            "dtype", f"{thing!r} is not a data type of chainrule", f"there are {names}"
        )
    return found


def _promoted(a: DType, b: DType) -> DType:
    """Array-API promotion; between kinds, the float wins unchanged and bool yields to all."""
    if a is b:
        return a
    if "bool" in (a.kind, b.kind):
        return b if a.kind == "bool" else a
    if a.kind == b.kind:
        return a if a.bits > b.bits else b
    if a.is_float or b.is_float:
        return a if a.is_float else b
    signed, unsigned = (a, b) if a.kind == "int" else (b, a)
    if signed.bits > unsigned.bits:
        return signed
    if unsigned.bits == 64:
        raise DTypeError(
            "result_type",
            f"{signed.name} and uint64 have no common integer type",
            "no integer type holds both ranges",
            "cast one of them first",
        )
    return _BY_NAME[f"int{2 * unsigned.bits}"]


PROMOTION = {
    (a, b): _promoted(a, b)
    for a in ALL
    for b in ALL
    if not (a.kind == "int" and b is uint64 or b.kind == "int" and a is uint64)
}


def promote(a: DType, b: DType) -> DType:
    """The smallest type that holds both; integers of mixed sign widen, a float wins over any
    integer.
    """
    found = PROMOTION.get((a, b))
    return found if found is not None else _promoted(a, b)


def with_scalar(dtype: DType, scalar: bool | int | float) -> DType:
    """The type of `array op scalar`: a Python scalar is weak and only changes the kind, never the
    width.
    """
    if isinstance(scalar, bool) or dtype.is_float:
        return dtype
    if isinstance(scalar, int):
        return int64 if dtype.kind == "bool" else dtype
    return default_float()


class FloatInfo(NamedTuple):
    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType


class IntegerInfo(NamedTuple):
    bits: int
    max: int
    min: int
    dtype: DType


def finfo(thing: object) -> FloatInfo:
    """Limits of a float type, as Python floats."""
    dtype = of(thing)
    info = np.finfo(dtype.numpy)
    return FloatInfo(
        dtype.bits,
        float(info.eps),
        float(info.max),
        float(info.min),
        float(info.smallest_normal),
        dtype,
    )


def iinfo(thing: object) -> IntegerInfo:
    """Limits of an integer type."""
    dtype = of(thing)
    info = np.iinfo(dtype.numpy)
    return IntegerInfo(dtype.bits, int(info.max), int(info.min), dtype)
