"""The recipe: receives a problem; hands on every choice that a training needs, each with its
reason.

The rules were chosen on the five shipped data sets, over ten splits of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import metrics, nn, optim
from chainrule.data import Problem
from chainrule.errors import ArgumentError

NARROWEST, WIDEST = 64, 256
SMALLEST_BATCH, LARGEST_BATCH = 16, 256
STEPS_AN_EPOCH, STEPS = 40, 2_000
FEWEST_EPOCHS, MOST_EPOCHS = 50, 200
# Below the first number of rows a network can learn all by heart; above the second it hardly can.
FEW_ROWS, MANY_ROWS = 1_000, 20_000

LOSS_REASONS = {
    "cross_entropy": "-log probability of the true class; smoothed, none is ever quite certain",
    "mse": "its best answer is the mean of the target",
}
# The lines in which a recipe is told, and the fields that each is about.
CHOICES = {
    "network": ("hidden",),
    "activation": ("activation",),
    "initialisation": ("initialisation",),
    "dropout": ("input_dropout", "dropout"),
    "loss": ("loss", "label_smoothing"),
    "optimizer": ("optimizer", "learning_rate", "weight_decay"),
    "schedule": ("schedule",),
    "batch size": ("batch_size",),
    "epochs": ("epochs",),
    "patience": ("patience",),
}

TUNABLE = (
    "hidden",
    "input_dropout",
    "dropout",
    "label_smoothing",
    "learning_rate",
    "weight_decay",
    "batch_size",
    "epochs",
    "patience",
)


@dataclass(frozen=True)
class Recipe:
    """What is trained, and how. `reasons` has a line for each group of choices."""

    hidden: tuple[int, ...]
    activation: str
    initialisation: str
    input_dropout: float
    dropout: float
    loss: str
    label_smoothing: float
    optimizer: str
    learning_rate: float
    weight_decay: float
    schedule: str
    batch_size: int
    epochs: int
    patience: int
    reasons: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "hidden": list(self.hidden)}

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> Recipe:
        return Recipe(**{**found, "hidden": tuple(found["hidden"])})


def choose(problem: Problem, **wanted: Any) -> Recipe:
    """The recipe for a problem. What is `wanted` (of `TUNABLE`, and not None) wins over the rules.
    Raises ArgumentError.
    """
    wanted = {name: value for name, value in wanted.items() if value is not None}
    rows, inputs = problem.parts["training"].x.shape
    width = _power_of_two(4 * inputs, NARROWEST, WIDEST)
    batch_size = wanted.get("batch_size") or _power_of_two(
        rows / STEPS_AN_EPOCH, SMALLEST_BATCH, LARGEST_BATCH
    )
    epochs = wanted.get("epochs") or _epochs(rows, batch_size)
    few, many = rows < FEW_ROWS, rows >= MANY_ROWS
    recipe = Recipe(
        hidden=(width, width // 2),
        activation="relu",
        initialisation="he_normal",
        input_dropout=0.1 if problem.preprocessing.one_unit else 0.0,
        dropout=0.0 if many else 0.2,
        loss="cross_entropy" if problem.target.classes else "mse",
        label_smoothing=0.02 if problem.target.classes else 0.0,
        optimizer="AdamW",
        learning_rate=2e-3,
        weight_decay=1.0 if few else 0.01 if many else 0.1,
        schedule="cosine",
        batch_size=batch_size,
        epochs=epochs,
        patience=max(10, epochs // 4),
    )
    _check_names(wanted)
    recipe = replace(recipe, **wanted)
    _check(recipe)
    return replace(recipe, reasons=_reasons(recipe, problem, set(wanted)))


def _power_of_two(size: float, least: int, greatest: int) -> int:
    return int(np.clip(2 ** round(np.log2(max(size, 1))), least, greatest))


def _epochs(rows: int, batch_size: int) -> int:
    """Enough for `STEPS` steps, in tens."""
    epochs = STEPS * batch_size / rows
    return int(np.clip(round(epochs, -1), FEWEST_EPOCHS, MOST_EPOCHS))


def _check_names(wanted: Mapping[str, Any]) -> None:
    for name in wanted:
        if name not in TUNABLE:
            raise ArgumentError(
                "fit",
                f"{name} cannot be chosen",
                f"a recipe can be told {', '.join(TUNABLE)}",
                "leave it out, or train your own model with train.Trainer",
            )


def _check(recipe: Recipe) -> None:
    for name, least in (("batch_size", 1), ("epochs", 1), ("patience", 1), ("learning_rate", 0)):
        value = getattr(recipe, name)
        if not (value >= least and value > 0 and value < float("inf")):
            option = name.replace("_", "-")
            raise ArgumentError(
                "fit", f"{option} is {value}", "it must be positive", f"choose another --{option}"
            )


def _reasons(recipe: Recipe, problem: Problem, asked: set[str]) -> dict[str, str]:
    """Why each of `CHOICES` was made."""
    rows, inputs = problem.parts["training"].x.shape
    steps = -(-rows // recipe.batch_size)
    size = "few" if rows < FEW_ROWS else "many" if rows >= MANY_ROWS else "not many"
    redundant = "; inputs in one unit repeat each other" * bool(recipe.input_dropout)
    reasons = {
        "network": f"about 4 times the {inputs} inputs, from {NARROWEST} to {WIDEST}, then half",
        "activation": "cheap, and its gradient does not fade in the layers below",
        "initialisation": "keeps signals at one size through ReLU layers",
        "dropout": f"{rows:,} training rows are {size}{redundant}",
        "loss": LOSS_REASONS[recipe.loss],
        "optimizer": f"finds a step size for each weight; the decay is right for {size} rows",
        "schedule": "large steps first, to get near; small ones last, to settle",
        "batch size": f"{steps:,} steps an epoch",
        "epochs": f"{steps * recipe.epochs:,} steps at most",
        "patience": "ends when the validation loss has not fallen for so many epochs",
    }
    chosen = [choice for choice, fields in CHOICES.items() if asked.intersection(fields)]
    return {**reasons, **dict.fromkeys(chosen, "as asked")}


def described(recipe: Recipe, inputs: int, outputs: int) -> dict[str, str]:
    """Each of `CHOICES` in words."""
    sizes = "-".join(map(str, (inputs, *recipe.hidden, outputs)))
    inputs_too = f", {recipe.input_dropout:g} of the inputs" if recipe.input_dropout else ""
    dropout = f"{recipe.dropout:g}" if recipe.dropout else "none"
    smoothed = f", smoothed by {recipe.label_smoothing:g}" if recipe.label_smoothing else ""
    return {
        "network": sizes,
        "activation": recipe.activation,
        "initialisation": recipe.initialisation.replace("_", " "),
        "dropout": dropout + inputs_too,
        "loss": recipe.loss.replace("_", " ") + smoothed,
        "optimizer": f"{recipe.optimizer}, rate {recipe.learning_rate:g}, "
        f"decay {recipe.weight_decay:g}",
        "schedule": recipe.schedule,
        "batch size": str(recipe.batch_size),
        "epochs": str(recipe.epochs),
        "patience": str(recipe.patience),
    }


def build(recipe: Recipe, inputs: int, outputs: int) -> nn.Sequential:
    """The network, with weights drawn from the global random stream."""
    layers: list[Any] = [nn.Dropout(recipe.input_dropout)] if recipe.input_dropout else []
    width = inputs
    for size in recipe.hidden:
        layers += [
            nn.Linear(width, size, init=nn.init.he_normal(), bias_init=nn.init.zeros()),
            nn.ReLU(),
        ]
        layers += [nn.Dropout(recipe.dropout)] if recipe.dropout else []
        width = size
    # Small logits at the start: all classes, or the mean, to begin with.
    last = nn.Linear(width, outputs, init=nn.init.xavier_normal(), bias_init=nn.init.zeros())
    return nn.Sequential(*layers, last)


def make_optimizer(recipe: Recipe, model: nn.Module, rows: int) -> optim.Optimizer:
    """The optimizer with its schedule, for so many rows an epoch."""
    steps = -(-rows // recipe.batch_size) * recipe.epochs
    schedule = optim.schedules.Cosine(recipe.learning_rate, steps)
    return optim.AdamW(model, schedule, weight_decay=recipe.weight_decay)


def make_loss(recipe: Recipe) -> Callable:
    """The loss of a recipe, of (prediction, target)."""
    if recipe.loss == "mse":
        return mse
    return partial(nn.losses.cross_entropy, label_smoothing=recipe.label_smoothing)


def mse(prediction: cr.Tensor, target: cr.Tensor) -> cr.Tensor:
    """The network has one output for each row, in a column."""
    return nn.losses.mse(prediction[:, 0], target)


def make_metrics(problem: Problem) -> dict[str, Any]:
    """What is told of each epoch: the accuracy, or the RMSE in original units."""
    if problem.target.classes:
        return {"accuracy": metrics.accuracy}
    scale = problem.target.scale

    def squares(prediction: cr.Tensor, target: cr.Tensor) -> cr.Tensor:
        return cr.square(scale * (prediction[:, 0] - target))

    return {"rmse": metrics.averaged(squares, finish=cr.sqrt)}
