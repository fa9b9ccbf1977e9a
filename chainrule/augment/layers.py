"""The common augmentations as layers: receives images (N, H, W, C) and options; hands on images,
each moved, coloured or blurred by numbers of its own.
"""

from __future__ import annotations

import math

from chainrule.augment import colour, geometry, noise
from chainrule.augment.base import Augmentation, Interval, drawn, interval
from chainrule.augment.boxes import within
from chainrule.augment.mixing import box_options
from chainrule.distributions.sampling import keys
from chainrule.errors import ShapeError
from chainrule.frontend import random
from chainrule.frontend.functions.convolution import Sizes, sizes_of
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.functions.elementary import tan
from chainrule.frontend.functions.logic import where
from chainrule.frontend.tensor import Tensor
from chainrule.nn.losses.reduction import require

# ---- Places ----


class RandomFlip(Augmentation):
    """Images mirrored with probability p: "horizontal" exchanges left and right, "vertical" top and
    bottom. Raises ArgumentError for another axis. (A-122)

    >>> with cr.training():
    ...     cr.augment.RandomFlip(p=1.0)(cr.asarray([[[[1.0], [2.0]]]]))[0, 0, :, 0]
    Tensor([2., 1.], dtype=float32)
    """

    def __init__(self, axis: str = "horizontal", p: float = 0.5) -> None:
        super().__init__(p)
        geometry.check_axis("RandomFlip", axis)
        self.axis = axis

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        return geometry.flip(images, axis=self.axis)


class RandomCrop(Augmentation):
    """A window of `size` anywhere in the image with `padding` pixels of `fill` around it; in use
    images stay as they are. Raises ShapeError where it does not fit. (A-124)

    For CIFAR-10 it is common to take RandomCrop(32, padding=4) (He et al. 2016).

    >>> with cr.training():
    ...     cr.augment.RandomCrop(32, padding=4)(cr.ones((2, 32, 32, 3))).shape
    (2, 32, 32, 3)
    """

    def __init__(self, size: Sizes, padding: int = 0, fill: float = 0.0) -> None:
        super().__init__()
        require(padding >= 0, "RandomCrop", f"padding is {padding}", "it counts pixels", "")
        self.size = sizes_of("RandomCrop", "size", size, 2)
        self.padding, self.fill = padding, fill

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        room = [
            extent + 2 * self.padding - size
            for extent, size in zip(images.shape[1:3], self.size, strict=True)
        ]
        if min(room) < 0:
            raise ShapeError(
                "RandomCrop",
                f"images have shape {list(images.shape)}, the window {list(self.size)}",
                f"it must fit, with {self.padding} pixels more on each side",
                "pad more, or choose a smaller size",
            )
        tops, lefts = (
            random.integers(images.shape[:1], free + 1, key=own)
            for free, own in zip(room, keys(key, 2), strict=True)
        )
        return geometry.crop(images, tops, lefts, self.size, padding=self.padding, fill=self.fill)


class RandomResizedCrop(Augmentation):
    """A box of a share `scale` of the area, its width `ratio` times its height, made `size`
    (height, width) (Szegedy et al. 2015). In use images stay as they are. (A-124, A-125)

    Names and defaults as in PyTorch. Where ten boxes do not fit it is the greatest in the middle
    that has a permitted ratio.

    >>> with cr.training():
    ...     cr.augment.RandomResizedCrop(24)(cr.ones((2, 32, 32, 3))).shape
    (2, 24, 24, 3)
    """

    def __init__(
        self,
        size: Sizes,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
    ) -> None:
        super().__init__()
        self.size = sizes_of("RandomResizedCrop", "size", size, 2)
        self.scale, self.ratio = box_options("RandomResizedCrop", scale, ratio)

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        boxes, fitting = within(images, self.scale, self.ratio, key)
        height, width = images.shape[1:3]
        low, high = self.ratio
        rows, columns = min(height, round(width / low)), min(width, round(height * high))
        top, left = (height - rows) // 2, (width - columns) // 2
        middle = asarray([top, left, top + rows, left + columns])
        return geometry.resized_crop(images, where(fitting[:, None], boxes, middle), self.size)


