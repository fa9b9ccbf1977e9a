"""Losses against their definitions in float64, in the tails, and what their errors say."""

import numpy as np
import pytest
from scipy import special

import chainrule as cr
from chainrule.nn import losses

R = np.random.default_rng(0)
Z = R.normal(size=(6, 4)) * 3
LABELS = np.asarray([0, 3, 1, 1, 2, 0])
P = special.softmax(R.normal(size=(6, 4)), -1)
CLASS_WEIGHTS = np.asarray([0.5, 2.0, 1.0, 3.0])
WEIGHTS = np.asarray([1.0, 0.0, 2.0, 0.5, 1.0, 3.0])


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setattr(cr.config, "float64", True)


def check(found, expected):
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-14)


def message(call, *arguments, kind=cr.ChainruleError, **keywords):
    with pytest.raises(kind) as caught:
        call(*arguments, **keywords)
    return str(caught.value)


# ---- cross_entropy ----


@pytest.mark.parametrize("target", [LABELS, LABELS.astype(np.uint8), P, np.eye(4)[LABELS]])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("class_weights", [None, CLASS_WEIGHTS])
@pytest.mark.parametrize("sample_weights", [None, WEIGHTS])
def test_cross_entropy(target, smoothing, class_weights, sample_weights):
    labels = target.ndim == 1
    p = np.eye(4)[target] if labels else target
    c = np.ones(4) if class_weights is None else class_weights
    s = np.ones(6) if sample_weights is None else sample_weights
    smoothed = (1 - smoothing) * p + smoothing / 4
    each = s * np.sum(-special.log_softmax(Z, -1) * c * smoothed, -1)
    counted = s * c[target] if labels else s
    options = {
        "label_smoothing": smoothing,
        "class_weights": class_weights,
        "sample_weights": sample_weights,
    }
    check(losses.cross_entropy(Z, target, reduction="none", **options), each)
    check(losses.cross_entropy(Z, target, reduction="sum", **options), each.sum())
    check(losses.cross_entropy(Z, target, **options), each.sum() / counted.sum())


def test_cross_entropy_ignores():
    kept = LABELS != 1
    each = -special.log_softmax(Z, -1)[np.arange(6), LABELS] * kept
    check(losses.cross_entropy(Z, LABELS, ignore_index=1, reduction="none"), each)
    check(losses.cross_entropy(Z, LABELS, ignore_index=1), each.sum() / 4)
    outside = np.where(kept, LABELS, -100)
    check(losses.cross_entropy(Z, outside, ignore_index=-100), each.sum() / 4)
    weighted = losses.cross_entropy(Z, outside, ignore_index=-100, sample_weights=WEIGHTS)
    check(weighted, (each * WEIGHTS).sum() / (kept * WEIGHTS).sum())


def test_cross_entropy_of_sequences():
    z, y = R.normal(size=(2, 3, 5)), R.integers(0, 5, (2, 3))
    expected = -np.take_along_axis(special.log_softmax(z, -1), y[..., None], -1)[..., 0]
    check(losses.cross_entropy(z, y, reduction="none"), expected)
    check(losses.cross_entropy(z[0, 0], y[0, 0]), expected[0, 0])


def test_cross_entropy_is_stable():
    z = np.asarray([[1e4, -1e4, 0.0], [1e4, -np.inf, 0.0]])
    check(losses.cross_entropy(z, np.asarray([1, 0]), reduction="none"), [2e4, 0])
    gradient = cr.grad(losses.cross_entropy)(cr.asarray(z), np.asarray([1, 0]))
    check(gradient, [[0.5, -0.5, 0], [0, 0, 0]])


def test_cross_entropy_gradient():
    gradient = cr.grad(losses.cross_entropy)(cr.asarray(Z), LABELS)
    check(gradient, (special.softmax(Z, -1) - np.eye(4)[LABELS]) / 6)


