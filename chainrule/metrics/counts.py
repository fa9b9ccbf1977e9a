"""Metrics of labels: receive labels or scores beside labels; hand on figures of how often each
class was taken for each, the confusion matrix.

Each function is written as a formula of that matrix, `counts[target, prediction]`, weighted, and is
called with (prediction, target, sample_weight=, classes=, threshold=). Predictions are labels, or
scores with one axis more, of which the greatest counts, or scores of class 1 beside a `threshold`
(0 for logits, 0.5 for probabilities). Labels count from 0 to `classes` - 1, by default as far as
they or the scores go; compiled functions must be told unless there are scores. What has no rows to
be computed from is 0, and averages are over the classes that occur, both as in scikit-learn.
"""

from __future__ import annotations

from typing import Any

from chainrule.dtypes import float64, int64
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions import network
from chainrule.frontend.functions.creation import iota
from chainrule.frontend.functions.elementwise import abs, round, sqrt
from chainrule.frontend.functions.linear_algebra import diagonal, trace
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.functions.searching import argmax
from chainrule.frontend.lift import cast, lift, reshape_to
from chainrule.frontend.tensor import Tensor, concrete
from chainrule.metrics.base import (
    Kind,
    Statistics,
    averaged,
    empty,
    metric,
    ratio,
    weights_of,
)


def labels_of(
    where_used: str, prediction: Any, target: Any, threshold: float | None
) -> tuple[Tensor, Tensor]:
    """Predicted and true labels, of one shape. Raises ShapeError and ArgumentError."""
    p, y = lift(prediction, where_used, wide=True), lift(target, where_used, wide=True)
    y = cast(round(y) if y.dtype.is_float else y, int64)
    if p.ndim == y.ndim + 1 and p.shape[:-1] == y.shape:
        return argmax(p, axis=-1), y
    if p.shape != y.shape:
        raise ShapeError(
            where_used,
            f"the prediction has shape {list(p.shape)}, the target {list(y.shape)}",
            "each label needs a predicted one, or a score for each class",
            "put classes on the last axis of the scores",
        )
    if not p.dtype.is_float:
        return cast(p, int64), y
    if threshold is None:
        raise ArgumentError(
            where_used,
            f"the prediction is {p.dtype.name}{list(p.shape)}, like the labels",
            "which scores mean class 1 cannot be known",
            "pass threshold=0.0 for logits, 0.5 for probabilities, or cast labels to integers",
        )
    return cast(p > threshold, int64), y


def _count(
    prediction: Any,
    target: Any,
    weights: Any,
    *,
    classes: int | None = None,
    threshold: float | None = None,
) -> Statistics:
    p, y = labels_of("confusion_matrix", prediction, target, threshold)
    weights = weights_of("confusion_matrix", weights, y.shape)
    p = where(weights == 0, 0, p)
    scores = lift(prediction, "confusion_matrix", wide=True)
    if classes is None and scores.ndim > y.ndim:
        classes = scores.shape[-1]
    if classes is None:
        classes = int(max(concrete(y).max(initial=1), concrete(p).max(initial=1))) + 1
    for labels in (p, y):
        network.check_labels(labels, classes, "confusion_matrix")
    places = reshape_to(y * classes + p, (y.size,))
    counts = empty(classes * classes).at[places].add(reshape_to(weights, (y.size,)))
    return (reshape_to(counts, (classes, classes)),)


def _no_counts(*, classes: int | None = None) -> Statistics:
    if classes is None:
        raise ArgumentError(
            "confusion_matrix",
            "classes is not given",
            "batches may lack some classes",
            "pass classes=, the number of them, to streaming()",
        )
    return (empty(classes, classes),)


# A metric of it is a formula of the confusion matrix.
COUNTS = Kind(_no_counts, _count)


