"""Shades and colours: receives images (N, H, W, C) of floats from 0 to 1, and a number for each of
them; hands on images between 0 and 1. Gradients flow where nothing is cut off.
"""

from __future__ import annotations

from chainrule.augment.base import each, shades
from chainrule.dtypes import int32
from chainrule.errors import ShapeError
from chainrule.frontend.functions.creation import asarray, iota, zeros
from chainrule.frontend.functions.elementwise import (
    clip,
    floor,
    minimum,
    remainder,
    round,
)
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import broadcast_to, concat, stack, take_along
from chainrule.frontend.functions.reductions import cumulative_sum, max, mean, min, sum
from chainrule.frontend.lift import Operand, cast, reshape_to
from chainrule.frontend.tensor import Tensor

# How bright red, green and blue look (ITU-R BT.601, as in PIL and torchvision).
LUMA = (0.299, 0.587, 0.114)


def _blended(x: Tensor, other: Tensor | float, factor: Tensor) -> Tensor:
    return clip(factor * x + (1 - factor) * other, 0, 1)


def _luma(where_used: str, x: Tensor) -> Tensor:
    """Brightness, (N, H, W, 1); images of one channel are it."""
    if x.shape[-1] == 1:
        return x
    _check_colours(where_used, x)
    return sum(x * asarray(LUMA, dtype=x.dtype), axis=-1, keepdims=True)


def _check_colours(where_used: str, x: Tensor) -> None:
    if x.shape[-1] != 3:
        raise ShapeError(
            where_used,
            f"images have shape {list(x.shape)}",
            "the last axis holds red, green and blue",
            "leave this augmentation out, or move channels last: cr.moveaxis(x, 1, -1)",
        )


def brightness(images: Operand, factors: Operand) -> Tensor:
    """Factor * image, cut off at 0 and 1: 0 is black, 1 changes nothing (A-126).

    >>> cr.augment.brightness(cr.asarray([[[[0.2, 0.8]]]]), 1.5)
    Tensor([[[[0.3, 1. ]]]], dtype=float32)
    """
    x = shades("brightness", images)
    return _blended(x, 0.0, each("brightness", factors, x))


def contrast(images: Operand, factors: Operand) -> Tensor:
    """Factor * image + (1 - factor) * mean brightness of the image: 0 is grey (A-126).

    >>> cr.augment.contrast(cr.asarray([[[[0.2]], [[0.6]]]]), 0.0)[0, :, 0, 0]
    Tensor([0.4, 0.4], dtype=float32)
    """
    x = shades("contrast", images)
    grey = mean(_luma("contrast", x), axis=(1, 2, 3), keepdims=True)
    return _blended(x, grey, each("contrast", factors, x))


def saturation(images: Operand, factors: Operand) -> Tensor:
    """Factor * image + (1 - factor) * grayscale(image): 0 has no colour. Raises ShapeError unless
    there are three channels, or one. (A-126)

    >>> cr.augment.saturation(cr.ones((1, 2, 2, 3)), 0.5).shape
    (1, 2, 2, 3)
    """
    x = shades("saturation", images)
    return _blended(x, _luma("saturation", x), each("saturation", factors, x))


def grayscale(images: Operand) -> Tensor:
    """0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601) in all three channels (A-126).

    >>> cr.augment.grayscale(cr.asarray([[[[1.0, 0.0, 0.0]]]]))
    Tensor([[[[0.299, 0.299, 0.299]]]], dtype=float32)
    """
    x = shades("grayscale", images)
    return broadcast_to(_luma("grayscale", x), x.shape)


def hue(images: Operand, turns: Operand) -> Tensor:
    """Colours turned on the colour circle, from 0 (none) to 1 (all round): 1/3 makes red green;
    hue, saturation and value as in HSV. Raises ShapeError unless there are three channels. (A-126)

    >>> cr.augment.hue(cr.asarray([[[[1.0, 0.0, 0.0]]]]), 1 / 3)
    Tensor([[[[0., 1., 0.]]]], dtype=float32)
    """
    x = shades("hue", images)
    _check_colours("hue", x)
    value = max(x, axis=-1)
    chroma = value - min(x, axis=-1)
    red, green, blue = (x[..., i] for i in range(3))
    apart = where(chroma > 0, chroma, 1)
    # In sixths of the circle, counted from red.
    angle = where(
        red == value,
        (green - blue) / apart,
        where(green == value, 2 + (blue - red) / apart, 4 + (red - green) / apart),
    )
    angle = angle + 6 * each("hue", turns, x, 2)
    distance = [remainder(angle + start, 6) for start in (5, 3, 1)]
    return stack([value - chroma * clip(minimum(k, 4 - k), 0, 1) for k in distance], axis=-1)


