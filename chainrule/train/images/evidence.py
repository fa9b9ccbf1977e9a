"""What a training on images leaves besides its run: receives answers and curves; hands on the facts
of a report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.data.auditing.images import audit_images
from chainrule.data.images import ImageProblem
from chainrule.deferred import polars as pl
from chainrule.train.images.recipe import ImageRecipe
from chainrule.train.predict import Predictor
from chainrule.train.report.advice import advise
from chainrule.train.report.facts import Choice, Report
from chainrule.train.report.gather import costs, learning, subject
from chainrule.train.report.judged import comparison, verdict
from chainrule.train.report.wrong import errors, mistakes
from chainrule.train.run import predict_matrix
from chainrule.train.scores import Prediction
from chainrule.train.trainer.history import History


@dataclass(frozen=True)
class ImageEvidence:
    """What each model said of the test part, and how training went."""

    problem: ImageProblem
    recipe: ImageRecipe
    history: History
    answers: Mapping[str, Prediction]

    def report(self, run: Any) -> Report:
        problem, target = self.problem, self.problem.target
        test, validation = problem.parts["test"], problem.parts["validation"]
        predictor = Predictor(run.model)

        def predict(x: np.ndarray) -> Prediction:
            return predict_matrix(predictor, target, x)

        compared = comparison(target, test.values, self.answers, "test", "image")
        words = self.recipe.described()
        found = Report(
            subject=subject(run.record, target),
            comparison=compared,
            learning=learning(target, problem.parts, self.history, predict, None),
            **errors(target, test.values, self.answers["network"], compared.ours),
            mistakes=mistakes(
                target,
                validation.values,
                predict(validation.x),
                "validation",
                validation.rows + 1,
                pl.DataFrame({"file": [problem.files[row] for row in validation.rows]}),
            ),
            audit=audit_images(problem),
            recipe=tuple(Choice(n, what, self.recipe.reasons[n]) for n, what in words.items()),
            costs=costs(run.model.network, _prepared(run, test.x[:1])),
        )
        return replace(found, verdict=verdict(found), advice=advise(found))


def _prepared(run: Any, pixels: np.ndarray) -> np.ndarray:
    """What the network is given."""
    return np.asarray(run.model.normalize(pixels.astype(np.float32) / 255))
