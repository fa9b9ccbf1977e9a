"""Metrics of images, text and boxes equal those of scikit-image, sacrebleu and pycocotools."""

import contextlib
import io

import numpy as np
import pytest

from chainrule import metrics

sacrebleu = pytest.importorskip("sacrebleu")
skimage = pytest.importorskip("skimage.metrics")
coco = pytest.importorskip("pycocotools.coco")
cocoeval = pytest.importorskip("pycocotools.cocoeval")
pytestmark = pytest.mark.peers

CASES = 200


def test_psnr_and_ssim():
    for case in range(CASES):
        rng = np.random.default_rng([1, case])
        shape = (*rng.integers(11, 24, 2), int(rng.choice([1, 3])))
        scale = rng.choice([1.0, 255.0])
        y = rng.uniform(0, scale, shape)
        p = np.clip(y + rng.normal(size=shape) * scale * rng.choice([0.01, 0.3]), 0, scale)
        similar = skimage.structural_similarity(
            p,
            y,
            data_range=scale,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        ratio = skimage.peak_signal_noise_ratio(y, p, data_range=scale)
        found = [m(p[None], y[None], data_range=scale) for m in (metrics.ssim, metrics.psnr)]
        np.testing.assert_allclose(found, [similar, ratio], rtol=1e-9, atol=1e-9)


def test_bleu():
    for case in range(CASES):
        rng = np.random.default_rng([2, case])
        words = np.asarray(list("abcdefgh"))[: rng.integers(2, 9)]
        count, most = rng.integers(1, 4, 2)

        def sentence(rng=rng, words=words):
            return rng.choice(words, rng.integers(1, 30)).tolist()

        found = [sentence() for _ in range(count)]
        target = [[sentence() for _ in range(most)] for _ in range(count)]
        reference = sacrebleu.corpus_bleu(
            [" ".join(x) for x in found],
            [[" ".join(target[i][j]) for i in range(count)] for j in range(most)],
            tokenize="none",
            smooth_method="none",
            force=True,
        )
        assert metrics.bleu(found, target) == pytest.approx(reference.score / 100, abs=1e-9)


def drawn(rng, images, classes):
    """Boxes with scores that tie, some of them moved true ones."""
    found, true = [], []
    for _ in range(images):
        count, extra = rng.integers(0, 6, 2)
        low = rng.integers(0, 50, (count, 2))
        corners = np.concatenate([low, low + rng.integers(5, 30, (count, 2))], 1).astype(float)
        labels = rng.integers(0, classes, count)
        true.append(metrics.Boxes(corners, labels))
        moved = corners + rng.integers(-2, 3, corners.shape)
        low = rng.integers(0, 50, (extra, 2))
        false = np.concatenate([low, low + rng.integers(5, 30, (extra, 2))], 1).astype(float)
        corners = np.concatenate([moved, false])
        labels = np.concatenate([labels, rng.integers(0, classes, extra)])
        scores = np.round(rng.uniform(size=len(corners)), 1)
        found.append(metrics.Boxes(corners, labels, scores))
    return found, true


def annotated(images):
    rows = []
    for image, boxes in enumerate(images):
        for i in range(len(boxes.labels)):
            low, high = boxes.corners[i, :2], boxes.corners[i, 2:]
            row = {"id": len(rows) + 1, "image_id": image, "category_id": int(boxes.labels[i])}
            row |= {"bbox": [*low, *(high - low)], "area": np.prod(high - low), "iscrowd": 0}
            rows.append(row if boxes.scores is None else row | {"score": boxes.scores[i]})
    return rows


@pytest.mark.covers("A-232")
def test_detection_equals_coco():
    compared = 0
    for case in range(40):
        rng = np.random.default_rng([3, case])
        found, true = drawn(rng, images=4, classes=3)
        if not any(len(boxes.labels) for boxes in found):
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            truth = coco.COCO()
            truth.dataset = {
                "images": [{"id": i} for i in range(4)],
                "categories": [{"id": i} for i in range(3)],
                "annotations": annotated(true),
                "info": {},
            }
            truth.createIndex()
            run = cocoeval.COCOeval(truth, truth.loadRes(annotated(found)), "bbox")
            run.evaluate()
            run.accumulate()
        table = run.eval["precision"][:, :, :, 0, -1].mean(axis=1)
        ours = metrics.detection_map(found, true, average=None)
        expected = np.where(table < 0, np.nan, table)[:, : ours.shape[1]]
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)
        compared += 1
    assert compared > 30
