"""Dtypes: casts, limits, kinds, and what the library can do. Receives tensors and dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import dtypes
from chainrule.dtypes import DType
from chainrule.errors import ArgumentError
from chainrule.frontend.lift import SCALARS, Operand, cast, common_dtype, lift, lifted, unboxed
from chainrule.frontend.tensor import Tensor, check_device, concrete, method

KINDS = {
    "bool": ("bool",),
    "signed integer": ("int",),
    "unsigned integer": ("uint",),
    "integral": ("int", "uint"),
    "real floating": ("float",),
    "complex floating": (),
    "numeric": ("int", "uint", "float"),
}


@method
def astype(x: Operand, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """The same values in another dtype; floats become integers by truncation, NaN becomes 0.

    >>> cr.astype(cr.asarray([1.7, -1.7]), cr.int32)
    Tensor([ 1, -1], dtype=int32)
    """
    check_device(device)
    x, kind = lift(x, "astype"), dtypes.of(dtype)
    if x.dtype is kind and copy and x._node is None:
        return Tensor(concrete(x).copy())
    return cast(unboxed(x), kind)


def _dtype_of(thing: Any) -> DType:
    return thing.dtype if isinstance(thing, Tensor) else dtypes.of(thing)


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether values of one dtype (or tensor) fit the other, by the standard's promotion table.

    >>> cr.can_cast(cr.int32, cr.int64)
    True
    """
    source, target = _dtype_of(from_), dtypes.of(to)
    if source.kind != target.kind and {source.kind, target.kind} != {"int", "uint"}:
        return False
    return dtypes.PROMOTION.get((source, target)) is target


def result_type(*arrays_and_dtypes: Any) -> DType:
    """The dtype of an operation on these tensors, dtypes and Python scalars.

    >>> cr.result_type(cr.int32, cr.float32)
    chainrule.float32
    """
    values = [
        thing
        for thing in arrays_and_dtypes
        if isinstance(thing, (Tensor, *SCALARS, np.ndarray, np.generic))
    ]
    kinds = [
        dtypes.of(thing)
        for thing in arrays_and_dtypes
        if not any(thing is value for value in values)
    ]
    strong = [Tensor(np.zeros((), kind.numpy)) for kind in kinds]
    if not values and not strong:
        raise ArgumentError("result_type", "of nothing", "it needs a tensor, dtype or scalar")
    return common_dtype([*strong, *lifted("result_type", values)])


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind ("bool", "integral", "real floating", ...), or of several.

    >>> cr.isdtype(cr.int32, "integral")
    True
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, each) for each in kind)
    if isinstance(kind, str) and kind in KINDS:
        return dtypes.of(dtype).kind in KINDS[kind]
    if isinstance(kind, str):
        raise ArgumentError("isdtype", f"no kind {kind!r}", f"there are {', '.join(KINDS)}")
    return dtypes.of(dtype) is dtypes.of(kind)


def finfo(type: Any, /) -> dtypes.FloatInfo:
    """The limits of a float type, or of a tensor's.

    >>> cr.finfo(cr.float32).bits
    32
    """
    return dtypes.finfo(_dtype_of(type))


def iinfo(type: Any, /) -> dtypes.IntegerInfo:
    """The limits of an integer type, or of a tensor's.

    >>> cr.iinfo(cr.int8).max
    127
    """
    return dtypes.iinfo(_dtype_of(type))


class NamespaceInfo:
    """What `__array_namespace_info__` tells: capabilities, devices, dtypes."""

    def capabilities(self) -> dict[str, Any]:
        """Masks and functions with data-dependent shapes work outside compiled functions."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        return "cpu"

    def devices(self) -> tuple[str, ...]:
        return ("cpu",)

    def default_dtypes(self, *, device: Any = None) -> dict[str, DType]:
        check_device(device)
        return {
            "real floating": dtypes.default_float(),
            "integral": dtypes.int64,
            "indexing": dtypes.int64,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, DType]:
        """The dtypes by name, perhaps of one kind or several only."""
        check_device(device)
        return {each.name: each for each in dtypes.ALL if kind is None or isdtype(each, kind)}


def __array_namespace_info__() -> NamespaceInfo:
    """Capabilities, devices and dtypes, as the array API standard asks.

    >>> cr.__array_namespace_info__().default_device()
    'cpu'
    """
    return NamespaceInfo()
