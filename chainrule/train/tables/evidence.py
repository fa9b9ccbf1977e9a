"""The report of a table: receives a run and what its training leaves; hands on the facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.advisor import CHOICES, Recipe, described
from chainrule.advisor import advise as guides
from chainrule.advisor.advice import ASKED
from chainrule.data import Problem
from chainrule.train.predict import Predictor
from chainrule.train.recipe import make_loss
from chainrule.train.report import inside
from chainrule.train.report.advice import advise
from chainrule.train.report.facts import Choice, Importance, Learning, Report
from chainrule.train.report.gather import costs, learning, subject
from chainrule.train.report.judged import comparison, verdict
from chainrule.train.report.shuffled import importance
from chainrule.train.report.table import columns
from chainrule.train.report.wrong import CELLS, errors, mistakes
from chainrule.train.run import predict_matrix
from chainrule.train.scores import Prediction
from chainrule.train.tables.committee import network_in, unseeing
from chainrule.train.tables.linear import share_of
from chainrule.train.tables.run import TableRun
from chainrule.train.trainer.history import History

Predict = Callable[[np.ndarray], Prediction]


@dataclass(frozen=True)
class TableEvidence:
    """What a training leaves besides its run, and a report is gathered from: what each model said
    of the test part, and the weights at some epochs.
    """

    problem: Problem
    recipe: Recipe
    history: History
    answers: Mapping[str, Prediction]
    weights: Mapping[int, inside.Weights]

    def report(self, run: TableRun) -> Report:
        return gather(run, self)


def gather(run: TableRun, evidence: TableEvidence) -> Report:
    """The facts of a run that has just been trained."""
    problem = evidence.problem
    predictor = Predictor(unseeing(run.model, evidence.recipe))

    def predict(x: np.ndarray) -> Prediction:
        return predict_matrix(predictor, problem.target, x)

    test, training, validation = (
        problem.parts[name] for name in ("test", "training", "validation")
    )
    compared = comparison(problem.target, test.values, evidence.answers, "test")
    matters = importance(problem, predict)
    ruled = _ruled(evidence.recipe, problem)
    found = Report(
        subject=subject(run.record, run.target),
        comparison=compared,
        learning=_learned(evidence, predict),
        **errors(problem.target, test.values, evidence.answers["network"], compared.ours),
        mistakes=mistakes(
            problem.target,
            validation.values,
            predict(validation.x),
            "validation",
            problem.places[validation.rows] + 1,
            problem.table.frame[validation.rows].select(_shown(problem, matters)),
        ),
        importance=matters,
        layers=inside.layers(
            network_in(run.model),
            make_loss(evidence.recipe, problem.target),
            evidence.weights,
            evidence.history.best()["epoch"],
            training.x,
            training.y,
        ),
        audit=problem.audited,
        columns=columns(problem),
        recipe=_choices(evidence.recipe, problem, ruled, share_of(run.model)),
        rules="\n".join(line for choice in ruled.values() for line in choice.lines()),
        costs=costs(run.model, training.x[:1]),
    )
    return replace(found, verdict=verdict(found), advice=advise(found))


def _learned(evidence: TableEvidence, predict: Predict) -> Learning:
    problem, recipe = evidence.problem, evidence.recipe
    found = learning(problem.target, problem.parts, evidence.history, predict, recipe.patience)
    return replace(found, whose="its first member's") if recipe.takes_turns else found


def _shown(problem: Problem, matters: Importance | None) -> list[str]:
    """The columns by which rows are told: the most important ones, or the first."""
    names = [name for name, *_ in matters.columns] if matters else list(problem.kinds)
    return names[:CELLS]


def _choices(
    recipe: Recipe, problem: Problem, ruled: Mapping[str, Any], linear_share: float
) -> tuple[Choice, ...]:
    """The lines of a recipe, with the items behind the rules that made them."""
    words = described(recipe, problem.parts["training"].x.shape[1], problem.target.outputs)
    if recipe.linear:
        words["beside it"] += f", {linear_share:.0%} of the answer"
    items = {
        line: dict.fromkeys(i for name in CHOICES[line] if name in ruled for i in ruled[name].ids)
        for line in words
    }
    return tuple(
        Choice(line, value, recipe.reasons[line], tuple(items[line]))
        for line, value in words.items()
    )


def _ruled(recipe: Recipe, problem: Problem) -> dict[str, Any]:
    """What the rules say on each topic, as it was asked for."""
    asked = {
        name: getattr(recipe, name)
        for line, names in CHOICES.items()
        if recipe.reasons.get(line) == ASKED
        for name in names
    }
    found = guides(problem.target.task, problem, **asked)
    return {choice.topic: choice for choice in found.choices}
