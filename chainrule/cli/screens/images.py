"""The screen of `chainrule fit` on images: receives facts from training; tells of files, scores and
classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule import nn
from chainrule.cli.screens.fit import FitScreen, parameters, validated
from chainrule.data.auditing.images import audit_images
from chainrule.data.images import ImageProblem
from chainrule.train.images.recipe import ImageRecipe
from chainrule.train.scores import Scores
from chainrule.words import counted, listed


class ImageScreen(FitScreen):
    """Tells of a training on images."""

    def prepared(self, problem: ImageProblem) -> None:
        self.problem = problem
        self.line(f"{problem.name}: {counted(len(problem.files), 'image')}", style="bold")
        classes = problem.target.classes
        self.fact("classes", f"{len(classes)}: {listed(classes)}")
        height, width, channels = problem.size
        colours = "grey" if channels == 1 else "in colour"
        self.fact("size", f"{height} x {width}, {colours}: {problem.size_reason}")
        sizes = ", ".join(f"{len(part.y):,} {name}" for name, part in problem.parts.items())
        self.fact("split", f"{sizes}")
        self.faults(audit_images(problem))

    def chosen(self, recipe: ImageRecipe, model: nn.Module) -> None:
        choices = recipe.described()
        choices["network"] += f" ({parameters(model)})"
        self.recipe(choices, recipe.reasons)
        self.limited = recipe.minutes is not None
        self.open_progress(recipe.epochs, "compiling")

    def figures(self, row: Mapping[str, Any]) -> str:
        return validated(row, "accuracy", "accuracy")

    def scored(self, scores: Mapping[str, Scores]) -> None:
        images = len(self.problem.parts["test"].y)
        self.heading(f"Test, on {counted(images, 'image')} that nothing was fitted or chosen on")
        self.compared(scores)