def sharpness(images: Operand, factors: Operand) -> Tensor:
    """Factor * image + (1 - factor) * smoothed image: 0 is smooth, 1 changes nothing.

    Smoothed is each pixel within the border by its neighbours, of weight 1 to its own 5, as in PIL.

    >>> cr.augment.sharpness(cr.ones((1, 4, 4, 1)), 2.0)[0, 0, :, 0]
    Tensor([1., 1., 1., 1.], dtype=float32)
    """
    x = shades("sharpness", images)
    height, width = x.shape[1:3]
    if height < 3 or width < 3:
        return x
    rows = x[:, :-2] + x[:, 1:-1] + x[:, 2:]
    inner = x[:, 1:-1, 1:-1]
    smooth = (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:] + 4 * inner) / 13
    middle = concat([x[:, 1:-1, :1], smooth, x[:, 1:-1, -1:]], axis=2)
    smooth = concat([x[:, :1], middle, x[:, -1:]], axis=1)
    return _blended(x, smooth, each("sharpness", factors, x))


# ---- Tones ----


def invert(images: Operand) -> Tensor:
    """1 - image.

    >>> cr.augment.invert(cr.asarray([[[[0.25]]]]))
    Tensor([[[[0.75]]]], dtype=float32)
    """
    return 1 - shades("invert", images)


def solarize(images: Operand, thresholds: Operand) -> Tensor:
    """1 - image where the image is at the threshold or above.

    >>> cr.augment.solarize(cr.asarray([[[[0.25, 0.75]]]]), 0.5)
    Tensor([[[[0.25, 0.25]]]], dtype=float32)
    """
    x = shades("solarize", images)
    return where(x >= each("solarize", thresholds, x), 1 - x, x)


def posterize(images: Operand, bits: Operand) -> Tensor:
    """Images of 256 levels, of whose 8 bits the first `bits` are left; its gradient is 0.

    >>> cr.augment.posterize(cr.asarray([[[[0.25, 0.75]]]]), 1) * 255
    Tensor([[[[  0., 128.]]]], dtype=float32)
    """
    x = shades("posterize", images)
    step = 2 ** (8 - cast(each("posterize", bits, x), x.dtype))
    return floor(round(x * 255) / step) * step / 255


def autocontrast(images: Operand) -> Tensor:
    """Each channel stretched to reach from 0 to 1; one of a single shade stays.

    >>> cr.augment.autocontrast(cr.asarray([[[[0.25]], [[0.5]], [[0.75]]]]))[0, :, 0, 0]
    Tensor([0. , 0.5, 1. ], dtype=float32)
    """
    x = shades("autocontrast", images)
    low, high = (extreme(x, axis=(1, 2), keepdims=True) for extreme in (min, max))
    flat = high == low
    return where(flat, x, (x - low) / where(flat, 1, high - low))


def equalize(images: Operand) -> Tensor:
    """Each channel in 256 levels, moved so that all are about as frequent, as PIL does; a channel
    of a single shade stays. Its gradient is 0.

    >>> cr.augment.equalize(cr.asarray([[[[0.1]], [[0.2]], [[0.3]]]]))[0, :, 0, 0].shape
    (3,)
    """
    x = shades("equalize", images)
    count, height, width, channels = x.shape
    level = cast(round(clip(x, 0, 1) * 255), int32)
    line = reshape_to(iota(count * channels, int32) * 256, (count, 1, 1, channels))
    histogram = zeros(count * channels * 256, dtype=int32).at[line + level].add(1)
    # As many pixels as one step up, the brightest left out.
    brightest = take_along(histogram, line + max(level, axis=(1, 2), keepdims=True), 0)
    step = cast((height * width - brightest) // 255, x.dtype)
    lines = cast(reshape_to(histogram, (count * channels, 256)), x.dtype)
    darker = cumulative_sum(lines, axis=-1) - lines
    steps = reshape_to(where(step > 0, step, 1), (count * channels, 1))
    # Quotients of whole numbers below 2**24, pixels, are exact enough in float32 for their floor.
    table = minimum(floor((floor(steps / 2) + darker) / steps), 255) / 255
    even = take_along(reshape_to(table, (count * channels * 256,)), line + level, 0)
    return where(step > 0, even, x)
