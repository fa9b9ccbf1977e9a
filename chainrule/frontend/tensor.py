"""Tensor: an immutable array with a value, a node, or both."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule import dtypes
from chainrule.dtypes import DType
from chainrule.errors import ArgumentError, ImmutableError, ShapeError, TraceError
from chainrule.frontend import exchange, trace
from chainrule.ir import interpret
from chainrule.ir.node import Node, Spec

# What the methods of Tensor call: the modules of `frontend.functions` enter theirs here.
composed: dict[str, Callable] = {}


def method(function: Callable) -> Callable:
    """Decorator: methods and operators of Tensor reach this function by its name."""
    composed[function.__name__] = function
    return function


def _unary(name: str) -> Callable[[Tensor], Tensor]:
    return lambda self: composed[name](self)


def _operator(name: str) -> Callable[[Tensor, Any], Any]:
    def call(self: Tensor, other: Any) -> Any:
        return composed[name](self, other) if isinstance(other, OPERANDS) else NotImplemented

    return call


def _reflected(name: str) -> Callable[[Tensor, Any], Any]:
    def call(self: Tensor, other: Any) -> Any:
        return composed[name](other, self) if isinstance(other, OPERANDS) else NotImplemented

    return call


class Tensor:
    """An immutable multidimensional array.

    Outside transforms it holds a value; inside one, also the node of the graph that makes it; under
    `jit` the
    node alone.
    """

    __slots__ = ("_value", "_node", "_session", "__weakref__")
    # NumPy leaves `array op tensor` to the reflected operators below.
    __array_ufunc__ = None

    def __init__(self, value: np.ndarray | None, node: Node | None = None) -> None:
        self._value, self._node = value, node
        self._session = trace.state.session if node is not None else None

    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape if self._value is not None else self._node.shape

    @property
    def dtype(self) -> DType:
        return dtypes.of(self._value.dtype) if self._value is not None else self._node.dtype

    @property
    def spec(self) -> Spec:
        return Spec(self.shape, self.dtype)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self._value.size if self._value is not None else math.prod(self._node.shape)

    @property
    def device(self) -> str:
        return "cpu"

    @property
    def T(self) -> Tensor:
        """The transpose of a matrix."""
        if self.ndim != 2:
            raise ShapeError(
                "T",
                f"of a tensor with {self.ndim} axes",
                "it is defined for matrices",
                "use .mT for stacks of matrices or cr.permute_dims",
            )
        return composed["matrix_transpose"](self)

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
        return composed["matrix_transpose"](self)

    @property
    def at(self) -> Any:
        """`x.at[index].set(v)` and `x.at[index].add(v)`: a changed copy."""
        return composed["at"](self)

    def numpy(self) -> np.ndarray:
        """The value as a read-only NumPy array in this tensor's memory; `np.array(x)` copies.

        NumPy has no bfloat16: such a tensor gives float32, in memory of its own.
        """
        value = self._value
        if value is None:
            value = concrete(self, "a NumPy array")
        view = dtypes.widened(value) if value.dtype.char == "V" else value.view()
        view.setflags(False)  # By position: by name it takes twice as long.
        return view

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        if dtype is None or np.dtype(dtype) == array.dtype:
            return array.copy() if copy else array
        if copy is False:
            raise ArgumentError(
                "numpy",
                f"{self.dtype.name} to {np.dtype(dtype)} without a copy",
                "another dtype needs other memory",
                "leave out copy=False",
            )
        return array.astype(dtype)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A DLPack capsule; a consumer that cannot be told "read-only" gets a copy by default."""
        versioned = max_version is not None and max_version[0] >= 1
        array = concrete(self, "a DLPack capsule")
        if versioned:
            array = array.view()
            array.flags.writeable = False
        if copy or copy is None and not versioned:
            array = array.copy()
        return exchange.capsule(array, stream=stream, max_version=max_version, dl_device=dl_device)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12", "2025.12"):
            raise ArgumentError(
                "array_namespace",
                f"no version {api_version!r} of the array API standard",
                "2021.12 to 2025.12 exist",
                "leave api_version out",
            )
        return sys.modules[__name__.partition(".")[0]]

    def to_device(self, device: str, /, *, stream: Any = None) -> Tensor:
        """This tensor: there is one device, "cpu"."""
        check_device(device)
        if stream is not None:
            raise ArgumentError("to_device", "the cpu has no streams", "", "leave out stream=")
        return self

    def item(self) -> bool | int | float:
        """The only element as a Python scalar."""
        return self._scalar("item()").item()

    def tolist(self) -> Any:
        """The elements as Python scalars in nested lists."""
        concrete(self, "a list")
        return self.numpy().tolist()

    def _scalar(self, use: str) -> np.ndarray:
        if self.size != 1:
            raise ShapeError(
                use,
                f"of {self.size} elements ({describe(self)})",
                "it is defined for one element",
                "index or reduce first, or call tolist()",
            )
        value = concrete(self, use)
        return dtypes.widened(value) if value.dtype.char == "V" else value

    def __bool__(self) -> bool:
        return bool(self._scalar("bool()"))

    def __int__(self) -> int:
        return int(self._scalar("int()").item())

    def __float__(self) -> float:
        return float(self._scalar("float()").item())

    def __complex__(self) -> complex:
        return complex(self._scalar("complex()").item())

    def __index__(self) -> int:
        if not self.dtype.is_integer or self.ndim:
            raise TypeError(
                f"[index] {self.dtype.name}{list(self.shape)} cannot count or index; only integers "
                "without axes can; use int(x) if you mean its value"
            )
        return int(self._scalar("a Python integer").item())

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError(
                "[len] a tensor without axes has no length; it is one number; use .size"
            )
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        length = len(self)
        if self._value is None:
            concrete(self, "iteration")
        return (self[i] for i in range(length))

    def __contains__(self, element: Any) -> bool:
        return bool(composed["any"](self == element))

    def __repr__(self) -> str:
        if self._value is None:
            return f"{type(self).__name__}(traced {describe(self)})"
        head = f"{type(self).__name__}("
        values = np.array2string(self.numpy(), separator=", ", prefix=head) if self.size else "[]"
        shape = f", shape={self.shape}" if not self.size and self.shape != (0,) else ""
        return f"{head}{values}{shape}, dtype={self.dtype.name})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __getstate__(self) -> tuple:
        names = [name for kind in type(self).__mro__ for name in getattr(kind, "__slots__", ())]
        state = {name: getattr(self, name) for name in names if name != "__weakref__"}
        state |= {"_value": concrete(self, "a copy"), "_node": None, "_session": None}
        return getattr(self, "__dict__", None), state

    def __getitem__(self, index: Any) -> Tensor:
        return composed["getitem"](self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise ImmutableError(
            "setitem",
            "a Tensor cannot be changed in place",
            "others may hold it, and gradients need the old values",
            "write x = x.at[index].set(value), or x = cr.where(mask, value, x)",
        )

    def astype(self, dtype: Any) -> Tensor:
        """The same values in another dtype."""
        return composed["astype"](self, dtype)

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements in another shape; one extent may be -1."""
        return composed["reshape"](
            self, shape[0] if len(shape) == 1 and not is_integer(shape[0]) else shape
        )

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The sum over some axes, or over all."""
        return composed["sum"](self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The mean over some axes, or over all."""
        return composed["mean"](self, axis=axis, keepdims=keepdims)

    __hash__ = object.__hash__
    __pos__, __neg__, __abs__ = _unary("positive"), _unary("negative"), _unary("abs")
    __invert__ = _unary("bitwise_invert")
    __add__, __radd__ = _operator("add"), _reflected("add")
    __sub__, __rsub__ = _operator("subtract"), _reflected("subtract")
    __mul__, __rmul__ = _operator("multiply"), _reflected("multiply")
    __truediv__, __rtruediv__ = _operator("divide"), _reflected("divide")
    __floordiv__, __rfloordiv__ = _operator("floor_divide"), _reflected("floor_divide")
    __mod__, __rmod__ = _operator("remainder"), _reflected("remainder")
    __pow__, __rpow__ = _operator("pow"), _reflected("pow")
    __matmul__, __rmatmul__ = _operator("matmul"), _reflected("matmul")
    __and__, __rand__ = _operator("bitwise_and"), _reflected("bitwise_and")
    __or__, __ror__ = _operator("bitwise_or"), _reflected("bitwise_or")
    __xor__, __rxor__ = _operator("bitwise_xor"), _reflected("bitwise_xor")
    __lshift__, __rlshift__ = _operator("bitwise_left_shift"), _reflected("bitwise_left_shift")
    __rshift__, __rrshift__ = _operator("bitwise_right_shift"), _reflected("bitwise_right_shift")
    __lt__, __le__ = _operator("less"), _operator("less_equal")
    __gt__, __ge__ = _operator("greater"), _operator("greater_equal")
    __eq__, __ne__ = _operator("equal"), _operator("not_equal")


# What an operator accepts beside a Tensor; anything else may know itself what to do with one.
OPERANDS = (Tensor, bool, int, float, np.ndarray, np.generic)


def is_integer(value: Any) -> bool:
    """Whether a value can stand for an extent, an axis or an index: an integer, not a bool."""
    if isinstance(value, (bool, np.bool_)):
        return False
    if isinstance(value, Tensor):
        return value.dtype.is_integer and not value.shape
    return isinstance(value, (int, np.integer))


def describe(x: Tensor | Spec) -> str:
    """dtype and shape as error messages name them: float32[3, 4]."""
    return f"{x.dtype.name}{list(x.shape)}"


def check_device(device: Any) -> None:
    if device not in (None, "cpu"):
        raise ArgumentError(
            "device", f"there is no device {device!r}", "programs run on the processor", 'use "cpu"'
        )


def concrete(tensor: Tensor, use: str = "its value") -> np.ndarray:
    """The value of a tensor. Where it is not known, raises TraceError with the user's line."""
    if tensor._value is not None:
        return tensor._value
    if tensor._session is not trace.state.session or tensor._node is None:
        raise TraceError(
            "trace",
            f"a traced {describe(tensor)} was used after its transform had ended",
            "it stood for a value of that call only",
            f"return it from the function instead ({trace.user_origin()})",
        )
    try:
        return interpret.evaluate([tensor._node], tensor._session.values)[0]
    except TraceError:
        kind = trace.state.level.kind
        raise TraceError(
            {"jit": "jit", "map": "vmap", "body": "scan"}.get(kind, "jit"),
            f"{use} was asked of a traced {describe(tensor)} at {trace.user_origin()}",
            "while a function is being compiled or mapped, values are not known yet",
            "use cr.where or cr.cond for a choice, cr.scan or cr.while_loop for a loop",
        ) from None
