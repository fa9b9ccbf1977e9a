"""The screen: receives facts from training; prints them, with colour and a progress bar where a
person looks on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from chainrule import nn
from chainrule.checks import Check, Verdict
from chainrule.data import Audit, Preprocessing, Problem, audit
from chainrule.data.auditing.finding import ERROR, WARNING
from chainrule.data.columns import BOOLEAN, CATEGORY, DATE, NUMBER
from chainrule.data.fitted import Numeric
from chainrule.data.read import listed
from chainrule.train import History, Recipe, Run, Trainer, Watcher
from chainrule.train.files import CURVE, MODEL, PREPROCESSING, RECORD
from chainrule.train.recipe import described
from chainrule.train.scores import Scores

NAME, CHOICE = 16, 38  # Widths of columns.
KINDS = {
    NUMBER: "numeric",
    BOOLEAN: "true or false",
    DATE: "dates, in days",
    CATEGORY: "categorical",
}
VERDICTS = {"perfect": None, "acceptable": None, "suspicious": "yellow", "wrong": "red"}
SEVERITIES = {ERROR: "red", WARNING: "yellow"}
REPORTS = 10  # Epochs told of where there is no progress bar.


class Screen:
    """Lines and tables on standard output; plain text where that is no terminal."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)

    def line(self, text: str = "", style: str | None = None) -> None:
        self.console.print(text, style=style, markup=False)

    def heading(self, text: str) -> None:
        self.line()
        self.line(text, style="bold")

    def fact(self, name: str, text: str) -> None:
        """A name in a column of its own, and what there is to say about it."""
        self.line(f"  {name:<{NAME}}{text}")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """The first column to the left, figures to the right; the first row stands out."""
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        for number, (name, *cells) in enumerate([header, *rows]):
            aligned = "".join(
                f"  {cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True)
            )
            self.line(f"  {name:<{widths[0]}}{aligned}", style="bold" if number == 1 else None)


    def audited(self, found: Audit) -> None:
        """What the audit found, errors in red."""
        for severity, text in found.lines():
            self.line(text, style=SEVERITIES.get(severity))


class ProgressScreen(Screen):
    """A screen with a progress bar on a terminal. As a context it closes the bar in any case."""

    def __init__(self) -> None:
        super().__init__()
        self.progress: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_progress()

    def open_progress(self, total: int, description: str) -> None:
        if self.console.is_terminal:
            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.description}"),
            )
            self.progress = Progress(*columns, console=self.console, transient=True)
            self.progress.start()
            self.bar = self.progress.add_task(description, total=total)

    def advance(self, description: str) -> None:
        if self.progress is not None:
            self.progress.update(self.bar, advance=1, description=description)

    def close_progress(self) -> None:
        if self.progress is not None:
            self.progress.stop()
            self.progress = None


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
            [[name, *map(_figure, found.values())] for name, found in scores.items()],
        )

    def written(self, run: Run, folder: Path) -> None:
        name, value = next(iter(run.record["metrics"]["network"].items()))
        self.line()
        self.line(f"test {name} {_figure(value)}", style="bold green")
        self.line(f"run folder {folder}: {', '.join((MODEL, RECORD, PREPROCESSING, CURVE))}")


class CheckScreen(ProgressScreen):
    """Tells the verdicts on derivatives as they come, in the columns of one table."""

    def __init__(self, families: Mapping[str, Sequence[Check]]) -> None:
        super().__init__()
        names = [check.name for checks in families.values() for check in checks]
        self.counts: Counter[str] = Counter()
        self.width = max(map(len, names))
        self.start = time.perf_counter()
        self.line(f"  {'':{self.width}}  {'first':>8}  {'second':>8}  verdict", style="bold")
        self.open_progress(len(names), names[0])

    @property
    def failures(self) -> int:
        """How many verdicts are worse than acceptable."""
        return self.counts["suspicious"] + self.counts["wrong"]

    def told(self, verdict: Verdict) -> None:
        result = verdict.result
        self.counts[result.verdict] += 1
        errors = f"{result.first:8.1e}  {result.second:8.1e}"
        text = "; ".join((result.verdict, *result.notes))
        style = VERDICTS[result.verdict]
        self.line(f"  {verdict.name:{self.width}}  {errors}  {text}", style=style)
        self.advance(verdict.name)

    def summed_up(self) -> None:
        """The line at the end."""
        self.close_progress()
        counts = ", ".join(f"{self.counts[word]} {word}" for word in VERDICTS if self.counts[word])
        seconds = time.perf_counter() - self.start
        self.line()
        self.line(f"{self.counts.total()} checked in {seconds:.1f} s: {counts}", style="bold")


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


def _figure(value: float) -> str:
    """Four digits after the point, or four in all for numbers of 10 and more."""
    size = abs(value)
    digits = 4 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    return f"{round(value, digits) + 0.0:,.{digits}f}"  # + 0.0: no minus sign before zero.
