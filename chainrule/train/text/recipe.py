"""The recipe for a text: receives its length and the time there is; hands on every choice, each
with its reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from chainrule.advisor.numbers import check_numbers
from chainrule.compiler import machine
from chainrule.errors import ArgumentError
from chainrule.words import counted

MINUTES = 10.0
# What two cores with AVX-512 do of a model of this kind in a second.
SPEED = 3e11
# Training costs 6 operations a parameter and token: twice as many backward as forward.
OPERATIONS = 6
TOKENS_A_PARAMETER = 10
HEAD, BLOCK_WEIGHTS = 32, 12  # Features of a head; weights of a block in squares of its width.
NARROWEST, WIDEST = 32, 512
LAYERS, DEEPER, DEEPEST = 4, 256, 6
LONGEST_CONTEXT, SHORTEST_CONTEXT = 128, 32
TOKENS_A_STEP = 4096
PASSES = 5  # From so many passes over the text on a model learns it by heart.
MOST_PASSES = 40
LOOKS = 40  # How often a training is interrupted to validate.


@dataclass(frozen=True)
class TextRecipe:
    """What is trained on a text, and how. `reasons` has a line for each of `described`.

    Training lasts `steps`, or ends when so many `minutes` are gone; without minutes the same seed
    gives the same run again. An epoch is `steps_an_epoch`.
    """

    layers: int
    width: int
    heads: int
    context: int
    dropout: float
    learning_rate: float
    other_rate: float
    weight_decay: float
    warm_up: float
    clip_norm: float
    batch_size: int
    precision: str
    minutes: float | None
    steps: int
    steps_an_epoch: int
    loss: str = "bits per character"
    reasons: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> TextRecipe:
        return TextRecipe(**found)

    @property
    def epochs(self) -> int:
        """At most so many."""
        return math.ceil(self.steps / self.steps_an_epoch)

    def described(self) -> dict[str, str]:
        """Each choice in words."""
        shape = f"{counted(self.layers, 'layer')} of {self.width}, {counted(self.heads, 'head')}"
        by_clock = f"{counted(self.minutes, 'minute')}, or " if self.minutes else ""
        return {
            "network": f"GPT, {shape}",
            "context": counted(self.context, "character"),
            "dropout": f"{self.dropout:g}" if self.dropout else "none",
            "loss": self.loss,
            "optimizer": f"Muon, rate {self.learning_rate:g}, decay {self.weight_decay:g}",
            "other weights": f"AdamW, rate {self.other_rate:g}",
            "schedule": f"warm-up for {self.warm_up:.0%}, then cosine",
            "clipping": f"gradients to norm {self.clip_norm:g}",
            "batch size": counted(self.batch_size, "passage"),
            "precision": self.precision,
            "length": f"{by_clock}{counted(self.steps, 'step')}",
        }


def choose_for_text(length: int, **wanted: Any) -> TextRecipe:
    """The recipe for a training part of so many characters. What is `wanted` and not None wins over
    the rules. Raises ArgumentError.
    """
    wanted = {name: value for name, value in wanted.items() if value is not None}
    _check(wanted)
    minutes = None if "steps" in wanted else wanted.get("minutes", MINUTES)
    operations = SPEED * 60 * (minutes or MINUTES)
    size = min(math.sqrt(operations / (OPERATIONS * TOKENS_A_PARAMETER)), length)
    layers = wanted.get("layers") or (LAYERS if size < LAYERS * 12 * DEEPER**2 else DEEPEST)
    width = wanted.get("width") or _width(size, layers)
    context = wanted.get("context") or _context(length)
    batch_size = wanted.get("batch_size") or max(8, TOKENS_A_STEP // context)
    a_step = OPERATIONS * BLOCK_WEIGHTS * layers * width**2 * batch_size * context
    steps = wanted.get("steps") or math.ceil(MOST_PASSES * length / (batch_size * context))
    expected = steps if minutes is None else min(steps, operations / a_step)
    passes = expected * batch_size * context / length
    recipe = TextRecipe(
        layers=layers,
        width=width,
        heads=_heads(width),
        context=context,
        dropout=0.0 if passes < PASSES else 0.1 if passes < 4 * PASSES else 0.2,
        learning_rate=0.02,
        other_rate=3e-3,
        weight_decay=0.1,
        warm_up=0.03,
        clip_norm=1.0,
        batch_size=batch_size,
        precision="bfloat16" if machine().adds_pairs else "float32",
        minutes=minutes,
        steps=steps,
        steps_an_epoch=max(1, round(expected / LOOKS)),
    )
    recipe = replace(recipe, **wanted)
    return replace(recipe, reasons=_reasons(recipe, length, passes, wanted))


def _width(size: float, layers: int) -> int:
    """For so many parameters, in whole heads."""
    width = math.sqrt(size / (BLOCK_WEIGHTS * layers))
    return max(NARROWEST, min(WIDEST, HEAD * round(width / HEAD)))


def _heads(width: int) -> int:
    """As many as have `HEAD` features or more, and in pairs, which positions turn."""
    return max(h for h in range(1, max(2, width // HEAD + 1)) if width % (2 * h) == 0)


def _context(length: int) -> int:
    return LONGEST_CONTEXT if length > 1000 * LONGEST_CONTEXT else SHORTEST_CONTEXT


def _check(wanted: Mapping[str, Any]) -> None:
    check_numbers(
        wanted,
        whole=("layers", "width", "context", "batch_size", "steps"),
        positive=("minutes", "learning_rate"),
        shares=("dropout",),
    )
    if wanted.get("width", 2) % 2:
        raise ArgumentError(
            "fit",
            f"width is {wanted['width']}",
            "positions turn features in pairs",
            "choose an even number",
        )
    if "steps" in wanted and "minutes" in wanted:
        raise ArgumentError(
            "fit", "steps and minutes are given", "each says when training ends", "give one of them"
        )


def _reasons(
    recipe: TextRecipe, length: int, passes: float, wanted: Mapping[str, Any]
) -> dict[str, str]:
    """Why each choice of `described` was made."""
    parameters = BLOCK_WEIGHTS * recipe.layers * recipe.width**2
    reasons = {
        "network": f"{parameters:,} weights, which so long a training can use",
        "context": f"half a dozen lines at most of {length:,} characters",
        "dropout": f"each character is seen about {passes:.1f} times",
        "loss": "what a perfect compressor would need with this model",
        "optimizer": "evenly in all directions of a matrix; AdamW had 9% more bits (one seed)",
        "other weights": "of the embedding, the head and vectors, which do not decay",
        "schedule": "small steps while moments are few, large ones, small ones to settle",
        "clipping": "single steep passages do not throw it back",
        "batch size": f"{recipe.batch_size * recipe.context:,} characters a step",
        "precision": "pairs of bfloat16 are multiplied at once"
        if recipe.precision == "bfloat16"
        else "products of bfloat16 are no faster on this processor",
        "length": "what the rate follows; interrupted, the best so far is kept",
    }
    about = {
        "network": ("layers", "width"),
        "context": ("context",),
        "dropout": ("dropout",),
        "optimizer": ("learning_rate",),
        "batch size": ("batch_size",),
        "length": ("minutes", "steps"),
    }
    asked = [choice for choice, names in about.items() if set(names) & set(wanted)]
    return {**reasons, **dict.fromkeys(asked, "as asked")}
