"""Base: the data types, their promotion, and their NumPy storage. Everything above receives `DType`
from here.

Arithmetic of 16-bit floats is float32: operands are `widened`, which is exact, and each result that
is stored is rounded once, to the nearest value and ties to even.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chainrule.config import config
from chainrule.errors import DTypeError


class DType:
    """A type of array elements: `kind` is "bool", "int", "uint" or "float"; `bits` its width in
    memory; `numpy` how NumPy stores it; `digits` the binary digits of a float.
    """

    __slots__ = ("name", "kind", "bits", "numpy", "digits")

    def __init__(
        self, name: str, kind: str, bits: int, digits: int = 0, numpy: np.dtype | None = None
    ) -> None:
        self.name, self.kind, self.bits, self.digits = name, kind, bits, digits
        self.numpy = np.dtype(name) if numpy is None else numpy

    @property
    def itemsize(self) -> int:
        return self.bits // 8

    @property
    def is_float(self) -> bool:
        return self.kind == "float"

    @property
    def is_integer(self) -> bool:
        return self.kind in ("int", "uint")

    @property
    def is_narrow(self) -> bool:
        """Whether it is a float of 16 bits."""
        return self.kind == "float" and self.bits == 16

    @property
    def arithmetic(self) -> DType:
        """The type that computes with its values."""
        return float32 if self.is_narrow else self

    def __repr__(self) -> str:
        return f"chainrule.{self.name}"

    def __reduce__(self) -> tuple:
        return of, (self.name,)


# Own spelling of the width: a bool occupies one byte.
bool_ = DType("bool", "bool", 8)
int8, int16, int32, int64 = (DType(f"int{n}", "int", n) for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (DType(f"uint{n}", "uint", n) for n in (8, 16, 32, 64))
float16, float32, float64 = (
    DType(f"float{bits}", "float", bits, digits) for bits, digits in ((16, 11), (32, 24), (64, 53))
)
# NumPy has no such type: a structure keeps it apart from uint16, whatever arrays go through.
bfloat16 = DType("bfloat16", "float", 16, 8, np.dtype([("bfloat16", np.uint16)]))

INTEGERS = (int8, int16, int32, int64, uint8, uint16, uint32, uint64)
FLOATS = (bfloat16, float16, float32, float64)
ALL = (bool_, *INTEGERS, *FLOATS)
NARROW = frozenset(dtype.numpy.char for dtype in (bfloat16, float16))
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
    if isinstance(thing, np.dtype):
        found = _BY_NUMPY.get(thing)
    elif isinstance(thing, str):
        found = _BY_NAME.get(thing)
    elif isinstance(thing, type):
        found = _BY_PYTHON.get(thing)
    if found is None:
        try:
            numpy = np.dtype(thing)
            # Packages beside NumPy have types of their own with this name.
            found = bfloat16 if numpy.name == bfloat16.name else _BY_NUMPY.get(numpy)
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
    if a.is_narrow and b.is_narrow:
        return float32
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
    # A bfloat16 has the exponents of float32.
    info = np.finfo(float32.numpy if dtype is bfloat16 else dtype.numpy)
    eps, tiny = 2.0 ** (1 - dtype.digits), float(info.smallest_normal)
    largest = (2 - eps) * 2.0 ** (info.maxexp - 1)
    return FloatInfo(dtype.bits, eps, largest, -largest, tiny, dtype)


def iinfo(thing: object) -> IntegerInfo:
    """Limits of an integer type."""
    dtype = of(thing)
    info = np.iinfo(dtype.numpy)
    return IntegerInfo(dtype.bits, int(info.max), int(info.min), dtype)


def widened(array: np.ndarray) -> np.ndarray:
    """The same values as an array that NumPy computes with: 16-bit floats become float32."""
    if array.dtype == bfloat16.numpy:
        bits = np.ascontiguousarray(array).view(np.uint16).astype(np.uint32) << np.uint32(16)
        return bits.view(np.float32).reshape(array.shape)
    return array.astype(np.float32) if array.dtype == float16.numpy else array


def stored(array: np.ndarray, dtype: DType) -> np.ndarray:
    """Numbers in the storage of `dtype`, on the same memory where they are in it already.

    16-bit floats are rounded from float32, also what was float64 or an integer.
    """
    if array.dtype == dtype.numpy:
        return array
    array = widened(array)
    if not dtype.is_narrow:
        return array.astype(dtype.numpy)
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(array, np.float32).reshape(array.shape)
        return single.astype(np.float16) if dtype is float16 else _bfloat16(single)


def _bfloat16(array: np.ndarray) -> np.ndarray:
    """The upper halves of float32 values, rounded to the nearest value and ties to even."""
    bits = array.view(np.uint32)
    odd = bits >> np.uint32(16) & np.uint32(1)
    halves = (bits + np.uint32(0x7FFF) + odd) >> np.uint32(16)
    return np.where(np.isnan(array), 0x7FC0, halves).astype(np.uint16).view(bfloat16.numpy)


def rounded(value: float, dtype: DType) -> float:
    """A number as `dtype` holds it."""
    return widened(stored(np.asarray(value), dtype)).item()
