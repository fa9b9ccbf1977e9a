"""Rows: receives a table with targets and weights; hands on the rows to train on and those to judge
by, in arrays of one of few sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from chainrule.data.split import bins
from chainrule.train.estimators.fitting import SMALL_ROWS, Part, padded_size

FEW_ROWS = 1_000  # So few are sorted at no cost.


@dataclass(frozen=True)
class Rows:
    """A table, an array or else a frame (polars is not loaded to ask), with targets and weights."""

    x: Any
    y: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def take(self, which: np.ndarray) -> Rows:
        """Some of the rows, by a mask or by their numbers."""
        if which.dtype == bool and not isinstance(self.x, np.ndarray):
            return Rows(self.x.filter(which), self.y[which], self.weights[which])
        return Rows(self.x[which], self.y[which], self.weights[which])

    def merged(self) -> Rows:
        """Few rows of numbers sorted, and equal ones as one that weighs as much: a row twice and a
        row of weight 2 are then trained on in the same bits.
        """
        if len(self) > FEW_ROWS or not isinstance(self.x, np.ndarray):
            return self
        y = self.y if self.y.dtype.kind in "iuf" else np.unique(self.y, return_inverse=True)[1]
        whole = np.column_stack([self.x, y])
        _, first, places = np.unique(whole, axis=0, return_index=True, return_inverse=True)
        merged = self.take(first)
        return Rows(merged.x, merged.y, np.bincount(places.ravel(), self.weights))


def held_out(rows: Rows, share: float, seed: int) -> tuple[Rows, Rows]:
    """(rows to train on, rows to judge by), of each class or each tenth of the targets alike where
    there are enough of them.
    """
    groups = None
    if rows.y.ndim == 1:
        groups = rows.y if rows.y.dtype.kind == "i" else bins(rows.y)
        count = round(share * len(rows))
        sizes = np.unique(groups, return_counts=True)[1]
        if sizes.min() < 2 or count < len(sizes):
            groups = None
    training, held = train_test_split(
        np.arange(len(rows)), test_size=share, random_state=seed, stratify=groups
    )
    return rows.take(training), rows.take(held)


def part_of(training: Rows, held: Rows | None) -> Part:
    """Encoded rows one after the other, with room behind them."""
    parts = [training] if held is None else [training, held]
    size = padded_size(sum(map(len, parts)), SMALL_ROWS)
    arrays = []
    for of_parts in zip(*((part.x, part.y, part.weights) for part in parts)):
        whole = np.zeros((size, *of_parts[0].shape[1:]), of_parts[0].dtype)
        np.concatenate(of_parts, out=whole[: sum(map(len, of_parts))])
        arrays.append(whole)
    x, y, weights = arrays
    scale = training.weights.mean()
    return Part(
        x, y, (weights / scale).astype(np.float32), len(training), 0 if held is None else len(held)
    )
