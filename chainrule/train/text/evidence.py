"""What a training on a text leaves for a report: its recipe; the run's record tells the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.data import Audit
from chainrule.train.report.advice import advise
from chainrule.train.report.facts import (
    Choice,
    Comparison,
    Curve,
    Learning,
    Report,
    Sample,
    Subject,
)
from chainrule.train.report.gather import ENDED, costs, origin
from chainrule.train.report.judged import verdict
from chainrule.train.text.recipe import TextRecipe
from chainrule.train.text.scores import BITS


@dataclass(frozen=True)
class TextEvidence:
    """The recipe of a model of text, what was wrong with the text, and how good the models are."""

    recipe: TextRecipe
    audit: Audit
    compared: Comparison

    def report(self, run: Any) -> Report:
        record, words = run.record, self.recipe.described()
        found = Report(
            subject=subject(record),
            comparison=self.compared,
            sample=Sample(record["sample"], **record["known_words"]),
            learning=_learning(record),
            audit=self.audit,
            recipe=tuple(Choice(n, what, self.recipe.reasons[n]) for n, what in words.items()),
            costs=costs(run.model, np.zeros((1, self.recipe.context), np.int64)),
        )
        return replace(found, verdict=verdict(found), advice=advise(found))


def subject(record: Mapping[str, Any]) -> Subject:
    """What a run's record says of it."""
    return Subject(
        data=record["data"]["name"],
        rows=record["data"]["characters"],
        parts=record["split"],
        target="the next character",
        task="text",
        classes=(),
        notes=(),
        origin=origin(record),
    )


def _learning(record: dict[str, Any]) -> Learning:
    history, training = record["history"], record["training"]
    best = next(row for row in history if row["epoch"] == training["best_epoch"])
    curves = (
        tuple((float(row["epoch"]), float(row[name])) for row in history)
        for name in ("loss", "validation_loss")
    )
    return Learning(
        curves=(Curve("loss", *curves),),
        best=training["best_epoch"],
        epochs=training["epochs"],
        ended=ENDED[training["stopped"]],
        seconds=training["seconds"],
        main=BITS,
        on_training=best["loss"],
        on_validation=best["validation_loss"],
    )
