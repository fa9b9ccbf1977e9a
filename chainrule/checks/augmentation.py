"""Checks of the augmentations, by images and by the numbers that go with each of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from chainrule import augment
from chainrule.checks import draw
from chainrule.checks.row import Check

Numbers = tuple[float, float]


def _images(random: np.random.Generator, channels: int = 3, least: int = 3) -> np.ndarray:
    """Images of shades away from 0 and 1, which no two pixels share."""
    count, height, width = random.integers(least, least + 4, 3)
    size = (int(count), int(height), int(width), channels)
    grid = np.linspace(0.15, 0.85, int(np.prod(size)))
    return random.permutation(grid).reshape(size)


def _with(*ranges: Numbers, channels: int = 3) -> Callable[[np.random.Generator], tuple]:
    """Images, and for each range a number for each of them."""

    def arguments(random: np.random.Generator) -> tuple:
        images = _images(random, channels)
        return images, *(draw.between(random, images.shape[:1], *given) for given in ranges)

    return arguments


def _sampled(random: np.random.Generator) -> tuple:
    """Places away from those of pixels, where the slope changes, some of them beyond the border."""
    images = _images(random)
    shape = (len(images), *(int(size) for size in random.integers(1, 6, 2)))
    rows, columns = (
        random.integers(-2, extent + 2, shape) + draw.between(random, shape, 0.1, 0.9)
        for extent in images.shape[1:3]
    )
    return images, rows, columns


def _moved(random: np.random.Generator) -> tuple:
    images = _images(random)
    identity = np.eye(3)[:2] + 0.05
    return images, identity + draw.floats(random, (len(images), 2, 3), 0.3)


def _boxes(random: np.random.Generator, images: np.ndarray) -> np.ndarray:
    """Boxes of one pixel or more within the images."""
    height, width = images.shape[1:3]
    corners = [np.sort(_two(random, extent, len(images)), axis=1) for extent in (height, width)]
    (top, bottom), (left, right) = (corner.T for corner in corners)
    return np.stack([top, left, bottom, right], axis=1)


def _two(random: np.random.Generator, extent: int, count: int) -> np.ndarray:
    return np.stack([random.permutation(extent + 1)[:2] for _ in range(count)])


def _boxed(random: np.random.Generator) -> tuple:
    images = _images(random, int(random.integers(1, 4)))
    return images, _boxes(random, images)


def _resized(random: np.random.Generator) -> tuple:
    """Sizes above and below those of the boxes."""
    return *_boxed(random), int(random.integers(1, 9)), int(random.integers(1, 9))


def _mixed(random: np.random.Generator) -> tuple:
    images = _images(random)
    labels = draw.probabilities(random, (len(images), 4))
    shares = draw.between(random, (len(images),), 0.1, 0.9)
    return images, labels, shares, random.permutation(len(images))


def _pasted(random: np.random.Generator) -> tuple:
    images, labels, _, partners = _mixed(random)
    return images, labels, _boxes(random, images), partners


def _cropped(random: np.random.Generator) -> tuple:
    images = _images(random)
    tops, lefts = (random.integers(0, 3, len(images)) for _ in range(2))
    return images, tops, lefts, int(random.integers(1, 4)), int(random.integers(0, 3))


def _flipped(random: np.random.Generator) -> tuple:
    images = _images(random)
    return images, random.integers(0, 2, len(images)).astype(bool)


def _sounds(*numbers: Numbers) -> Callable[[np.random.Generator], tuple]:
    def arguments(random: np.random.Generator) -> tuple:
        count, samples = int(random.integers(1, 3)), int(random.integers(100, 250))
        waves = draw.floats(random, (count, samples))
        return waves, *(draw.between(random, (count,), *given) for given in numbers)

    return arguments


def _noisy(random: np.random.Generator) -> tuple:
    waves, snr = _sounds((0.0, 20.0))(random)
    return waves, snr, draw.floats(random, waves.shape)


def _exposed(images: Any, factors: Any) -> tuple:
    """Brightness and contrast where nothing is cut off."""
    return augment.brightness(images, factors), augment.contrast(images, factors)


CHECKS = (
    Check("augment.flip", augment.flip, _flipped),
    Check(
        "augment.crop",
        lambda x, tops, lefts, size, padding: augment.crop(
            x, tops, lefts, size, padding=padding, fill=0.5
        ),
        _cropped,
    ),
    Check("augment.sample", partial(augment.sample, fill=0.25), _sampled),
    Check("augment.affine", partial(augment.affine, fill=0.25), _moved),
    Check("augment.rotate", augment.rotate, _with((-180, 180))),
    Check("augment.zoom", augment.zoom, _with((0.4, 2.5))),
    Check("augment.shear", augment.shear, _with((-1, 1), (-1, 1))),
    Check("augment.translate", augment.translate, _with((-2, 2), (-2, 2))),
    Check(
        "augment.resized_crop",
        lambda x, boxes, height, width: augment.resized_crop(x, boxes, (height, width)),
        _resized,
    ),
    Check("augment.brightness", _exposed, _with((0.3, 1.1))),
    Check("augment.saturation", augment.saturation, _with((0.1, 1.1))),
    Check("augment.grayscale", augment.grayscale, _with()),
    Check("augment.hue", augment.hue, _with((-0.5, 0.5))),
    Check("augment.sharpness", augment.sharpness, _with((0.1, 1.1))),
    Check("augment.autocontrast", augment.autocontrast, _with()),
    Check("augment.blur", augment.blur, _with((0.4, 2.0), channels=2)),
    Check("augment.normalize", augment.normalize, _with()),
    Check("augment.mixup", augment.mixup, _mixed),
    Check("augment.cutmix", augment.cutmix, _pasted),
    Check("augment.erase", partial(augment.erase, values=0.5), _boxed),
    Check("augment.add_noise", augment.add_noise, _noisy),
    Check("augment.time_stretch", augment.time_stretch, _sounds((0.7, 1.4))),
    Check("augment.pitch_shift", partial(augment.pitch_shift, highest=5.0), _sounds((-5, 5))),
)
