"""Passages: receives a long sequence of tokens; hands on windows of it, gathered within compiled
loops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule.data.loader import ArrayLoader, Loader
from chainrule.errors import ArgumentError


class PassageLoader(ArrayLoader):
    """Windows of `length` tokens of a sequence, (batch_size, length) each: `count` of them that
    begin anywhere, drawn anew each epoch, or without a count those that follow each other.

    Only the tokens themselves lie in memory, once. Raises ArgumentError for a sequence shorter than
    a window.

    >>> from chainrule.data import PassageLoader
    >>> [batch[0].tolist() for batch in PassageLoader(np.arange(7), length=3, batch_size=2)]
    [[[0, 1, 2], [3, 4, 5]]]
    """

    SETTINGS = ("batch_size", "seed", "shuffle", "rows", "length")

    def __init__(
        self,
        tokens: np.ndarray,
        length: int,
        batch_size: int = 32,
        *,
        count: int | None = None,
        seed: int = 0,
    ) -> None:
        Loader.__init__(self, batch_size, seed, shuffle=count is not None)
        self.last = len(tokens) - length
        if length < 1 or self.last < 0:
            raise ArgumentError(
                "PassageLoader",
                f"windows of {length} in a sequence of {len(tokens)} tokens",
                "at least one must fit",
                "choose shorter windows, or a longer sequence",
            )
        self.length, self.count = length, count
        self.data = cr.asarray(np.asarray(tokens, np.int32)), cr.arange(length)
        self._known = None

    @property
    def rows(self) -> int:
        return self.last // self.length + 1 if self.count is None else self.count

    @staticmethod
    def gathered(data: Any, rows: Any) -> Any:
        tokens, places = data
        return (cr.take(tokens, rows[:, None] + places, axis=0),)

    def _draw(self) -> np.ndarray:
        if self.count is None:
            return np.arange(self.rows) * self.length
        return self.generator().integers(0, self.last + 1, self.count)
