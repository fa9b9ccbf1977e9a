"""Choices: receives an estimator's parameters and its rows; hands on the recipe, and the step and
course of the training that it describes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.advisor import Recipe
from chainrule.advisor.rules.tables import RATES, batch, patience
from chainrule.data import Target
from chainrule.data.target import REGRESSION
from chainrule.errors import ArgumentError
from chainrule.frontend.stateful import Buffer
from chainrule.train.estimators.fitting import Course, Part
from chainrule.train.estimators.inputs import Inputs
from chainrule.train.estimators.targets import Classes, Labels, Numbers, Targets
from chainrule.train.recipe import make_loss, make_optimizer, make_schedule
from chainrule.train.trainer.steps import Step

AUTO = "auto"
# What a recipe calls the parameters of scikit-learn; others have the same name.
NAMES = {
    "hidden_layer_sizes": "hidden",
    "activation": "activation",
    "norm": "norm",
    "dropout": "dropout",
    "input_dropout": "input_dropout",
    "loss": "loss",
    "loss_options": "loss_options",
    "label_smoothing": "label_smoothing",
    "solver": "optimizer",
    "solver_options": "optimizer_options",
    "momentum": "momentum",
    "clip_norm": "clip_norm",
    "weight_decay": "weight_decay",
    "learning_rate": "schedule",
    "learning_rate_init": "learning_rate",
    "batch_size": "batch_size",
    "max_iter": "epochs",
    "n_iter_no_change": "patience",
}
ALIASES = {"logistic": "sigmoid"}
# What multiplies the rate after so many epochs without progress; "adaptive" as in scikit-learn.
SHRINKING = {"adaptive": (0.2, 2), "plateau": (0.1, 5)}
SGD_MOMENTUM = 0.9  # As in scikit-learn.
LOSSES = {Classes: "cross_entropy", Labels: "bce", Numbers: "mse"}
EPOCHS = (30, 100)  # The least and the greatest.
STEPS = 1_000
MANY_ROWS = 5_000  # They teach more than one hidden layer holds.


_losses: dict[str, Callable] = {}


def recipe_for(
    parameters: Mapping[str, Any], rows: int, targets: Targets, inputs: Inputs
) -> Recipe:
    """The recipe for so many rows: what is "auto" or None follows the rules of `_quick`."""
    wanted: dict[str, Any] = {"loss": LOSSES[type(targets)]}
    wanted |= {
        NAMES[name]: value
        for name, value in parameters.items()
        if name in NAMES and value is not None and not _is_auto(value)
    }
    if wanted.get("activation") in ALIASES:
        wanted["activation"] = ALIASES[wanted["activation"]]
    if wanted.get("schedule") in SHRINKING:
        wanted["schedule"] = "constant"
    alpha = parameters["alpha"]
    if not _is_auto(alpha):
        wanted = {"optimizer": "Adam", "weight_decay": 0.0} | wanted
    asked = Recipe(**wanted)
    recipe = Recipe(**_quick(asked, rows, targets, inputs) | wanted)
    if _is_auto(alpha):
        return recipe
    return replace(recipe, weight_decay=alpha / min(recipe.batch_size, rows))


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == AUTO


def _quick(asked: Recipe, rows: int, targets: Targets, inputs: Inputs) -> dict[str, Any]:
    """A plain network that is trained in milliseconds where rows are few: searches and
    cross-validation fit hundreds of them. Chosen on the five data sets that scikit-learn ships.

    Batches, patience and rates are those of the advisor's tables. The rest cannot be: its recipe
    takes seconds, and was chosen for a single fit.
    """
    batch_size = batch({"rows": rows})
    epochs = int(np.clip(STEPS * batch_size / rows, *EPOCHS))
    return {
        "hidden": (100,) if rows < MANY_ROWS else (256, 128),
        "activation": "silu",
        "input_dropout": 0.1 if inputs.one_unit else 0.0,
        "label_smoothing": 0.05 if asked.loss == "cross_entropy" else 0.0,
        "weight_decay": 0.3 if asked.optimizer == "AdamW" else None,
        "momentum": SGD_MOMENTUM if asked.optimizer == "SGD" else None,
        "learning_rate": RATES.get(asked.optimizer, 5e-3),
        "batch_size": batch_size,
        "epochs": epochs,
        "patience": patience({"epochs": epochs}),
    }


def make_step(recipe: Recipe, model: nn.Module, targets: Targets, observers: tuple = ()) -> Step:
    """One step by a recipe. Rate and decay lie in boxes, so that others need no other program."""
    optimizer = make_optimizer(replace(recipe, schedule="constant"), model, recipe.batch_size)
    optimizer.learning_rate = recipe.learning_rate
    numbers: Any = optimizer.hyperparameters
    if numbers.weight_decay:
        numbers.weight_decay = Buffer(np.float64(numbers.weight_decay))
    loss = _loss(recipe, targets)
    return Step(model, loss, optimizer, {}, observers, clip_norm=recipe.clip_norm)


def _loss(recipe: Recipe, targets: Targets) -> Callable:
    """One function for equal choices: it is part of what a program is known by."""
    name = repr((recipe.loss, sorted(recipe.loss_options.items()), recipe.label_smoothing))
    if recipe.loss != "mape" or not isinstance(targets, Numbers):
        return _losses.setdefault(name, make_loss(recipe))
    # A share of the target is one of its original units.
    mean, scale = targets.mean.tolist(), targets.scale.tolist()
    if len(mean) > 1:
        raise ArgumentError("fit", "loss='mape' with several targets", "", "fit one of each")
    target = Target("y", REGRESSION, "", (), mean[0], scale[0])
    return _losses.setdefault(f"{name}{target}", make_loss(recipe, target))


def course_of(parameters: Mapping[str, Any], recipe: Recipe, part: Part, seed: int) -> Course:
    """How the training goes on: without held-out rows to the end, unless epochs without progress
    are counted on demand.
    """
    counts = part.held or not _is_auto(parameters["n_iter_no_change"])
    shrink, after = SHRINKING.get(parameters["learning_rate"], (1.0, 1))
    steps = part.batches(recipe.batch_size) * recipe.epochs
    return Course(
        recipe.epochs,
        make_schedule(recipe, steps),
        np.random.default_rng(seed),
        parameters["shuffle"],
        recipe.patience if counts else None,
        parameters["tol"],
        shrink,
        after,
    )
