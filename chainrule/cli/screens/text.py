"""The screen of `chainrule fit` on texts: receives facts from training; shows what the model writes
on its way.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule import nn
from chainrule.cli.screens.fit import REPORTS, FitScreen, parameters
from chainrule.data.auditing.texts import audit_text
from chainrule.data.texts import Corpus
from chainrule.train import Run
from chainrule.train.report.words import figure_text
from chainrule.train.scores import Scores
from chainrule.train.text.recipe import TextRecipe
from chainrule.train.text.scores import BITS
from chainrule.train.trainer.training import Training
from chainrule.words import counted


class TextScreen(FitScreen):
    """Tells of a training on a text."""

    def prepared(self, corpus: Corpus) -> None:
        self.line(f"{corpus.name}: {counted(corpus.length, 'character')}", style="bold")
        different = counted(len(corpus.alphabet) - 1, "different one")
        self.fact("alphabet", f"{different} in the training part")
        sizes = ", ".join(f"{len(text):,} {part}" for part, text in corpus.texts.items())
        self.fact("split", f"{sizes}; one after the other")
        self.faults(audit_text(corpus))

    def chosen(self, recipe: TextRecipe, model: nn.Module) -> None:
        self.start, self.gone, self.told = time.monotonic(), 0.0, 0.0
        self.seconds = 60 * recipe.minutes if recipe.minutes else float("inf")
        choices = recipe.described()
        choices["network"] += f" ({parameters(model)})"
        self.limited = recipe.minutes is not None
        self.recipe(choices, recipe.reasons)
        self.open_progress(100, "compiling")

    def epoch_end(self, trainer: Training) -> None:
        done, passed = trainer.row["epoch"] / trainer.planned, time.monotonic() - self.start
        self.gone = max(done, passed / self.seconds)
        super().epoch_end(trainer)

    def advance(self, description: str) -> None:
        """In hundredths of the training, however many epochs that is."""
        if self.progress is not None:
            self.progress.update(
                self.bar, completed=round(100 * self.gone), description=description
            )

    def figures(self, row: Mapping[str, Any]) -> str:
        return f"{row['loss']:.3f} bits per character, validation {row['validation_loss']:.3f}"

    def due(self, number: int, trainer: Training) -> bool:
        tenths, told = int(self.gone * REPORTS), int(self.told * REPORTS)
        self.told = self.gone
        return number == 1 or tenths > told

    def sampled(self, text: str) -> None:
        self.line()
        for line in text.strip().splitlines():
            self.line(f"    {line}", style="dim")
        self.line()

    def written(self, run: Run, folder: Path) -> None:
        shares = run.record["known_words"]
        test = f"{shares['test']:.1%} of the words of the test part"
        self.line()
        self.line(f"  {shares['network']:.1%} of the words that the network writes, and {test},")
        self.line("  occur in the training part")
        ours, *others = ((found[BITS], name) for name, found in run.record["metrics"].items())
        if min(others) <= ours:
            told = f"{min(others)[1]} are better so far: train longer (--minutes), or on more text"
            self.line(f"  {told}", style="yellow")
        super().written(run, folder)

    def scored(self, scores: Mapping[str, Scores]) -> None:
        self.heading("Bits per character of the test part, and of 95 % of other such texts")
        rows = [
            (
                name,
                figure_text(found[BITS]),
                "" if found["low"] == found["high"] else "{low:.4f} to {high:.4f}".format(**found),
                figure_text(found["validation"]),
            )
            for name, found in scores.items()
        ]
        self.table(("", "test", "95 %", "validation"), rows)