@averaged
def accuracy(prediction: Any, target: Any, *, threshold: float | None = None) -> Tensor:
    """The share of rows whose label is predicted. (A-228)

    >>> cr.metrics.accuracy(np.asarray([[2.0, 0.5], [0.1, 0.3]]), np.asarray([0, 0]))
    Tensor(0.5, dtype=float64)
    """
    p, y = labels_of("accuracy", prediction, target, threshold)
    return cast(p == y, float64)


@metric(COUNTS)
def confusion_matrix(counts: Tensor) -> Tensor:
    """[target, prediction]: the weight of rows of one class that were taken for another.

    >>> cr.metrics.confusion_matrix(np.asarray([0, 1, 1]), np.asarray([0, 1, 0]))
    Tensor([[1., 1.],
            [0., 1.]], dtype=float64)
    """
    return counts + 0


@metric(COUNTS)
def balanced_accuracy(counts: Tensor) -> Tensor:
    """The mean over classes of the share of their rows that is predicted right: the accuracy if all
    classes were as frequent. (A-228)

    >>> cr.metrics.balanced_accuracy(np.asarray([0, 0, 0, 0]), np.asarray([0, 0, 0, 1]))
    Tensor(0.5, dtype=float64)
    """
    rows = sum(counts, axis=1)
    return _mean(ratio(diagonal(counts), rows), cast(rows != 0, float64))


@metric(COUNTS)
def precision(counts: Tensor, *, average: str | None = "binary") -> Tensor:
    """TP / (TP + FP): of the rows that were taken for a class, the share that belongs to it.

    `average` is "binary", for class 1 of two; "macro", the mean over classes; "weighted", that by
    their frequency; "micro", of all classes' sums; or None, for each class. (A-229)

    >>> cr.metrics.precision(np.asarray([1, 1, 1, 0]), np.asarray([1, 0, 0, 0]))
    Tensor(0.33333333, dtype=float64)
    """
    return _average("precision", diagonal(counts), sum(counts, axis=0), counts, average)


@metric(COUNTS)
def recall(counts: Tensor, *, average: str | None = "binary") -> Tensor:
    """TP / (TP + FN): of the rows of a class, the share that was taken for it; also called
    sensitivity. `average` is that of `precision`. (A-229)

    >>> cr.metrics.recall(np.asarray([1, 1, 1, 0]), np.asarray([1, 0, 0, 0]))
    Tensor(1., dtype=float64)
    """
    return _average("recall", diagonal(counts), sum(counts, axis=1), counts, average)


@metric(COUNTS)
def specificity(counts: Tensor, *, average: str | None = "binary") -> Tensor:
    """TN / (TN + FP): of the rows that are not of a class, the share that was not taken for it.
    `average` is that of `precision`. (A-229)

    >>> cr.metrics.specificity(np.asarray([1, 1, 1, 0]), np.asarray([1, 0, 0, 0]))
    Tensor(0.33333333, dtype=float64)
    """
    # Not the sum less those of the class: rounding would leave a rest where there are no others.
    place = iota(len(counts))
    others = sum(where(place[:, None] == place, 0, sum(counts, axis=1)), axis=1)
    false = sum(counts, axis=0) - diagonal(counts)
    return _average("specificity", others - false, others, counts, average)


@metric(COUNTS)
def f_beta(counts: Tensor, *, beta: float, average: str | None = "binary") -> Tensor:
    """(1 + beta**2) P R / (beta**2 P + R) of precision P and recall R, which then counts beta times
    as much (van Rijsbergen 1979). `average` is that of `precision`. (A-230)

    >>> cr.metrics.f_beta(np.asarray([1, 1, 1, 0]), np.asarray([1, 0, 0, 0]), beta=2)
    Tensor(0.71428571, dtype=float64)
    """
    return _f_beta(counts, beta, average)


@metric(COUNTS)
def f1(counts: Tensor, *, average: str | None = "binary") -> Tensor:
    """2 P R / (P + R), the harmonic mean of precision P and recall R. `average` is that of
    `precision`. (A-230)

    >>> cr.metrics.f1(np.asarray([1, 1, 1, 0]), np.asarray([1, 0, 0, 0]))
    Tensor(0.5, dtype=float64)
    """
    return _f_beta(counts, 1, average)


