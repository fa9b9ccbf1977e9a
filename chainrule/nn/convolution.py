"""Convolution layers: receive and hand on tensors (N, *places, channels), channels last."""

from __future__ import annotations

import math
from typing import Any

from chainrule.dtypes import default_float, of
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.convolution import (
    Padding,
    Sizes,
    conv,
    conv_transpose,
    paddings,
    sizes_of,
)
from chainrule.frontend.lift import floating
from chainrule.frontend.tensor import Tensor
from chainrule.nn import init as inits
from chainrule.nn.calls import here
from chainrule.nn.module import Module, Parameter

PLACES = {1: "length", 2: "height, width", 3: "depth, height, width"}


class _Conv(Module):
    """What all of them share: weight (*kernel, in / groups, out), bias, and where windows lie."""

    rank: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        init: inits.Init | None = None,
        bias_init: inits.Init | None = None,
        dtype: Any = None,
    ) -> None:
        name, rank = type(self).__name__, self.rank
        _check_groups(name, in_channels, out_channels, groups)
        kernel = sizes_of(name, "kernel_size", kernel_size, rank)
        self.stride = sizes_of(name, "stride", stride, rank)
        paddings(name, padding, kernel, kernel, self.stride)  # Raises at once for a wrong one.
        self.padding = padding if isinstance(padding, (str, int)) else tuple(padding)
        self.dilation = sizes_of(name, "dilation", dilation, rank)
        self.groups = groups
        kind = default_float() if dtype is None else of(dtype)
        shape = (*kernel, in_channels // groups, out_channels)
        bound = 1 / math.sqrt(self._fan(shape))
        default = inits.uniform(-bound, bound)
        self.weight = Parameter((init or default)(shape, kind))
        self.bias = Parameter((bias_init or default)((out_channels,), kind)) if bias else None

    def _fan(self, shape: tuple[int, ...]) -> int:
        """How many products PyTorch takes an output for a sum of."""
        return math.prod(shape[:-1])

    def __call__(self, x: Tensor) -> Tensor:
        y = conv(
            self._input(x),
            self.weight,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )
        return y if self.bias is None else y + self.bias

    def _input(self, x: Any) -> Tensor:
        """x as floats. Raises ShapeError, with the layer's path, unless it has our channels."""
        x, channels = floating(x, type(self).__name__), self.weight.shape[-2] * self.groups
        if x.ndim == self.rank + 2 and x.shape[-1] == channels:
            return x
        raise ShapeError(
            here(),
            f"{type(self).__name__} expects (N, {PLACES[self.rank]}, {channels}), "
            f"got x of shape {list(x.shape)}",
            *self._misfit(x.shape, channels),
        )

    def _misfit(self, shape: tuple[int, ...], channels: int) -> tuple[str, str]:
        """Why x does not fit, and what to do."""
        if len(shape) == self.rank + 2 and shape[1] == channels:
            turn = "write cr.moveaxis(x, 1, -1)"
            return "channels are the last axis here, unlike in PyTorch", turn
        if len(shape) == self.rank + 2:
            out, kernel = self.weight.shape[-1], self.weight.shape[:-2]
            layer = f"nn.{type(self).__name__}({shape[-1]}, {out}, {kernel})"
            return "the last axis of x holds its channels", f"write {layer}"
        if len(shape) == self.rank + 1 and shape[-1] == channels:
            return "there is no batch axis", "write x[None]"
        if len(shape) == self.rank + 1 and channels == 1:
            return "there is no axis of channels", "write x[..., None]"
        return f"it has {len(shape)} axes", "reshape x, or choose the layer of another rank"


def _check_groups(name: str, in_channels: int, out_channels: int, groups: int) -> None:
    least = min(in_channels, out_channels, groups)
    if least < 1 or in_channels % groups or out_channels % groups:
        raise ArgumentError(
            name,
            f"{in_channels} to {out_channels} channels in {groups} groups",
            "each group has the same number of channels, at least one",
            "choose a divisor of both",
        )


class Conv1d(_Conv):
    """`cr.conv` with a weight and a bias, from (N, length, in) to (N, length', out): see Conv2d.

    >>> cr.nn.Conv1d(3, 8, 5, padding="same")(cr.ones((2, 50, 3))).shape
    (2, 50, 8)
    """

    rank = 1


class Conv2d(_Conv):
    """`cr.conv` with a weight and a bias, from (N, height, width, in) to (N, height', width', out).

    height' = floor((height + 2 padding - dilation (K - 1) - 1) / stride) + 1 (A-138); `padding` may
    be "same" (A-139), "valid", or pairs (before, after). Kernels of 1 mix channels alone (A-140),
    dilated ones see more with the same weights (A-142), `groups` divide weights and work by their
    number (A-144); as many groups as channels are a depthwise convolution. weight is (*kernel,
    in / groups, out). Unless `init` and `bias_init` say otherwise, both start uniform in +-1 /
    sqrt(in / groups * prod(kernel)), as in PyTorch. Raises ArgumentError, and ShapeError with the
    path of the layer.

    >>> cr.nn.Conv2d(3, 8, 3, stride=2, padding=1)(cr.ones((2, 32, 32, 3))).shape
    (2, 16, 16, 8)
    """

    rank = 2


class Conv3d(_Conv):
    """`cr.conv` with a weight and a bias, from (N, depth, height, width, in): see Conv2d.

    >>> cr.nn.Conv3d(1, 2, 3)(cr.ones((2, 8, 8, 8, 1))).shape
    (2, 6, 6, 6, 2)
    """

    rank = 3


class _ConvTranspose(_Conv):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        *,
        init: inits.Init | None = None,
        bias_init: inits.Init | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            init=init, bias_init=bias_init, dtype=dtype,
        )  # fmt: skip
        name = type(self).__name__
        self.output_padding = sizes_of(name, "output_padding", output_padding, self.rank, least=0)

    def _fan(self, shape: tuple[int, ...]) -> int:
        return math.prod(shape[:-2]) * shape[-1] // self.groups

    def __call__(self, x: Tensor) -> Tensor:
        y = conv_transpose(
            self._input(x),
            self.weight,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation=self.dilation,
            groups=self.groups,
        )
        return y if self.bias is None else y + self.bias


