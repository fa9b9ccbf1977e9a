"""Metrics of detection: receives boxes found in images, with scores and labels, beside true boxes;
hands on average precisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chainrule.errors import ArgumentError

# COCO's: 0.5, 0.55, ..., 0.95, and as many of the best boxes of an image and class.
THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
MOST = 100


class Boxes(NamedTuple):
    """The boxes of an image: corners [boxes, 4], labels [boxes], and of those that were found also
    scores [boxes]. Corners are (low, low, high, high) in either order of the axes.

    >>> cr.metrics.Boxes(np.asarray([[0, 0, 2, 2]]), np.asarray([0])).labels
    array([0])
    """

    corners: np.ndarray
    labels: np.ndarray
    scores: np.ndarray | None = None


def iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Area in common / area of both, [boxes, others], for corners (low, low, high, high).

    >>> cr.metrics.iou(np.asarray([[0, 0, 2, 2]]), np.asarray([[1, 0, 3, 2], [5, 5, 6, 6]]))
    array([[0.33333333, 0.        ]])
    """
    a, b = (np.asarray(x, np.float64).reshape(-1, 4) for x in (boxes, others))
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=-1)
    areas = [np.prod(x[:, 2:] - x[:, :2], axis=-1) for x in (a, b)]
    both = areas[0][:, None] + areas[1] - common
    return np.divide(common, both, out=np.zeros_like(both), where=both > 0)


def detection_map(
    prediction: Sequence[Boxes],
    target: Sequence[Boxes],
    *,
    iou_thresholds: Sequence[float] = THRESHOLDS,
    recall_points: int | None = 101,
    average: str | None = "macro",
) -> float | np.ndarray:
    """The mean over classes and IoU thresholds of the average precision of boxes, as COCO's AP.

    By falling score each found box of a class takes the true box of its image, not yet taken, with
    which its IoU is greatest, if that reaches the threshold: else it is false. Of an image and
    class the 100 best count. The precision, made falling, is averaged over `recall_points` equally
    spaced: 101 as COCO, 11 as VOC 2007, None for the area of all steps, as VOC from 2010 on, with
    iou_thresholds=(0.5,). With average=None all are returned, [thresholds, classes], NaN for a
    class that no image has. (A-232)

    >>> found = cr.metrics.Boxes(np.asarray([[0, 0, 2, 2]]), np.asarray([0]), np.asarray([0.9]))
    >>> true = cr.metrics.Boxes(np.asarray([[0, 0, 2, 2], [4, 4, 6, 6]]), np.asarray([0, 0]))
    >>> cr.metrics.detection_map([found], [true], recall_points=None)
    0.5
    """
    _check(prediction, target)
    classes = 1 + max((int(b.labels.max()) for b in target if len(b.labels)), default=0)
    each = np.full((len(iou_thresholds), classes), np.nan)
    for label in range(classes):
        scores, hits, count = _of_class(label, prediction, target, iou_thresholds)
        if count:
            order = np.argsort(-scores, kind="stable")
            each[:, label] = [_precision(hit[order], count, recall_points) for hit in hits]
    if average is None:
        return each
    return float(np.nanmean(each)) if not np.isnan(each).all() else float("nan")


def _of_class(
    label: int,
    prediction: Sequence[Boxes],
    target: Sequence[Boxes],
    thresholds: Sequence[float],
) -> tuple[np.ndarray, np.ndarray, int]:
    """Scores of all boxes of a class, [boxes], which hit at each threshold, and the true boxes."""
    scores, hits, count = [], [], 0
    for found, true in zip(prediction, target, strict=True):
        chosen = np.flatnonzero(np.asarray(found.labels) == label)
        chosen = chosen[np.argsort(-found.scores[chosen], kind="stable")][:MOST]
        wanted = true.corners[np.asarray(true.labels) == label]
        overlaps = iou(found.corners[chosen], wanted)
        scores.append(found.scores[chosen])
        hits.append(np.asarray([_taken(overlaps, threshold) for threshold in thresholds]))
        count += len(wanted)
    return np.concatenate(scores), np.concatenate(hits, axis=1), count


def _taken(overlaps: np.ndarray, threshold: float) -> np.ndarray:
    """Which boxes hit, the best first; each true box is taken once."""
    hits, free = np.zeros(len(overlaps), bool), np.ones(overlaps.shape[1], bool)
    for box, row in enumerate(overlaps):
        left = np.where(free, row, -1)
        if left.size and left.max() >= threshold:
            # The last of equals, as COCO's program takes it.
            best = left.size - 1 - int(np.argmax(left[::-1]))
            hits[box], free[best] = True, False
    return hits


def _precision(hits: np.ndarray, count: int, points: int | None) -> float:
    """The average precision of hits by falling score, where `count` could be hit."""
    if not len(hits):
        return 0.0
    found = np.cumsum(hits)
    recall, precision = found / count, found / np.arange(1, len(hits) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    if points is None:
        return float(np.sum(np.diff(recall, prepend=0) * falling))
    places = np.searchsorted(recall, np.linspace(0, 1, points), side="left")
    return float(np.sum(falling[places[places < len(hits)]]) / points)


def _check(prediction: Sequence[Boxes], target: Sequence[Boxes]) -> None:
    if len(prediction) != len(target):
        raise ArgumentError(
            "detection_map",
            f"{len(prediction)} images with found boxes, {len(target)} with true ones",
            "they are compared image by image",
            "pass Boxes for each image, empty ones too",
        )
    for image, boxes in enumerate(prediction):
        if boxes.scores is None or not len(boxes.scores) == len(boxes.labels) == len(boxes.corners):
            raise ArgumentError(
                "detection_map",
                f"the boxes found in image {image} have not one score, label and box each",
                "the best are matched first",
                "pass Boxes(corners, labels, scores)",
            )
