"""Random predictions, targets and weights: also of one class, one row, with ties and weights."""

from typing import NamedTuple

import numpy as np

CASES = 200


class Draw(NamedTuple):
    """One case: labels, scores or numbers beside their targets."""

    prediction: np.ndarray
    target: np.ndarray
    weights: np.ndarray | None
    classes: int = 2


def _generators():
    return (np.random.default_rng([7, case]) for case in range(CASES))


def _rows(rng):
    return int(rng.choice([1, 2, 3, 10, 60]))


def _weights(rng, rows):
    """None, ones and twos, or floats; never 0, which scikit-learn counts as an occurrence."""
    kind = rng.integers(3)
    return [None, rng.integers(1, 3, rows).astype(float), rng.uniform(0.1, 3, rows)][kind]


def _labels(rng, rows, classes):
    """Labels of all classes, or of a few."""
    return rng.choice(rng.permutation(classes)[: rng.integers(1, classes + 1)], rows)


def labels(most=5):
    for rng in _generators():
        rows, classes = _rows(rng), int(rng.integers(2, most + 1))
        pair = _labels(rng, rows, classes), _labels(rng, rows, classes)
        yield Draw(*pair, _weights(rng, rows), classes)


def _tied(rng, scores):
    """Scores as they are, or rounded, so that many are equal."""
    return scores if rng.integers(2) else np.round(scores, 1)


def probabilities(most=5):
    """(rows, classes) probabilities, some of them 0 or 1, for three classes or more."""
    for rng in _generators():
        rows, classes = _rows(rng), int(rng.integers(3, most + 1))
        scores = _tied(rng, rng.uniform(0, 1, (rows, classes))) ** rng.integers(1, 20)
        scores[np.arange(rows), rng.integers(0, classes, rows)] += rng.integers(2) + 1e-3
        p = scores / scores.sum(1, keepdims=True)
        yield Draw(p, _labels(rng, rows, classes), _weights(rng, rows), classes)


def scores():
    """(rows,) probabilities of class 1."""
    for rng in _generators():
        rows = _rows(rng)
        p = _tied(rng, rng.uniform(0, 1, rows))
        yield Draw(p, _labels(rng, rows, 2), _weights(rng, rows))


def numbers(outputs=(1,)):
    """Numbers, some with a great mean, a constant target or no error: (rows,), or with outputs."""
    for rng in _generators():
        rows, count = _rows(rng), int(rng.choice(outputs))
        shape = (rows, count) if count > 1 else (rows,)
        y = rng.normal(size=shape) * rng.choice([0, 1, 100]) + rng.choice([0, 1, 2**10])
        p = y + rng.normal(size=shape) * rng.choice([0, 1])
        yield Draw(p, y, _weights(rng, rows), count)
