"""Metrics of numbers: receive predictions and targets of one shape, (rows,) or (rows, outputs);
hand on errors, and shares of the variance.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from chainrule.dtypes import float64
from chainrule.errors import ShapeError
from chainrule.frontend.functions.elementwise import sqrt, square
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import stack
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.lift import cast, reshape_to
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
from chainrule.metrics.collected import of_rows
from chainrule.nn import losses
from chainrule.nn.losses.reduction import matched


def _squares(prediction: Any, target: Any) -> Tensor:
    return losses.mse(wide(prediction, "mse"), wide(target, "mse"), reduction="none")


@averaged
def mse(prediction: Any, target: Any) -> Tensor:
    """The mean of (prediction - target)**2, over rows and outputs. (A-234)

    >>> cr.metrics.mse(np.asarray([1.0, 2.0]), np.asarray([1.0, 4.0]))
    Tensor(2., dtype=float64)
    """
    return _squares(prediction, target)


@partial(averaged, finish=sqrt)
def rmse(prediction: Any, target: Any) -> Tensor:
    """The root of the mean of (prediction - target)**2 over rows and outputs: an error in the
    target's unit. Of several outputs scikit-learn takes the mean of the roots instead. (A-234)

    >>> cr.metrics.rmse(np.asarray([1.0, 2.0]), np.asarray([1.0, 4.0]))
    Tensor(1.41421356, dtype=float64)
    """
    return _squares(prediction, target)


@averaged
def mae(prediction: Any, target: Any) -> Tensor:
    """The mean of |prediction - target|, over rows and outputs. (A-234)

    >>> cr.metrics.mae(np.asarray([1.0, 2.0]), np.asarray([1.0, 4.0]))
    Tensor(1., dtype=float64)
    """
    return losses.mae(wide(prediction, "mae"), wide(target, "mae"), reduction="none")


@averaged
def mape(prediction: Any, target: Any) -> Tensor:
    """The mean of 100 |prediction - target| / |target|, in percent as the loss is, where
    scikit-learn gives the share; as there a target of 0 is divided by float64's epsilon. (A-234)

    >>> cr.metrics.mape(np.asarray([90.0, 5.0]), np.asarray([100.0, 4.0]))
    Tensor(17.5, dtype=float64)
    """
    p, y = wide(prediction, "mape"), wide(target, "mape")
    return losses.mape(p, y, epsilon=float(np.finfo(np.float64).eps), reduction="none")


@of_rows
def median_absolute_error(prediction: np.ndarray, target: np.ndarray, weights: np.ndarray) -> float:
    """The median of |prediction - target|, weighted, which a few wild targets do not move.

    >>> cr.metrics.median_absolute_error(np.asarray([1.0, 2.0, 3.0]), np.asarray([1.0, 3.0, 90.0]))
    1.0
    """
    from sklearn import metrics

    return metrics.median_absolute_error(target, prediction, sample_weight=weights)


def _no_moments(*, outputs: int = 1) -> Statistics:
    return empty(), empty(), empty(2, outputs), empty(2, outputs)


def _moments(prediction: Any, target: Any, weights: Any) -> Statistics:
    """Rows, their weight, and of targets and errors the means and the sums of squared deviations:
    sums of squares would lose the digits of targets far from 0.
    """
    p, y = matched("r2", prediction=wide(prediction, "r2"), target=wide(target, "r2"))
    if y.ndim not in (1, 2):
        raise ShapeError(
            "r2",
            f"the target has shape {list(y.shape)}",
            "it is one number a row, or one for each output",
            "reshape it to (rows,) or (rows, outputs)",
        )
    w = weights_of("r2", weights, y.shape[:1])
    columns = (len(y), y.size // len(y))
    x = stack([reshape_to(y, columns), reshape_to(y - p, columns)])
    each = w[:, None]
    x, total = where(each == 0, 0, x), sum(w)
    mean = ratio(sum(each * x, axis=1), total)
    spread = sum(each * square(x - mean[:, None]), axis=1)
    return sum(cast(w != 0, float64)), total, mean, spread


def _joined(some: Statistics, others: Statistics) -> Statistics:
    """Moments of both (Chan et al. 1979)."""
    rows, weight, mean, spread = some
    more_rows, more, other_mean, other_spread = others
    total, apart = weight + more, other_mean - mean
    share = ratio(more, total)
    spread = spread + other_spread + square(apart) * (weight * share)
    return rows + more_rows, total, mean + apart * share, spread


# A metric of it is a formula of the moments of targets and errors, mean over outputs; streaming,
# it is told of several `outputs`.
MOMENTS = Kind(_no_moments, _moments, _joined)


@metric(MOMENTS)
def r2(rows: Tensor, weight: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """1 - sum (target - prediction)**2 / sum (target - mean)**2: 1 for no error, 0 for errors as
    those of the mean. The mean over outputs, (rows, outputs).

    As in scikit-learn an output that never changes gives 1 if there is no error and else 0, and
    NaN comes of fewer than two rows. (A-233)

    >>> cr.metrics.r2(np.asarray([1.0, 2.0, 4.0]), np.asarray([1.0, 2.0, 3.0]))
    Tensor(0.5, dtype=float64)
    """
    return where(rows < 2, math.nan, _explained(spread[1] + weight * square(mean[1]), spread[0]))


@metric(MOMENTS)
def explained_variance(rows: Tensor, weight: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """1 - variance of the errors / variance of the targets: R2 of predictions without their bias.
    The mean over outputs, (rows, outputs).

    >>> cr.metrics.explained_variance(np.asarray([2.0, 3.0, 4.0]), np.asarray([1.0, 2.0, 3.0]))
    Tensor(1., dtype=float64)
    """
    return _explained(spread[1], spread[0])


def _explained(left: Tensor, whole: Tensor) -> Tensor:
    each = where(whole == 0, where(left == 0, 1, 0), 1 - ratio(left, whole))
    return sum(each) / len(each)
