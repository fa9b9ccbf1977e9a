"""Making tensors: from data, or by formula, which stays a formula while a transform is open."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import dtypes
from chainrule.dtypes import DType, bool_, default_float, int64
from chainrule.errors import ArgumentError, DTypeError, ShapeError
from chainrule.frontend import exchange, trace
from chainrule.frontend.apply import apply
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import stack
from chainrule.frontend.lift import (
    SCALARS,
    Operand,
    cast,
    common_dtype,
    from_numpy,
    lift,
    natural_dtype,
    reshape_to,
    scalar,
    shape_of,
    spread,
    unboxed,
)
from chainrule.frontend.tensor import Tensor, check_device, concrete


def asarray(
    obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None
) -> Tensor:
    """A tensor from a scalar, nested sequences, a NumPy array, or anything NumPy understands.

    Python floats become float32, ints int64. NumPy arrays are copied unless `copy=False`, because
    a tensor never changes; float64 ones are cast to float32 unless `dtype` or `config.float64`
    says otherwise.

    >>> cr.asarray([[1, 2], [3, 4]], dtype=cr.float32)
    Tensor([[1., 2.],
            [3., 4.]], dtype=float32)
    """
    check_device(device)
    dtype = None if dtype is None else dtypes.of(dtype)
    if isinstance(obj, Tensor):
        return _from_tensor(obj, dtype, copy)
    if isinstance(obj, SCALARS):
        _refuse_sharing(copy)
        return scalar(obj, dtype or natural_dtype(obj))
    if isinstance(obj, (list, tuple)):
        _refuse_sharing(copy)
        return _from_sequence(obj, dtype)
    array = from_numpy(obj, dtype)
    shared = np.shares_memory(array, np.asarray(obj))
    if copy is False and not shared:
        _refuse_sharing(copy)
    return Tensor(array.copy() if shared and copy is not False else array)


def _refuse_sharing(copy: bool | None) -> None:
    if copy is False:
        raise ArgumentError(
            "asarray", "copy=False, but the values must be converted", "", "leave out copy=False"
        )


def _from_tensor(x: Tensor, dtype: DType | None, copy: bool | None) -> Tensor:
    if dtype is not None and dtype is not x.dtype:
        _refuse_sharing(copy)
        return cast(x, dtype)
    if copy and trace.state.level is None:
        return Tensor(concrete(x).copy())
    return unboxed(x)


def _from_sequence(items: list | tuple, dtype: DType | None) -> Tensor:
    if _holds_tensors(items):
        parts = [
            asarray(item, dtype=dtype) if not isinstance(item, SCALARS) or dtype else item
            for item in items
        ]
        if dtype is None:
            kind = common_dtype(parts)
            parts = [cast(p, kind) if isinstance(p, Tensor) else scalar(p, kind) for p in parts]
        return stack(parts)
    try:
        array = np.array(items, None if dtype is None else dtype.arithmetic.numpy)
    except ValueError as error:
        raise ShapeError(
            "asarray", "the nested sequences have unequal lengths", str(error)
        ) from None
    if dtype is None and (array.dtype == np.float64 or array.size == 0 and array.dtype.kind == "f"):
        dtype = default_float()
    return Tensor(from_numpy(array, dtype))


def _holds_tensors(items: list | tuple) -> bool:
    return any(
        isinstance(item, Tensor) or isinstance(item, (list, tuple)) and _holds_tensors(item)
        for item in items
    )


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of another library's array, which must not change; copied if asked.

    >>> cr.from_dlpack(np.asarray([1, 2]))
    Tensor([1, 2], dtype=int64)
    """
    check_device(device)
    array = exchange.array(x, copy)
    dtypes.of(array.dtype)
    return Tensor(array)


