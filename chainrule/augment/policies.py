"""Policies that choose among operations: receives images (N, H, W, C) of floats from 0 to 1; hands
on images that each went through operations of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from chainrule.augment import colour, geometry
from chainrule.augment.base import Augmentation, each, floats_of, shades
from chainrule.augment.policy_tables import CIFAR10, IMAGENET, SVHN
from chainrule.distributions.sampling import keys
from chainrule.errors import ArgumentError
from chainrule.frontend import random
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.functions.elementary import cos, sin
from chainrule.frontend.functions.elementwise import round
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import take_along
from chainrule.frontend.lift import Operand, lift
from chainrule.frontend.tensor import Tensor
from chainrule.nn.losses.reduction import require

SHADES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "color": colour.saturation,
    "contrast": colour.contrast,
    "brightness": colour.brightness,
    "sharpness": colour.sharpness,
    "solarize": colour.solarize,
    "posterize": colour.posterize,
    "autocontrast": lambda x, amount: colour.autocontrast(x),
    "equalize": lambda x, amount: colour.equalize(x),
    "invert": lambda x, amount: colour.invert(x),
}
PLACES = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
OPERATIONS = ("identity", *PLACES, *SHADES)


def operate(
    images: Operand, operations: Operand, amounts: Operand, *, fill: Operand = 128 / 255
) -> Tensor:
    """Each image changed by one of the 15 `OPERATIONS`, by number, and an amount in its units:
    degrees, pixels per pixel, shares of the size, factors, thresholds, or bits. (A-131, A-132)

    All shears start at the upper left corner, and pixels are the nearest, as in the papers' code;
    beyond the border they are `fill`.

    >>> invert = cr.augment.OPERATIONS.index("invert")
    >>> cr.augment.operate(cr.asarray([[[[0.25]]]]), cr.asarray([invert]), 0.0)
    Tensor([[[[0.75]]]], dtype=float32)
    """
    x = shades("operate", images)
    amounts = each("operate", amounts, x, 0)
    chosen = {name: lift(operations) == number for number, name in enumerate(OPERATIONS)}
    amount = {name: where(chosen[name], amounts, 0.0) for name in PLACES}
    turn = amount["rotate"] * (math.pi / 180)
    (_, height, width, _), (along, across) = x.shape, (amount["shear_x"], amount["shear_y"])
    matrices = geometry.matrices(
        (cos(turn), sin(turn) + across, width / 2 * across - height * amount["translate_y"]),
        (along - sin(turn), cos(turn), height / 2 * along - width * amount["translate_x"]),
    )
    result = geometry.affine(x, matrices, mode="nearest", fill=fill)
    for name, change in SHADES.items():
        result = where(each("operate", chosen[name], x), change(x, amounts), result)
    return result


class Reach(NamedTuple):
    """Amounts `start` + strength * `reach`; if `signed`, as likely `start` - strength * `reach`."""

    start: float = 0.0
    reach: float = 0.0
    signed: bool = False


# The ranges of AutoAugment (Cubuk et al. 2019), which RandAugment takes over; 150 of 331 pixels.
RANGES = {
    "rotate": Reach(0, 30, True),
    **dict.fromkeys(("shear_x", "shear_y"), Reach(0, 0.3, True)),
    **dict.fromkeys(("translate_x", "translate_y"), Reach(0, 150 / 331, True)),
    **dict.fromkeys(("color", "contrast", "brightness", "sharpness"), Reach(1, 0.9, True)),
    "solarize": Reach(1, -1),
    "posterize": Reach(8, -4),
}
# AutoAugment's factors run from 0.1 to 1.9 instead of to both sides of 1.
SEARCHED = RANGES | dict.fromkeys(("color", "contrast", "brightness", "sharpness"), Reach(0.1, 1.8))


class _Policy(Augmentation):
    def __init__(self, fill: float) -> None:
        super().__init__()
        self.fill = fill

    def operated(
        self,
        images: Tensor,
        operations: Tensor,
        strengths: Tensor | float,
        ranges: Mapping[str, Reach],
        key: Tensor,
    ) -> Tensor:
        """Operations of a strength from 0 to 1, whose amounts are drawn to be more or less."""
        table = np.array([ranges.get(name, Reach()) for name in OPERATIONS], np.float64)
        start, reach, signed = (
            take_along(asarray(column, dtype=floats_of(images)), operations, 0)
            for column in table.T
        )
        less = random.bernoulli(images.shape[:1], 0.5, key=key) & (signed > 0)
        amounts = start + where(less, -strengths * reach, strengths * reach)
        bits = operations == OPERATIONS.index("posterize")
        return operate(images, operations, where(bits, round(amounts), amounts), fill=self.fill)


class RandAugment(_Policy):
    """`num_ops` of 14 operations, one after the other, each as likely, all of strength `magnitude`,
    of 0 to 30 (Cubuk et al. 2020). (A-131)

    The operations are the paper's: `OPERATIONS` without "invert". N = 2 and M = 9 are its choice
    for ResNet-50 on ImageNet, as in PyTorch; 30 is a rotation by 30 degrees, a shear by 0.3, a move
    by 150 of 331 pixels, a factor of 1 +- 0.9, 4 bits, and threshold 0. Images are floats from 0 to
    1: normalise them afterwards. Raises ArgumentError.

    >>> with cr.training():
    ...     cr.augment.RandAugment()(cr.ones((2, 32, 32, 3))).shape
    (2, 32, 32, 3)
    """

    def __init__(self, num_ops: int = 2, magnitude: float = 9, fill: float = 128 / 255) -> None:
        super().__init__(fill)
        require(
            num_ops >= 1 and 0 <= magnitude <= 30,
            "RandAugment",
            f"num_ops={num_ops}, magnitude={magnitude}",
            "at least one operation, of a strength of 0 to 30",
            "start with 2 and 9",
        )
        self.num_ops, self.magnitude = num_ops, magnitude

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        for own in keys(key, self.num_ops):
            which, sign = keys(own, 2)
            operations = random.integers(images.shape[:1], len(OPERATIONS) - 1, key=which)
            images = self.operated(images, operations, self.magnitude / 30, RANGES, sign)
        return images


class AutoAugment(_Policy):
    """One of the 25 policies for each image that Cubuk et al. (2019) found by a search: two
    operations, each with its probability and one of ten magnitudes. (A-132)

    `policy` is "imagenet", "cifar10" or "svhn". The tables and ranges are the paper's: factors run
    from 0.1 to 1.9, where PyTorch takes 1 +- 0.9. Images are floats from 0 to 1. Raises
    ArgumentError for another name.

    >>> with cr.training():
    ...     cr.augment.AutoAugment("cifar10")(cr.ones((2, 32, 32, 3))).shape
    (2, 32, 32, 3)
    """

    POLICIES = {"imagenet": IMAGENET, "cifar10": CIFAR10, "svhn": SVHN}

    def __init__(self, policy: str = "imagenet", fill: float = 128 / 255) -> None:
        super().__init__(fill)
        if policy not in self.POLICIES:
            raise ArgumentError(
                "AutoAugment", f"policy={policy!r}", f"there are {', '.join(self.POLICIES)}"
            )
        self.policy = policy

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        policies = self.POLICIES[self.policy]
        which, first, second = keys(key, 3)
        chosen = random.integers(images.shape[:1], len(policies), key=which)
        for turn, own in enumerate((first, second)):
            steps = [policy[turn] for policy in policies]
            coins, sign = keys(own, 2)
            table = asarray([OPERATIONS.index(step.operation) for step in steps])
            p, magnitudes = (
                take_along(asarray(column, dtype=floats_of(images)), chosen, 0)
                for column in ([step.p for step in steps], [step.magnitude for step in steps])
            )
            happens = random.bernoulli(images.shape[:1], p, key=coins)
            operations = where(happens, take_along(table, chosen, 0), 0)
            images = self.operated(images, operations, magnitudes / 9, SEARCHED, sign)
        return images


class TrivialAugment(_Policy):
    """One of RandAugment's operations for each image, of a strength uniform among 31, with wider
    ranges (Müller and Hutter 2021, "wide"); nothing to choose. (A-131)

    The strongest are 135 degrees, a shear by 0.99, 32 pixels, a factor of 1 +- 0.99, 2 bits and
    threshold 0.

    >>> with cr.training():
    ...     cr.augment.TrivialAugment()(cr.ones((2, 32, 32, 3))).shape
    (2, 32, 32, 3)
    """

    def __init__(self, fill: float = 128 / 255) -> None:
        super().__init__(fill)

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        which, how, sign = keys(key, 3)
        height, width = images.shape[1:3]
        wide = RANGES | {
            "rotate": Reach(0, 135, True),
            **dict.fromkeys(("shear_x", "shear_y"), Reach(0, 0.99, True)),
            "translate_x": Reach(0, 32 / width, True),
            "translate_y": Reach(0, 32 / height, True),
            **dict.fromkeys(("color", "contrast", "brightness", "sharpness"), Reach(1, 0.99, True)),
            "posterize": Reach(8, -6),
        }
        operations = random.integers(images.shape[:1], len(OPERATIONS) - 1, key=which)
        steps = random.integers(images.shape[:1], 31, key=how).astype(floats_of(images))
        return self.operated(images, operations, steps / 30, wide, sign)
