"""Predictions: receives a model and any number of rows; hands on what the model says of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn, tree
from chainrule.data.loader import rows_of


class Predictor:
    """Applies a model to any number of rows, in chunks of one size: one program, and a row's result
    does not depend on its neighbours.

    `function` of (model, x) is the model itself unless given. Inputs and outputs may be trees of
    arrays.

    >>> model = cr.nn.Linear(2, 3)
    >>> cr.train.Predictor(model)(np.ones((5, 2), np.float32)).shape
    (5, 3)
    """

    CHUNK = 256

    def __init__(self, model: nn.Module, function: Callable | None = None) -> None:
        self.model = model
        self._run = cr.jit(function or _applied)

    def __call__(self, x: Any) -> Any:
        """The model's outputs, [rows, ...], as NumPy arrays; of no rows, none."""
        parts = []
        x = tree.map(np.asarray, x)
        for start in range(0, max(rows_of(x), 1), self.CHUNK):
            chunk = tree.map(lambda array, start=start: array[start : start + self.CHUNK], x)
            rows = rows_of(chunk)
            found = self._run(self.model, tree.map(_padded, chunk))
            parts.append(tree.map(lambda output, rows=rows: output.numpy()[:rows], found))
        return tree.map(lambda *outputs: np.concatenate(outputs), *parts)


def _applied(model: nn.Module, x: Any) -> Any:
    return model(x)


def _padded(rows: np.ndarray) -> np.ndarray:
    if len(rows) == Predictor.CHUNK:
        return rows
    padded = np.zeros((Predictor.CHUNK, *rows.shape[1:]), rows.dtype)
    padded[: len(rows)] = rows
    return padded
