"""Which rows an epoch has, and how much they weigh: receives labels or weights of all rows; hands
on orders for an `ArrayLoader`, or weights for losses. (A-246)

Where classes are rare there are three ways. Weights in the loss (`class_weights`, or the focal
loss) and rows drawn more often (`over_sampled`, `weighted`) do the same on average: weights cost
nothing, but a batch may lack the rare class. Rows left out (`under_sampled`) make epochs short. All
of them shift the predicted probabilities: only training rows may be drawn so, never those of a
test. Each order is drawn anew for every epoch, from the loader's seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.data.loader import Order
from chainrule.errors import ArgumentError


def weighted(weights: Any, count: int | None = None) -> Order:
    """Rows drawn with replacement, each as likely as its weight; `count` of them an epoch, by
    default as many as there are. Equal weights make a bootstrap sample, as bagging trains on.
    (A-245)

    >>> from chainrule import data
    >>> order = data.weighted(np.asarray([0.0, 1.0, 3.0]), count=8)
    >>> order(np.random.default_rng(0), 3)
    array([2, 2, 1, 1, 2, 2, 2, 2])
    """
    weights = np.asarray(weights, np.float64)
    if weights.ndim != 1 or not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
        raise ArgumentError(
            "weighted",
            f"weights of shape {list(weights.shape)} with the sum {weights.sum():g}",
            "a row is as likely as its weight",
            "pass one for each row, none below 0, some above",
        )
    p = weights / weights.sum()

    def order(generator: np.random.Generator, rows: int) -> np.ndarray:
        _check_rows("weighted", len(p), rows)
        return generator.choice(rows, rows if count is None else count, p=p)

    return order


def over_sampled(labels: Any) -> Order:
    """All rows, those of rarer classes again and again until each class has as many rows as the
    largest; within a class no row comes twice more than another. (A-245)

    >>> from chainrule import data
    >>> loader = data.ArrayLoader(np.arange(5), order=data.over_sampled([0, 0, 0, 0, 1]), seed=0)
    >>> np.sort(np.concatenate(list(loader)))
    array([0, 1, 2, 3, 4, 4, 4, 4])
    """
    return _balanced("over_sampled", labels, max)


def under_sampled(labels: Any) -> Order:
    """As many rows of each class as the rarest has, others in the next epoch. (A-245)

    >>> from chainrule import data
    >>> loader = data.ArrayLoader(np.arange(5), order=data.under_sampled([0, 0, 0, 0, 1]), seed=0)
    >>> loader.rows
    2
    """
    return _balanced("under_sampled", labels, min)


def _balanced(where: str, labels: Any, size: Callable[..., int]) -> Order:
    """`size` of the classes' counts from each class."""
    labels = np.asarray(labels)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]

    def order(generator: np.random.Generator, rows: int) -> np.ndarray:
        _check_rows(where, len(labels), rows)
        each = size(map(len, members))
        chosen = [_repeated(generator, own, each) for own in members]
        return generator.permutation(np.concatenate(chosen))

    return order


def _repeated(generator: np.random.Generator, rows: np.ndarray, count: int) -> np.ndarray:
    """So many of the rows, each as often as the others or once more."""
    times, rest = divmod(count, len(rows))
    return np.concatenate([np.tile(rows, times), generator.permutation(rows)[:rest]])


def class_weights(labels: Any, classes: int | None = None) -> np.ndarray:
    """rows / (classes * rows of the class) for each class, as scikit-learn's "balanced": for the
    `class_weights` of a loss, and with [labels] behind it weights of rows. Over the rows their mean
    is 1, so the learning rate stays. Labels count from 0 to `classes` - 1. (A-247)

    Raises ArgumentError for a class without rows, whose weight would be infinite.

    >>> from chainrule import data
    >>> data.class_weights(np.asarray([0, 0, 0, 1]))
    array([0.66666667, 2.        ])
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iub" or labels.min(initial=0) < 0:
        raise ArgumentError(
            "class_weights",
            f"labels are {labels.dtype}{list(labels.shape)}",
            "they are integers that count from 0, one a row",
            "number them with np.unique(labels, return_inverse=True)[1]",
        )
    counts = np.bincount(labels, minlength=classes or 0)
    if not counts.all() or len(counts) != (classes or len(counts)):
        raise ArgumentError(
            "class_weights",
            f"the classes 0 to {len(counts) - 1} have {counts.tolist()} rows",
            "the weight of none would be infinite",
            "collect rows of it, or leave the class out",
        )
    return len(labels) / (len(counts) * counts)


def _check_rows(where: str, known: int, rows: int) -> None:
    if known != rows:
        raise ArgumentError(
            where,
            f"it was made for {known} rows, the data have {rows}",
            "each row has its own label or weight",
            "pass those of the training rows alone",
        )
