"""Gathering: receives a model and the record of its training; hands on those facts of a report that
runs of several kinds have.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.data import Part, Target
from chainrule.train.fitting import now
from chainrule.train.predict import Predictor
from chainrule.train.report.facts import Costs, Curve, Learning, Subject
from chainrule.train.scores import Prediction, asked, figure
from chainrule.train.trainer.history import History
from chainrule.words import counted

SAMPLE = 5_000  # More training rows tell nothing new of the gap to validation.
CALLS = 30  # Of which the median is the latency.
ENDED = {
    "interrupted": "it was interrupted",
    "all epochs": "all epochs were done",
    "time": "the time was up",
}


def subject(record: Mapping[str, Any], target: Target) -> Subject:
    """What a run's record says of it, and its target."""
    return Subject(
        data=record["data"]["name"],
        rows=record["data"]["rows"],
        parts=record["split"],
        target=target.name,
        task=target.task,
        classes=tuple(map(str, target.classes)),
        notes=tuple(record.get("notes", ())),
        origin=origin(record),
    )


def later(then: Subject, data: str, rows: int, sha256: str) -> Subject:
    """A run on data that came later."""
    origin = {
        "created": now(),
        "SHA-256 of the data": sha256,
        "run": f"trained on {then.data}, {then.origin['created']}",
        "versions at training": then.origin["versions"],
    }
    return replace(then, data=data, rows=rows, parts={}, notes=(), origin=origin)


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
        "patience": f"it ended as validation was no better for {counted(patience or 0, 'epoch')}",
        **ENDED,
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
        (_place(row.path), row.kind, row.output, row.parameters, row.flops) for row in summary.rows
    )
    return Costs(
        layers,
        summary.total.parameters,
        summary.total.flops,
        sum(array.nbytes for array in map(np.asarray, model.state_dict().values())),
        float(np.median(seconds)),
    )


def _place(path: str) -> str:
    """Where a layer is, without what all members of a network have in common."""
    for common in ("models.0.", "members.", ".members"):
        path = path.replace(common, "")
    return {"models.0": "network", "models.1": "beside it"}.get(path, path)
