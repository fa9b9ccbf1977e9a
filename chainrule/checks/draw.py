"""Random arguments for checks: receive a generator and a shape; hand on arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def shape(
    random: np.random.Generator, least: int = 1, most: int = 3, largest: int = 5
) -> tuple[int, ...]:
    """A random shape of `least` to `most` axes, each of 1 to `largest`."""
    rank = random.integers(least, most + 1)
    return tuple(int(size) for size in random.integers(1, largest + 1, rank))


def floats(
    random: np.random.Generator,
    shape: tuple[int, ...],
    spread: float = 1.5,
    kinks: Sequence[float] = (),
    margin: float = 0.15,
) -> np.ndarray:
    """Normal numbers, moved away from `kinks`, where both one-sided derivatives would be right."""
    x = random.normal(size=shape) * spread
    for kink in kinks:
        side = np.where(x < kink, -1.0, 1.0)
        x = np.where(np.abs(x - kink) < margin, kink + side * (margin + np.abs(x - kink)), x)
    return x


def between(
    random: np.random.Generator, shape: tuple[int, ...], low: float, high: float
) -> np.ndarray:
    """Uniform numbers."""
    return random.uniform(low, high, shape)


def flag(random: np.random.Generator) -> bool:
    return bool(random.integers(2))


def labels(random: np.random.Generator, shape: tuple[int, ...], classes: int) -> np.ndarray:
    """Integer labels of 0 to classes - 1."""
    return random.integers(0, classes, shape)


def probabilities(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Positive numbers with sum 1 along the last axis."""
    x = random.uniform(0.1, 1.0, shape)
    return x / x.sum(-1, keepdims=True)
