"""The screen of `chainrule fit` on tables: receives facts from training; tells of columns, scores
and rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from chainrule import nn
from chainrule.advisor import Recipe, described
from chainrule.cli.screens.fit import FitScreen, parameters, validated
from chainrule.data import Preprocessing, Problem
from chainrule.data.fitted import Numeric
from chainrule.train.report.table import KINDS
from chainrule.train.scores import Scores
from chainrule.words import counted, listed


class TableScreen(FitScreen):
    """Tells of a training on a table."""

    def prepared(self, problem: Problem) -> None:
        self.problem = problem
        target, parts = problem.target, problem.parts
        self.line(
            f"{problem.table.name}: {counted(problem.table.frame.height, 'row')}", style="bold"
        )
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
            self.fact("note", note, style="yellow")
        self.faults(problem.audited)

    def chosen(self, recipe: Recipe, model: nn.Module) -> None:
        inputs = self.problem.parts["training"].x.shape[1]
        choices = described(recipe, inputs, self.problem.target.outputs)
        choices["network"] += f" ({parameters(model)})"
        self.recipe(choices, recipe.reasons)
        self.open_progress(recipe.epochs, "compiling")

    def figures(self, row: Mapping[str, Any]) -> str:
        accuracy = ("accuracy", "accuracy")
        return validated(row, *(accuracy if self.problem.target.classes else ("rmse", "RMSE")))

    def weighed(self, linear_share: float) -> None:
        told = f"has {linear_share:.0%} of the answer" if linear_share else "would add nothing"
        self.fact("beside it", f"a linear model {told}, as held-out rows say")

    def scored(self, scores: Mapping[str, Scores]) -> None:
        rows = len(self.problem.parts["test"].y)
        self.heading(f"Test, on {counted(rows, 'row')} that nothing was fitted or chosen on")
        self.compared(scores)


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
