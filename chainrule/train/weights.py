"""Weights of classes: receives a wish and the labels; hands on a number for each class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.data import sampling
from chainrule.errors import ArgumentError


def class_weights(wish: Any, labels: Any) -> tuple[float, ...] | None:
    """Weights by label: from a mapping (others weigh 1), a sequence, or "balanced", which
    `data.class_weights` computes. Labels, where known, count from 0.

    Raises ArgumentError for "balanced" without labels, for labels that are no integers, and where
    a class has no weight.
    """
    if wish is None:
        return None
    known = None if labels is None else np.asarray(labels)
    if known is not None and (known.dtype.kind not in "iu" or known.ndim != 1):
        raise ArgumentError(
            "fit",
            f"class_weight beside targets {known.dtype}{list(known.shape)}",
            "labels are integers that count from 0, one a row",
            "pass sample_weight instead",
        )
    if isinstance(wish, str):
        return _balanced(wish, known)
    classes = 0 if known is None else int(known.max()) + 1
    if isinstance(wish, Mapping):
        table = [float(wish.get(label, 1.0)) for label in range(max(classes, *wish, -1) + 1)]
    else:
        table = [float(weight) for weight in wish]
    if len(table) < classes or min(table) < 0:
        raise ArgumentError(
            "fit",
            f"{len(table)} class weights from {min(table)} for {classes} classes",
            "each class has one, of at least 0",
            "pass one number for each label, or a dict",
        )
    return tuple(table)


def _balanced(wish: str, labels: np.ndarray | None) -> tuple[float, ...]:
    if wish != "balanced" or labels is None:
        raise ArgumentError(
            "fit",
            f"class_weight={wish!r}" + " without arrays" * (labels is None),
            "labels are counted for class_weight='balanced'",
            "pass weights by label",
        )
    return tuple(sampling.class_weights(labels).tolist())
