"""Pooling of any rank, channels last: receives (N, *places, channels), hands on fewer places."""

from __future__ import annotations

import math
from functools import reduce
from operator import add
from typing import NamedTuple

import numpy as np

from chainrule.dtypes import int32
from chainrule.errors import ArgumentError
from chainrule.frontend.functions.convolution import (
    Padding,
    Sizes,
    paddings,
    sizes_of,
    window_places,
)
from chainrule.frontend.functions.creation import iota
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import cut, pad, squeeze, take_along
from chainrule.frontend.functions.network import stop_gradient
from chainrule.frontend.functions.reductions import mean, sum
from chainrule.frontend.functions.resampling import blended, places_of
from chainrule.frontend.functions.searching import argmax
from chainrule.frontend.lift import Operand, floating, in_float32, reshape_to, scalar
from chainrule.frontend.tensor import Tensor


def max_pool(
    x: Operand,
    kernel_size: Sizes,
    /,
    *,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """The greatest of each window of x (N, *places, channels), or NaN if there is one (A-146).

    Its gradient goes to that place alone, among equals to the first, as in PyTorch (B-024).
    `stride` is the size of a window unless given, so that windows do not overlap; padding as in
    `conv`, with -inf. With `ceil_mode` the last window may reach over the end. Raises ArgumentError
    and ShapeError.

    >>> cr.max_pool(cr.asarray([[[1.0], [3.0], [2.0], [2.0]]]), 2)[0, :, 0]
    Tensor([3., 2.], dtype=float32)
    """
    x = floating(x, "max_pool")
    windows = _windows("max_pool", x, kernel_size, stride, padding, dilation, ceil_mode)
    for axis, window in reversed(windows):
        x = _greatest(_seen(x, axis, window, -math.inf))
    return x


@in_float32
def avg_pool(
    x: Operand,
    kernel_size: Sizes,
    /,
    *,
    stride: Sizes | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of x (N, *places, channels) (A-147); other options as `max_pool`.

    Its gradient is shared equally (B-024). Padding counts as zeros, as in PyTorch, unless
    `count_include_pad=False`: then a window divides by the places of x that it sees.

    >>> cr.avg_pool(cr.asarray([[[1.0], [3.0], [2.0], [2.0]]]), 2)[0, :, 0]
    Tensor([2., 2.], dtype=float32)
    """
    x = floating(x, "avg_pool")
    windows = _windows("avg_pool", x, kernel_size, stride, padding, 1, ceil_mode)
    for axis, window in reversed(windows):
        counts = window.counts(x.shape[axis], count_include_pad)
        divisor = counts.astype(x.dtype.numpy).reshape(-1, *[1] * (x.ndim - axis - 1))
        x = reduce(add, _seen(x, axis, window, 0.0)) / Tensor(divisor)
    return x


def adaptive_max_pool(x: Operand, output_size: Sizes, /) -> Tensor:
    """The greatest of each of `output_size` windows along each axis, gradients as `max_pool`.

    Windows cover x: of n places in m windows, the i-th has floor(i n / m) to ceil((i + 1) n / m),
    as in PyTorch.

    >>> cr.adaptive_max_pool(cr.asarray([[[1.0], [3.0], [2.0]]]), 2)[0, :, 0]
    Tensor([3., 3.], dtype=float32)
    """
    x = floating(x, "adaptive_max_pool")
    for axis, windows in _parts("adaptive_max_pool", x, output_size):
        if x.shape[axis] % windows == 0:
            x = _greatest_along(_split(x, axis, windows), axis + 1)
        else:
            places, _ = _spans(x.shape[axis], windows)
            x = _greatest([take_along(x, Tensor(place), axis) for place in places])
    return x


@in_float32
def adaptive_avg_pool(x: Operand, output_size: Sizes, /) -> Tensor:
    """The mean of each of `output_size` windows along each axis, windows as `adaptive_max_pool`.

    >>> cr.adaptive_avg_pool(cr.asarray([[[1.0], [3.0], [2.0]]]), 2)[0, :, 0]
    Tensor([2. , 2.5], dtype=float32)
    """
    x = floating(x, "adaptive_avg_pool")
    for axis, windows in _parts("adaptive_avg_pool", x, output_size):
        if x.shape[axis] % windows == 0:
            x = mean(_split(x, axis, windows), axis=axis + 1)
        else:
            x = blended(x, axis, *_spans(x.shape[axis], windows))
    return x


# ---- Windows at regular distances ----


class _Window(NamedTuple):
    """Windows along one axis: their size, distances within and between them, the padding, and how
    many there are.
    """

    size: int
    stride: int
    dilation: int
    pads: tuple[int, int]
    number: int

    def counts(self, extent: int, with_padding: bool) -> np.ndarray:
        """How many places each window divides by; what `ceil_mode` adds behind never counts."""
        first = np.arange(self.number) * self.stride - self.pads[0]
        low, high = (-self.pads[0], extent + self.pads[1]) if with_padding else (0, extent)
        return np.minimum(first + self.size, high) - np.maximum(first, low)


def _windows(
    name: str,
    x: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Padding,
    dilation: Sizes,
    ceil_mode: bool,
) -> list[tuple[int, _Window]]:
    """The axes of places, and the windows along each."""
    places = places_of(name, x)
    sizes, strides, dilations = (
        sizes_of(name, option, given, len(places))
        for option, given in (
            ("kernel_size", kernel_size),
            ("stride", kernel_size if stride is None else stride),
            ("dilation", dilation),
        )
    )
    reach = [d * (k - 1) + 1 for k, d in zip(sizes, dilations, strict=True)]
    pads = paddings(name, padding, places, reach, strides)
    if any(max(pair) >= r for pair, r in zip(pads, reach, strict=True)):
        raise ArgumentError(
            name,
            f"padding={padding!r} for windows that reach over {reach}",
            "a window would see nothing but padding",
            "pad less than a window",
        )
    numbers = window_places(name, places, reach, strides, pads, ceil_mode)
    return list(enumerate(map(_Window, sizes, strides, dilations, pads, numbers), 1))


def _seen(x: Tensor, axis: int, window: _Window, fill: float) -> list[Tensor]:
    """The first, second, ... place of all windows along an axis."""
    size, stride, dilation, (before, _), number = window
    # Blocks of `stride` places: each result is a view, and no gradient falls between places.
    blocks = number + (size - 1) * dilation // stride
    after = blocks * stride - x.shape[axis] - before
    widths = [(before, max(after, 0)) if i == axis else (0, 0) for i in range(x.ndim)]
    x = cut(pad(x, widths, value=fill), axis, 0, blocks * stride)
    x = reshape_to(x, (*x.shape[:axis], blocks, stride, *x.shape[axis + 1 :]))
    seen = []
    for place in range(0, size * dilation, dilation):
        block, within = divmod(place, stride)
        one = squeeze(cut(x, axis + 1, within, within + 1), axis + 1)
        seen.append(cut(one, axis, block, block + number))
    return seen


def _greatest(parts: list[Tensor]) -> Tensor:
    """The greatest of tensors of one shape; the derivative goes to the first that has it."""
    best, chosen = stop_gradient(parts[0]), scalar(0, int32)
    for number, part in enumerate(map(stop_gradient, parts[1:]), 1):
        stays = (best >= part) | (best != best)
        chosen = where(stays, chosen, scalar(number, int32))
        best = where(stays, best, part)
    result = parts[0]
    for number, part in enumerate(parts[1:], 1):
        result = where(chosen == number, part, result)
    return result


# ---- Windows that share an axis ----


def _parts(name: str, x: Tensor, output_size: Sizes) -> list[tuple[int, int]]:
    """The axes of places, the last one first, and the number of windows along each."""
    rank = len(places_of(name, x))
    return list(enumerate(sizes_of(name, "output_size", output_size, rank), 1))[::-1]


def _split(x: Tensor, axis: int, windows: int) -> Tensor:
    """An axis as (windows, places of each)."""
    size = x.shape[axis] // windows
    return reshape_to(x, (*x.shape[:axis], windows, size, *x.shape[axis + 1 :]))


def _greatest_along(x: Tensor, axis: int) -> Tensor:
    """The maximum along an axis; the derivative goes to the first that has it."""
    first = argmax(stop_gradient(x), axis=axis, keepdims=True)
    places = reshape_to(iota(x.shape[axis]), (x.shape[axis],) + (1,) * (x.ndim - axis - 1))
    return sum(where(places == first, x, 0), axis=axis)


def _spans(size: int, windows: int) -> tuple[np.ndarray, np.ndarray]:
    """The places of windows that cover `size` places, and their weights in a mean. Shorter ones
    name their last place again, with weight 0.
    """
    start = np.arange(windows) * size // windows
    stop = -(-(np.arange(windows) + 1) * size // windows)
    steps = np.arange((stop - start).max())[:, None]
    return np.minimum(start + steps, stop - 1), (start + steps < stop) / (stop - start)
