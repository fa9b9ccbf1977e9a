"""Targets: receives y as scikit-learn's users hand it over; hands on class numbers, 0 and 1 for
several labels a row, or standardised numbers, and the way back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax

from chainrule.errors import ArgumentError


@dataclass(frozen=True)
class Classes:
    """One class a row."""

    labels: np.ndarray

    @property
    def outputs(self) -> int:
        """A softmax has two outputs at least, even where there is one class."""
        return max(2, len(self.labels))

    def encode(self, y: np.ndarray) -> np.ndarray:
        places = np.searchsorted(self.labels, y).clip(max=len(self.labels) - 1)
        known = self.labels[places] == y
        if not known.all():
            raise ArgumentError(
                "fit",
                f"y has the class {y[~known][0]!r}",
                f"the classes are {', '.join(map(str, self.labels))}",
                "name all of them in the first call of partial_fit: classes=",
            )
        return places.astype(np.int64)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """softmax(outputs), float64 [rows, classes]."""
        return softmax(outputs[:, : len(self.labels)].astype(np.float64), axis=1)

    def decode(self, probabilities: np.ndarray) -> np.ndarray:
        return self.labels[probabilities.argmax(axis=1)]


@dataclass(frozen=True)
class Labels:
    """Several labels a row, each 0 or 1."""

    labels: np.ndarray

    @property
    def outputs(self) -> int:
        return len(self.labels)

    def encode(self, y: np.ndarray) -> np.ndarray:
        return np.asarray(y, np.float32)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """sigmoid(outputs), float64 [rows, labels]."""
        return expit(outputs.astype(np.float64))

    def decode(self, probabilities: np.ndarray) -> np.ndarray:
        return (probabilities > 0.5).astype(np.int64)


@dataclass(frozen=True)
class Numbers:
    """Numbers, standardised; several a row where `mean` has several."""

    mean: np.ndarray
    scale: np.ndarray
    single: bool

    @property
    def outputs(self) -> int:
        return len(self.mean)

    def encode(self, y: np.ndarray) -> np.ndarray:
        scaled = ((y.reshape(len(y), -1) - self.mean) / self.scale).astype(np.float32)
        return scaled[:, 0] if self.single else scaled

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """float64 in original units, [rows] or [rows, outputs]."""
        values = outputs * self.scale + self.mean
        return values[:, 0] if self.single else values


Targets = Classes | Labels | Numbers


def fit_numbers(y: np.ndarray, weights: np.ndarray) -> Numbers:
    """The targets of a regression, by the mean and deviation of weighted rows."""
    columns = y.reshape(len(y), -1).astype(np.float64)
    mean = np.average(columns, axis=0, weights=weights)
    scale = np.sqrt(np.average(np.square(columns - mean), axis=0, weights=weights))
    return Numbers(mean, np.where(scale > 0, scale, 1.0), y.ndim == 1)
