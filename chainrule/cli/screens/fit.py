"""The screen of `chainrule fit`: receives facts from training; tells of them step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule import nn
from chainrule.advisor import described
from chainrule.cli.screens.base import NAME, ProgressScreen, figure
from chainrule.data import Preprocessing, Problem, audit
from chainrule.data.columns import BOOLEAN, CATEGORY, DATE, NUMBER
from chainrule.data.fitted import Numeric
from chainrule.data.read import listed
from chainrule.train import History, Recipe, Run, Trainer, Watcher
from chainrule.train.files import CURVE, MODEL, PREPROCESSING, RECORD
from chainrule.train.scores import Scores

CHOICE = 38  # The width of the column of choices.
KINDS = {
    NUMBER: "numeric",
    BOOLEAN: "true or false",
    DATE: "dates, in days",
    CATEGORY: "categorical",
}
REPORTS = 10  # Epochs told of where there is no progress bar.


class FitScreen(ProgressScreen, Watcher):
    """Tells of a training step by step."""

    def prepared(self, problem: Problem) -> None:
        self.problem = problem
        target, parts = problem.target, problem.parts
        self.line(f"{problem.table.name}: {problem.table.frame.height:,} rows", style="bold")
        classes = f" into {len(target.classes)} classes" if target.classes else ""
        self.fact("target", f"{target.name}: {target.task}{classes}, as {target.reason}")
        counts = Counter(problem.kinds.values())
        self.fact("columns", ", ".join(f"{count} {KINDS[kind]}" for kind, count in counts.items()))
        for reason in dict.fromkeys(problem.left_out.values()):
            names = [name for name, other in problem.left_out.items() if other == reason]
            self.fact("left out", f"{listed(names)}: {reason}")
        self.fact("prepared", f"{_prepared(problem.preprocessing)}; fitted on the training part")
        sizes = ", ".join(f"{len(part.y):,} {name}" for name, part in parts.items())
        self.fact("split", f"{sizes}; stratified, before anything is fitted")
        for note in problem.notes:
            self.line(f"  {'note':<{NAME}}{note}", style="yellow")
        found = audit(problem.in_use, target.name)
        if found:
            self.audited(found)

    def chosen(self, recipe: Recipe, model: nn.Module) -> None:
        self.recipe = recipe
        self.heading("Recipe")
        inputs = self.problem.parts["training"].x.shape[1]
        choices = described(recipe, inputs, self.problem.target.outputs)
        count = sum(parameter.size for parameter in model.parameters().values())
        choices["network"] += f" ({count:,} parameters)"
        for choice, what in choices.items():
            self.fact(choice, f"{what:<{CHOICE}}{recipe.reasons[choice]}")
        self.heading("Training")
        self.open_progress(recipe.epochs, "compiling")

    def epoch_end(self, trainer: Trainer) -> None:
        number = trainer.row["epoch"]
        self.advance(self._told(trainer.row))
        told = number == 1 or number % max(1, self.recipe.epochs // REPORTS) == 0
        if self.progress is None and told:
            self.fact(f"epoch {number}", self._told(trainer.row))

    def _told(self, row: Mapping[str, Any]) -> str:
        name = "accuracy" if self.problem.target.classes else "rmse"
        metric = name if name == "accuracy" else "RMSE"
        return (
            f"loss {row['loss']:.4f}, validation loss {row['validation_loss']:.4f}, "
            f"validation {metric} {row[f'validation_{name}']:.4g}"
        )

    def trained(self, history: History) -> None:
        self.close_progress()
        best, count = history.best(), len(history.epochs)
        self.fact("best", f"epoch {best['epoch']} of {count}, {self._told(best)}")
        why = {
            "patience": f"no better for {self.recipe.patience} epochs",
            "interrupted": "interrupted: the best network so far is kept",
            "all epochs": "all epochs done",
        }
        self.fact("ended", why[history.stopped])
        seconds = sum(history["seconds"]) - history.compilation
        self.fact(
            "time",
            f"{seconds:.2f} s, {1000 * seconds / count:.1f} ms an epoch, "
            f"after {history.compilation:.2f} s of compiling",
        )

    def scored(self, scores: Mapping[str, Scores]) -> None:
        rows = len(self.problem.parts["test"].y)
        self.heading(f"Test, on {rows:,} rows that nothing was fitted or chosen on")
        metrics = list(next(iter(scores.values())))
        self.table(
            ["", *metrics],
            [[name, *map(figure, found.values())] for name, found in scores.items()],
        )

    def written(self, run: Run, folder: Path) -> None:
        name, value = next(iter(run.record["metrics"]["network"].items()))
        self.line()
        self.line(f"test {name} {figure(value)}", style="bold green")
        self.line(f"run folder {folder}: {', '.join((MODEL, RECORD, PREPROCESSING, CURVE))}")


def _prepared(preprocessing: Preprocessing) -> str:
    """What becomes of the columns, in words."""
    numeric = [column for column in preprocessing.columns if isinstance(column, Numeric)]
    words = []
    if numeric:
        scale = ", on one scale as they share their range" if preprocessing.one_unit else ""
        words.append(f"numbers to mean 0 and spread 1{scale}")
    if any(column.tells_missing for column in numeric):
        words.append("missing numbers to the median, and marked")
    if len(numeric) < len(preprocessing.columns):
        words.append("categories to 0 or 1 each, rare and unseen ones together")
    return "; ".join(words)
