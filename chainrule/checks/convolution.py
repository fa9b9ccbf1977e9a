"""Checks of convolution, pooling and resampling, of any rank, with random options. These follow the
tensors as tuples and numbers, also those of a layer, which references do not see.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr
from chainrule import nn
from chainrule.checks import draw
from chainrule.checks.row import Check

Draw = Callable[[np.random.Generator], tuple]


def _numbers(random: np.random.Generator, count: int, least: int, most: int) -> tuple[int, ...]:
    return tuple(int(number) for number in random.integers(least, most + 1, count))


def _apart(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers that differ by 0.1 or more, so that each window has one maximum."""
    size = int(np.prod(shape))
    return (random.permutation(size).reshape(shape) - size / 2) * 0.1


def _images(random: np.random.Generator, rank: int, least: int, most: int) -> tuple[int, ...]:
    """The shape (N, *places, channels) of a small batch."""
    return (*_numbers(random, 1, 1, 2), *_numbers(random, rank, least, most), 3)


# ---- Convolution ----


class _Geometry(NamedTuple):
    """Where the windows of a random convolution lie, and how many channels there are."""

    rank: int
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    dilations: tuple[int, ...]
    groups: int
    inputs: int
    outputs: int

    @property
    def options(self) -> tuple:
        return self.strides, self.pads, self.dilations, self.groups


def _geometry(random: np.random.Generator, rank: int) -> _Geometry:
    kernel, strides, dilations = (_numbers(random, rank, 1, most) for most in (3, 3, 2))
    pads = tuple(zip(*[_numbers(random, rank, 0, 2) for _ in range(2)], strict=True))
    groups, inputs, outputs = _numbers(random, 3, 1, 3)
    return _Geometry(
        rank, kernel, strides, pads, dilations, groups, inputs * groups, outputs * groups
    )


def _x(random: np.random.Generator, it: _Geometry, least: int = 5) -> np.ndarray:
    return draw.floats(random, (*_images(random, it.rank, least, least + 2)[:-1], it.inputs))


