"""How sure a metric is: receives predictions and targets; hands on an interval by bootstrap."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from chainrule.dtypes import float64
from chainrule.errors import ArgumentError
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.lift import lift
from chainrule.frontend.tensor import concrete
from chainrule.metrics.base import Metric, added, keywords, known_options, unpadded
from chainrule.metrics.collected import ROWS
from chainrule.metrics.ranking import areas, roc_auc
from chainrule.transforms.mapping import vmap

DRAWN_AT_ONCE = 2_000_000  # Rows of several draws, of which the counts lie in memory together.
METHODS = ("percentile", "BCa", "basic")
PASSAGES = 20  # Of a sequence: fewer draws of longer ones would tell no spread.


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
    strata: Any = None,
    sample_weight: Any = None,
    **options: Any,
) -> Interval:
    """Where a metric of other rows of the same source would lie: rows are drawn anew with
    replacement, and the metric computed of each draw (Efron 1979).

    The "percentile" interval cuts off (1 - confidence) / 2 of the values at each end; "BCa"
    corrects bias and skewness (Efron 1987), at the cost of one more value for each row. Rows that
    depend on each other, such as several of one patient, have one number in `groups` and are drawn
    together: else the interval is too narrow. With `strata`, such as the target, each draw has as
    many rows of each label as the data: so it tells of rows that are collected by label, and no
    class goes missing. It tells of the choice of test rows, not of that of training rows.
    `options` are the metric's. NaN where a draw has no value, such as the AUC of one class.

    Raises ArgumentError for other methods, a confidence outside (0, 1), no resamples, strata of one
    row, groups in several strata, and metrics that are no single number.

    >>> rng = np.random.default_rng(0)
    >>> target = rng.integers(0, 2, 200)
    >>> prediction = np.where(rng.uniform(size=200) < 0.9, target, 1 - target)
    >>> cr.metrics.interval(cr.metrics.accuracy, prediction, target)
    Interval(low=0.82, high=0.915, value=0.87)
    """
    _check_draws(method, confidence, resamples)
    rows = _Rows(metric, prediction, target, sample_weight, options)
    units = _units(rows.count, groups)
    samples = _samples(units, strata)
    return _interval(
        rows.figures, rows.whole(), units, samples, confidence, resamples, seed, method
    )


def difference(
    metric: Metric,
    prediction: Any,
    other: Any,
    target: Any,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    method: str = "percentile",
    groups: Any = None,
    strata: Any = None,
    sample_weight: Any = None,
    **options: Any,
) -> Interval:
    """Where metric(prediction) - metric(other) would lie for other rows: an interval without 0 says
    that one model is better than the other. Each draw is of the same rows for both, so what makes
    rows hard falls out. Parameters and errors are those of `interval`.

    >>> target = np.arange(50.0)
    >>> low, high, value = cr.metrics.difference(cr.metrics.mae, target + 1, target + 3, target)
    >>> value, low, high
    (-2.0, -2.0, -2.0)
    """
    _check_draws(method, confidence, resamples)
    ours, theirs = (
        _Rows(metric, found, target, sample_weight, options) for found in (prediction, other)
    )

    def figures(counts: np.ndarray) -> np.ndarray:
        return ours.figures(counts) - theirs.figures(counts)

    whole, units = ours.whole() - theirs.whole(), _units(ours.count, groups)
    samples = _samples(units, strata)
    return _interval(figures, whole, units, samples, confidence, resamples, seed, method)


def over_folds(
    figures: Any, *, trained: float, tested: float, confidence: float = 0.95
) -> Interval:
    """Where a figure, or a difference between two models, would lie for other rows to train and
    test on, from its values on the folds of cross-validation:

        mean -+ t sqrt((1 / folds + tested / trained) variance)

    with Student's t of folds - 1 degrees and so many rows `tested` and `trained` on in a fold. The
    second share corrects for folds that train on rows in common, which a t-test takes for
    independent ones, and finds differences where there are none (Nadeau and Bengio 2003; of
    repeated folds Bouckaert and Frank 2004). NaN ends for one fold alone.

    >>> low, high, value = cr.metrics.over_folds([0.02, 0.01, 0.03], trained=80, tested=40)
    >>> round(low, 3), round(high, 3), round(value, 3)
    (-0.019, 0.059, 0.02)
    """
    from scipy import stats

    values = np.asarray(figures, np.float64)
    mean, count = float(values.mean()), len(values)
    if count < 2:
        return Interval(float("nan"), float("nan"), mean)
    spread = np.sqrt((1 / count + tested / trained) * values.var(ddof=1))
    half = float(stats.t.ppf((1 + confidence) / 2, count - 1) * spread)
    return Interval(mean - half, mean + half, mean)


def of_sequence(
    values: Any,
    *,
    block: int | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Where the mean of another sequence of the same source would lie, when neighbours depend on
    each other: runs of `block` values are drawn, which begin anywhere and go on at the start behind
    the end (circular block bootstrap, Politis and Romano 1992).

    A block must be longer than what hangs together, and there must be many: by default it is a
    twentieth of the sequence. The bits of characters of Shakespeare's plays hang together by scene
    and by play: drawn one by one, their interval is a third as wide as drawn by 10,000.

    Raises ArgumentError as `interval` does, and for blocks that do not fit into the sequence.

    >>> values = np.repeat(np.random.default_rng(0).normal(size=100), 10)
    >>> [round(float(np.ptp(cr.metrics.of_sequence(values, block=n)[:2])), 2) for n in (1, 50)]
    [0.11, 0.41]
    """
    _check_draws("percentile", confidence, resamples)
    found = np.asarray(values, np.float64)
    block = max(1, len(found) // PASSAGES) if block is None else block
    if not 1 <= block <= len(found):
        raise ArgumentError(
            "of_sequence",
            f"blocks of {block} of {len(found)} values",
            "a block is a run of them",
            "choose 1 <= block <= the number of values",
        )
    sums = np.concatenate([[0.0], np.cumsum(np.concatenate([found, found[:block]]))])
    count = -(-len(found) // block)
    starts = np.random.default_rng(seed).integers(0, len(found), (resamples, count))
    means = (sums[starts + block] - sums[starts]).mean(axis=1) / block
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high), float(found.mean()))