class ConvTranspose1d(_ConvTranspose):
    """`cr.conv_transpose` with a weight and a bias, on (N, length, in): see ConvTranspose2d.

    >>> cr.nn.ConvTranspose1d(3, 8, 4, stride=2, padding=1)(cr.ones((2, 25, 3))).shape
    (2, 50, 8)
    """

    rank = 1


class ConvTranspose2d(_ConvTranspose):
    """`cr.conv_transpose` with a weight and a bias, from (N, height, width, in) to more places.

    height' = (height - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1: what Conv2d
    with these options made smaller has its size again, but not its values (A-143). weight is
    (*kernel, in / groups, out); it and the bias start uniform in +-1 / sqrt(out / groups *
    prod(kernel)), PyTorch's bound. Raises as Conv2d.

    >>> cr.nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1)(cr.ones((2, 16, 16, 8))).shape
    (2, 32, 32, 3)
    """

    rank = 2


class ConvTranspose3d(_ConvTranspose):
    """`cr.conv_transpose` with a weight and a bias, on (N, depth, height, width, in).

    >>> cr.nn.ConvTranspose3d(2, 1, 2, stride=2)(cr.ones((2, 4, 4, 4, 2))).shape
    (2, 8, 8, 8, 1)
    """

    rank = 3


class SeparableConv2d(Module):
    """A kernel for each channel (depthwise), then 1 x 1 across channels (pointwise) (A-141).

    K² in + in out weights instead of K² in out: 1/out + 1/K² of them (Howard et al. 2017). The bias
    comes last; to put a norm between the parts, write them: `Conv2d(n, n, 3, groups=n)` and
    `Conv2d(n, m, 1)`. Raises as Conv2d.

    >>> cr.nn.SeparableConv2d(16, 32, 3, padding=1, bias=False).summary().total.parameters
    656
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        bias: bool = True,
        *,
        init: inits.Init | None = None,
        dtype: Any = None,
    ) -> None:
        self.depthwise = Conv2d(
            in_channels, in_channels, kernel_size, stride, padding, dilation,
            groups=in_channels, bias=False, init=init, dtype=dtype,
        )  # fmt: skip
        self.pointwise = Conv2d(in_channels, out_channels, 1, bias=bias, init=init, dtype=dtype)

    def __call__(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))
