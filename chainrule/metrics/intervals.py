"""How sure a metric is: receives predictions and targets; hands on an interval by bootstrap."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.frontend.lift import lift
from chainrule.frontend.tensor import concrete
from chainrule.metrics.base import Metric

METHODS = ("percentile", "BCa", "basic")


class Interval(NamedTuple):
    """Ends of a confidence interval, and the value of all rows."""

    low: float
    high: float
    value: float


def interval(
    metric: Metric,
    prediction: Any,
    target: Any,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    method: str = "percentile",
    groups: Any = None,
    sample_weight: Any = None,
    **options: Any,
) -> Interval:
    """Where a metric of other rows of the same source would lie: rows are drawn anew with
    replacement, and the metric computed of each draw (Efron 1979).

    The "percentile" interval cuts off (1 - confidence) / 2 of the values at each end; "BCa"
    corrects bias and skewness (Efron 1987), at the cost of one more value for each row. Rows that
    depend on each other, such as several of one patient, have one number in `groups` and are drawn
    together: else the interval is too narrow. It tells of the choice of test rows, not of that of
    training rows. `options` are the metric's. NaN where a draw has no value, such as the AUC
    of one class.

    Raises ArgumentError for other methods, a confidence outside (0, 1), no resamples, and metrics
    that are no single number.

    >>> rng = np.random.default_rng(0)
    >>> target = rng.integers(0, 2, 200)
    >>> prediction = np.where(rng.uniform(size=200) < 0.9, target, 1 - target)
    >>> cr.metrics.interval(cr.metrics.accuracy, prediction, target)
    Interval(low=0.82, high=0.915, value=0.87)
    """
    from scipy import stats

    _check_draws(method, confidence, resamples)
    p, y = (concrete(lift(x, "interval", wide=True)) for x in (prediction, target))
    w = None if sample_weight is None else np.asarray(sample_weight)

    def figure(rows: Any) -> np.ndarray:
        weights = None if w is None else w[rows]
        return np.asarray(metric(p[rows], y[rows], sample_weight=weights, **options))

    whole = figure(slice(None))
    if whole.size != 1:
        raise ArgumentError(
            "interval",
            f"the metric has the shape {list(whole.shape)}",
            "an interval is of one number",
            'choose a metric that is one, or average="macro"',
        )
    members = _members(len(y), groups)

    def value(drawn: np.ndarray) -> float:
        rows = np.concatenate([members[unit] for unit in drawn]) if groups is not None else drawn
        return float(figure(rows))

    found = stats.bootstrap(
        (np.arange(len(members)),),
        value,
        vectorized=False,
        n_resamples=resamples,
        batch=64,
        confidence_level=confidence,
        method=method,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(float(found.low), float(found.high), float(whole))


def _check_draws(method: str, confidence: float, resamples: int) -> None:
    if method not in METHODS or not 0 < confidence < 1 or resamples < 1:
        raise ArgumentError(
            "interval",
            f"method={method!r}, confidence={confidence}, resamples={resamples}",
            "a share of the values of so many draws lies inside",
            f"choose one of {', '.join(METHODS)}, 0 < confidence < 1 and resamples >= 1",
        )


def _members(rows: int, groups: Any) -> list[np.ndarray]:
    """The rows of each unit that is drawn."""
    numbers = np.arange(rows) if groups is None else np.asarray(groups)
    distinct = len(np.unique(numbers))
    if len(numbers) != rows or distinct < 2:
        raise ArgumentError(
            "interval",
            f"{len(numbers)} groups, {distinct} of them distinct, for {rows} rows",
            "each row is of a group, and at least two are drawn from",
            "pass the number of its group for each row",
        )
    order = np.argsort(numbers, kind="stable")
    ends = np.flatnonzero(numbers[order][1:] != numbers[order][:-1])
    return np.split(order, ends + 1)
