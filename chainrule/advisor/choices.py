"""Choices: receives a problem and what a user wants; hands on the recipe for it.

The rules were chosen on the five shipped data sets, over ten splits of each.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.advisor import names
from chainrule.advisor.recipe import CHOICES, Recipe, check_names, described
from chainrule.data import Problem

NARROWEST, WIDEST = 64, 256
SMALLEST_BATCH, LARGEST_BATCH = 16, 256
STEPS_AN_EPOCH, STEPS = 40, 2_000
FEWEST_EPOCHS, MOST_EPOCHS = 50, 200
# Below the first number of rows a network can learn all by heart; above the second it hardly can.
FEW_ROWS, MANY_ROWS = 1_000, 20_000

# Rates that suit an optimizer where they are not those of Adam.
RATES = {"SGD": 0.05, "Lion": 2e-4, "AdaGrad": 1e-2, "Adadelta": 1.0, "Adafactor": 1e-2}
# What is added to gradients must be small beside them; what shrinks weights by the rate, not.
COUPLED_DECAY = 1e-3

LOSS_REASONS = {
    "cross_entropy": "-log probability of the true class: its least gives true probabilities",
    "mse": "its best answer is the mean of the target",
}


def choose(problem: Problem, **wanted: Any) -> Recipe:
    """The recipe for a problem. What is `wanted` (of `TUNABLE`, and not None) wins over the rules.
    Raises ArgumentError.
    """
    wanted = {name: value for name, value in wanted.items() if value is not None}
    check_names(wanted)
    asked = Recipe(**wanted)
    rows, inputs = problem.parts["training"].x.shape
    width = _power_of_two(4 * inputs, NARROWEST, WIDEST)
    batch_size = wanted.get("batch_size") or _power_of_two(
        rows / STEPS_AN_EPOCH, SMALLEST_BATCH, LARGEST_BATCH
    )
    epochs = wanted.get("epochs") or _epochs(rows, batch_size)
    loss = wanted.get("loss") or ("cross_entropy" if problem.target.classes else "mse")
    activation = wanted.get("activation") and asked.activation or "silu"
    one_unit = problem.preprocessing.one_unit
    rules = {
        "limit": None if one_unit else 3.0,
        "members": 1 if asked.norm == "batch" else 4,
        "activation": activation,
        "initialisation": names.initialisation_for(activation),
        "hidden": (width, width // 2),
        "input_dropout": 0.1 if one_unit else 0.0,
        "dropout": 0.0 if rows >= MANY_ROWS else 0.2,
        "loss": loss,
        "learning_rate": RATES.get(asked.optimizer, 2e-3),
        "weight_decay": _decay(asked.optimizer, rows),
        "batch_size": batch_size,
        "epochs": epochs,
        "patience": max(10, epochs // 4),
    }
    recipe = Recipe(**{**rules, **wanted})
    return replace(recipe, reasons=_reasons(recipe, problem, set(wanted)))


def _decay(optimizer: str, rows: int) -> float:
    """Stronger where few rows could be learned by heart."""
    shrinks = optimizer in names.WRAPPERS or getattr(
        names.OPTIMIZERS[optimizer], "decoupled", False
    )
    if not shrinks:
        return COUPLED_DECAY
    return 1.0 if rows < FEW_ROWS else 0.01 if rows >= MANY_ROWS else 0.1


def _power_of_two(size: float, least: int, greatest: int) -> int:
    return int(np.clip(2 ** round(np.log2(max(size, 1))), least, greatest))


def _epochs(rows: int, batch_size: int) -> int:
    """Enough for `STEPS` steps, in tens."""
    epochs = STEPS * batch_size / rows
    return int(np.clip(round(epochs, -1), FEWEST_EPOCHS, MOST_EPOCHS))


def _reasons(recipe: Recipe, problem: Problem, asked: set[str]) -> dict[str, str]:
    """Why each choice was made of those that are told."""
    rows, inputs = problem.parts["training"].x.shape
    steps = -(-rows // recipe.batch_size)
    size = "few" if rows < FEW_ROWS else "many" if rows >= MANY_ROWS else "not many"
    redundant = "; inputs in one unit repeat each other" * bool(recipe.input_dropout)
    reasons = {
        "inputs": "outliers no longer drown what is ordinary",
        "network": f"about 4 times the {inputs} inputs, from {NARROWEST} to {WIDEST}, then half",
        "activation": "a smooth ReLU: its gradient does not fade in the layers below",
        "norm": "the inputs are standardised, and few layers follow",
        "initialisation": "keeps signals at one size through layers of this activation",
        "dropout": f"{rows:,} training rows are {size}{redundant}",
        "loss": LOSS_REASONS.get(recipe.loss, ""),
        "optimizer": f"finds a step size for each weight; the decay is right for {size} rows",
        "schedule": "large steps first, to get near; small ones last, to settle",
        "averaging": "the rate falls to 0, and the weights settle by themselves",
        "batch size": f"{steps:,} steps an epoch",
        "epochs": f"{steps * recipe.epochs:,} steps at most",
        "patience": "ends when the validation loss has not fallen for so many epochs",
    }
    chosen = [choice for choice, fields in CHOICES.items() if asked.intersection(fields)]
    reasons |= dict.fromkeys(chosen, "as asked")
    return {choice: reasons[choice] for choice in described(recipe, inputs, inputs)}
