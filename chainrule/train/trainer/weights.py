"""Weights of classes: receives a wish and the labels; hands on a number for each class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.data import sampling
from chainrule.data.loader import ArrayLoader, Loader
from chainrule.errors import ArgumentError


def class_weights(wish: Any, loader: Loader) -> tuple[float, ...] | None:
    """Weights by label: from a mapping (others weigh 1), a sequence, or "balanced", which
    `data.class_weights` computes. The labels of arrays are known, and count from 0.

    Raises ArgumentError for "balanced" without labels, for labels that are no integers, where a
    class has no weight, and for a mapping with labels that never occur.
    """
    if wish is None:
        return None
    pairs = loader.data if isinstance(loader, ArrayLoader) and len(loader.data) > 1 else None
    known = None if pairs is None else np.asarray(pairs[1])
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
        _check_occurring(wish, known)
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


def _check_occurring(wish: Mapping, labels: np.ndarray | None) -> None:
    unknown = [
        label
        for label in wish
        if not isinstance(label, (int, np.integer))
        or label < 0
        or (labels is not None and label not in labels)
    ]
    if unknown:
        raise ArgumentError(
            "fit",
            f"class_weight has weights for {', '.join(map(repr, unknown))}",
            "no row has such a label",
            "name labels of the data, integers from 0",
        )


def _balanced(wish: str, labels: np.ndarray | None) -> tuple[float, ...]:
    if wish != "balanced" or labels is None:
        raise ArgumentError(
            "fit",
            f"class_weight={wish!r}" + " without arrays" * (labels is None),
            "labels are counted for class_weight='balanced'",
            "pass weights by label",
        )
    return tuple(sampling.class_weights(labels).tolist())
