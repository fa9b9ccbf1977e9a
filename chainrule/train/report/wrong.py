"""Where predictions are wrong: receives them beside the truth; hands on matrices, curves and
rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule import metrics
from chainrule.data import Target, kurtosis
from chainrule.deferred import polars as pl
from chainrule.metrics import Interval
from chainrule.train.report.chart import shortened
from chainrule.train.report.facts import (
    Bins,
    ByClass,
    Calibration,
    Confusion,
    Mistakes,
    Points,
    Ranking,
    Residuals,
)
from chainrule.train.scores import Prediction

DRAWN = 400  # Points of a cloud, and of a curve: more are a blot.
CELLS = 4  # Of a row of a table with a large error.
CONFIDENCES = 10  # Bins of a reliability diagram.
LARGEST, LETTERS = 10, 40  # Rows that are shown, and what of a cell.


def errors(
    target: Target, values: np.ndarray, found: Prediction, figures: Mapping[str, Interval]
) -> dict[str, Any]:
    """The sections on where predictions of these figures are wrong, by their names in a report."""
    if not target.classes:
        return {"residuals": residuals(found.values, values)}
    truth, p = target.encode(values), found.probabilities
    counts = metrics.confusion_matrix(
        target.encode(found.values), truth, classes=len(target.classes)
    )
    names = tuple(map(str, target.classes))
    return {
        "confusion": Confusion(
            names, tuple(tuple(map(int, row)) for row in np.asarray(counts.numpy()))
        ),
        "by_class": by_class(names, counts),
        "calibration": calibration(p, truth),
        "ranking": ranking(names[1], p[:, 1], truth, figures["AUC"]) if len(names) == 2 else None,
    }


def by_class(names: Sequence[str], counts: Any) -> ByClass:
    """The figures of each class, from the confusion matrix."""
    figures = [
        metric.formula(counts, average=None).numpy().tolist()
        for metric in (metrics.recall, metrics.precision, metrics.f1)
    ]
    rows = map(int, counts.numpy().sum(axis=1))
    return ByClass(tuple(zip(names, rows, *figures, strict=True)))


def calibration(p: np.ndarray, truth: np.ndarray) -> Calibration:
    """How honest the greatest probabilities are."""
    curve = metrics.reliability_curve(p, truth, bins=CONFIDENCES)
    rows = [
        (float(confidence), float(frequency), int(weight))
        for frequency, confidence, weight in zip(*(one.numpy() for one in curve))
        if weight
    ]
    return Calibration(
        "how sure the network is",
        tuple(rows),
        float(metrics.calibration_error(p, truth, bins=CONFIDENCES)),
        float(p.max(axis=1).mean()),
        float((p.argmax(axis=1) == truth).mean()),
        _binned(p.max(axis=1), np.linspace(0, 1, 2 * CONFIDENCES + 1)),
    )


def ranking(positive: str, p: np.ndarray, truth: np.ndarray, area: Interval) -> Ranking | None:
    """The curves of two classes; None where there is but one."""
    if len(np.unique(truth)) < 2:
        return None
    roc = metrics.roc_curve(p, truth)
    recalled = metrics.precision_recall_curve(p, truth)
    return Ranking(
        positive,
        _thinned(roc.false_positive_rate, roc.true_positive_rate),
        _thinned(recalled.recall, recalled.precision),
        area,
        float(metrics.average_precision(p, truth)),
        float(truth.mean()),
    )


def _thinned(x: np.ndarray, y: np.ndarray) -> Points:
    places = np.unique(np.linspace(0, len(x) - 1, DRAWN).round().astype(int))
    return tuple((float(a), float(b)) for a, b in zip(x[places], y[places]))


def _binned(values: np.ndarray, bins: int | np.ndarray) -> Bins:
    counts, edges = np.histogram(values, bins=bins)
    return Bins(tuple(map(float, edges)), tuple(map(int, counts)))


def residuals(said: np.ndarray, values: np.ndarray) -> Residuals:
    off = said - values
    sizes, shares = np.sort(np.abs(off)), np.arange(1, len(off) + 1) / len(off)
    return Residuals(
        _thinned(said, values),
        _thinned(np.append(0.0, sizes), np.append(0.0, shares)),
        _binned(off, min(30, max(5, round(len(off) ** 0.5)))),
        float(off.mean()),
        float(off.std()),
        kurtosis(off),
    )


def mistakes(
    target: Target,
    values: np.ndarray,
    found: Prediction,
    part: str,
    numbers: np.ndarray,
    cells: pl.DataFrame,
) -> Mistakes:
    """The rows with the largest losses, with their numbers in the file and what they say: a row of
    `cells` each.
    """
    if target.classes:
        true = found.probabilities[np.arange(len(values)), target.encode(values)]
        wrong = -np.log(np.maximum(true, np.finfo(float).tiny))
    else:
        wrong = np.abs(found.values - values)
    rows = [
        (
            int(numbers[row]),
            _cell(values[row]),
            _cell(found.values[row]),
            float(wrong[row]),
            tuple(map(_cell, cells.row(row))),
        )
        for row in np.argsort(-wrong, kind="stable")[:LARGEST].tolist()
    ]
    measure = "-log p(true)" if target.classes else "error"
    return Mistakes(part, measure, tuple(cells.columns), tuple(rows))


def _cell(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    return shortened("" if value is None else str(value), LETTERS)
