"""Scores of a model of images: receives images in parts; hands on figures of the test part, for the
network and for models of single pixels, and what these say of mirror images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from chainrule.data.images import ImageProblem
from chainrule.data.prepare import Part
from chainrule.data.target import CLASSIFICATION
from chainrule.train.baselines import Setting, of_task
from chainrule.train.scores import Prediction, Scores, fitted, scores_of

# A linear model of more images, or of more places, takes minutes.
MOST_IMAGES, MOST_SIDE = 4_000, 28

Predict = Callable[[np.ndarray], Prediction]


def baselines(problem: ImageProblem) -> dict[str, Predict]:
    """Logistic regression on pixels and the majority class, fitted on (the first) 4,000 images of
    the training part, in random order; they predict for pixels.
    """
    part, target = problem.parts["training"], problem.target
    generator = np.random.default_rng(problem.seed)
    chosen = generator.permutation(len(part.y))[:MOST_IMAGES]
    flat = Part(_flat(part.x[chosen]), part.y[chosen], part.values[chosen], chosen)
    setting = Setting(True, len(chosen), problem.seed)
    constant, linear = list(of_task(CLASSIFICATION).values())[:2]
    models = {one.name: fitted(one.make(setting), flat, target) for one in (linear, constant)}
    return {name: _of_pixels(model) for name, model in models.items()}


def _of_pixels(model: Predict) -> Predict:
    return lambda pixels: model(_flat(pixels))


def _flat(pixels: np.ndarray) -> np.ndarray:
    """Rows of numbers from 0 to 1: of every second, third, ... place where the images are large."""
    step = -(-max(pixels.shape[1:3]) // MOST_SIDE)
    return pixels[:, ::step, ::step].reshape(len(pixels), -1).astype(np.float32) / 255


def mirrored(problem: ImageProblem, models: dict[str, Predict]) -> dict[str, float]:
    """The share of the validation part that logistic regression knows, as it is and mirrored; and
    the share of the largest class.
    """
    part = problem.parts["validation"]
    images = {
        "as they are": part.x,
        "horizontal": part.x[:, :, ::-1],
        "vertical": part.x[:, ::-1],
    }
    linear, constant = models.values()
    known = {name: float(np.mean(linear(x).values == part.values)) for name, x in images.items()}
    return {**known, "of the largest class": float(np.mean(constant(part.x).values == part.values))}


def score(problem: ImageProblem, answers: Mapping[str, Prediction]) -> dict[str, Scores]:
    """The scores of what each model said of the test part."""
    values = problem.parts["test"].values
    return {name: scores_of(problem.target, values, found) for name, found in answers.items()}
