"""From what users pass (tensors, NumPy arrays, scalars) to tensors of one dtype and one shape."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import reduce, wraps
from typing import Any, TypeAlias

import numpy as np

from chainrule import dtypes
from chainrule.config import config
from chainrule.dtypes import DType, default_float, float32, float64
from chainrule.errors import ArgumentError, AxisError, DTypeError, ShapeError
from chainrule.frontend import trace
from chainrule.frontend.apply import apply, computed
from chainrule.frontend.box import Box, node_of
from chainrule.frontend.tensor import Tensor, concrete
from chainrule.ir.node import OPS, Spec

Operand: TypeAlias = Tensor | np.ndarray | bool | int | float

SCALARS = (bool, int, float)
_RANGES = {kind: dtypes.iinfo(kind)[1:3][::-1] for kind in dtypes.ALL if kind.is_integer}
_STORED = {kind.numpy for kind in dtypes.ALL}

_noticed = False


def _notice_float64() -> None:
    """Say once per process, at the user's line, that float64 input loses half of its digits."""
    global _noticed
    if _noticed:
        return
    _noticed = True
    origin = trace.user_origin()
    warnings.warn_explicit(
        "[asarray] float64 NumPy input was cast to float32; that is the default of chainrule; pass "
        "dtype=cr.float64 or set cr.config.float64 = True to keep it (said once)",
        UserWarning,
        origin.file or "<chainrule>",
        origin.line,
    )


def from_numpy(value: Any, dtype: DType | None = None, wide: bool = False) -> np.ndarray:
    """A NumPy array in a dtype of chainrule and native byte order, on the same memory if it fits.

    float64 becomes float32 unless `dtype`, `config.float64` or a float64 partner (`wide`) asks.
    """
    array = np.asarray(value)
    if array.dtype.name == dtypes.bfloat16.name:
        array = array.view(dtypes.bfloat16.numpy)
    if dtype is not None:
        return dtypes.stored(array, dtype)
    native = array.dtype.newbyteorder("=")
    if native not in _STORED:
        raise DTypeError(
            "asarray",
            f"a NumPy array of {native} has no counterpart here",
            f"there are {', '.join(kind.name for kind in dtypes.ALL)}",
            "pass dtype= or convert it first",
        )
    if native == np.float64 and not (wide or config.float64):
        _notice_float64()
        native = np.dtype(np.float32)
    return array.astype(native, copy=False)


def _fitted(value: Any, dtype: DType, where: str) -> bool | int | float:
    """A scalar as the Python type of `dtype`. Raises ArgumentError for integers out of range."""
    if not dtype.is_integer:
        return float(value) if dtype.is_float else bool(value)
    value = int(value)
    low, high = _RANGES[dtype]
    if not low <= value <= high:
        raise ArgumentError(
            where,
            f"{value} does not fit {dtype.name}",
            "a Python scalar takes the dtype of the array beside it",
            "cast the array to a wider dtype first",
        )
    return value


def scalar(value: Any, dtype: DType, where: str = "asarray") -> Tensor:
    """A Python scalar as a tensor without axes; in an open level a `constant` node, no buffer."""
    return apply("constant", value=_fitted(value, dtype, where), dtype=dtype)


def natural_dtype(scalar: bool | int | float) -> DType:
    """The dtype of a Python scalar that stands alone."""
    return dtypes.of(next(kind for kind in SCALARS if isinstance(scalar, kind)))


def lift(value: Any, where: str = "asarray", wide: bool = False) -> Tensor:
    """One argument as a tensor: it must be a tensor, a NumPy array or a Python scalar."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, SCALARS):
        return scalar(value, natural_dtype(value), where)
    if isinstance(value, (np.ndarray, np.generic)):
        return Tensor(from_numpy(value, wide=wide))
    kind = type(value)
    raise DTypeError(
        where,
        f"got a {'' if kind.__module__ == 'builtins' else kind.__module__ + '.'}{kind.__name__}",
        "it takes tensors, NumPy arrays and Python scalars",
        "convert it with cr.asarray first",
    )


def unboxed(x: Tensor) -> Tensor:
    """A tensor that keeps its content when `x` is a box and is assigned to later."""
    if not isinstance(x, Box):
        return x
    return Tensor(x._value) if trace.state.level is None else Tensor(x._value, node_of(x))


def common_dtype(values: Iterable[Any]) -> DType:
    """The promoted dtype; Python scalars change the kind at most, never the width."""
    values = list(values)
    strong = [value.dtype for value in values if isinstance(value, Tensor)]
    weak = [value for value in values if not isinstance(value, Tensor)]
    if not strong:
        return reduce(dtypes.promote, map(natural_dtype, weak))
    return reduce(dtypes.with_scalar, weak, reduce(dtypes.promote, strong))


def broadcast_shape(where: str, shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape that all of them broadcast to. Raises ShapeError, naming the axis."""
    result = shapes[0] if shapes else ()
    for shape in shapes[1:]:
        if shape == result:
            continue
        rank = max(len(shape), len(result))
        a, b = (1,) * (rank - len(result)) + result, (1,) * (rank - len(shape)) + shape
        for axis, (m, n) in enumerate(zip(a, b, strict=True)):
            if m != n and 1 not in (m, n):
                raise ShapeError(
                    where,
                    f"shapes {' and '.join(str(list(s)) for s in shapes)} do not fit together",
                    f"axis {axis - rank} has {m} and {n} elements, and only 1 stretches",
                    "reshape one of them, or insert an axis with x[:, None]",
                )
        result = tuple(n if m == 1 else m for m, n in zip(a, b, strict=True))
    return result


