"""Places made more or fewer, channels last: receives (N, *places, channels), hands on the same
between other places, or with places and channels exchanged.
"""

from __future__ import annotations

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.convolution import Sizes, sizes_of
from chainrule.frontend.functions.manipulation import (
    matrix_transpose,
    permute_dims,
    repeat,
    take_along,
)
from chainrule.frontend.lift import Operand, floating, in_float32, lift, reshape_to
from chainrule.frontend.tensor import Tensor


@in_float32
def upsample(
    x: Operand,
    /,
    size: Sizes | None = None,
    scale_factor: Sizes | None = None,
    mode: str = "nearest",
    align_corners: bool = False,
) -> Tensor:
    """x (N, *places, channels) with `size` places along each axis, or `scale_factor` times as many.

    Place i of m takes from place p of n: "nearest" from p = floor(i n / m), "linear" (for images
    that is bilinear) from both neighbours of p = (i + 1/2) n / m - 1/2, as if places were squares,
    or with `align_corners`, as if they were points, of p = i (n - 1) / (m - 1). All as in PyTorch.
    Fewer places work too, but neighbours are not averaged. Raises ArgumentError and ShapeError.

    >>> cr.upsample(cr.asarray([[[0.0], [4.0]]]), scale_factor=2, mode="linear")[0, :, 0]
    Tensor([0., 1., 3., 4.], dtype=float32)
    """
    x = floating(x, "upsample")
    places = places_of("upsample", x)
    if mode not in ("nearest", "linear") or (size is None) == (scale_factor is None):
        raise ArgumentError(
            "upsample",
            f"mode={mode!r}, size={size}, scale_factor={scale_factor}",
            'modes are "nearest" and "linear" (bilinear for images), and there is one size',
            'write cr.upsample(x, scale_factor=2, mode="linear")',
        )
    if size is None:
        factors = sizes_of("upsample", "scale_factor", scale_factor, len(places))
        sizes = tuple(n * factor for n, factor in zip(places, factors, strict=True))
    else:
        sizes = sizes_of("upsample", "size", size, len(places))
    for axis, (old, new) in enumerate(zip(places, sizes, strict=True), 1):
        if mode == "linear":
            x = blended(x, axis, *_neighbours(old, new, align_corners))
        elif new % old == 0:
            x = repeat(x, new // old, axis=axis)
        else:
            x = take_along(x, Tensor(np.arange(new) * old // new), axis)
    return x


def places_of(where: str, x: Tensor) -> tuple[int, ...]:
    """The extents between batch and channels. Raises ShapeError where there are none."""
    if x.ndim < 3 or 0 in x.shape[1:-1]:
        raise ShapeError(
            where,
            f"x has shape {list(x.shape)}",
            "it is (N, *places, channels)",
            "add an axis for the batch, or for the channels",
        )
    return x.shape[1:-1]


def _neighbours(old: int, new: int, align_corners: bool) -> tuple[np.ndarray, np.ndarray]:
    """The two places that each new one lies between, and their weights: (2, new) each."""
    i = np.arange(new)
    if align_corners:
        at = i * ((old - 1) / max(new - 1, 1))
    else:
        at = np.maximum((i + 0.5) * (old / new) - 0.5, 0)
    first = np.minimum(at.astype(np.int64), old - 1)
    share = at - first
    return np.stack([first, np.minimum(first + 1, old - 1)]), np.stack([1 - share, share])


def blended(x: Tensor, axis: int, places: np.ndarray, weights: np.ndarray) -> Tensor:
    """sum over k of weights[k, i] * x[places[k, i]] along an axis."""
    shape = (-1,) + (1,) * (x.ndim - axis - 1)
    total: Tensor | None = None
    for place, weight in zip(places, weights, strict=True):
        factor = Tensor(weight.astype(x.dtype.numpy).reshape(shape))
        term = take_along(x, Tensor(place), axis) * factor
        total = term if total is None else total + term
    assert total is not None
    return total


# ---- Channels ----


def pixel_shuffle(x: Operand, factor: int, /) -> Tensor:
    """(N, *places, channels * factor**rank) to (N, *places * factor, channels).

    Up-sampling without arithmetic (Shi et al. 2016): a convolution has computed the channels.
    Channels are in PyTorch's order: those of one result lie together, in row-major order of places.

    >>> cr.pixel_shuffle(cr.ones((1, 4, 4, 8)), 2).shape
    (1, 8, 8, 2)
    """
    x = lift(x, "pixel_shuffle")
    places = places_of("pixel_shuffle", x)
    rank = len(places)
    channels = _parts("pixel_shuffle", x, factor**rank if factor > 0 else 0)
    x = reshape_to(x, (x.shape[0], *places, channels, *[factor] * rank))
    inside = [axis for place in range(rank) for axis in (1 + place, 2 + rank + place)]
    x = permute_dims(x, (0, *inside, 1 + rank))
    return reshape_to(x, (x.shape[0], *[n * factor for n in places], channels))


def pixel_unshuffle(x: Operand, factor: int, /) -> Tensor:
    """(N, *places, channels) to (N, *places / factor, channels * factor**rank): back again.

    >>> x = cr.random.normal((1, 4, 4, 8))
    >>> cr.all(cr.pixel_unshuffle(cr.pixel_shuffle(x, 2), 2) == x)
    Tensor(True, dtype=bool)
    """
    x = lift(x, "pixel_unshuffle")
    places = places_of("pixel_unshuffle", x)
    if factor < 1 or any(n % factor for n in places):
        raise ShapeError(
            "pixel_unshuffle",
            f"x has places {list(places)}, with factor {factor}",
            "each block of places becomes channels",
            "choose a divisor of all of them, or pad x",
        )
    rank, few = len(places), [n // factor for n in places]
    x = reshape_to(x, (x.shape[0], *[n for size in few for n in (size, factor)], x.shape[-1]))
    order = (0, *range(1, 2 * rank, 2), 1 + 2 * rank, *range(2, 2 + 2 * rank, 2))
    x = permute_dims(x, order)
    return reshape_to(x, (x.shape[0], *few, x.shape[1 + rank] * factor**rank))


def channel_shuffle(x: Operand, groups: int, /) -> Tensor:
    """(..., channels) with channel g * (channels / groups) + i at place i * groups + g (A-145).

    Between two grouped convolutions it lets each group see all others (Zhang et al. 2018).

    >>> cr.channel_shuffle(cr.asarray([0, 1, 2, 10, 11, 12]), 2)
    Tensor([ 0, 10,  1, 11,  2, 12], dtype=int64)
    """
    x = lift(x, "channel_shuffle")
    split = reshape_to(x, (*x.shape[:-1], groups, _parts("channel_shuffle", x, groups)))
    return reshape_to(matrix_transpose(split), x.shape)


def _parts(where: str, x: Tensor, number: int) -> int:
    """How many channels each of so many parts has. Raises ShapeError where they do not divide."""
    if number < 1 or x.shape[-1] % number:
        raise ShapeError(
            where,
            f"x has {x.shape[-1]} channels, which do not divide into {number} parts",
            "channels are the last axis",
            "choose a divisor, or move them there with cr.moveaxis(x, 1, -1)",
        )
    return x.shape[-1] // number
