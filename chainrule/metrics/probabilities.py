"""Metrics of probabilities and of scores in order: receive one for each class, or one for class 1,
beside labels; hand on how good they are, and how honest.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from chainrule.dtypes import float64, int64
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions import network
from chainrule.frontend.functions.creation import asarray, iota
from chainrule.frontend.functions.elementary import exp, log
from chainrule.frontend.functions.elementwise import abs, clip, square
from chainrule.frontend.functions.indexing import take_along_axis
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import stack
from chainrule.frontend.functions.reductions import max, sum
from chainrule.frontend.functions.searching import argmax
from chainrule.frontend.lift import cast, lift
from chainrule.frontend.tensor import Tensor
from chainrule.metrics.base import (
    Kind,
    Statistics,
    averaged,
    empty,
    metric,
    ratio,
    weights_of,
    wide,
)
from chainrule.nn import losses

# What scikit-learn clips float64 probabilities to.
EPSILON = float(np.finfo(np.float64).eps)
# As Guo et al. 2017 take them.
BINS = 15


def scores_of(where_used: str, prediction: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Scores (..., classes) and labels (...); of scores for class 1 alone, p becomes (1 - p, p)."""
    p, y = wide(prediction, where_used), lift(target, where_used, wide=True)
    if p.shape == y.shape:
        p = stack([1 - p, p], axis=-1)
    if p.shape[:-1] != y.shape:
        raise ShapeError(
            where_used,
            f"the prediction has shape {list(p.shape)}, the target {list(y.shape)}",
            "each label needs a number for each class, or one for class 1",
            "put classes on the last axis of the prediction",
        )
    return p, cast(y, int64)


