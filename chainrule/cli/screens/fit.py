"""The screen of `chainrule fit` for all kinds of data: receives facts from training; tells of them
step by step.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule import nn
from chainrule.cli.screens.base import LEAST, NAME, ProgressScreen
from chainrule.train import History, Run, Watcher
from chainrule.train.files import CURVE, MODEL, RECORD, REPORT
from chainrule.train.report.words import figure_text
from chainrule.train.trainer.training import Training
from chainrule.words import counted

CHOICE = 48  # The width of the column of choices.
LONG = 90  # Seconds: who waits longer wants to know how long.
REPORTS = 10  # Epochs told of where there is no progress bar.
ENDED = {
    "interrupted": "interrupted: the best network so far is kept",
    "all epochs": "all epochs done",
    "patience": "no better for as many epochs as the recipe's patience",
    "time": "the time is up",
}


class FitScreen(ProgressScreen, Watcher):
    """Tells of a training step by step. A screen for one kind of data says what its `figures` are,
    and what else there is to tell. Whether minutes are `limited` it knows from the recipe.
    """

    limited = False

    def figures(self, row: Mapping[str, Any]) -> str:
        """The figures of an epoch in words."""
        raise NotImplementedError

    def recipe(self, choices: Mapping[str, str], reasons: Mapping[str, str]) -> None:
        """Each choice with its reason."""
        self.heading("Recipe")
        for choice, what in choices.items():
            start, reason = f"  {choice:<{NAME}}{what:<{CHOICE - 2}}  ", reasons[choice]
            if self.console.is_terminal and self.console.width < len(start) + LEAST:
                self.fact(choice, what)
                self.hanging(" " * (NAME + 2), f"({reason})")
            else:
                self.hanging(start, reason)
        self.heading("Training")

    def epoch_end(self, trainer: Training) -> None:
        number, told = trainer.row["epoch"], self.figures(trainer.row)
        self.advance(told)
        if self.progress is None and self.due(number, trainer):
            self.fact(f"epoch {number}", told)
        # The first epoch was compiled too.
        left = trainer.row["seconds"] * (trainer.planned - number)
        if self.progress is None and number == 2 and not self.limited and left > LONG:
            minutes = counted(round(left / 60), "more minute")
            self.fact("", f"{minutes} at most at this pace; Ctrl-C keeps the best so far")

    def due(self, number: int, trainer: Training) -> bool:
        """Whether an epoch is told of where there is no progress bar."""
        return number == 1 or number % max(1, trainer.planned // REPORTS) == 0

    def trained(self, history: History) -> None:
        self.close_progress()
        best, count = history.best(), len(history.epochs)
        self.fact("best", f"epoch {best['epoch']} of {count}, {self.figures(best)}")
        self.fact("ended", ENDED[history.stopped])
        seconds = sum(history["seconds"]) - history.compilation
        each = seconds / count
        told = f"{1000 * each:.1f} ms" if each < 1 else f"{each:.1f} s"
        self.fact(
            "time",
            f"{seconds:.2f} s, {told} an epoch, after {history.compilation:.2f} s of compiling",
        )

    def compared(self, scores: Mapping[str, Mapping[str, float]]) -> None:
        """The scores of the network beside those of simpler models."""
        names = list(next(iter(scores.values())))
        rows = [[name, *map(figure_text, found.values())] for name, found in scores.items()]
        self.table(["", *names], rows)

    def written(self, run: Run, folder: Path) -> None:
        name, value = next(iter(run.record["metrics"]["network"].items()))
        self.line()
        self.line(f"test {name} {figure_text(value)}", style="bold green")
        names = [MODEL, RECORD, *run.files, CURVE] + [REPORT] * (run.evidence is not None)
        self.line(f"run folder {folder}: {', '.join(names)}")


def validated(row: Mapping[str, Any], metric: str, words: str) -> str:
    """The losses of an epoch, and a metric on validation data, called so."""
    return (
        f"loss {row['loss']:.4f}, validation loss {row['validation_loss']:.4f}, "
        f"validation {words} {row[f'validation_{metric}']:.4g}"
    )


def parameters(model: nn.Module) -> str:
    """How many numbers are trained, in words."""
    return f"{sum(parameter.size for parameter in model.parameters().values()):,} parameters"