@metric(COUNTS)
def kappa(counts: Tensor, *, power: int = 0) -> Tensor:
    """1 - (cost of the disagreements) / (that by chance): Cohen's kappa, 1 for agreement, 0 for no
    more than chance. NaN if there is but one class.

    The cost of taking class i for j is |i - j|**power, or 1 with the power 0: scikit-learn's
    weights="linear" and "quadratic" are the powers 1 and 2, for classes in an order.

    >>> cr.metrics.kappa(np.asarray([0, 0, 1, 1]), np.asarray([0, 0, 1, 0]))
    Tensor(0.5, dtype=float64)
    """
    place = iota(counts.shape[0])
    distance = cast(abs(place[:, None] - place), float64)
    cost = distance**power if power else cast(distance != 0, float64)
    chance = sum(counts, axis=1)[:, None] * sum(counts, axis=0) / sum(counts)
    return 1 - sum(cost * counts) / sum(cost * chance)


@metric(COUNTS)
def matthews(counts: Tensor) -> Tensor:
    """The correlation of predicted and true labels, from -1 to 1: (TP TN - FP FN) / sqrt((TP + FP)
    (TP + FN) (TN + FP) (TN + FN)) for two classes, Gorodkin's R_K for more.

    >>> cr.metrics.matthews(np.asarray([0, 0, 1, 1]), np.asarray([0, 0, 1, 0]))
    Tensor(0.57735027, dtype=float64)
    """
    total, true, taken = sum(counts), sum(counts, axis=1), sum(counts, axis=0)
    both = trace(counts) * total - sum(true * taken)
    spreads = [total**2 - sum(x * x) for x in (true, taken)]
    return ratio(both, sqrt(spreads[0] * spreads[1]))


@metric(COUNTS)
def roi(counts: Tensor, *, gain: float, cost: float) -> Tensor:
    """(gain * TP - cost * (TP + FP)) / (cost * (TP + FP)): the return on investment of acting on
    each row that is taken for class 1, at a `cost`, with a `gain` where it is of class 1. (A-236)

    >>> cr.metrics.roi(np.asarray([1, 1, 1, 0]), np.asarray([1, 0, 1, 1]), gain=60.0, cost=10.0)
    Tensor(3., dtype=float64)
    """
    spent = cost * sum(counts, axis=0)
    return _average("roi", gain * diagonal(counts) - spent, spent, counts, "binary")


def _f_beta(counts: Tensor, beta: float, average: str | None) -> Tensor:
    top = (1 + beta**2) * diagonal(counts)
    bottom = beta**2 * sum(counts, axis=1) + sum(counts, axis=0)
    return _average("f_beta", top, bottom, counts, average)


def _average(
    where_used: str, top: Tensor, bottom: Tensor, counts: Tensor, average: str | None
) -> Tensor:
    """top / bottom of each class, [classes], or an average of it."""
    if average not in (None, "binary", "micro", "macro", "weighted"):
        raise ArgumentError(
            where_used,
            f"average is {average!r}",
            "classes are averaged in one of several ways",
            'pass "binary", "macro", "weighted", "micro" or None',
        )
    if average == "binary" and len(bottom) > 2:
        raise ArgumentError(
            where_used,
            f"average is 'binary' with {len(bottom)} classes",
            "which one is meant is not known",
            'pass average="macro", "weighted", "micro" or None',
        )
    if average == "micro":
        return ratio(sum(top), sum(bottom))
    each, rows = ratio(top, bottom), sum(counts, axis=1)
    if average == "weighted":
        return _mean(each, rows)
    if average == "macro":
        return _mean(each, cast((rows != 0) | (sum(counts, axis=0) != 0), float64))
    return each if average is None else each[1]


def _mean(each: Tensor, weights: Tensor) -> Tensor:
    return ratio(sum(each * weights), sum(weights))
