"""What all augmentations share: receives images, labels and a key; hands on images that each had
their own draw, with their labels, while a model is in training.
"""

from __future__ import annotations

import math
from typing import Any

from chainrule.distributions.sampling import keys
from chainrule.dtypes import default_float, float64
from chainrule.errors import DTypeError, ShapeError
from chainrule.frontend import random, trace
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.functions.logic import where
from chainrule.frontend.lift import Operand, cast, lift, reshape_to, unboxed
from chainrule.frontend.tensor import Tensor
from chainrule.nn.losses.reduction import require
from chainrule.nn.module import Module

Interval = float | tuple[float, float]


class Augmentation(Module):
    """Images (N, H, W, C) changed at random, each by its own draw and with probability p.

    It acts in training alone, so it may be the first layer of a model; `augment(images)` gives
    images, `augment(images, labels)` both. Draws come from the global random stream, or are fixed
    by `key`. A new augmentation is a class with one method, `changed(images, key)`.

    >>> class Negative(cr.augment.Augmentation):
    ...     def changed(self, images, key):
    ...         return 1 - images
    >>> with cr.training():
    ...     Negative()(cr.zeros((1, 1, 2, 1)))[0, 0, :, 0]
    Tensor([1., 1.], dtype=float32)
    """

    def __init__(self, p: float = 1.0) -> None:
        require(
            0 <= p <= 1,
            type(self).__name__,
            f"p is {p}",
            "it is the probability that an image is changed",
            "choose 0 <= p <= 1",
        )
        self.p = p

    def __call__(self, images: Any, labels: Any = None, *, key: Tensor | None = None) -> Any:
        if trace.is_training():
            images, labels = self.augmented(self.given(images), labels, key)
        return images if labels is None else (images, labels)

    def given(self, images: Operand) -> Tensor:
        """What was passed as a tensor, checked."""
        return pictures(type(self).__name__, images)

    def augmented(self, images: Tensor, labels: Any, key: Tensor | None) -> tuple[Tensor, Any]:
        """Images and labels, changed; what mixes labels too replaces this method."""
        coins, key = keys(key, 2)
        changed = self.changed(images, key)
        if self.p < 1:
            tossed = random.bernoulli(images.shape[:1], self.p, key=coins)
            tossed = each(type(self).__name__, tossed, images, images.ndim - 1)
            changed = where(tossed, changed, images)
        return changed, labels

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        """All of the images, changed."""
        raise NotImplementedError


class Compose(Augmentation):
    """Augmentations one after the other, on images and labels.

    In a model that takes images alone `cr.nn.Sequential` does the same.

    >>> augment = cr.augment.Compose(cr.augment.RandomFlip(), cr.augment.Mixup(num_classes=10))
    >>> with cr.training():
    ...     images, labels = augment(cr.ones((4, 8, 8, 3)), cr.asarray([3, 1, 4, 1]))
    >>> images.shape, labels.shape
    ((4, 8, 8, 3), (4, 10))
    """

    def __init__(self, *parts: Augmentation) -> None:
        super().__init__()
        self.parts = parts

    def __call__(self, images: Any, labels: Any = None, *, key: Tensor | None = None) -> Any:
        # What is no random change, as normalisation, works in use too: each part decides.
        several = keys(key, len(self.parts)) if trace.is_training() else [None] * len(self.parts)
        for part, own in zip(self.parts, several, strict=True):
            if labels is None:
                images = part(images, key=own)
            else:
                images, labels = part(images, labels, key=own)
        return images if labels is None else (images, labels)


# ---- What augmentations are made of ----


def pictures(where_used: str, images: Operand) -> Tensor:
    """Images as a tensor. Raises ShapeError where these are not (N, H, W, C)."""
    x = unboxed(lift(images, where_used))
    if x.ndim != 4 or 0 in x.shape[1:]:
        raise ShapeError(
            where_used,
            f"images have shape {list(x.shape)}",
            "it is (N, height, width, channels)",
            "write images[None] for a single one, or move channels last: cr.moveaxis(x, 1, -1)",
        )
    return x


def shades(where_used: str, images: Operand) -> Tensor:
    """Images of floats. Raises DTypeError for integers, whose scale is another."""
    x = pictures(where_used, images)
    if not x.dtype.is_float:
        raise DTypeError(
            where_used,
            f"images are {x.dtype.name}",
            "shades are floats, 0 is black and 1 is white",
            "divide them by 255",
        )
    return x


def each(where_used: str, given: Operand, images: Tensor, axes: int = 3) -> Tensor:
    """A number for each image, or one for all, with `axes` axes of extent 1 behind; floats in the
    dtype of the images. Raises ShapeError for other shapes.
    """
    x = beside(where_used, given, images)
    if x.shape not in ((), images.shape[:1]):
        raise ShapeError(
            where_used,
            f"got {list(x.shape)} for {images.shape[0]} images",
            "each image has one number, or all have the same",
        )
    return reshape_to(x, (*x.shape, *[1] * axes)) if x.ndim else x


def beside(where_used: str, given: Operand, images: Tensor) -> Tensor:
    """Numbers as a tensor, floats in the dtype of the images."""
    kind = floats_of(images)
    if isinstance(given, float):
        return asarray(given, dtype=kind)
    x = lift(given, where_used, wide=kind is float64)
    return cast(x, kind) if x.dtype.is_float else x


def floats_of(images: Tensor) -> Any:
    """The dtype of numbers beside images."""
    return images.dtype if images.dtype.is_float else default_float()


def interval(
    where_used: str, name: str, given: Interval, centre: float = 0.0, least: float = -math.inf
) -> tuple[float, float]:
    """(low, high), or for a number d what is within d of the centre, from `least` on. Raises
    ArgumentError for an empty one.
    """
    if isinstance(given, (int, float)):
        low, high = max(least, centre - given), centre + given
    else:
        low, high = given
    require(
        least <= low <= high < math.inf,
        where_used,
        f"{name}={given!r}",
        "each image draws from low to high"
        + (f", which is at least {least:g}" if least > -math.inf else ""),
        f"pass {name}=(low, high), or a distance from {centre:g}",
    )
    return low, high


def drawn(images: Tensor, bounds: tuple[float, float], key: Tensor) -> Tensor:
    """A number for each image, uniform between the bounds: (N,)."""
    return random.uniform(images.shape[:1], *bounds, dtype=floats_of(images), key=key)
