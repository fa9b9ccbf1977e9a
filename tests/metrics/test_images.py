"""Metrics of images, text and boxes, against formulas in NumPy and by hand."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.ndimage import correlate1d

import chainrule as cr
from chainrule import metrics
from chainrule.errors import ArgumentError, ShapeError
from chainrule.metrics import Boxes

RNG = np.random.default_rng(11)
IMAGES = RNG.uniform(size=(3, 20, 17, 2))
NOISY = np.clip(IMAGES + RNG.normal(size=IMAGES.shape) * 0.1, 0, 1)


@pytest.mark.covers("A-235")
def test_psnr():
    each = [10 * np.log10(1 / np.mean((a - b) ** 2)) for a, b in zip(IMAGES, NOISY)]
    weights = np.asarray([1.0, 2.0, 0.0])
    found = metrics.psnr(NOISY, IMAGES, data_range=1.0, sample_weight=weights)
    assert_allclose(found, np.average(each, weights=weights), rtol=1e-12)


def test_psnr_of_equal_images_is_infinite():
    assert math.isinf(float(metrics.psnr(IMAGES, IMAGES, data_range=1.0)))


def test_ssim():
    weights = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights /= weights.sum()

    def smooth(x):
        rows = correlate1d(x, weights, axis=0)
        return correlate1d(rows, weights, axis=1)[5:-5, 5:-5]

    def similarity(x, y):
        m, n = smooth(x), smooth(y)
        v, w, c = smooth(x * x) - m * m, smooth(y * y) - n * n, smooth(x * y) - m * n
        top = (2 * m * n + 1e-4) * (2 * c + 9e-4)
        return np.mean(top / ((m * m + n * n + 1e-4) * (v + w + 9e-4)))

    expected = np.mean(
        [similarity(a[..., c], b[..., c]) for a, b in zip(NOISY, IMAGES) for c in range(2)]
    )
    assert_allclose(metrics.ssim(NOISY, IMAGES, data_range=1.0), expected, rtol=1e-9)


def test_ssim_streams_in_a_compiled_step():
    state = metrics.ssim.streaming(data_range=1.0)
    step = cr.jit(lambda state, p, y: state.update(p, y))
    for start, end in ((0, 2), (2, 3)):
        step(state, *(cr.asarray(x[start:end], dtype=cr.float64) for x in (NOISY, IMAGES)))
    assert_allclose(state.value(), metrics.ssim(NOISY, IMAGES, data_range=1.0), rtol=1e-9)


@pytest.mark.parametrize("metric", [metrics.psnr, metrics.ssim])
def test_images_are_checked(metric):
    with pytest.raises(ArgumentError, match="data_range=255"):
        metric(255 * NOISY, 255 * IMAGES, data_range=1.0)
    with pytest.raises(ShapeError):
        metric(NOISY[..., 0], IMAGES[..., 0], data_range=1.0)


def test_ssim_needs_a_window():
    with pytest.raises(ShapeError, match="11 x 11"):
        metrics.ssim(NOISY[:, :9], IMAGES[:, :9], data_range=1.0)


def test_bleu_of_papineni():
    """The first example of the paper: clipped counts, and the reference nearest in length."""
    found = 7 * ["the"]
    sentences = ("the cat is on the mat", "there is a cat on the mat")
    references = [sentence.split() for sentence in sentences]
    assert metrics.bleu([found], [references], order=1) == pytest.approx(2 / 7)
    assert metrics.bleu([found], [references]) == 0.0


def test_bleu_of_short_predictions():
    """p = 2/2, 1/1 over two words; exp(1 - 4 / 2) for the length."""
    found = metrics.bleu([["a", "b"]], [[["a", "b", "c", "d"]]], order=2)
    assert found == pytest.approx(math.exp(-1))


@pytest.mark.parametrize(
    ("prediction", "target"),
    [([], []), (["a b"], [[["a"]]]), ([["a"]], [["a"]]), ([["a"]], [[], []])],
)
def test_bleu_is_checked(prediction, target):
    with pytest.raises(ArgumentError, match="bleu"):
        metrics.bleu(prediction, target)


def test_iou():
    boxes = np.asarray([[0, 0, 4, 4], [1, 1, 1, 3]])
    assert_allclose(metrics.iou(boxes, np.asarray([[2, 2, 6, 6]])), [[4 / 28], [0]])


def boxes(*corners, scores=None):
    return Boxes(
        np.asarray(corners, float).reshape(-1, 4), np.zeros(len(corners), int), np.asarray(scores)
    )


@pytest.mark.covers("A-232")
def test_detection_by_hand():
    """Hit, duplicate, hit, miss over three true boxes: precisions 1, 1/2, 2/3, 1/2 at recalls
    1/3, 1/3, 2/3, 2/3.
    """
    true = boxes((0, 0, 10, 10), (20, 20, 30, 30), (50, 50, 60, 60))
    found = boxes(
        (0, 0, 10, 10),
        (0, 0, 10, 9),
        (20, 20, 30, 30),
        (80, 80, 90, 90),
        scores=[0.9, 0.8, 0.7, 0.6],
    )
    options = {"iou_thresholds": (0.5,)}
    area = metrics.detection_map([found], [true], recall_points=None, **options)
    assert area == pytest.approx(1 / 3 + 2 / 9)
    voc = metrics.detection_map([found], [true], recall_points=11, **options)
    assert voc == pytest.approx((4 * 1 + 3 * 2 / 3) / 11)


def test_detection_without_boxes():
    assert math.isnan(metrics.detection_map([boxes(scores=[])], [boxes()]))
    assert metrics.detection_map([boxes(scores=[])], [boxes((0, 0, 1, 1))]) == 0.0


def test_detections_are_checked():
    with pytest.raises(ArgumentError, match="image by image"):
        metrics.detection_map([], [boxes()])
    with pytest.raises(ArgumentError, match="scores"):
        metrics.detection_map([Boxes(np.zeros((1, 4)), np.zeros(1))], [boxes()])
