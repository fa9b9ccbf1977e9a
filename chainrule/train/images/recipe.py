"""The recipe for images: receives what is known of them; hands on every choice, each with its
reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from chainrule.advisor.numbers import check_numbers
from chainrule.data.images import ImageProblem
from chainrule.words import counted

MINUTES = 10.0  # On such a machine it takes no longer.
# What two cores with AVX-512 do of a network of this kind in a second.
SPEED = 1.2e11
NARROW, WIDE, MANY_IMAGES = 16, 32, 5_000
SMALLEST_MAP, FEWEST_STAGES, MOST_STAGES = 7, 2, 5
LARGE_SIDE = 48  # From such a side on the first layer takes every second place.
STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 4_000, 12, 60
FEW_A_CLASS = 500
# Mirror images keep their class if what was fitted on the others knows nearly as many of them.
AS_GOOD, KNOWS = 0.95, 1.5


@dataclass(frozen=True)
class ImageRecipe:
    """What is trained on images, and how. `reasons` has a line for each of `described`.

    Training lasts `epochs`, or ends when so many `minutes` are gone; without minutes the same seed
    gives the same run again.
    """

    width: int
    stages: int
    blocks: int
    stem_stride: int
    flips: tuple[str, ...]
    shift: int
    affine: bool
    mixup: float
    label_smoothing: float
    learning_rate: float
    weight_decay: float
    warm_up: float
    batch_size: int
    epochs: int
    minutes: float | None
    loss: str = "cross_entropy"
    reasons: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "flips": list(self.flips)}

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> ImageRecipe:
        return ImageRecipe(**{**found, "flips": tuple(found["flips"])})

    def described(self) -> dict[str, str]:
        """Each choice in words."""
        widths = "-".join(str(self.width * 2**stage) for stage in range(self.stages))
        turned = ["turned by 10 degrees, zoomed by a tenth"] if self.affine else []
        return {
            "network": f"residual, {counted(self.blocks, 'block')} each of {widths}",
            "flips": " and ".join(self.flips) or "none",
            "changes": ", ".join([f"moved by {counted(self.shift, 'pixel')}", *turned]),
            "mixing": f"mixup, alpha {self.mixup:g}" if self.mixup else "none",
            "loss": f"cross entropy, smoothed by {self.label_smoothing:g}",
            "optimizer": f"AdamW, rate {self.learning_rate:g}, decay {self.weight_decay:g}",
            "schedule": f"warm-up for {self.warm_up:.0%}, then cosine",
            "batch size": str(self.batch_size),
            "epochs": f"{self.epochs}"
            + (f", within {counted(self.minutes, 'minute')}" if self.minutes else ""),
        }


def choose_for_images(
    problem: ImageProblem, mirrored: Mapping[str, float], **wanted: Any
) -> ImageRecipe:
    """The recipe for images, of which a linear model knows the share `mirrored["as they are"]`,
    "horizontal" and "vertical" when they are mirrored; and another one those "of the largest
    class". What is `wanted` and not None wins over the
    rules. Few images are varied more, and mixed (F-065). Raises ArgumentError.
    """
    wanted = {name: value for name, value in wanted.items() if value is not None}
    check_numbers(
        wanted,
        whole=("epochs", "width", "batch_size"),
        positive=("minutes", "learning_rate"),
    )
    images = len(problem.parts["training"].y)
    side = min(problem.size[:2])
    few = images < FEW_A_CLASS * len(problem.target.classes)
    batch_size = wanted.get("batch_size") or (
        32 if images < 2_000 else 64 if images < 20_000 else 128
    )
    epochs = round(STEPS * batch_size / images)
    recipe = ImageRecipe(
        width=WIDE if images >= MANY_IMAGES else NARROW,
        stages=max(FEWEST_STAGES, min(MOST_STAGES, 1 + round(math.log2(side / SMALLEST_MAP)))),
        blocks=1,
        stem_stride=2 if side > LARGE_SIDE else 1,
        flips=_flips(mirrored, problem.size[2]),
        shift=max(1, side // 8 if few else side // 14),
        affine=few,
        mixup=0.2 if few else 0.0,
        label_smoothing=0.05,
        learning_rate=3e-3,
        weight_decay=0.05,
        warm_up=0.1,
        batch_size=batch_size,
        epochs=max(FEWEST_EPOCHS, min(MOST_EPOCHS, epochs)),
        minutes=None,
    )
    recipe = replace(recipe, **wanted)
    if "width" not in wanted:
        recipe = _in_time(recipe, problem)
    return replace(recipe, reasons=_reasons(recipe, problem, mirrored, wanted))


def _flips(mirrored: Mapping[str, float], channels: int) -> tuple[str, ...]:
    known = mirrored["as they are"]
    if known < KNOWS * mirrored["of the largest class"]:
        # Who knows nothing knows as much of mirror images. In photographs left may be right.
        return ("horizontal",) if channels == 3 else ()
    return tuple(axis for axis in ("horizontal", "vertical") if mirrored[axis] >= AS_GOOD * known)


def _flips_reason(mirrored: Mapping[str, float]) -> str:
    known, frequent = mirrored["as they are"], mirrored["of the largest class"]
    if known < KNOWS * frequent:
        return (
            f"a linear model knows too few images to try it ({known:.0%}); left may be right in "
            "photographs"
        )
    return (
        f"a linear model knows {known:.0%} of the images, {mirrored['horizontal']:.0%} of them "
        f"mirrored left to right, {mirrored['vertical']:.0%} upside down"
    )


def _in_time(recipe: ImageRecipe, problem: ImageProblem) -> ImageRecipe:
    """As wide as the time allows."""
    images = len(problem.parts["training"].y) * recipe.epochs
    while recipe.width > NARROW // 2:
        if images * operations(recipe, problem) <= SPEED * 60 * (recipe.minutes or MINUTES):
            break
        recipe = replace(recipe, width=recipe.width // 2)
    return recipe


def _expected(recipe: ImageRecipe, problem: ImageProblem) -> str:
    """How long training takes where nobody else computes."""
    images = len(problem.parts["training"].y) * recipe.epochs
    minutes = images * operations(recipe, problem) / SPEED / 60
    return f"about {counted(round(minutes), 'minute')}" if minutes >= 1.5 else "a minute or two"


def operations(recipe: ImageRecipe, problem: ImageProblem) -> float:
    """Of a training step, for each image: 6 a weight and place."""
    height, width, _ = problem.size
    places, total = height * width / recipe.stem_stride**2, 0.0
    inputs = recipe.width
    for stage in range(recipe.stages):
        outputs = recipe.width * 2**stage
        places /= 4 if stage else 1
        weights = 9 * (inputs * outputs + (2 * recipe.blocks - 1) * outputs**2)
        total, inputs = total + 6 * places * weights, outputs
    return total


def _reasons(
    recipe: ImageRecipe,
    problem: ImageProblem,
    mirrored: Mapping[str, float],
    wanted: Mapping[str, Any],
) -> dict[str, str]:
    """Why each choice of `described` was made."""
    images, classes = len(problem.parts["training"].y), len(problem.target.classes)
    steps = -(-images // recipe.batch_size)
    size = f"{images:,} images of {classes} classes are"
    few = "few" if images < FEW_A_CLASS * classes else "not few"
    reasons = {
        "network": f"{size} {few}; as wide as there is time for",
        "flips": _flips_reason(mirrored),
        "changes": "what is shown lies elsewhere in other images"
        + "; few are varied more" * recipe.affine,
        "mixing": f"{size} {few}",
        "loss": "none is ever quite certain",
        "optimizer": "finds a step size for each weight",
        "schedule": "small steps while batch norms settle, large ones, small ones",
        "batch size": f"{counted(steps, 'step')} an epoch",
        "epochs": f"{counted(steps * recipe.epochs, 'step')}, {_expected(recipe, problem)}",
    }
    about = {
        "network": ("width",),
        "optimizer": ("learning_rate",),
        "batch size": ("batch_size",),
        "epochs": ("minutes",),
    }
    asked = [choice for choice, names in about.items() if set(names) & set(wanted)]
    return {**reasons, **dict.fromkeys(asked, "as asked")}