def full(shape: Any, fill_value: Operand, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of one value everywhere.

    >>> cr.full((2, 2), 7)
    Tensor([[7, 7],
            [7, 7]], dtype=int64)
    """
    check_device(device)
    shape = shape_of(shape)
    if not isinstance(fill_value, SCALARS):
        value = lift(fill_value, "full")
        return spread(value if dtype is None else cast(value, dtypes.of(dtype)), shape)
    kind = natural_dtype(fill_value) if dtype is None else dtypes.of(dtype)
    value = scalar(fill_value, kind, "full")
    # At once a tensor gets memory of its own, so that it may become a parameter.
    return (
        Tensor(np.full(shape, concrete(value)))
        if trace.state.level is None
        else spread(value, shape)
    )


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of zeros.

    >>> cr.zeros(3)
    Tensor([0., 0., 0.], dtype=float32)
    """
    return full(shape, 0, dtype=dtype or default_float(), device=device)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of ones.

    >>> cr.ones(3, dtype=cr.int32)
    Tensor([1, 1, 1], dtype=int32)
    """
    return full(shape, 1, dtype=dtype or default_float(), device=device)


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor whose values do not matter: zeros, since a tensor cannot be filled later.

    >>> cr.empty((2, 3)).shape
    (2, 3)
    """
    return zeros(shape, dtype=dtype, device=device)


def full_like(
    x: Operand, /, fill_value: Operand, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """A tensor of one value with the shape and dtype of x.

    >>> cr.full_like(cr.asarray([1.0, 2.0]), 3)
    Tensor([3., 3.], dtype=float32)
    """
    like = lift(x, "full_like")
    return full(like.shape, fill_value, dtype=dtype or like.dtype, device=device)


def zeros_like(x: Operand, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros with the shape and dtype of x.

    >>> cr.zeros_like(cr.asarray([1.0, 2.0]))
    Tensor([0., 0.], dtype=float32)
    """
    return full_like(x, 0, dtype=dtype, device=device)


def ones_like(x: Operand, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones with the shape and dtype of x.

    >>> cr.ones_like(cr.asarray([3, 4]))
    Tensor([1, 1], dtype=int64)
    """
    return full_like(x, 1, dtype=dtype, device=device)


def empty_like(x: Operand, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros with the shape and dtype of x: values that do not matter.

    >>> cr.empty_like(cr.asarray([3, 4])).shape
    (2,)
    """
    return zeros_like(x, dtype=dtype, device=device)


def iota(size: int, dtype: DType = int64) -> Tensor:
    """0, 1, ..., size - 1."""
    return apply("iota", size=size, dtype=dtype)


def arange(
    start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """start, start + step, ... below stop; with one argument, from 0.

    >>> cr.arange(1, 7, 2)
    Tensor([1, 3, 5], dtype=int64)
    """
    check_device(device)
    start, stop = (0, start) if stop is None else (start, stop)
    start, stop, step = [x if isinstance(x, SCALARS) else x.item() for x in (start, stop, step)]
    if step == 0:
        raise ArgumentError(
            "arange", "step is 0", "it would never arrive", "give a step above or below 0"
        )
    kind = dtypes.of(dtype) if dtype is not None else common_dtype([start, stop, step])
    if kind is bool_:
        raise DTypeError("arange", "a range has no truth values", "", "ask for an integer dtype")
    size = (
        max(0, math.ceil((stop - start) / step))
        if not all(isinstance(x, int) for x in (start, stop, step))
        else max(0, -((start - stop) // step))
    )
    if not kind.is_float:
        return iota(size, kind) if (start, step) == (0, 1) else _line(start, step, size, kind)
    return _line(start, step, size, kind)


def _line(start: float, step: float, size: int, dtype: DType) -> Tensor:
    """start + i * step in this dtype; small integers by way of int64, where nothing overflows."""
    if dtype.is_float:
        return iota(size, dtype) * scalar(step, dtype) + scalar(start, dtype)
    wide = dtype if dtype.bits == 64 else int64
    return cast(iota(size, int64) * int(step) + int(start), wide if wide is dtype else dtype)


def linspace(
    start: Any,
    stop: Any,
    /,
    num: int,
    *,
    dtype: Any = None,
    device: Any = None,
    endpoint: bool = True,
) -> Tensor:
    """`num` numbers from start to stop at equal distances; the stop itself only with `endpoint`.

    >>> cr.linspace(0, 1, 5)
    Tensor([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """
    check_device(device)
    kind = default_float() if dtype is None else dtypes.of(dtype)
    if num < 0:
        raise ArgumentError("linspace", f"num is {num}", "a count is not negative")
    steps = num - 1 if endpoint else num
    position = iota(num, kind if kind.is_float else default_float())
    fraction = position / max(steps, 1)
    # Both ends are hit exactly: from the start in the first half, from the stop in the second.
    below, above = start + fraction * (stop - start), stop - (1 - fraction) * (stop - start)
    return cast(where(fraction < 0.5, below, above), kind)


def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None
) -> Tensor:
    """Ones on diagonal k, zeros elsewhere.

    >>> cr.eye(2)
    Tensor([[1., 0.],
            [0., 1.]], dtype=float32)
    """
    check_device(device)
    kind = default_float() if dtype is None else dtypes.of(dtype)
    return cast(_diagonals((n_rows, n_rows if n_cols is None else n_cols), k) == 0, kind)


def _diagonals(shape: tuple[int, ...], k: int) -> Tensor:
    """For each place of a matrix the number of its diagonal, counted from diagonal k."""
    rows, columns = shape
    k = max(-rows, min(k, columns))
    return reshape_to(iota(columns), (1, columns)) - reshape_to(iota(rows), (rows, 1)) - k


def tril(x: Operand, /, *, k: int = 0) -> Tensor:
    """x with zeros above diagonal k.

    >>> cr.tril(cr.ones((2, 2)))
    Tensor([[1., 0.],
            [1., 1.]], dtype=float32)
    """
    x = _matrix(x, "tril")
    return where(_diagonals(x.shape[-2:], k) <= 0, x, zeros_like(x))


def triu(x: Operand, /, *, k: int = 0) -> Tensor:
    """x with zeros below diagonal k.

    >>> cr.triu(cr.ones((2, 2)))
    Tensor([[1., 1.],
            [0., 1.]], dtype=float32)
    """
    x = _matrix(x, "triu")
    return where(_diagonals(x.shape[-2:], k) >= 0, x, zeros_like(x))


def _matrix(x: Operand, name: str) -> Tensor:
    x = lift(x, name)
    if x.ndim < 2:
        raise ShapeError(
            name, f"of shape {list(x.shape)}", "it needs rows and columns", "reshape it first"
        )
    return x


def meshgrid(*arrays: Operand, indexing: str = "xy") -> tuple[Tensor, ...]:
    """Coordinate arrays of a grid; "xy" puts the first array along columns, "ij" along rows.

    >>> cr.meshgrid(cr.asarray([1, 2]), cr.asarray([3, 4]), indexing="ij")[0]
    Tensor([[1, 1],
            [2, 2]], dtype=int64)
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError("meshgrid", f"indexing={indexing!r}", 'only "xy" and "ij" exist')
    tensors = [lift(array, "meshgrid") for array in arrays]
    if any(tensor.ndim > 1 for tensor in tensors):
        raise ShapeError(
            "meshgrid", f"got shapes {[list(t.shape) for t in tensors]}", "each must have one axis"
        )
    order = list(range(len(tensors)))
    if indexing == "xy" and len(order) > 1:
        order[:2] = [1, 0]
    shape = tuple(tensors[i].size for i in order)
    columns = [
        tuple(size if order[axis] == i else 1 for axis, size in enumerate(shape))
        for i in range(len(order))
    ]
    return tuple(
        spread(reshape_to(t, column), shape) for t, column in zip(tensors, columns, strict=True)
    )
