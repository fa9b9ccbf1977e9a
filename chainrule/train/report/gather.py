"""Gathering: receives a run and what its training leaves; hands on the facts of its report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.advisor import CHOICES, Recipe, described
from chainrule.advisor import advise as guides
from chainrule.advisor.advice import ASKED
from chainrule.data import Part, Problem, Target
from chainrule.train.history import History
from chainrule.train.predict import Predictor
from chainrule.train.recipe import make_loss
from chainrule.train.report import inside
from chainrule.train.report.advice import advise
from chainrule.train.report.facts import (
    Choice,
    Costs,
    Curve,
    Importance,
    Learning,
    Report,
    Subject,
)
from chainrule.train.report.judged import comparison, verdict
from chainrule.train.report.shuffled import importance
from chainrule.train.report.table import columns
from chainrule.train.report.wrong import errors, mistakes
from chainrule.train.run import TableRun, predict_matrix
from chainrule.train.scores import Prediction, asked, figure

SAMPLE = 5_000  # More training rows tell nothing new of the gap to validation.
CELLS = 4  # Of a row with a large error.
CALLS = 30  # Of which the median is the latency.


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
    predictor = Predictor(run.model)

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
        learning=learning(
            problem.target, problem.parts, evidence.history, predict, evidence.recipe.patience
        ),
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
            run.model,
            make_loss(evidence.recipe, problem.target),
            evidence.weights,
            evidence.history.best()["epoch"],
            training.x,
            training.y,
        ),
        audit=problem.audited,
        columns=columns(problem),
        recipe=_choices(evidence.recipe, problem, ruled),
        rules="\n".join(line for choice in ruled.values() for line in choice.lines()),
        costs=costs(run.model, training.x[:1]),
    )
    return replace(found, verdict=verdict(found), advice=advise(found))


def _shown(problem: Problem, matters: Importance | None) -> list[str]:
    """The columns by which rows are told: the most important ones, or the first."""
    names = [name for name, *_ in matters.columns] if matters else list(problem.kinds)
    return names[:CELLS]


def subject(record: Mapping[str, Any], target: Target) -> Subject:
    """What a run's record says of it, and its target."""
    return Subject(
        data=record["data"]["name"],
        rows=record["data"]["rows"],
        parts=record["split"],
        target=target.name,
        task=target.task,
        classes=tuple(map(str, target.classes)),
        notes=tuple(record["notes"]),
        origin=origin(record),
    )


def origin(record: Mapping[str, Any]) -> dict[str, str]:
    """When a run was made, of what, and with what."""
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    return {
        "created": record["created"],
        "seed": str(record["seed"]),
        "SHA-256 of the data": record["data"]["sha256"],
        "versions": versions,
    }


def learning(
    target: Target,
    parts: Mapping[str, Part],
    history: History,
    predict: Callable[[np.ndarray], Prediction],
    patience: int | None,
) -> Learning:
    """How the network that predicts learned from one of these parts."""
    best = history.best()["epoch"]
    ended = {
        "patience": f"it ended as validation was no better for {patience} epochs",
        "interrupted": "it was interrupted",
        "all epochs": "all epochs were done",
        "time": "the time was up",
    }
    figures = {}
    for name in ("training", "validation"):
        part = parts[name]
        found = asked(target, part.values[:SAMPLE], predict(part.x[:SAMPLE]))
        main, one = next(iter(found.items()))
        figures[name] = figure(one)
    return Learning(
        curves=tuple(_curves(history)),
        best=best,
        epochs=len(history.epochs),
        ended=ended.get(history.stopped, history.stopped),
        seconds=sum(history["seconds"]),
        main=main,
        on_training=figures["training"],
        on_validation=figures["validation"],
    )


def _curves(history: History) -> list[Curve]:
    """Each figure that both training and validation have."""
    names = [name for name in history.epochs[0] if f"validation_{name}" in history.epochs[0]]
    return [
        Curve(name, *(_points(history, key) for key in (name, f"validation_{name}")))
        for name in names
    ]


def _points(history: History, name: str) -> tuple[tuple[float, float], ...]:
    return tuple(zip(map(float, history["epoch"]), map(float, history[name])))


def _choices(recipe: Recipe, problem: Problem, ruled: Mapping[str, Any]) -> tuple[Choice, ...]:
    """The lines of a recipe, with the items behind the rules that made them."""
    words = described(recipe, problem.parts["training"].x.shape[1], problem.target.outputs)
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


def costs(model: nn.Module, row: np.ndarray) -> Costs:
    """What a model holds and needs for one preprocessed row, [1, ...]."""
    summary = model.summary(row)
    predictor = Predictor(model)
    predictor(row)
    seconds = []
    for _ in range(CALLS):
        start = time.perf_counter()
        predictor(row)
        seconds.append(time.perf_counter() - start)
    layers = tuple(
        (row.path.removeprefix("members."), row.kind, row.output, row.parameters, row.flops)
        for row in summary.rows
    )
    return Costs(
        layers,
        summary.total.parameters,
        summary.total.flops,
        sum(array.nbytes for array in map(np.asarray, model.state_dict().values())),
        float(np.median(seconds)),
    )