def test_labels_out_of_range():
    text = (
        "labels run from 0 to 4; 4 classes are numbered 0 to 3; "
        "check the labels, or the number of outputs of the last layer"
    )
    wrong = np.asarray([0, 4, 1, 1, 2, 0])
    assert message(losses.cross_entropy, Z, wrong, kind=IndexError) == f"[cross_entropy] {text}"
    assert message(cr.grad(losses.cross_entropy), cr.asarray(Z), wrong) == f"[cross_entropy] {text}"
    assert message(losses.check_labels, wrong, 4) == f"[check_labels] {text}"
    assert message(losses.cross_entropy, Z, LABELS - 1).startswith(
        "[cross_entropy] labels run from -1 to 2; "
    )
    losses.check_labels(LABELS, 4)


@pytest.mark.parametrize(
    ("logits", "target", "text"),
    [
        (
            Z,
            LABELS[:, None],
            "logits have shape [6, 4], labels [6, 1]; labels have one axis less than logits; "
            "write target[..., 0]",
        ),
        (
            Z,
            LABELS[:5],
            "logits have shape [6, 4], labels [5]; labels need shape [6], probabilities [6, 4]; "
            "put classes on the last axis of the logits, or use binary_cross_entropy for single "
            "ones",
        ),
        (
            Z,
            LABELS.astype(float),
            "labels are float64; labels count classes from 0; probabilities have an axis for the "
            "classes; write target.astype(cr.int64)",
        ),
        (
            Z[:, :1],
            LABELS,
            "logits have shape [6, 1], labels [6]; logits have one number for each class, at least "
            "two; use binary_cross_entropy for single logits",
        ),
        (
            LABELS,
            Z,
            "the prediction is int64[6], the target float64[6, 4]; predictions are floats; losses "
            "take (prediction, target); exchange the two arguments",
        ),
    ],
)
def test_cross_entropy_refuses(logits, target, text):
    assert message(losses.cross_entropy, logits, target) == f"[cross_entropy] {text}"


def test_single_logits_are_no_distribution():
    assert message(losses.cross_entropy, Z[:, 0], LABELS % 2).startswith(
        "[cross_entropy] logits have shape [6], labels [6]; "
    )


def test_class_weights_of_other_length():
    assert message(losses.cross_entropy, Z, LABELS, class_weights=np.ones(3)) == (
        "[cross_entropy] class_weights has shape [3]; logits of shape [6, 4] tell 4 classes apart; "
        "pass one weight for each, shape [4]"
    )


# ---- The others ----


def bce(z, y, w=1.0):
    return -w * y * special.log_expit(z) - (1 - y) * special.log_expit(-z)


@pytest.mark.parametrize("target", [LABELS % 2, LABELS % 2 == 1, P[:, 0]])
def test_binary_cross_entropy(target):
    z, y = Z[:, 0], target.astype(float)
    check(losses.binary_cross_entropy(z, target, reduction="none"), bce(z, y))
    check(losses.binary_cross_entropy(z, target, reduction="sum"), bce(z, y).sum())
    check(losses.binary_cross_entropy(z, target), bce(z, y).mean())
    check(losses.binary_cross_entropy(z, target, positive_weight=3.0), bce(z, y, 3).mean())
    smoothed = losses.binary_cross_entropy(z, target, label_smoothing=0.1)
    check(smoothed, bce(z, 0.9 * y + 0.05).mean())
    weighted = losses.binary_cross_entropy(z, target, sample_weights=WEIGHTS)
    check(weighted, np.average(bce(z, y), weights=WEIGHTS))


def test_binary_cross_entropy_in_both_tails_and_at_zero():
    z = np.asarray([50.0, -50.0, 1e4, -1e4, 0.0])
    for y in (0.0, 1.0):
        target = np.full(5, y)
        found = losses.binary_cross_entropy(z, target, reduction="none")
        np.testing.assert_allclose(found.numpy(), bce(z, target), rtol=1e-12)
        gradient = cr.grad(lambda z, t=target: losses.binary_cross_entropy(z, t, reduction="sum"))
        exact = special.expit(z) if y == 0 else -special.expit(-z)
        np.testing.assert_allclose(gradient(cr.asarray(z)).numpy(), exact, rtol=1e-12)


