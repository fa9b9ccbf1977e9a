"""The linear model beside a network: receives a trained network and what its members left out;
hands on both as one model, each with its share of the answer.

Linear models see what the members see. The share is the one by which what has been left out is told
best (stacking: Wolpert 1992), so the whole is no worse than either, but for chance.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn
from chainrule.advisor import Recipe
from chainrule.data import Problem
from chainrule.train.baselines import Setting, of_task
from chainrule.train.predict import Predictor
from chainrule.train.recipe import make_loss
from chainrule.train.scores import taught
from chainrule.train.tables.committee import apart

SHARES = [number / 20 for number in range(21)]


def beside(net: nn.Module, problem: Problem, recipe: Recipe, out: np.ndarray) -> nn.Module:
    """The network with linear models fitted to what is not left `out`, [rows, members], at their
    best share; alone, where that is none.
    """
    x, y = problem.rows_but_test
    fits = [_fitted(problem, x[~column], y[~column]) for column in out.T]
    outputs = problem.target.outputs
    if any(w.shape[1] != outputs for w, _ in fits):
        return net  # A class that some member has not seen has no logit.
    judges = out.any(axis=1)
    member, x, y = out[judges].argmax(axis=1), x[judges], y[judges]
    with apart(net, recipe):
        ours = _of_members(Predictor(net, _rows_first)(x), member)
    theirs = _of_members(np.stack([x @ w + b for w, b in fits], axis=1), member)
    lines = lines_of(x.shape[1], outputs, len(fits))
    for name, values in zip(("weight", "bias"), zip(*fits, strict=True), strict=True):
        lines.parameters()[f"members.{name}"].assign(cr.asarray(np.stack(values)))
    return joined(net, lines, _best_share(ours, theirs, y, problem, recipe))


def lines_of(inputs: int, outputs: int, count: int) -> nn.Together:
    """So many linear models, still of zeros."""
    return nn.Together(lambda: nn.Linear(inputs, outputs, init=nn.init.zeros()), count)


def joined(net: nn.Module, lines: nn.Module, share: float) -> nn.Module:
    """Both as one, the linear models with this share."""
    return nn.Ensemble([net, lines], shares=(1 - share, share)) if share else net


def share_of(model: nn.Module) -> float:
    """The share of the linear models in what a model answers."""
    return model.shares[1] if isinstance(model, nn.Ensemble) else 0.0


def _fitted(problem: Problem, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(weights [inputs, outputs], bias [outputs]) of the linear baseline on these rows."""
    constant, linear = list(of_task(problem.target.task).values())[:2]
    setting = Setting(bool(problem.target.classes), len(x), problem.seed)
    model = taught(linear.make(setting), x, y)
    weights, bias = np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)
    if problem.target.classes and weights.shape[1] == 1:  # The logit of the second of two classes.
        weights, bias = np.pad(weights, ((0, 0), (1, 0))), np.pad(bias, (1, 0))
    return np.float32(weights), np.float32(bias)


def _rows_first(model: nn.Module, x: Any) -> Any:
    found = model(x)
    return found if found.ndim == 2 else cr.permute_dims(found, (1, 0, 2))


def _of_members(answers: np.ndarray, member: np.ndarray) -> np.ndarray:
    """[rows, outputs]: what one member says of each row, of [rows, members, outputs]."""
    return answers if answers.ndim == 2 else answers[np.arange(len(answers)), member]


def _best_share(
    ours: np.ndarray, linear: np.ndarray, y: np.ndarray, problem: Problem, recipe: Recipe
) -> float:
    """The share of the linear answers at which the recipe's loss is least; of equals, the least."""
    loss = make_loss(replace(recipe, members=1, committee=False), problem.target)
    found = [float(loss((1 - share) * ours + share * linear, y)) for share in SHARES]
    return SHARES[int(np.argmin(found))]
