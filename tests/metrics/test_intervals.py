"""Intervals by bootstrap: against draws in NumPy, and what they are for."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.signal import lfilter

from chainrule import metrics
from chainrule.errors import ArgumentError

RNG = np.random.default_rng(2)
TARGET = RNG.normal(size=60)
PREDICTION = TARGET + RNG.normal(size=60) ** 2


def test_percentiles_are_those_of_numpy():
    rows = np.random.default_rng(4).integers(0, 60, (20000, 60))
    values = ((PREDICTION - TARGET) ** 2)[rows].mean(axis=1)
    low, high, value = metrics.interval(
        metrics.mse, PREDICTION, TARGET, resamples=1500, confidence=0.9
    )
    assert value == pytest.approx(np.mean((PREDICTION - TARGET) ** 2))
    assert_allclose([low, high], np.quantile(values, [0.05, 0.95]), rtol=0.06)


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_scipys_interval_of_paired_data(method):
    def loss(p, y, axis=-1):
        return np.mean((p - y) ** 2, axis=axis)

    expected = stats.bootstrap(
        (PREDICTION, TARGET),
        loss,
        paired=True,
        n_resamples=300,
        method=method,
        rng=np.random.default_rng(9),
    ).confidence_interval
    low, high, _ = metrics.interval(
        metrics.mse, PREDICTION, TARGET, resamples=300, method=method, seed=9
    )
    assert low < np.mean((PREDICTION - TARGET) ** 2) < high
    assert_allclose([low, high], expected, rtol=0.1)


@pytest.mark.parametrize(
    "metric",
    [metrics.kappa, metrics.balanced_accuracy, metrics.log_loss, metrics.roc_auc, metrics.r2],
)
def test_draws_at_once_are_those_of_each(metric):
    """Against scipy's draws of rows, one metric call each."""
    target = np.arange(40) % 3
    scores = RNG.dirichlet(np.ones(3), 40)
    found = scores if metric is metrics.log_loss else scores.argmax(1)
    if metric is metrics.r2:
        found, target = PREDICTION[:40], TARGET[:40]
    if metric is metrics.roc_auc:
        # With ties, and as labels of their own.
        found, target = scores.round(1), np.eye(3, dtype=int)[target]

    def figure(rows):
        return float(metric(found[rows], target[rows]))

    expected = stats.bootstrap(
        (np.arange(40),), figure, vectorized=False, n_resamples=80, method="percentile", batch=64,
        rng=np.random.default_rng(3),
    ).confidence_interval  # fmt: skip
    low, high, _ = metrics.interval(metric, found, target, resamples=80, seed=3)
    assert_allclose([low, high], expected)


def test_difference_is_of_the_same_rows():
    """Rows that are hard for both models say nothing about which of them is better."""
    noise = RNG.normal(size=60) * 10
    ours, theirs = TARGET + noise + 0.1, TARGET + noise
    low, high, value = metrics.difference(metrics.mae, ours, theirs, TARGET)
    mean = np.abs(ours - TARGET) - np.abs(theirs - TARGET)
    assert value == pytest.approx(mean.mean())
    rows = np.random.default_rng(5).integers(0, 60, (5000, 60))
    assert_allclose([low, high], np.quantile(mean[rows].mean(1), [0.025, 0.975]), atol=0.005)
    alone = metrics.interval(metrics.mae, ours, TARGET)
    assert high - low < 0.2 * (alone.high - alone.low)


