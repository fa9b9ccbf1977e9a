"""Who learns from which rows: receives a problem and a recipe; hands on what each member of a
network is trained on, and which rows it leaves out, to be judged by.

Networks that each leave other rows out (cross-validation committees: Krogh and Vedelsby 1995) have
seen all rows together, and all rows say when to stop.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.advisor import Recipe
from chainrule.data import Problem
from chainrule.data.split import bins
from chainrule.train.recipe import fit_options
from chainrule.train.trainer.feeding import loader_of
from chainrule.train.trainer.weights import class_weights

FEWEST_PARTS = 3  # Of the training part: so few members leave out no more than the first one does.


def left_out(problem: Problem, recipe: Recipe) -> np.ndarray:
    """Which rows are left out, [rows, members], of `Problem.rows_but_test`: the validation part by
    the first member; by each other one a part of the training part, with the same shares of the
    classes or of high and low targets. Without a committee there is one column, for all.
    """
    y = problem.parts["training"].y
    found = np.zeros((len(y) + len(problem.parts["validation"].y), recipe.members), bool)
    found[len(y) :, 0] = True
    if not recipe.takes_turns:
        return found[:, :1]
    strata = y if problem.target.classes else bins(y)
    shuffled = np.random.default_rng([problem.seed, 1]).permutation(len(y))
    # Dealt in turns, class after class.
    dealt = shuffled[np.argsort(strata[shuffled], kind="stable")]
    hands = np.empty(len(y), np.int64)
    hands[dealt] = np.arange(len(y)) % max(FEWEST_PARTS, recipe.members - 1)
    found[: len(y), 1:] = hands[:, None] == np.arange(recipe.members - 1)
    return found


def lessons(problem: Problem, recipe: Recipe, out: np.ndarray) -> dict[str, Any]:
    """What `Trainer.fit` is told. In a committee all members see the same batches, and rows that
    one leaves out weigh nothing for it; in validation no others do.
    """
    if not recipe.takes_turns:
        parts = {"data": problem.parts["training"], "validation_data": problem.parts["validation"]}
        arrays = {name: (part.x, part.y) for name, part in parts.items()}
        return {**arrays, **fit_options(recipe, len(problem.parts["training"].y))}
    x, y = problem.rows_but_test
    options = fit_options(recipe, len(y))
    classes = class_weights(options.pop("class_weight"), loader_of((x, y)))
    each = 1.0 if classes is None else np.asarray(classes)[y][:, None]
    targets = np.repeat(y[:, None], recipe.members, axis=1)
    data = x, targets, np.float32(~out * each)
    return {"data": data, "validation_data": (x, targets, np.float32(out)), **options}


def apart(net: nn.Module, recipe: Recipe) -> AbstractContextManager[None]:
    """Within this block each member of a committee answers for itself."""
    return net.apart() if recipe.takes_turns and isinstance(net, nn.Together) else nullcontext()


def network_in(model: nn.Module) -> nn.Module:
    """The network of a model that may have a linear one beside it."""
    return model.models[0] if isinstance(model, nn.Ensemble) else model


def unseeing(model: nn.Module, recipe: Recipe) -> nn.Module:
    """The model that has not seen the validation part: of a committee, the first member and the
    linear model beside it.
    """
    if isinstance(model, nn.Ensemble) and recipe.takes_turns:
        return nn.Ensemble([one.member(0) for one in model.models], shares=model.shares)
    return model.member(0) if isinstance(model, nn.Together) and recipe.takes_turns else model
