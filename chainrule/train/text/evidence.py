"""What a training on a text leaves for a report: its recipe; the run's record tells the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.data import Audit
from chainrule.metrics import Interval
from chainrule.train.report.advice import advise
from chainrule.train.report.facts import (
    Choice,
    Comparison,
    Curve,
    Learning,
    Report,
    Sample,
    Subject,
    Verdict,
)
from chainrule.train.report.gather import costs, origin
from chainrule.train.text.recipe import TextRecipe

BITS = "bits per character"


@dataclass(frozen=True)
class TextEvidence:
    """The recipe of a model of text, and what was wrong with the text."""

    recipe: TextRecipe
    audit: Audit

    def report(self, run: Any) -> Report:
        record, words = run.record, self.recipe.described()
        compared = _comparison(record)
        found = Report(
            subject=Subject(
                data=record["data"]["name"],
                rows=record["data"]["characters"],
                parts=record["split"],
                target="the next character",
                task="text",
                classes=(),
                notes=(),
                origin=origin(record),
            ),
            verdict=_verdict(compared),
            comparison=compared,
            sample=Sample(record["sample"], **record["known_words"]),
            learning=_learning(record),
            audit=self.audit,
            recipe=tuple(Choice(n, what, self.recipe.reasons[n]) for n, what in words.items()),
            costs=costs(run.model, np.zeros((1, self.recipe.context), np.int64)),
        )
        return replace(found, advice=advise(found))


def _comparison(record: dict[str, Any]) -> Comparison:
    """Bits of the test part; how far they would lie off on other texts is not known."""
    figures = {
        model: {BITS: Interval(*[found[BITS]] * 3)} for model, found in record["metrics"].items()
    }
    (_, first), *others = figures.items()
    rival, best = min(others, key=lambda one: one[1][BITS].value)
    lead = best[BITS].value - first[BITS].value
    rows = record["split"]["test"]
    return Comparison("test", rows, BITS, figures, {BITS: False}, rival, Interval(lead, lead, lead))


def _verdict(compared: Comparison) -> Verdict:
    if compared.margin.value > 0:
        return Verdict("yes", f"Yes: it is better than {compared.rival}.")
    return Verdict("no", f"No: {compared.rival} are better. Train longer, or on more text.")


def _learning(record: dict[str, Any]) -> Learning:
    history, training = record["history"], record["training"]
    best = next(row for row in history if row["epoch"] == training["best_epoch"])
    curves = (
        tuple((float(row["epoch"]), float(row[name])) for row in history)
        for name in ("loss", "validation_loss")
    )
    ended = {"time": "the time was up", "interrupted": "it was interrupted"}
    return Learning(
        curves=(Curve("loss", *curves),),
        best=training["best_epoch"],
        epochs=training["epochs"],
        ended=ended.get(training["stopped"], "all steps were done"),
        seconds=training["seconds"],
        main=BITS,
        on_training=best["loss"],
        on_validation=best["validation_loss"],
    )