class RandomAffine(Augmentation):
    """Images turned by up to `degrees`, moved by up to a share `translate` (horizontal, vertical)
    of their size, made `scale` times as large, and sheared by up to `shear` degrees along rows.

    Each is a number, for as much to both sides, or an interval; RandomAffine(15) turns by -15 to 15
    degrees. Bilinear, where PyTorch takes the nearest pixel; `mode` and `fill` as in
    `cr.augment.sample`. (A-123, A-125)

    >>> with cr.training():
    ...     cr.augment.RandomAffine(15, scale=(0.9, 1.1))(cr.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        degrees: Interval = 0.0,
        translate: float | tuple[float, float] = 0.0,
        scale: Interval = (1.0, 1.0),
        shear: Interval = 0.0,
        mode: str = "bilinear",
        fill: float = 0.0,
        p: float = 1.0,
    ) -> None:
        super().__init__(p)
        here = type(self).__name__
        pair = translate if isinstance(translate, tuple) else (translate, translate)
        self.degrees = interval(here, "degrees", degrees)
        self.right, self.down = (interval(here, "translate", share) for share in pair)
        self.scale = interval(here, "scale", scale, 1.0, least=1e-3)
        self.shear = interval(here, "shear", shear)
        self.mode, self.fill = mode, fill

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        angle, down, right, scale, shear = keys(key, 5)
        height, width = images.shape[1:3]
        slope = drawn(images, self.shear, shear) * (math.pi / 180)
        matrices = geometry.chained(
            geometry.zooming(drawn(images, self.scale, scale)),
            geometry.shearing(tan(slope)),
            geometry.rotation(drawn(images, self.degrees, angle)),
            geometry.shifting(
                height * drawn(images, self.down, down), width * drawn(images, self.right, right)
            ),
        )
        return geometry.affine(images, matrices, mode=self.mode, fill=self.fill)


def medical() -> RandomAffine:
    """Light geometric changes for medical images: up to 10 degrees, 5 % of the size, and 5 % larger
    or smaller, all half of what is usual for photographs. (A-136)

    Shades carry what is measured, so they stay, and may be in any units. Nothing is mirrored:
    hearts are left.

    >>> cr.augment.medical().degrees
    (-10.0, 10.0)
    """
    return RandomAffine(10.0, 0.05, (0.95, 1.05))


# ---- Shades ----


class ColorJitter(Augmentation):
    """Brightness, contrast, saturation and hue changed at random, in this order. (A-126)

    A number d stands for factors from max(0, 1 - d) to 1 + d, and for hues of up to d turns, at
    most a half; or pass intervals. Names as in PyTorch, which takes them in any order.

    >>> with cr.training():
    ...     cr.augment.ColorJitter(0.4, 0.4, 0.4, 0.1)(cr.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        brightness: Interval = 0.0,
        contrast: Interval = 0.0,
        saturation: Interval = 0.0,
        hue: Interval = 0.0,
        p: float = 1.0,
    ) -> None:
        super().__init__(p)
        here = "ColorJitter"
        self.brightness = interval(here, "brightness", brightness, 1.0, least=0.0)
        self.contrast = interval(here, "contrast", contrast, 1.0, least=0.0)
        self.saturation = interval(here, "saturation", saturation, 1.0, least=0.0)
        self.hue = interval(here, "hue", hue)
        require(
            max(map(abs, self.hue)) <= 0.5,
            here,
            f"hue={hue!r}",
            "half a turn reaches all colours",
            "choose at most 0.5",
        )

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        steps = (
            (colour.brightness, self.brightness, 1),
            (colour.contrast, self.contrast, 1),
            (colour.saturation, self.saturation, 1),
            (colour.hue, self.hue, 0),
        )
        for (change, bounds, neutral), own in zip(steps, keys(key, 4), strict=True):
            if bounds != (neutral, neutral):
                images = change(images, drawn(images, bounds, own))
        return images


class RandomGrayscale(Augmentation):
    """Images without their colours with probability p, 0.1 as in PyTorch (A-126).

    >>> with cr.training():
    ...     cr.augment.RandomGrayscale(1.0)(cr.asarray([[[[1.0, 0.0, 0.0]]]]))
    Tensor([[[[0.299, 0.299, 0.299]]]], dtype=float32)
    """

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        return colour.grayscale(images)


class GaussianBlur(Augmentation):
    """Images blurred by a standard deviation `sigma` in pixels, over (2 radius + 1)**2 of them;
    0.1 to 2 as in PyTorch.

    >>> with cr.training():
    ...     cr.augment.GaussianBlur()(cr.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self, radius: int = 2, sigma: tuple[float, float] = (0.1, 2.0), p: float = 1.0
    ) -> None:
        super().__init__(p)
        self.radius = radius
        self.sigma = interval("GaussianBlur", "sigma", sigma, least=1e-3)

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        return noise.blur(images, drawn(images, self.sigma, key), self.radius)


class GaussianNoise(Augmentation):
    """Images plus normal noise of a standard deviation between 0 and `std`, or in an interval; 0.1
    as in PyTorch. `cr.nn.GaussianNoise` has one for all. (A-127)

    >>> with cr.training():
    ...     cr.augment.GaussianNoise()(cr.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(self, std: Interval = 0.1, p: float = 1.0) -> None:
        super().__init__(p)
        self.std = interval("GaussianNoise", "std", std, least=0.0)

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        strength, place = keys(key, 2)
        return noise.gaussian_noise(images, drawn(images, self.std, strength), key=place)


class SaltAndPepper(Augmentation):
    """A share of the pixels, between 0 and `amount` or in an interval, is black or white (A-127).

    >>> with cr.training():
    ...     cr.augment.SaltAndPepper()(cr.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(self, amount: Interval = 0.05, p: float = 1.0) -> None:
        super().__init__(p)
        self.amount = interval("SaltAndPepper", "amount", amount, least=0.0)

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        strength, place = keys(key, 2)
        return noise.salt_and_pepper(images, drawn(images, self.amount, strength), key=place)