def probabilities_of(where_used: str, prediction: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Probabilities and labels. Raises ArgumentError for what cannot be probabilities, where values
    are known.
    """
    p, y = scores_of(where_used, prediction, target)
    known = p._value
    if known is not None and known.size:
        off = np.abs(known.sum(-1) - 1).max()
        if known.min() < 0 or known.max() > 1 or not off < 1e-3:
            raise ArgumentError(
                where_used,
                f"the prediction runs from {known.min():g} to {known.max():g}",
                "it holds probabilities, which sum to 1",
                "apply cr.softmax to logits, or cr.sigmoid to single ones",
            )
    return p, y


@averaged
def top_k_accuracy(prediction: Any, target: Any, *, k: int) -> Tensor:
    """The share of rows whose label is among the k greatest scores; of equal scores those of the
    greater labels are taken, as in scikit-learn. (A-228)

    >>> cr.metrics.top_k_accuracy(np.asarray([[0.5, 0.2, 0.3]]), np.asarray([2]), k=2)
    Tensor(1., dtype=float64)
    """
    scores, y = scores_of("top_k_accuracy", prediction, target)
    network.check_labels(y, scores.shape[-1], "top_k_accuracy")
    own = take_along_axis(scores, y[..., None], axis=-1)
    later = iota(scores.shape[-1]) > y[..., None]
    before = (scores > own) | ((scores == own) & later)
    return cast(sum(cast(before, int64), axis=-1) < k, float64)


@averaged
def log_loss(prediction: Any, target: Any) -> Tensor:
    """The mean of -log p[label] for probabilities p, clipped to float64's epsilon at both ends.
    From logits it is the cross-entropy: nn.losses.cross_entropy.

    >>> cr.metrics.log_loss(np.asarray([0.25, 0.75]), np.asarray([0, 1]))
    Tensor(0.28768207, dtype=float64)
    """
    p, y = probabilities_of("log_loss", prediction, target)
    return losses.nll(log(clip(p, EPSILON, 1 - EPSILON)), y, reduction="none")


@averaged
def brier(prediction: Any, target: Any) -> Tensor:
    """The mean of sum (p - one_hot(label))**2 over the classes, and half of it for two classes:
    (p - label)**2 (Brier 1950).

    >>> cr.metrics.brier(np.asarray([0.25, 0.75]), np.asarray([0, 1]))
    Tensor(0.0625, dtype=float64)
    """
    p, y = probabilities_of("brier", prediction, target)
    network.check_labels(y, p.shape[-1], "brier")
    true = cast(y[..., None] == iota(p.shape[-1]), float64)
    return sum(square(p - true), axis=-1) * (0.5 if p.shape[-1] == 2 else 1.0)


@partial(averaged, finish=exp)
def perplexity(prediction: Any, target: Any) -> Tensor:
    """exp of the mean cross-entropy of logits (..., classes): as many equal choices would be as
    hard as the next token. The mean is over tokens: padding has the sample weight 0.

    >>> cr.metrics.perplexity(np.zeros((2, 5)), np.asarray([0, 3]))
    Tensor(5., dtype=float64)
    """
    logits = wide(prediction, "perplexity")
    return losses.cross_entropy(logits, target, reduction="none")


def _no_bins(*, bins: int = BINS) -> Statistics:
    return empty(bins), empty(bins), empty(bins)


def _binned(prediction: Any, target: Any, weights: Any, *, bins: int = BINS) -> Statistics:
    """For each bin the weight of its rows, their confidence, and how often they were right."""
    p, y = probabilities_of("calibration", prediction, target)
    if wide(prediction, "calibration").ndim == y.ndim:
        confidence, right = p[..., 1], y == 1
    else:
        confidence, right = max(p, axis=-1), argmax(p, axis=-1) == y
    w = weights_of("calibration", weights, y.shape)
    # As scikit-learn: a bin holds its upper edge, and the first holds 0.
    edges = asarray(np.linspace(0, 1, bins + 1)[1:-1], dtype=float64)
    place = sum(cast(confidence[..., None] > edges, int64), axis=-1)
    inside = where(place[..., None] == iota(bins), w[..., None], 0)
    axes = tuple(range(y.ndim))
    sums = [sum(inside * x[..., None], axis=axes) for x in (confidence, cast(right, float64))]
    return sum(inside, axis=axes), *sums


# A metric of it is a formula of weight, confidence and right answers in bins of confidence.
BINNED = Kind(_no_bins, _binned)


@metric(BINNED)
def calibration_error(weight: Tensor, confidence: Tensor, right: Tensor) -> Tensor:
    """sum over bins of share of rows * |frequency - confidence|, the expected calibration error
    (Naeini et al. 2015; Guo et al. 2017, 15 bins).

    Of probabilities (rows, classes) the greatest is the confidence, and its class is right or not;
    of those of class 1 (rows,), class 1 occurs or not. Few rows in a bin make it look worse.

    >>> cr.metrics.calibration_error(np.asarray([0.9, 0.9, 0.9, 0.9]), np.asarray([1, 1, 1, 0]))
    Tensor(0.15, dtype=float64)
    """
    return sum(abs(right - confidence)) / sum(weight)


@metric(BINNED)
def maximum_calibration_error(weight: Tensor, confidence: Tensor, right: Tensor) -> Tensor:
    """The greatest |frequency - confidence| of a bin, as `calibration_error` has them.

    >>> cr.metrics.maximum_calibration_error(np.asarray([0.9, 0.9, 0.2]), np.asarray([1, 1, 1]))
    Tensor(0.8, dtype=float64)
    """
    return max(ratio(abs(right - confidence), weight))


class Reliability(NamedTuple):
    """For each bin of confidence how often it was right, and the mean confidence; 0 where the
    weight is 0.
    """

    frequency: Tensor
    confidence: Tensor
    weight: Tensor


@metric(BINNED)
def reliability_curve(weight: Tensor, confidence: Tensor, right: Tensor) -> Reliability:
    """Frequency, mean confidence and weight of each bin as `calibration_error` has them: on the
    diagonal are honest probabilities.

    >>> curve = cr.metrics.reliability_curve(np.asarray([0.2, 0.4]), np.asarray([0, 1]), bins=2)
    >>> curve.frequency, curve.confidence
    (Tensor([0.5, 0. ], dtype=float64), Tensor([0.3, 0. ], dtype=float64))
    """
    return Reliability(ratio(right, weight), ratio(confidence, weight), weight)
