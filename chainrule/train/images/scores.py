"""Scores of a model of images: receives images in parts; hands on figures of the test part, for the
network and for models of single pixels, and what these say of mirror images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.data.images import ImageProblem
from chainrule.data.target import CLASSIFICATION, Target
from chainrule.train.baselines import Setting, of_task
from chainrule.train.run import predicted
from chainrule.train.scores import Prediction, Scores, fitted, scores_of, taught

# A linear model of more images, or of more places, takes minutes.
MOST_IMAGES, MOST_SIDE = 4_000, 28
LINEAR, CONSTANT = "logistic regression", "majority class"

Predict = Callable[[np.ndarray], Prediction]


@dataclass(frozen=True)
class Linear:
    """Logistic regression on pixels: softmax(x W + b), W [places, classes]. A class that it has not
    seen has b = -inf.
    """

    target: Target
    weights: np.ndarray
    bias: np.ndarray

    @classmethod
    def of(cls, model: Any, target: Target) -> Linear:
        """What scikit-learn has fitted; of two classes it keeps the weights of the second."""
        weights, bias = model.coef_.T, model.intercept_
        if len(model.classes_) == 2:
            weights, bias = (np.stack([0 * x[..., 0], x[..., 0]], -1) for x in (weights, bias))
        count = len(target.classes)
        everywhere, biases = np.zeros((len(weights), count)), np.full(count, -np.inf)
        everywhere[:, model.classes_], biases[model.classes_] = weights, bias
        return cls(target, everywhere, biases)

    def __call__(self, pixels: np.ndarray) -> Prediction:
        return predicted(self.target, _flat(pixels) @ self.weights + self.bias)

    def to_json(self) -> dict[str, Any]:
        """Six digits of each number; None for -inf."""
        return {"weights": _short(self.weights), "bias": _short(self.bias)}

    @classmethod
    def from_json(cls, found: Mapping[str, Any], target: Target) -> Linear:
        bias = [-np.inf if one is None else one for one in found["bias"]]
        return cls(target, np.asarray(found["weights"]), np.asarray(bias))


def _short(numbers: np.ndarray) -> list:
    if numbers.ndim > 1:
        return [_short(row) for row in numbers]
    return [float(f"{x:.6g}") if np.isfinite(x) else None for x in numbers.tolist()]


def baselines(problem: ImageProblem) -> tuple[Linear, Predict]:
    """Logistic regression on pixels and the majority class, fitted on (the first) 4,000 images of
    the training part, in random order; they predict for pixels.
    """
    part, target = problem.parts["training"], problem.target
    generator = np.random.default_rng(problem.seed)
    chosen = generator.permutation(len(part.y))[:MOST_IMAGES]
    x, y = _flat(part.x[chosen]), part.y[chosen]
    setting = Setting(True, len(chosen), problem.seed)
    known = of_task(CLASSIFICATION)
    model = taught(known[LINEAR].make(setting), x, y)
    constant = fitted(known[CONSTANT].make(setting), x, y, target)
    return Linear.of(model, target), lambda pixels: constant(_flat(pixels))


def _flat(pixels: np.ndarray) -> np.ndarray:
    """Rows of numbers from 0 to 1: of every second, third, ... place where the images are large."""
    step = -(-max(pixels.shape[1:3]) // MOST_SIDE)
    return pixels[:, ::step, ::step].reshape(len(pixels), -1).astype(np.float32) / 255


def mirrored(problem: ImageProblem, linear: Predict, constant: Predict) -> dict[str, float]:
    """The share of the validation part that logistic regression knows, as it is and mirrored; and
    the share of the largest class.
    """
    part = problem.parts["validation"]
    images = {
        "as they are": part.x,
        "horizontal": part.x[:, :, ::-1],
        "vertical": part.x[:, ::-1],
    }
    known = {name: float(np.mean(linear(x).values == part.values)) for name, x in images.items()}
    return {**known, "of the largest class": float(np.mean(constant(part.x).values == part.values))}


def score(problem: ImageProblem, answers: Mapping[str, Prediction]) -> dict[str, Scores]:
    """The scores of what each model said of the test part."""
    values = problem.parts["test"].values
    return {name: scores_of(problem.target, values, found) for name, found in answers.items()}
