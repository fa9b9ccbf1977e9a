"""Noise, blur and scale: receives images (N, H, W, C) of floats, or waveforms; hands on the same,
noisier, smoother, or in other units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.augment.base import each, pictures, shades
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend import random
from chainrule.frontend.functions.creation import asarray, iota
from chainrule.frontend.functions.elementary import exp
from chainrule.frontend.functions.elementwise import square
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import take_along
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.lift import Operand, cast, floating
from chainrule.frontend.tensor import Tensor
from chainrule.nn.module import Module

# Of red, green and blue from 0 to 1, over the training images of ImageNet.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def gaussian_noise(images: Operand, stds: Operand, *, key: Tensor | None = None) -> Tensor:
    """Images plus normal noise of standard deviation `stds`; nothing is cut off. (A-127)

    >>> cr.augment.gaussian_noise(cr.ones((1, 1, 2, 1)), 0.0)[0, 0, :, 0]
    Tensor([1., 1.], dtype=float32)
    """
    x = shades("gaussian_noise", images)
    noise = random.normal(x.shape, dtype=x.dtype, key=key)
    return x + each("gaussian_noise", stds, x) * noise


def salt_and_pepper(images: Operand, amounts: Operand, *, key: Tensor | None = None) -> Tensor:
    """A share `amounts` of the pixels is 0 or 1 in all channels, as likely the one as the other
    (A-127).

    >>> cr.augment.salt_and_pepper(cr.ones((1, 1, 2, 1)), 0.0)[0, 0, :, 0]
    Tensor([1., 1.], dtype=float32)
    """
    x = shades("salt_and_pepper", images)
    share = each("salt_and_pepper", amounts, x)
    place = random.uniform((*x.shape[:3], 1), dtype=x.dtype, key=key)
    return where(place >= share, x, cast(place * 2 < share, x.dtype))


def blur(images: Operand, stds: Operand, radius: int = 2) -> Tensor:
    """Means of the (2 radius + 1)**2 pixels around each, weighed by a normal density of standard
    deviation `stds` in pixels; images are reflected at their borders, as in torchvision.

    Raises ArgumentError for a radius that no reflection fills.

    >>> cr.augment.blur(cr.ones((1, 4, 4, 1)), 1.0).shape
    (1, 4, 4, 1)
    """
    x = shades("blur", images)
    if not 0 <= radius < min(x.shape[1:3]):
        raise ArgumentError(
            "blur",
            f"radius {radius} for images of {x.shape[1]} x {x.shape[2]}",
            "what lies beyond the border is reflected",
            "choose one below height and width",
        )
    offset = iota(2 * radius + 1, x.dtype) - radius
    weights = exp(-0.5 * square(offset / each("blur", stds, x, 4)))
    weights = weights / sum(weights, axis=-1, keepdims=True)
    for axis in (1, 2):
        x = _smoothed(x, weights, radius, axis)
    return x


def _smoothed(x: Tensor, weights: Tensor, radius: int, axis: int) -> Tensor:
    extent = x.shape[axis]
    places = np.abs(np.arange(-radius, extent + radius))
    places = np.minimum(places, 2 * (extent - 1) - places)
    wide = take_along(x, Tensor(places), axis)
    index = [slice(None)] * axis
    parts = [weights[..., k] * wide[(*index, slice(k, k + extent))] for k in range(2 * radius + 1)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def normalize(
    images: Operand, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
) -> Tensor:
    """(image - mean) / std, for each channel; by default those of ImageNet. Raises ShapeError where
    their number is not that of the channels. (A-137)

    >>> cr.augment.normalize(cr.ones((1, 1, 1, 2)), (0.5, 1.0), (0.5, 2.0))
    Tensor([[[[1., 0.]]]], dtype=float32)
    """
    x = floating(pictures("normalize", images), "normalize")
    centre, scale = (asarray(given, dtype=x.dtype) for given in (mean, std))
    for given in (centre, scale):
        if given.shape not in ((), (1,), x.shape[-1:]):
            raise ShapeError(
                "normalize",
                f"{given.size} numbers for images of {x.shape[-1]} channels",
                "each channel has its own",
            )
    return (x - centre) / scale


class Normalize(Module):
    """`normalize` as a layer: each channel gets mean 0 and variance 1, in use as well. (A-137)

    >>> cr.augment.Normalize()(cr.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
    ) -> None:
        self.mean, self.std = tuple(mean), tuple(std)

    def __call__(self, images: Any, labels: Any = None, *, key: Tensor | None = None) -> Any:
        images = normalize(images, self.mean, self.std)
        return images if labels is None else (images, labels)
