"""Calibration: receives what a network says of held-out rows, and what is true; hands on
probabilities that come true as often as they say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.isotonic import IsotonicRegression

from chainrule.errors import ArgumentError
from chainrule.train.estimators.rows import Rows
from chainrule.train.estimators.targets import Classes, Labels

HOTTEST = 4.0  # log2 of the greatest temperature that is tried, and of the inverse of the least.
LEAST = 1e-12

Calibration = Callable[[Any, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Temperature:
    """Probabilities of outputs / temperature (Guo et al. 2017): the order of classes stays."""

    temperature: float

    def __call__(self, targets: Classes | Labels, outputs: np.ndarray) -> np.ndarray:
        return targets.probabilities(outputs / self.temperature)


@dataclass(frozen=True)
class Isotonic:
    """Each class's probability by a rising function of its own (Zadrozny and Elkan 2002), then
    divided by their sum; labels have none.
    """

    curves: tuple[IsotonicRegression, ...]

    def __call__(self, targets: Classes | Labels, outputs: np.ndarray) -> np.ndarray:
        found = targets.probabilities(outputs)
        raised = [curve.predict(column) for curve, column in zip(self.curves, found.T, strict=True)]
        whole = np.column_stack(raised)
        if isinstance(targets, Labels):
            return whole
        total = whole.sum(axis=1, keepdims=True)
        return np.where(total > 0, whole / np.where(total > 0, total, 1), found)


def fit_calibration(
    kind: str, targets: Classes | Labels, outputs: np.ndarray, held: Rows
) -> Calibration:
    """The calibration, "temperature" or "isotonic", that suits held-out rows best. Raises
    ArgumentError for others.
    """
    if kind not in ("temperature", "isotonic"):
        raise ArgumentError(
            "fit",
            f"calibration={kind!r}",
            "probabilities are calibrated by one temperature, or by a curve for each class",
            "choose 'temperature' or 'isotonic', or None",
        )
    truth = held.y
    if isinstance(targets, Classes):
        truth = np.eye(len(targets.labels))[held.y]
    if kind == "isotonic":
        found = targets.probabilities(outputs)
        return Isotonic(
            tuple(
                IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(p, t, held.weights)
                for p, t in zip(found.T, truth.T, strict=True)
            )
        )

    def loss(power: float) -> float:
        found = targets.probabilities(outputs / 2**power)
        chosen = np.where(truth > 0, found, 1 - found if isinstance(targets, Labels) else 1)
        return -float(np.sum(held.weights[:, None] * np.log(np.maximum(chosen, LEAST))))

    found = minimize_scalar(loss, bounds=(-HOTTEST, HOTTEST), method="bounded")
    return Temperature(float(2**found.x))
