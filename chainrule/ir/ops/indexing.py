"""Indexing along the first axis (indices outside are clamped); order and running totals."""

from __future__ import annotations

import numpy as np

from chainrule.dtypes import int64
from chainrule.ir.node import Node, Spec
from chainrule.ir.ops.table import describe, register, require


def _infer_gather(x: Node, indices: Node) -> Spec:
    require(
        len(x.shape) > 0 and (x.shape[0] > 0 or indices.size == 0),
        "take",
        f"from {describe(x)}",
        "there is nothing to take",
    )
    return Spec(indices.shape + x.shape[1:], x.dtype)


@register("gather", "indexing", _infer_gather)
def _gather(x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    if indices.size == 0:
        return np.zeros(indices.shape + x.shape[1:], x.dtype)
    return np.take(x, indices, axis=0, mode="clip")


def _infer_scatter_add(x: Node, indices: Node, updates: Node) -> Spec:
    fits = updates.shape == indices.shape + x.shape[1:] and updates.dtype is x.dtype
    require(
        fits,
        "scatter_add",
        f"got {describe(x, indices, updates)}",
        "updates must have the shape indices.shape + x.shape[1:]",
    )
    return x.spec


@register("scatter_add", "indexing", _infer_scatter_add)
def _scatter_add(x: np.ndarray, indices: np.ndarray, updates: np.ndarray) -> np.ndarray:
    """`x` with `updates` added at their indices, in the order of the indices."""
    out = x.copy()
    if indices.size:
        np.add.at(out, np.clip(indices, 0, x.shape[0] - 1), updates)
    return out


# Order of the last axis, stable, NaN last. Descending keeps equal elements in their order too.
@register("argsort", "indexing", lambda x, descending: Spec(x.shape, int64))
def _argsort(x: np.ndarray, descending: bool) -> np.ndarray:
    if not descending:
        return np.argsort(x, axis=-1, kind="stable")
    backwards = np.argsort(np.flip(x, -1), axis=-1, kind="stable")
    return np.flip(x.shape[-1] - 1 - backwards, -1)


CUMULATIVE = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}


@register("cumulative", "indexing", lambda x, kind: x.spec)
def _cumulative(x: np.ndarray, kind: str) -> np.ndarray:
    """Running sum, prod, max or min along the last axis."""
    return CUMULATIVE[kind].accumulate(x, axis=-1, dtype=x.dtype)
