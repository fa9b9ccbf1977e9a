"""Metrics over batches equal those of all rows: eagerly, compiled, in an epoch, merged, padded."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

import chainrule as cr
from chainrule import metrics
from chainrule.errors import ArgumentError, ShapeError

ROWS, BATCH = 83, 16
RNG = np.random.default_rng(3)
LABELS = RNG.integers(0, 4, ROWS), RNG.integers(0, 4, ROWS)
BINARY = RNG.integers(0, 2, ROWS), RNG.integers(0, 2, ROWS)
LOGITS = RNG.normal(size=(ROWS, 4)), LABELS[1]
PROBABILITIES = np.asarray(cr.softmax(cr.asarray(LOGITS[0], dtype=cr.float64))), LABELS[1]
SCORES = PROBABILITIES[0][:, 1], BINARY[1]
NUMBERS = RNG.normal(size=ROWS) + 1e4, RNG.normal(size=ROWS) + 1e4
OUTPUTS = RNG.normal(size=(ROWS, 2)), RNG.normal(size=(ROWS, 2))

# A metric, its data, options of both forms, options of the streaming one.
CASES = {
    "accuracy": (metrics.accuracy, LOGITS, {}, {}),
    "top_k_accuracy": (metrics.top_k_accuracy, LOGITS, {"k": 2}, {}),
    "balanced_accuracy": (metrics.balanced_accuracy, LABELS, {"classes": 4}, {}),
    "precision": (metrics.precision, BINARY, {"classes": 2}, {}),
    "recall": (metrics.recall, LABELS, {"classes": 4, "average": None}, {}),
    "specificity": (metrics.specificity, LABELS, {"classes": 4, "average": "macro"}, {}),
    "f1": (metrics.f1, LOGITS, {"classes": 4, "average": "macro"}, {}),
    "f1 by threshold": (metrics.f1, SCORES, {"classes": 2, "threshold": 0.2}, {}),
    "f_beta": (metrics.f_beta, LABELS, {"classes": 4, "beta": 2.0, "average": "weighted"}, {}),
    "kappa": (metrics.kappa, LABELS, {"classes": 4, "power": 1}, {}),
    "matthews": (metrics.matthews, LABELS, {"classes": 4}, {}),
    "confusion_matrix": (metrics.confusion_matrix, LABELS, {"classes": 4}, {}),
    "roi": (metrics.roi, BINARY, {"classes": 2, "gain": 5.0, "cost": 2.0}, {}),
    "log_loss": (metrics.log_loss, PROBABILITIES, {}, {}),
    "brier": (metrics.brier, SCORES, {}, {}),
    "perplexity": (metrics.perplexity, LOGITS, {}, {}),
    "calibration_error": (metrics.calibration_error, PROBABILITIES, {"bins": 6}, {}),
    "maximum_calibration_error": (metrics.maximum_calibration_error, PROBABILITIES, {}, {}),
    "reliability_curve": (metrics.reliability_curve, SCORES, {}, {}),
    "mse": (metrics.mse, OUTPUTS, {}, {}),
    "rmse": (metrics.rmse, NUMBERS, {}, {}),
    "mae": (metrics.mae, NUMBERS, {}, {}),
    "mape": (metrics.mape, NUMBERS, {}, {}),
    "r2": (metrics.r2, NUMBERS, {}, {}),
    "r2 of outputs": (metrics.r2, OUTPUTS, {}, {"outputs": 2}),
    "explained_variance": (metrics.explained_variance, NUMBERS, {}, {}),
    "median_absolute_error": (metrics.median_absolute_error, NUMBERS, {}, {"rows": ROWS}),
    "roc_auc": (metrics.roc_auc, SCORES, {}, {"rows": ROWS}),
    "roc_auc of classes": (
        metrics.roc_auc,
        PROBABILITIES,
        {"average": "weighted"},
        {"rows": ROWS + 5, "prediction_shape": (4,)},
    ),
    "average_precision": (metrics.average_precision, SCORES, {}, {"rows": ROWS}),
    "roc_curve": (metrics.roc_curve, SCORES, {}, {"rows": ROWS}),
}


@pytest.fixture(params=CASES)
def case(request):
    """(state, predictions, targets, weights, value of all rows)."""
    metric, (prediction, target), options, more = CASES[request.param]
    weights = np.random.default_rng(5).uniform(0.5, 2, ROWS)
    whole = metric(prediction, target, sample_weight=weights, **options)
    return metric.streaming(**options, **more), prediction, target, weights, whole


def padded(x, filler):
    """Batches of one size, the last one padded."""
    filled = np.full((-(-ROWS // BATCH) * BATCH, *x.shape[1:]), filler, x.dtype)
    filled[:ROWS] = x
    return filled.reshape(-1, BATCH, *x.shape[1:])


def batches(prediction, target, weights):
    """Padding has labels of no class and scores that count for nothing."""
    share = 1 / prediction.shape[-1] if prediction.ndim > 1 else 0
    filler = 99 if target.dtype.kind == "i" else np.nan
    return padded(prediction, share), padded(target, filler), padded(weights, 0)


def agree(found, expected):
    parts = (found, expected) if isinstance(found, tuple) else ((found,), (expected,))
    for part, wanted in zip(*parts, strict=True):
        assert_allclose(np.asarray(part), np.asarray(wanted), rtol=1e-9, atol=1e-12)


def test_ragged_batches(case):
    state, *rows, whole = case
    for start, end in ((0, 1), (1, 40), (40, ROWS)):
        state.update(*(x[start:end] for x in rows))
    agree(state.value(), whole)


def test_a_compiled_epoch(case):
    """One program over all batches, run twice with a reset between."""
    state, *rows, whole = case

    @cr.jit
    def epoch(state, p, y, w):
        state.reset()
        cr.scan(lambda count, batch: (count, state.update(*batch)), 0, (p, y, w))

    arrays = [cr.asarray(x, dtype=cr.float64 if x.dtype == float else None) for x in batches(*rows)]
    for _ in range(2):
        epoch(state, *arrays)
        agree(state.value(), whole)


def test_merged_and_copied(case):
    state, *rows, whole = case
    state.update(*(x[:30] for x in rows))
    other = pickle.loads(pickle.dumps(state))
    other.reset()
    other.update(*(x[30:] for x in rows))
    state.merge(other)
    agree(state.value(), whole)


def test_the_value_compiles():
    state = metrics.f1.streaming(classes=4, average="macro")

    @cr.jit
    def step(state, p, y):
        state.update(p, y)
        return state.value()

    assert_allclose(step(state, *LABELS), metrics.f1(*LABELS, average="macro"), rtol=1e-12)


def test_float32_scores_sum_in_float64():
    p = np.full(1000, 0.1, np.float32)
    assert_allclose(metrics.mse(p, np.zeros(1000)), np.float64(np.float32(0.1)) ** 2, rtol=1e-12)


def test_r2_far_from_zero():
    y = 1e9 + np.random.default_rng(0).normal(size=400)
    p = y + 0.5 * np.random.default_rng(1).normal(size=400)
    expected = 1 - np.sum((y - p) ** 2) / np.sum((y - y.mean()) ** 2)
    state = metrics.r2.streaming()
    for start in range(0, 400, 30):
        state.update(p[start : start + 30], y[start : start + 30])
    assert_allclose(state.value(), expected, rtol=1e-7)


def test_weights_of_rows_reach_every_place():
    """A mask (batch, length) or a weight for each sequence."""
    p, y = RNG.integers(0, 3, (2, 6, 5))
    w = RNG.uniform(size=6)
    each = np.broadcast_to(w[:, None], (6, 5))
    expected = np.average(p == y, weights=each)
    assert_allclose(metrics.accuracy(p, y, sample_weight=w), expected)
    assert_allclose(metrics.accuracy(p, y, sample_weight=each), expected)


@pytest.mark.covers("A-236")
def test_roi():
    taken, true = np.asarray([1, 1, 0, 0, 1]), np.asarray([1, 0, 1, 0, 1])
    assert float(metrics.roi(taken, true, gain=50.0, cost=20.0)) == pytest.approx(40 / 60)


def test_too_many_rows_are_told_of():
    state = metrics.roc_auc.streaming(rows=10)
    state.update(*(x[:11] for x in SCORES))
    with pytest.raises(ArgumentError, match="11 rows came, there is room for 10"):
        state.value()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.accuracy(np.zeros(0, int), np.zeros(0, int)), "there are no rows"),
        (lambda: metrics.accuracy(np.asarray([0.3]), np.asarray([0])), "pass threshold"),
        (lambda: metrics.f1(*LABELS), "'binary' with 4 classes"),
        (lambda: metrics.f1(*LABELS, average="mean"), "average is 'mean'"),
        (lambda: metrics.f1.streaming(), "pass classes="),
        (lambda: metrics.f1(*LABELS, avrage="macro"), "no option avrage"),
        (lambda: metrics.log_loss(*LOGITS), "it holds probabilities"),
        (lambda: metrics.roc_auc(*LOGITS), "apply cr.softmax"),
        (lambda: metrics.roc_auc(*LABELS), "labels 0 and 1"),
        (
            lambda: metrics.roc_auc(*PROBABILITIES, sample_weight=SCORES[0], multi_class="ovo"),
            "weighted pairs",
        ),
        (lambda: metrics.roc_auc.streaming(), "pass rows="),
        (lambda: metrics.roc_auc(np.full(2, np.nan), np.asarray([0, 1])), "2 scores are NaN"),
    ],
)
def test_arguments(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.accuracy(LOGITS[0], LABELS[1][:5]),
        lambda: metrics.brier(LOGITS[0], LABELS[1][:5]),
        lambda: metrics.roc_auc(SCORES[0], SCORES[1][:5]),
        lambda: metrics.median_absolute_error(NUMBERS[0][:5], NUMBERS[1]),
        lambda: metrics.accuracy(*LABELS, sample_weight=np.ones(5)),
        lambda: metrics.r2(np.zeros((2, 2, 2)), np.zeros((2, 2, 2))),
        lambda: metrics.mse(NUMBERS[0][:, None], NUMBERS[1]),
    ],
)
def test_shapes(call):
    with pytest.raises(ShapeError):
        call()


def test_labels_out_of_range():
    with pytest.raises(IndexError, match="classes are numbered"):
        metrics.f1(np.asarray([0, 3]), np.asarray([0, 1]), classes=3)


def test_a_state_has_the_name_of_its_metric():
    assert metrics.recall.streaming(classes=2).__name__ == "recall"


def test_a_loss_is_a_metric():
    z, labels = cr.asarray(LOGITS[0], dtype=cr.float64), LOGITS[1]
    weights = RNG.uniform(0, 2, ROWS)
    loss = metrics.averaged(cr.nn.losses.cross_entropy)
    with_weights = cr.nn.losses.cross_entropy(z, labels, sample_weight=weights, label_smoothing=0.1)
    found = loss(z, labels, sample_weight=weights, label_smoothing=0.1)
    assert_allclose(float(found), float(with_weights), rtol=1e-12)
    state = loss.streaming(label_smoothing=0.1)
    for start in range(0, ROWS, BATCH):
        rows = slice(start, start + BATCH)
        state.update(z[rows], labels[rows], weights[rows])
    assert_allclose(float(state.value()), float(with_weights), rtol=1e-12)
    with pytest.raises(ArgumentError, match="it has no option reduction"):
        loss(z, labels, reduction="sum")


def test_a_metric_is_of_one_value_a_row():
    mean = metrics.averaged(lambda prediction, target: cr.mean(prediction - target))
    with pytest.raises(ShapeError, match="return those, not their mean"):
        mean(*NUMBERS)