def _operands(rank: int | None, least: int = 5) -> Draw:
    """x, weight and options."""

    def arguments(random: np.random.Generator) -> tuple:
        it = _geometry(random, rank or int(random.integers(1, 4)))
        w = draw.floats(random, (*it.kernel, it.inputs // it.groups, it.outputs))
        return _x(random, it, least), w, *it.options

    return arguments


def _conv(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return cr.conv(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)


def _conv_transpose(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return cr.conv_transpose(
        x, w, stride=stride, padding=padding, dilation=dilation, groups=groups,
        output_padding=[s - 1 for s in stride],
    )  # fmt: skip


def _layer(layer: Any, x: Any, *options: Any) -> Any:
    """The options are in the layer too."""
    return layer(x)


def _layers(kind: Callable, rank: int) -> Draw:
    """A convolution layer, x and the layer's options."""

    def arguments(random: np.random.Generator) -> tuple:
        it = _geometry(random, rank)
        strides, pads, dilations, groups = it.options
        layer = kind(
            it.inputs, it.outputs, it.kernel, stride=strides, padding=pads, dilation=dilations,
            groups=groups,
        )  # fmt: skip
        return layer, _x(random, it), *it.options

    return arguments


def _separable(random: np.random.Generator) -> tuple:
    it = _geometry(random, 2)
    layer = nn.SeparableConv2d(
        it.inputs, it.outputs, it.kernel, stride=it.strides, padding=it.pads, dilation=it.dilations
    )
    return layer, _x(random, it), *it.options[:-1]


# ---- Pooling ----


def _pooled(random: np.random.Generator) -> tuple:
    """x, windows, strides, paddings of at most half a window, and a coin."""
    rank = int(random.integers(1, 4))
    kernel, strides = _numbers(random, rank, 1, 4), _numbers(random, rank, 1, 4)
    pads = tuple(int(random.integers(0, size // 2 + 1)) for size in kernel)
    x = _apart(random, _images(random, rank, 4, 7))
    return x, kernel, strides, pads, draw.flag(random)


def _max_pooled(random: np.random.Generator) -> tuple:
    x, kernel, *rest = _pooled(random)
    fits = [(n - 1) // (k - 1) if k > 1 else 2 for n, k in zip(x.shape[1:], kernel, strict=False)]
    return x, kernel, *rest, tuple(int(random.integers(1, min(fit, 2) + 1)) for fit in fits)


def _max_pool(x: Any, kernel: Any, stride: Any, pads: Any, ceil: bool, dilation: Any) -> Any:
    return cr.max_pool(x, kernel, stride=stride, padding=pads, dilation=dilation, ceil_mode=ceil)


def _avg_pooled(random: np.random.Generator) -> tuple:
    return *_pooled(random), draw.flag(random)


def _avg_pool(x: Any, kernel: Any, stride: Any, pads: Any, ceil: bool, count: bool) -> Any:
    return cr.avg_pool(
        x, kernel, stride=stride, padding=pads, ceil_mode=ceil, count_include_pad=count
    )


def _resized(random: np.random.Generator) -> tuple:
    """x, and new extents."""
    rank = int(random.integers(1, 4))
    return _apart(random, _images(random, rank, 2, 7)), _numbers(random, rank, 1, 7)


def _upsampled(random: np.random.Generator) -> tuple:
    mode = ("nearest", "linear")[int(random.integers(2))]
    return *_resized(random), mode, draw.flag(random)


def _upsample(x: Any, size: Any, mode: str, align: bool) -> Any:
    return cr.upsample(x, size, mode=mode, align_corners=align)


# ---- Channels ----


def _many_channels(random: np.random.Generator) -> tuple:
    """Images whose channels make blocks of `factor` squared places."""
    factor, channels = _numbers(random, 2, 1, 3)
    shape = _images(random, 2, 1, 4)[:-1]
    return draw.floats(random, (*shape, channels * factor**2)), factor


def _many_places(random: np.random.Generator) -> tuple:
    factor, height, width, channels = _numbers(random, 4, 1, 3)
    return draw.floats(random, (2, height * factor, width * factor, channels)), factor


def _attended(kind: Callable) -> Draw:
    """Attention to 4 or 6 channels through 2 or 3, and images."""

    def arguments(random: np.random.Generator) -> tuple:
        channels = 2 * int(random.integers(2, 4))
        x = _apart(random, (*_images(random, 2, 3, 6)[:-1], channels))
        return kind(channels, reduction=2, bias=True), x / 5

    return arguments


def _branches(kind: Callable) -> Draw:
    def arguments(random: np.random.Generator) -> tuple:
        model = kind(nn.Identity(), nn.Conv2d(3, 3, 1), cr.tanh)
        return model, draw.floats(random, _images(random, 2, 1, 4))

    return arguments


CHECKS = (
    Check("conv", _conv, _operands(None)),
    Check("conv_transpose", _conv_transpose, _operands(None, least=3)),
    Check("nn.Conv1d", _layer, _layers(nn.Conv1d, 1)),
    Check("nn.Conv2d", _layer, _layers(nn.Conv2d, 2)),
    Check("nn.Conv3d", _layer, _layers(nn.Conv3d, 3)),
    Check("nn.ConvTranspose1d", _layer, _layers(nn.ConvTranspose1d, 1)),
    Check("nn.ConvTranspose2d", _layer, _layers(nn.ConvTranspose2d, 2)),
    Check("nn.ConvTranspose3d", _layer, _layers(nn.ConvTranspose3d, 3)),
    Check("nn.SeparableConv2d", _layer, _separable),
    Check("max_pool", _max_pool, _max_pooled),
    Check("avg_pool", _avg_pool, _avg_pooled),
    Check("adaptive_max_pool", cr.adaptive_max_pool, _resized),
    Check("adaptive_avg_pool", cr.adaptive_avg_pool, _resized),
    Check("nn.GlobalMaxPool", lambda x, size: nn.GlobalMaxPool()(x), _resized),
    Check("nn.GlobalAvgPool", lambda x, size: nn.GlobalAvgPool()(x), _resized),
    Check("upsample", _upsample, _upsampled),
    Check("pixel_shuffle", cr.pixel_shuffle, _many_channels),
    Check("pixel_unshuffle", cr.pixel_unshuffle, _many_places),
    Check("channel_shuffle", cr.channel_shuffle, _many_channels),
    Check("nn.SqueezeExcitation", _layer, _attended(nn.SqueezeExcitation)),
    Check("nn.CBAM", _layer, _attended(nn.CBAM)),
    Check("nn.Add", _layer, _branches(nn.Add)),
    Check("nn.Concat", _layer, _branches(nn.Concat)),
)
