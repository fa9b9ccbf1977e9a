"""Predictions: receives a model and any number of rows; hands on what the model says of each."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from chainrule import nn, tree
from chainrule.data.loader import rows_of
from chainrule.train.programs import shared


class Predictor:
    """Applies a model to any number of rows, in chunks of one size: one program, and a row's result
    does not depend on its neighbours. A few rows have a smaller program, as one alone should take
    microseconds; of wide layers its sums may end in another last digit.

    `function` of (model, x) is the model itself unless given. Inputs and outputs may be trees of
    arrays.

    >>> model = cr.nn.Linear(2, 3)
    >>> cr.train.Predictor(model)(np.ones((5, 2), np.float32)).shape
    (5, 3)
    """

    CHUNK, FEW = 256, 16

    def __init__(self, model: nn.Module, function: Callable | None = None) -> None:
        self.model, self.function = model, function or _applied

    def __call__(self, x: Any) -> Any:
        """The model's outputs, [rows, ...], as NumPy arrays; of no rows, none."""
        x = tree.map(np.asarray, x)
        rows = rows_of(x)
        if rows <= self.FEW:
            return self._chunk(self._few, x, self.FEW)
        parts = []
        for start in range(0, rows, self.CHUNK):
            chunk = tree.map(lambda array, start=start: array[start : start + self.CHUNK], x)
            parts.append(self._chunk(self._many, chunk, self.CHUNK))
        return tree.map(lambda *outputs: np.concatenate(outputs), *parts)

    @cached_property
    def _few(self) -> Callable:
        return shared(self.function, self.model, self.FEW)

    @cached_property
    def _many(self) -> Callable:
        return shared(self.function, self.model, self.CHUNK)

    def _chunk(self, run: Callable, x: Any, size: int) -> Any:
        """Of up to `size` rows."""
        rows = rows_of(x)
        found = run(self.model, tree.map(lambda array: _padded(array, size), x))
        return tree.map(lambda output: output.numpy()[:rows], found)


def _applied(model: nn.Module, x: Any) -> Any:
    return model(x)


def _padded(rows: np.ndarray, size: int) -> np.ndarray:
    if len(rows) == size:
        return rows
    padded = np.zeros((size, *rows.shape[1:]), rows.dtype)
    padded[: len(rows)] = rows
    return padded
