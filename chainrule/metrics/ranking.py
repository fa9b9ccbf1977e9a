"""Metrics of scores in their order: receive scores beside labels; hand on curves and areas, as
scikit-learn computes them.

Scores are (rows,) for class 1, or (rows, classes), where of two classes the difference counts; so
logits serve as well as probabilities, but several classes need probabilities for `roc_auc`. A row's
targets (rows, labels) are 0 and 1 for each label.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.metrics.collected import of_rows


class RocCurve(NamedTuple):
    """Points from (0, 0) to (1, 1), and the least score that counts as positive at each."""

    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray
    thresholds: np.ndarray


class PrecisionRecallCurve(NamedTuple):
    """Points by rising threshold, and the thresholds of all but the last, (1, 0)."""

    precision: np.ndarray
    recall: np.ndarray
    thresholds: np.ndarray


@of_rows
def roc_curve(prediction: np.ndarray, target: np.ndarray, weights: np.ndarray) -> RocCurve:
    """The share of positives found against that of negatives taken for them, for each threshold.

    >>> curve = cr.metrics.roc_curve(np.asarray([0.1, 0.4, 0.35, 0.8]), np.asarray([0, 0, 1, 1]))
    >>> curve.true_positive_rate
    array([0. , 0.5, 0.5, 1. , 1. ])
    """
    from sklearn import metrics

    scores, labels = _binary("roc_curve", prediction, target)
    return RocCurve(*metrics.roc_curve(labels, scores, sample_weight=weights))


@of_rows
def precision_recall_curve(
    prediction: np.ndarray, target: np.ndarray, weights: np.ndarray
) -> PrecisionRecallCurve:
    """Precision against recall for each threshold.

    >>> curve = cr.metrics.precision_recall_curve(np.asarray([0.1, 0.8]), np.asarray([0, 1]))
    >>> curve.precision
    array([0.5, 1. , 1. ])
    """
    from sklearn import metrics

    scores, labels = _binary("precision_recall_curve", prediction, target)
    return PrecisionRecallCurve(
        *metrics.precision_recall_curve(labels, scores, sample_weight=weights)
    )


@of_rows
def roc_auc(
    prediction: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray,
    *,
    average: str | None = "macro",
    multi_class: str = "ovr",
) -> float:
    """The area under the ROC curve: how often a positive has the greater score than a negative.

    Several classes are compared each with the rest ("ovr") or in pairs ("ovo"; Hand and Till 2001),
    and averaged: "macro", "weighted" by frequency, or None for each. NaN, with scikit-learn's
    warning, where a class or all others are absent. (A-231)

    >>> cr.metrics.roc_auc(np.asarray([0.1, 0.4, 0.35, 0.8]), np.asarray([0, 0, 1, 1]))
    0.75
    """
    from sklearn import metrics

    if target.ndim == 2:
        return metrics.roc_auc_score(target, prediction, average=average, sample_weight=weights)
    if prediction.shape[1:] in ((), (2,)):
        scores, labels = _binary("roc_auc", prediction, target)
        return metrics.roc_auc_score(labels, scores, sample_weight=weights)
    if multi_class == "ovo" and (weights != 1).any():
        raise ArgumentError(
            "roc_auc",
            "sample_weight with multi_class='ovo'",
            "what weighted pairs of classes would mean is not defined, here as in scikit-learn",
            "leave the weights away, or pass multi_class='ovr'",
        )
    if prediction.min() < 0 or not np.allclose(prediction.sum(1), 1):
        raise ArgumentError(
            "roc_auc",
            f"the prediction runs from {prediction.min():g} to {prediction.max():g}",
            "one class is compared with the rest by its probability, which a logit does not tell",
            "apply cr.softmax to logits",
        )
    if multi_class == "ovo" and np.unique(target).size < 2:
        return math.nan
    return metrics.roc_auc_score(
        target,
        prediction,
        average=average,
        multi_class=multi_class,
        sample_weight=weights if multi_class == "ovr" else None,
        labels=np.arange(prediction.shape[1]),
    )


def areas(prediction: np.ndarray, target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The areas under ROC curves of the same rows, weighted in many ways at once: [draws] from
    weights [draws, rows], by the ranks of scores (Mann and Whitney 1947). NaN where a class weighs
    nothing. Of several labels a row, the mean.
    """
    if target.ndim == 2:
        columns = zip(prediction.T, target.T)
        return np.mean([areas(scores, labels, weights) for scores, labels in columns], axis=0)
    scores, labels = _binary("roc_auc", prediction, target)
    order = np.argsort(scores, kind="stable")
    firsts = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)
    positive, negative = (
        np.add.reduceat((weights * (labels == label))[:, order], firsts, axis=1) for label in (1, 0)
    )
    # A negative of the same score counts half.
    below = np.cumsum(negative, axis=1) - negative / 2
    with np.errstate(invalid="ignore"):
        return (positive * below).sum(1) / (positive.sum(1) * negative.sum(1))


@of_rows
def average_precision(
    prediction: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray,
    *,
    average: str | None = "macro",
) -> float:
    """sum (recall_i - recall_(i-1)) precision_i over falling thresholds: the area under the
    precision-recall curve, without interpolation.

    Over several labels (rows, labels), or classes (rows, classes), their mean is mAP: "macro",
    "weighted" by frequency, "micro" over all pairs, or None for each. Of detected boxes it is
    `detection_map`. (A-232)

    >>> cr.metrics.average_precision(np.asarray([0.1, 0.4, 0.35, 0.8]), np.asarray([0, 0, 1, 1]))
    0.8333333333333333
    """
    from sklearn import metrics

    if target.ndim == 1:
        if prediction.shape[1:] in ((), (2,)):
            prediction, target = _binary("average_precision", prediction, target)
        else:
            target = (target[:, None] == np.arange(prediction.shape[1])).astype(int)
    return metrics.average_precision_score(
        target, prediction, average=average, sample_weight=weights
    )


def _binary(
    where_used: str, prediction: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One score a row, and labels 0 and 1."""
    if prediction.shape[1:] == (2,):
        prediction = prediction[:, 1] - prediction[:, 0]
    if prediction.shape != target.shape or not np.isin(target, (0, 1)).all():
        raise ArgumentError(
            where_used,
            f"the prediction has shape {list(prediction.shape)}, the target "
            f"{list(target.shape)} with values {np.unique(target)[:5].tolist()}",
            "one score a row is compared with labels 0 and 1",
            "take one class against the rest",
        )
    if np.isnan(prediction).any():
        raise ArgumentError(
            where_used,
            f"{np.isnan(prediction).sum()} scores are NaN",
            "they have no place in an order",
            "find where they are made with cr.config.debug_nans",
        )
    return prediction, target.astype(np.int64)