def test_options_and_seeds():
    target = RNG.integers(0, 3, 50)
    prediction = np.where(RNG.uniform(size=50) < 0.7, target, 0)
    options = {"average": "macro", "resamples": 100}
    first, again, other = (
        metrics.interval(metrics.f1, prediction, target, seed=seed, **options) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_rows_of_a_group_are_drawn_together():
    """Ten copies of each row tell no more than one: the interval must stay as wide."""
    p, y = (np.repeat(x[:30], 10) for x in (PREDICTION, TARGET))
    groups = np.repeat(np.arange(30), 10)
    widths = [
        np.diff(metrics.interval(metrics.mse, *rows, resamples=300, groups=g)[:2])
        for *rows, g in ((PREDICTION[:30], TARGET[:30], None), (p, y, groups), (p, y, None))
    ]
    assert_allclose(widths[1], widths[0], rtol=0.2)
    assert widths[2] < 0.5 * widths[0]


def test_groups_are_checked():
    for groups in (np.zeros(60), np.arange(5)):
        with pytest.raises(ArgumentError, match="groups"):
            metrics.interval(metrics.mse, PREDICTION, TARGET, groups=groups)


def test_weights_are_drawn_with_their_rows():
    """A row that weighs twice is two rows that are drawn together."""
    weights = np.arange(60) % 2 + 1
    twice = np.repeat(np.arange(60), weights)
    weighted = metrics.interval(
        metrics.mse, PREDICTION, TARGET, resamples=100, sample_weight=weights
    )
    repeated = metrics.interval(
        metrics.mse, PREDICTION[twice], TARGET[twice], resamples=100, groups=twice
    )
    assert_allclose(weighted, repeated)


@pytest.mark.parametrize(
    ("metric", "options", "message"),
    [
        (metrics.mse, {"method": "bayes"}, "method='bayes'"),
        (metrics.mse, {"confidence": 95}, "confidence=95"),
        (metrics.mse, {"resamples": 0}, "resamples=0"),
        (metrics.confusion_matrix, {}, "one number"),
    ],
)
def test_arguments(metric, options, message):
    with pytest.raises(ArgumentError, match=message):
        metrics.interval(metric, np.asarray([0, 1]), np.asarray([0, 1]), **options)


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_strata_are_scipys_several_samples(method):
    """A draw of each label among its rows is a bootstrap of several samples."""
    labels = np.repeat([0, 1], [45, 15])
    error = (PREDICTION - TARGET) ** 2

    def loss(*drawn, axis=-1):
        return np.concatenate(drawn, axis=-1).mean(axis=axis)

    expected = stats.bootstrap(
        (error[labels == 0], error[labels == 1]), loss, n_resamples=400, method=method,
        rng=np.random.default_rng(7),
    ).confidence_interval  # fmt: skip
    low, high, _ = metrics.interval(
        metrics.mse, PREDICTION, TARGET, strata=labels, resamples=400, method=method, seed=7
    )
    assert_allclose([low, high], expected, rtol=1e-6)


def test_with_strata_no_class_goes_missing():
    target = np.repeat([0, 1], [57, 3])
    options = {"resamples": 300, "seed": 0}
    plain = metrics.interval(metrics.roc_auc, PREDICTION, target, **options)
    held = metrics.interval(metrics.roc_auc, PREDICTION, target, strata=target, **options)
    assert np.isnan(plain.low) and 0 <= held.low <= held.value <= held.high <= 1
    same = metrics.difference(
        metrics.roc_auc, PREDICTION, PREDICTION, target, strata=target, **options
    )
    assert same == (0, 0, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strata": np.arange(60) == 3}, "a stratum has one row"),
        ({"strata": np.arange(59) % 2}, r"strata of shape \[59\] for 60 rows"),
        ({"strata": np.arange(60) % 2, "groups": np.arange(60) // 2}, "in 30 units"),
    ],
)
def test_strata_that_do_not_fit(options, message):
    with pytest.raises(ArgumentError, match=message):
        metrics.interval(metrics.mse, PREDICTION, TARGET, **options)


# ---- Sequences ----


def test_sequences_of_independent_values_have_the_interval_of_their_mean():
    values = np.random.default_rng(6).normal(2, 3, 2000)
    low, high, value = metrics.of_sequence(values, block=1, resamples=4000)
    assert value == values.mean()
    error = stats.norm.ppf(0.975) * values.std() / 2000**0.5
    assert_allclose([low - value, high - value], [-error, error], rtol=0.06)


def test_blocks_know_that_neighbours_depend_on_each_other():
    """An autoregression of order one: its mean has the variance 1 / (1 - a)^2 / n."""
    draw, a, n = np.random.default_rng(3), 0.9, 200_000
    values = lfilter([1], [1, -a], draw.normal(size=n))
    half = stats.norm.ppf(0.975) / (1 - a) / n**0.5
    low, high, _ = metrics.of_sequence(values, block=1000)
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)
    alone = metrics.of_sequence(values, block=1)
    assert alone.high - alone.low < 0.3 * (high - low)


def test_blocks_fit_into_the_sequence():
    with pytest.raises(ArgumentError, match="blocks of 4 of 3 values"):
        metrics.of_sequence(np.ones(3), block=4)
    assert metrics.of_sequence([5.0]) == (5.0, 5.0, 5.0)
