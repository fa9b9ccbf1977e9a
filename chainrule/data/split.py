"""Splitting: receives a group for each row; hands on the rows of the training, validation and test
parts.
"""

from __future__ import annotations

import numpy as np

# A fifth for each question asked of unseen rows. Small tables are the usual case here, and in those
# a test part of 15 % says little: of 150 rows it has 22, where one mistake is 4.5 %.
SHARE = 0.2
BINS, ROWS_A_BIN = 10, 5


def split(groups: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Rows of "training" (60 %), "validation" and "test" (20 % each), stratified: each part has the
    groups' shares.

    Groups of three rows or more are in every part. Rows come in their old order.
    """
    generator = np.random.default_rng([seed, 0])
    found: dict[str, list] = {"training": [], "validation": [], "test": []}
    for group in np.unique(groups):
        rows = generator.permutation(np.flatnonzero(groups == group))
        each = max(1, round(SHARE * len(rows)))
        found["test"].append(rows[:each])
        found["validation"].append(rows[each : 2 * each])
        found["training"].append(rows[2 * each :])
    return {name: np.sort(np.concatenate(rows)) for name, rows in found.items()}


def bins(values: np.ndarray) -> np.ndarray:
    """Groups for a regression: up to ten of equal size, from the least targets to the greatest."""
    count = max(1, min(BINS, len(values) // ROWS_A_BIN))
    ranks = np.empty(len(values), np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks * count // len(values)
