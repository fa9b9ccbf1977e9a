"""Metrics equal scikit-learn's to 1e-9 on 200 random cases each: one class, one row, ties and
weights among them.
"""

import warnings

import numpy as np
import pytest
from metrics import draws
from sklearn import calibration
from sklearn import metrics as sk

from chainrule import metrics

AVERAGES = ("macro", "micro", "weighted", None)


@pytest.fixture(autouse=True)
def quiet():
    """What scikit-learn says about cases without an answer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def theirs(function, draw, **options):
    """scikit-learn's value: (target, prediction, sample_weight)."""
    return function(draw.target, draw.prediction, sample_weight=draw.weights, **options)


def check(cases, ours, reference, **options):
    for draw in cases:
        found = ours(draw.prediction, draw.target, sample_weight=draw.weights, **options)
        np.testing.assert_allclose(
            np.asarray(found), reference(draw), rtol=1e-9, atol=1e-9, err_msg=repr(draw)
        )


def averaged(function, **options):
    def reference(draw, average):
        known = {"labels": np.arange(draw.classes)} if average is None else {}
        return theirs(function, draw, average=average, zero_division=0, **known, **options)

    return reference


OF_CLASSES = {
    "precision": (metrics.precision, {}, averaged(sk.precision_score)),
    "recall": (metrics.recall, {}, averaged(sk.recall_score)),
    "f1": (metrics.f1, {}, averaged(sk.f1_score)),
    "f_beta": (metrics.f_beta, {"beta": 0.5}, averaged(sk.fbeta_score, beta=0.5)),
}


@pytest.mark.covers("A-229", "A-230")
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("name", OF_CLASSES)
def test_averages(name, average):
    ours, options, reference = OF_CLASSES[name]
    for draw in draws.labels():
        known = {"classes": draw.classes} if average is None else {}
        check([draw], ours, lambda d: reference(d, average), average=average, **known, **options)


@pytest.mark.parametrize("name", OF_CLASSES)
def test_binary(name):
    ours, options, reference = OF_CLASSES[name]
    check(draws.labels(2), ours, lambda d: reference(d, "binary"), **options)


def specificity(draw, average):
    """Which scikit-learn lacks, from its definition."""
    weights = np.ones(len(draw.target)) if draw.weights is None else draw.weights
    classes = np.arange(draw.classes)[:, None]
    others = (draw.target != classes) * weights
    right, all_ = (others * (draw.prediction != classes)).sum(1), others.sum(1)
    each = np.divide(right, all_, out=np.zeros(draw.classes), where=all_ != 0)
    return {
        "binary": each[1],
        "macro": np.mean(each[np.union1d(draw.target, draw.prediction)]),
        "micro": right.sum() / all_.sum(),
        "weighted": np.average(each, weights=np.bincount(draw.target, draw.weights, draw.classes)),
        None: each,
    }[average]


@pytest.mark.covers("A-229")
@pytest.mark.parametrize("average", ["binary", *AVERAGES])
def test_specificity(average):
    for draw in draws.labels(2 if average == "binary" else 5):
        options = {"average": average, "classes": draw.classes}
        check([draw], metrics.specificity, lambda d: specificity(d, average), **options)


@pytest.mark.covers("A-228")
@pytest.mark.parametrize(
    ("ours", "reference"),
    [
        (metrics.accuracy, sk.accuracy_score),
        (metrics.balanced_accuracy, sk.balanced_accuracy_score),
        (metrics.matthews, sk.matthews_corrcoef),
    ],
)
def test_labels(ours, reference):
    check(draws.labels(), ours, lambda d: theirs(reference, d))


@pytest.mark.parametrize(("power", "weights"), [(0, None), (1, "linear"), (2, "quadratic")])
def test_kappa(power, weights):
    def reference(draw):
        labels = np.arange(draw.classes)
        return theirs(sk.cohen_kappa_score, draw, weights=weights, labels=labels)

    check(draws.labels(), metrics.kappa, reference, power=power)


def test_confusion_matrix():
    def reference(draw):
        return theirs(sk.confusion_matrix, draw, labels=np.arange(draw.classes))

    for draw in draws.labels():
        check([draw], metrics.confusion_matrix, reference, classes=draw.classes)


def test_scores_are_labels_by_their_greatest():
    def reference(draw):
        taken = draw.prediction.argmax(1)
        return sk.accuracy_score(draw.target, taken, sample_weight=draw.weights)

    check(draws.probabilities(), metrics.accuracy, reference)


def test_scores_are_labels_by_a_threshold():
    def reference(draw):
        taken = draw.prediction > 0.3
        return sk.f1_score(draw.target, taken, sample_weight=draw.weights, zero_division=0)

    check(draws.scores(), metrics.f1, reference, threshold=0.3)