def _interval(
    figures: Callable[[np.ndarray], np.ndarray],
    whole: float,
    units: np.ndarray,
    samples: tuple[np.ndarray, ...],
    confidence: float,
    resamples: int,
    seed: int,
    method: str,
) -> Interval:
    """The interval of a figure that is computed from how often each row is drawn."""
    from scipy import stats

    count = units.max() + 1

    def of_draws(*drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        rows = np.concatenate([np.moveaxis(draw, axis, -1) for draw in drawn], -1)
        counts = [np.bincount(draw, minlength=count) for draw in rows.reshape(-1, rows.shape[-1])]
        return figures(np.stack(counts)[:, units]).reshape(rows.shape[:-1])

    if np.isnan(whole):
        return Interval(whole, whole, whole)
    with warnings.catch_warnings():
        # That some draw has no value: the ends are NaN then.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            samples,
            of_draws,
            vectorized=True,
            n_resamples=resamples,
            batch=max(1, DRAWN_AT_ONCE // len(units)),
            confidence_level=confidence,
            method=method,
            rng=np.random.default_rng(seed),
        ).confidence_interval
    return Interval(float(found.low), float(found.high), whole)


class _Rows:
    """A metric of draws of rows, told how often each row is drawn. Where statistics are sums over
    rows, those of all draws are one product of matrices; areas of all draws are of the same ranks.
    """

    def __init__(
        self, metric: Metric, prediction: Any, target: Any, weight: Any, options: dict[str, Any]
    ) -> None:
        self.metric, self.options = metric, options
        p, y = (concrete(lift(x, "interval", wide=True)) for x in (prediction, target))
        self.weight = None if weight is None else np.asarray(weight)
        self.p, self.y, self.count = p, y, len(y)

    def whole(self) -> float:
        found = self.metric(self.p, self.y, sample_weight=self.weight, **self.options)
        if np.size(found) != 1:
            raise ArgumentError(
                "interval",
                f"the metric has the shape {list(np.shape(found))}",
                "an interval is of one number",
                'choose a metric that is one, or average="macro"',
            )
        return float(found)

    def figures(self, counts: np.ndarray) -> np.ndarray:
        """[draws] from [draws, rows]."""
        kind = self.metric.kind
        if self.metric is roc_auc and not self.options:
            return areas(self.p, self.y, self._weights(counts))
        if kind is ROWS:
            return np.asarray([self._of(np.repeat(np.arange(self.count), c)) for c in counts])
        if kind.join is added:
            return self._of_sums([np.tensordot(counts, one, 1) for one in self.sums])
        return concrete(vmap(self._weighted)(asarray(self._weights(counts), dtype=float64)))

    def _weights(self, counts: np.ndarray) -> np.ndarray:
        return counts.astype(float) if self.weight is None else counts * self.weight

    def _weighted(self, weights: Any) -> Any:
        return self.metric(self.p, self.y, sample_weight=weights, **self.options)

    def _of_sums(self, sums: list[np.ndarray]) -> np.ndarray:
        formula = self.metric.formula
        known = known_options(formula, self.options)
        drawn = [asarray(one, dtype=float64) for one in sums]
        return concrete(vmap(lambda *one: formula(*one, **known))(*drawn))

    def _of(self, rows: np.ndarray) -> float:
        weight = None if self.weight is None else self.weight[rows]
        return float(self.metric(self.p[rows], self.y[rows], sample_weight=weight, **self.options))

    @cached_property
    def sums(self) -> list[np.ndarray]:
        """What each row adds to each statistic, [rows, ...]."""
        of = self.metric.kind.of
        known = known_options(of, self.options)
        if "classes" in keywords(of) and self.p.ndim == self.y.ndim:
            known.setdefault("classes", int(max(self.y.max(), self.p.max(), 1)) + 1)
        weight = np.ones(self.count) if self.weight is None else self.weight
        target = concrete(unpadded(self.y, self.weight))

        def of_row(p: Any, y: Any, w: Any) -> Any:
            return of(p[None], y[None], w[None], **known)

        rows = (asarray(x, dtype=x.dtype.name) for x in (self.p, target, weight.astype(float)))
        return [concrete(one) for one in vmap(of_row)(*rows)]


def _check_draws(method: str, confidence: float, resamples: int) -> None:
    if method not in METHODS or not 0 < confidence < 1 or resamples < 1:
        raise ArgumentError(
            "interval",
            f"method={method!r}, confidence={confidence}, resamples={resamples}",
            "a share of the values of so many draws lies inside",
            f"choose one of {', '.join(METHODS)}, 0 < confidence < 1 and resamples >= 1",
        )


def _units(rows: int, groups: Any) -> np.ndarray:
    """For each row the number of the unit that it is drawn with."""
    if groups is None:
        return np.arange(rows)
    distinct, units = np.unique(np.asarray(groups), return_inverse=True)
    if len(units) != rows or len(distinct) < 2:
        raise ArgumentError(
            "interval",
            f"{len(units)} groups, {len(distinct)} of them distinct, for {rows} rows",
            "each row is of a group, and at least two are drawn from",
            "pass the number of its group for each row",
        )
    return units.reshape(-1)


def _samples(units: np.ndarray, strata: Any) -> tuple[np.ndarray, ...]:
    """The units of each stratum, which are drawn from among themselves."""
    count = units.max() + 1
    if strata is None:
        return (np.arange(count),)
    _, labels = np.unique(np.asarray(strata), return_inverse=True)
    of_unit = np.zeros(count, np.int64)
    if labels.shape == units.shape:
        of_unit[units] = labels
    samples = tuple(np.flatnonzero(of_unit == label) for label in range(labels.max() + 1))
    if labels.shape != units.shape or (of_unit[units] != labels).any():
        raise ArgumentError(
            "interval",
            f"strata of shape {list(labels.shape)} for {len(units)} rows in {count} units",
            "each row has one label, and rows that are drawn together have the same",
            "pass one label for each row, such as the target",
        )
    if min(map(len, samples)) < 2:
        raise ArgumentError(
            "interval",
            "a stratum has one row",
            "it would be the same in each draw",
            "join it with another",
        )
    return samples
