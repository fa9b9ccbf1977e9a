"""Parts of images replaced: receives images, labels and draws; hands on images with a part of
another image or of nothing, and labels to match.
"""

from __future__ import annotations

import math
from typing import Any

from chainrule.augment.base import Augmentation, each, floats_of, pictures, shades
from chainrule.augment.boxes import around, covered, within
from chainrule.distributions.gamma import Beta
from chainrule.distributions.sampling import keys
from chainrule.dtypes import int64
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend import random
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.functions.elementwise import sqrt
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import broadcast_to, take_along
from chainrule.frontend.functions.network import one_hot
from chainrule.frontend.functions.reductions import mean
from chainrule.frontend.lift import Operand, cast, lift
from chainrule.frontend.tensor import Tensor
from chainrule.nn.losses.reduction import require

# ---- Mixup ----


def mixup(
    images: Operand,
    labels: Operand,
    shares: Operand,
    partners: Operand,
    num_classes: int | None = None,
) -> tuple[Tensor, Tensor]:
    """share * x + (1 - share) * x[partners], of images and of labels as probabilities (A-128).

    Labels are integers (N,), of `num_classes`, or probabilities (N, classes); shares (N,) or one
    number; partners (N,) number images. Raises ArgumentError for integers without a number.

    >>> x, y = cr.asarray([0.0, 1.0]).reshape((2, 1, 1, 1)), cr.asarray([0, 1])
    >>> cr.augment.mixup(x, y, 0.75, cr.asarray([1, 0]), 2)[1]
    Tensor([[0.75, 0.25],
            [0.25, 0.75]], dtype=float32)
    """
    x = shades("mixup", images)
    y = _probabilities("mixup", labels, num_classes, x)
    partners = lift(partners, "mixup")
    mixed = _mixed(x, each("mixup", shares, x), partners)
    return mixed, _mixed(y, each("mixup", shares, x, 1), partners)


def _mixed(x: Tensor, shares: Tensor, partners: Tensor) -> Tensor:
    return shares * x + (1 - shares) * take_along(x, partners, 0)


def _probabilities(where_used: str, labels: Any, num_classes: int | None, x: Tensor) -> Tensor:
    if labels is None:
        raise ArgumentError(
            where_used, "there are no labels", "they are mixed as the images are", "pass both"
        )
    y = lift(labels, where_used)
    if y.dtype.is_integer and y.ndim == 1:
        require(
            num_classes is not None,
            where_used,
            "labels are integers",
            "mixed labels are probabilities, one for each class",
            "pass num_classes",
        )
        y = one_hot(y, num_classes, dtype=floats_of(x))
    if y.ndim != 2 or y.shape[0] != x.shape[0]:
        raise ShapeError(
            where_used,
            f"labels have shape {list(y.shape)} for {x.shape[0]} images",
            "they are integers (N,) or probabilities (N, classes)",
        )
    return cast(y, floats_of(x))


class _Mixing(Augmentation):
    def __init__(self, num_classes: int | None, alpha: float, p: float) -> None:
        super().__init__(p)
        require(
            0 < alpha < math.inf,
            type(self).__name__,
            f"alpha is {alpha}",
            "shares are drawn from Beta(alpha, alpha)",
            "choose alpha > 0; near 0 nothing is mixed",
        )
        self.num_classes, self.alpha = num_classes, alpha

    def augmented(self, images: Tensor, labels: Any, key: Tensor | None) -> tuple[Tensor, Any]:
        coins, shares, partners, rest = keys(key, 4)
        drawn = Beta(self.alpha, self.alpha).sample(images.shape[:1], key=shares)
        share = where(random.bernoulli(images.shape[:1], self.p, key=coins), drawn, 1)
        order = random.permutation(images.shape[0], key=partners)
        return self.mixed(images, labels, cast(share, floats_of(images)), order, rest)

    def mixed(
        self, images: Tensor, labels: Any, share: Tensor, partners: Tensor, key: Tensor
    ) -> tuple[Tensor, Tensor]:
        raise NotImplementedError


class Mixup(_Mixing):
    """Each image mixed with another one of the batch, labels likewise, by a share of its own from
    Beta(alpha, alpha) (Zhang et al. 2018). (A-128)

    alpha = 0.2, within the paper's 0.1 to 0.4 for ImageNet. Labels come out as probabilities
    (N, num_classes), which `cr.nn.losses.cross_entropy` takes; in use they stay as they are.

    >>> with cr.training():
    ...     images, labels = cr.augment.Mixup(10)(cr.ones((4, 8, 8, 3)), cr.asarray([3, 1, 4, 1]))
    >>> labels.shape
    (4, 10)
    """

    def __init__(self, num_classes: int | None = None, alpha: float = 0.2, p: float = 1.0) -> None:
        super().__init__(num_classes, alpha, p)

    def mixed(
        self, images: Tensor, labels: Any, share: Tensor, partners: Tensor, key: Tensor
    ) -> tuple[Tensor, Tensor]:
        return mixup(images, labels, share, partners, self.num_classes)