@pytest.mark.covers("A-228")
@pytest.mark.parametrize("k", [1, 2, 3])
def test_top_k(k):
    def reference(draw):
        labels = np.arange(draw.classes)
        return theirs(sk.top_k_accuracy_score, draw, k=k, labels=labels)

    check(draws.probabilities(), metrics.top_k_accuracy, reference, k=k)


@pytest.mark.parametrize(
    ("ours", "reference"),
    [(metrics.log_loss, sk.log_loss), (metrics.brier, sk.brier_score_loss)],
)
def test_probabilities(ours, reference):
    for draw in draws.probabilities():
        check([draw], ours, lambda d: theirs(reference, d, labels=np.arange(d.classes)))


def test_log_loss_of_class_1():
    check(draws.scores(), metrics.log_loss, lambda d: theirs(sk.log_loss, d, labels=[0, 1]))


def test_brier_of_class_1():
    check(draws.scores(), metrics.brier, lambda d: theirs(sk.brier_score_loss, d, pos_label=1))


def test_reliability():
    for draw in draws.scores():
        curve = metrics.reliability_curve(draw.prediction, draw.target, bins=7)
        held = np.asarray(curve.weight) > 0
        reference = calibration.calibration_curve(
            draw.target, draw.prediction, n_bins=7, pos_label=1
        )
        found = [np.asarray(x)[held] for x in (curve.frequency, curve.confidence)]
        np.testing.assert_allclose(found, reference, rtol=1e-9, atol=1e-9)


@pytest.mark.covers("A-231")
def test_roc_auc():
    check(draws.scores(), metrics.roc_auc, lambda d: theirs(sk.roc_auc_score, d))


@pytest.mark.covers("A-231")
@pytest.mark.parametrize("average", ["macro", "weighted"])
@pytest.mark.parametrize("multi_class", ["ovr", "ovo"])
def test_roc_auc_of_classes(multi_class, average):
    options = {"multi_class": multi_class, "average": average}

    def reference(draw):
        if multi_class == "ovo" and np.unique(draw.target).size == 1:
            return np.nan  # scikit-learn says so too, or divides by 0, as the average is
        return theirs(sk.roc_auc_score, draw, labels=np.arange(draw.classes), **options)

    cases = draws.probabilities()
    if multi_class == "ovo":
        cases = (draw._replace(weights=None) for draw in cases)
    check(cases, metrics.roc_auc, reference, **options)


@pytest.mark.covers("A-232")
@pytest.mark.parametrize("average", AVERAGES)
def test_average_precision_of_classes(average):
    def reference(draw):
        true = np.eye(draw.classes)[draw.target].astype(int)
        return theirs(sk.average_precision_score, draw._replace(target=true), average=average)

    check(draws.probabilities(), metrics.average_precision, reference, average=average)


def test_average_precision():
    check(
        draws.scores(),
        metrics.average_precision,
        lambda d: theirs(sk.average_precision_score, d),
    )


@pytest.mark.parametrize(
    ("ours", "reference"),
    [
        (metrics.roc_curve, sk.roc_curve),
        (metrics.precision_recall_curve, sk.precision_recall_curve),
    ],
)
def test_curves(ours, reference):
    for draw in draws.scores():
        found = ours(draw.prediction, draw.target, sample_weight=draw.weights)
        for part, expected in zip(found, theirs(reference, draw), strict=True):
            np.testing.assert_allclose(part, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.covers("A-234")
@pytest.mark.parametrize(
    ("ours", "reference", "outputs"),
    [
        (metrics.mse, sk.mean_squared_error, (1, 3)),
        (metrics.rmse, sk.root_mean_squared_error, (1,)),
        (metrics.mae, sk.mean_absolute_error, (1, 3)),
        (metrics.median_absolute_error, sk.median_absolute_error, (1, 3)),
    ],
)
def test_errors(ours, reference, outputs):
    check(draws.numbers(outputs), ours, lambda d: theirs(reference, d))


@pytest.mark.covers("A-234")
def test_mape_is_in_percent():
    def reference(draw):
        return 100 * theirs(sk.mean_absolute_percentage_error, draw)

    check(draws.numbers((1, 3)), metrics.mape, reference)


@pytest.mark.covers("A-233")
@pytest.mark.parametrize(
    ("ours", "reference"),
    [(metrics.r2, sk.r2_score), (metrics.explained_variance, sk.explained_variance_score)],
)
def test_shares_of_variance(ours, reference):
    check(draws.numbers((1, 3)), ours, lambda d: theirs(reference, d))