def lifted(where: str, values: Iterable[Any]) -> list[Any]:
    """NumPy arrays become tensors, float64 ones only beside a float64 tensor; the rest stays."""
    values = list(values)
    wide = any(isinstance(value, Tensor) and value.dtype is float64 for value in values)
    return [
        value if isinstance(value, (Tensor, *SCALARS)) else lift(value, where, wide)
        for value in values
    ]


def cast(x: Tensor, dtype: DType) -> Tensor:
    return x if x.dtype is dtype else apply("cast", x, dtype=dtype)


def widened(x: Any) -> Any:
    """A tensor of 16-bit floats as float32; anything else as it is."""
    narrow = isinstance(x, Tensor) and x.dtype.is_narrow
    return cast(x, float32) if narrow else x


def in_float32(function: Callable) -> Callable:
    """Decorator: what is composed of several operations rounds 16-bit floats once, at its end."""

    @wraps(function)
    def single(*arguments: Any, **keywords: Any) -> Any:
        given = [x for x in (*arguments, *keywords.values()) if isinstance(x, Tensor)]
        if not any(x.dtype.is_narrow for x in given):
            return function(*arguments, **keywords)
        kind = common_dtype(given)
        keywords = {name: widened(x) for name, x in keywords.items()}
        result = function(*map(widened, arguments), **keywords)
        return cast(result, kind) if result.dtype is float32 else result

    return single


def reshape_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    return x if x.shape == shape else apply("reshape", x, shape=shape)


def spread(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`x` broadcast to `shape`; the caller knows that it fits."""
    x = reshape_to(x, (1,) * (len(shape) - x.ndim) + x.shape)
    return x if x.shape == shape else apply("broadcast", x, shape=shape)


def floating(x: Any, where: str) -> Tensor:
    """An argument as a tensor of a float type."""
    x = lift(x, where)
    return x if x.dtype.is_float else cast(x, default_float())


def promoted(where: str, *values: Any, dtype: DType | None = None) -> list[Tensor]:
    """The arguments as tensors of one dtype, each in its own shape."""
    given = lifted(where, values)
    dtype = dtype or common_dtype(given)
    return [cast(v, dtype) if isinstance(v, Tensor) else scalar(v, dtype, where) for v in given]


def promoted_floats(where: str, *values: Any) -> list[Tensor]:
    """The arguments as tensors of one float dtype, each in its own shape."""
    given = lifted(where, values)
    dtype = common_dtype(given)
    return promoted(where, *given, dtype=dtype if dtype.is_float else default_float())


def operands(where: str, *values: Any, dtype: DType | None = None) -> list[Tensor]:
    """The arguments as tensors of one dtype and one shape, by promotion and broadcasting."""
    tensors = promoted(where, *values, dtype=dtype)
    shape = broadcast_shape(where, [tensor.shape for tensor in tensors])
    return [spread(tensor, shape) for tensor in tensors]


def elementwise(op: str, *values: Any, where: str = "", floats: bool = False) -> Tensor:
    """An elementwise primitive on any arguments; with `floats`, integers become floats first."""
    where = where or op
    given = lifted(where, values)
    dtype = common_dtype(given)
    if floats and not dtype.is_float:
        dtype = default_float()
    if trace.state.level is not None:
        return apply(op, *operands(where, *given, dtype=dtype))
    # At once NumPy broadcasts by itself, which spares the views.
    arrays = [
        concrete(cast(v, dtype))
        if isinstance(v, Tensor)
        else dtypes.stored(np.asarray(_fitted(v, dtype, where)), dtype)
        for v in given
    ]
    shape = broadcast_shape(where, [array.shape for array in arrays])
    OPS[op].infer(*[Spec(shape, dtype)] * len(arrays))
    return Tensor(computed(OPS[op], arrays, {}))


def axis_of(axis: Any, rank: int, where: str) -> int:
    """One axis as a number from 0 to rank - 1. Raises ArgumentError outside."""
    number = axis.__index__()
    if not -rank <= number < rank:
        raise AxisError(
            where,
            f"axis {number} of a tensor with {rank} axes",
            f"axes run from {-rank} to {rank - 1}" if rank else "it is a single number",
        )
    return number % rank


def axes_of(axis: Any, rank: int, where: str) -> tuple[int, ...]:
    """`None` (all), one axis or several, as sorted numbers."""
    if axis is None:
        return tuple(range(rank))
    several = axis if isinstance(axis, (tuple, list)) else (axis,)
    numbers = [axis_of(each, rank, where) for each in several]
    if len(set(numbers)) != len(numbers):
        raise ArgumentError(
            where, f"axis {tuple(several)} names an axis twice", "", "name each axis once"
        )
    return tuple(sorted(numbers))


def shape_of(shape: Any) -> tuple[int, ...]:
    """An int or a sequence of ints as a shape."""
    if isinstance(shape, (tuple, list)):
        return tuple([extent.__index__() for extent in shape])
    return (shape.__index__(),)