# ---- CutMix ----


def cutmix(
    images: Operand,
    labels: Operand,
    boxes: Operand,
    partners: Operand,
    num_classes: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Images with the box of another one, and labels by the shares of the pixels (A-129).

    Boxes (top, left, bottom, right) may reach beyond the border: only pixels count. The rest as in
    `mixup`.

    >>> x, y = cr.asarray([[0.0, 0.0], [1.0, 1.0]]).reshape((2, 1, 2, 1)), cr.asarray([0, 1])
    >>> cr.augment.cutmix(x, y, cr.asarray([0, -5, 1, 1]), cr.asarray([1, 0]), 2)[1]
    Tensor([[0.5, 0.5],
            [0.5, 0.5]], dtype=float32)
    """
    x = pictures("cutmix", images)
    y, partners = _probabilities("cutmix", labels, num_classes, x), lift(partners, "cutmix")
    inside = covered("cutmix", boxes, x)
    share = 1 - mean(cast(inside, y.dtype), axis=(1, 2, 3))
    return where(inside, take_along(x, partners, 0), x), _mixed(y, share[:, None], partners)


class CutMix(_Mixing):
    """Each image with a box of another one of the batch, labels by area (Yun et al. 2019). (A-129)

    share ~ Beta(alpha, alpha), alpha = 1 as in the paper: uniform. The box has sqrt(1 - share) of
    height and width, and its centre is anywhere; what lies beyond the border counts for nothing.

    >>> with cr.training():
    ...     images, labels = cr.augment.CutMix(10)(cr.ones((4, 8, 8, 3)), cr.asarray([3, 1, 4, 1]))
    >>> labels.shape
    (4, 10)
    """

    def __init__(self, num_classes: int | None = None, alpha: float = 1.0, p: float = 1.0) -> None:
        super().__init__(num_classes, alpha, p)

    def mixed(
        self, images: Tensor, labels: Any, share: Tensor, partners: Tensor, key: Tensor
    ) -> tuple[Tensor, Tensor]:
        side = sqrt(1 - share)
        height, width = (cast(side * extent, int64) for extent in images.shape[1:3])
        boxes = around(images, height, width, key)
        return cutmix(images, labels, boxes, partners, self.num_classes)


# ---- Erasing ----


def erase(images: Operand, boxes: Operand, values: Operand = 0.0) -> Tensor:
    """Images whose box (top, left, bottom, right) holds `values`, which broadcast to the images
    (A-130).

    >>> cr.augment.erase(cr.ones((1, 1, 3, 1)), cr.asarray([0, 1, 1, 9]))[0, 0, :, 0]
    Tensor([1., 0., 0.], dtype=float32)
    """
    x = pictures("erase", images)
    return where(covered("erase", boxes, x), asarray(values, dtype=x.dtype), x)


class Cutout(Augmentation):
    """A square of `size` pixels erased, its centre anywhere, so that it may lie partly outside
    (DeVries and Taylor 2017). (A-130)

    16 is the paper's size for CIFAR-10 (8 for CIFAR-100, 20 for SVHN), half of the image: take
    another for larger images. Its value 0 is the mean of normalised images.

    >>> with cr.training():
    ...     cr.augment.Cutout(4)(cr.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(self, size: int = 16, fill: float = 0.0, p: float = 1.0) -> None:
        super().__init__(p)
        require(size >= 1, "Cutout", f"size is {size}", "it counts pixels", "choose size >= 1")
        self.size, self.fill = size, fill

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        side = broadcast_to(lift(self.size), images.shape[:1])
        return erase(images, around(images, side, side, key), self.fill)


class RandomErasing(Augmentation):
    """A box within the image erased (Zhong et al. 2020), of a share `scale` of its area and a width
    `ratio` times its height. (A-130)

    Names and defaults as in PyTorch; the paper's areas reach 0.4. `fill=None` draws normal numbers.

    >>> with cr.training():
    ...     cr.augment.RandomErasing()(cr.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        fill: float | None = 0.0,
    ) -> None:
        super().__init__(p)
        self.scale, self.ratio = box_options("RandomErasing", scale, ratio)
        self.fill = fill

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        places, values = keys(key, 2)
        boxes, _ = within(images, self.scale, self.ratio, places)
        if self.fill is not None:
            return erase(images, boxes, self.fill)
        return erase(
            images, boxes, random.normal(images.shape, dtype=floats_of(images), key=values)
        )


def box_options(
    where_used: str, scale: tuple[float, float], ratio: tuple[float, float]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Checked areas and ratios of boxes."""
    for name, given in (("scale", scale), ("ratio", ratio)):
        low, high = given
        require(
            0 < low <= high < math.inf,
            where_used,
            f"{name}={given!r}",
            "it is drawn from low to high, both above 0",
            f"pass {name}=(low, high)",
        )
    return scale, ratio