@pytest.mark.parametrize(
    ("loss", "definition"),
    [
        (losses.mse, lambda e: e**2),
        (losses.mae, np.abs),
        (losses.huber, lambda e: special.huber(1.0, e)),
    ],
)
def test_regression(loss, definition):
    each = definition(Z - P)
    check(loss(Z, P, reduction="none"), each)
    check(loss(Z, P, reduction="sum"), each.sum())
    check(loss(Z, P), each.mean())
    weights = R.uniform(size=Z.shape)
    check(loss(Z, P, sample_weights=weights), np.average(each, weights=weights))


def test_huber_delta():
    check(losses.huber(Z, P, delta=2.5), special.huber(2.5, Z - P).mean())
    gradient = cr.grad(lambda x: losses.huber(x, P, delta=2.5, reduction="sum"))(cr.asarray(Z))
    check(gradient, np.clip(Z - P, -2.5, 2.5))
    assert message(losses.huber, Z, P, delta=0) == (
        "[huber] delta is 0; it is the error where the square ends; choose delta > 0"
    )


PAIRED = [losses.binary_cross_entropy, losses.mse, losses.mae, losses.huber]


@pytest.mark.parametrize("loss", PAIRED)
def test_column_against_vector(loss):
    name, column, vector = loss.__name__, np.ones((6, 1)), np.ones(6)
    assert message(loss, column, vector, kind=cr.errors.ShapeError) == (
        f"[{name}] the prediction has shape [6, 1], the target [6]; broadcasting would pair each "
        "with all others; write prediction[..., 0], or target[..., None]"
    )
    assert message(loss, vector, column) == (
        f"[{name}] the prediction has shape [6], the target [6, 1]; broadcasting would pair each "
        "with all others; write target[..., 0], or prediction[..., None]"
    )
    assert message(cr.jit(lambda x, y: loss(x, y)), column, vector).startswith(
        f"[{name}] the prediction has shape [6, 1], the target [6]; "
    )


@pytest.mark.parametrize("loss", PAIRED)
def test_nothing_broadcasts(loss):
    assert message(loss, Z, 1.0) == (
        f"[{loss.__name__}] the prediction has shape [6, 4], the target []; each prediction needs "
        "its own target; check the last layer's outputs and the columns of the target"
    )


@pytest.mark.parametrize("loss", PAIRED)
def test_exchanged_arguments(loss):
    assert message(loss, LABELS, Z[:, 0], kind=TypeError) == (
        f"[{loss.__name__}] the prediction is int64[6], the target float64[6]; predictions are "
        "floats; losses take (prediction, target); exchange the two arguments"
    )


@pytest.mark.parametrize("loss", PAIRED)
def test_options_are_checked(loss):
    name = loss.__name__
    assert message(loss, Z, P, reduction="avg") == (
        f"""[{name}] reduction='avg'; only "mean", "sum" and "none" exist"""
    )
    assert message(loss, Z, P, sample_weights=WEIGHTS) == (
        f"[{name}] sample_weights has shape [6], the losses [6, 4]; each example has its own "
        "weight; pass one number for each"
    )


@pytest.mark.parametrize("loss", [losses.cross_entropy, losses.binary_cross_entropy])
def test_smoothing_is_a_share(loss):
    assert message(loss, Z, P, label_smoothing=10) == (
        f"[{loss.__name__}] label_smoothing is 10; it is a share; choose 0 <= label_smoothing <= 1"
    )


def test_float32_stays():
    z = cr.asarray(Z, dtype=cr.float32)
    assert losses.cross_entropy(z, cr.asarray(P)).dtype is cr.float32
    assert losses.mse(z, P).dtype is cr.float32


@pytest.mark.parametrize(
    ("loss", "target"),
    [(losses.cross_entropy, LABELS), (losses.cross_entropy, P), *((loss, P) for loss in PAIRED)],
)
def test_compiled_agrees(loss, target):
    both = cr.value_and_grad(lambda z, y: loss(z, y))
    for found, expected in zip(
        cr.jit(both)(cr.asarray(Z), target), both(cr.asarray(Z), target), strict=True
    ):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12, atol=1e-14)
