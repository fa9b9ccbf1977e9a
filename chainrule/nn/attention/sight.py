"""Which keys a query sees: receives the options of `attention`; hands on truth values and biases
for any rows and columns of the scores, and which tiles hold anything to see.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.elementwise import minimum
from chainrule.frontend.functions.indexing import getitem
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.network import stop_gradient
from chainrule.frontend.lift import lift
from chainrule.frontend.tensor import Tensor

Mask = Any  # An array (..., queries, keys) or a function of positions; of bools or floats.
Seen = tuple[Tensor | None, Tensor | None]


@dataclass(frozen=True)
class Sight:
    """What was asked for. `offset` is the position of the first query among the keys."""

    array: Tensor | None
    function: Callable | None
    causal: bool
    window: int | None
    offset: Any

    @property
    def is_added(self) -> bool:
        """Whether there is an array that is added, and may want a gradient."""
        return self.array is not None and self.array.dtype.is_float

    def may_be_blind(self, queries: int, keys: int) -> bool:
        """Whether some query may see nothing; without masks and offset each sees its own key."""
        plain = self.array is None and self.function is None and isinstance(self.offset, int)
        return not plain or self.offset != 0 or queries > keys

    def whole(self, rows: Tensor, columns: Tensor) -> Seen:
        """For positions of all queries (n, 1) and all keys (1, m): truth values, None for all true,
        and what is added to the scores, None for nothing.
        """
        return self._seen(self.array, rows, columns)

    def part(self, rows: Tensor, columns: Tensor) -> Seen:
        """The same for positions of some queries and some keys."""
        if self.array is None:
            return self._seen(None, rows, columns)
        places = zip((rows - self.offset, columns), self.array.shape[-2:], strict=True)
        index = [minimum(place, extent - 1) for place, extent in places]
        return self._seen(getitem(self.array, (..., *index)), rows, columns)

    def _seen(self, given: Tensor | None, rows: Tensor, columns: Tensor) -> Seen:
        if self.function is not None:
            given = stop_gradient(_checked(self.function(rows, columns)))
        bias = given if given is not None and given.dtype.is_float else None
        seen = given if bias is None else bias > -math.inf
        for near in self._near(rows, rows, columns, columns):
            seen = near if seen is None else seen & near
        # Where nothing is seen, an infinite bias must not reach a product with 0.
        return seen, None if bias is None else where(seen, bias, 0)

    def _near(self, first: Any, last: Any, low: Any, high: Any) -> list[Any]:
        """What causality and the window ask, so that any row of first to last sees any column of
        low to high.
        """
        asked = [low <= last] if self.causal else []
        if self.window is not None:
            asked.append(first - high < self.window)
        if self.window is not None and not self.causal:
            asked.append(low - last < self.window)
        return asked

    def tiles(self, queries: int, keys: int, block: int) -> np.ndarray:
        """Which tiles of block x block scores hold anything to see, as far as that is known now."""
        rows, columns = np.arange(0, queries, block)[:, None], np.arange(0, keys, block)[None]
        found = np.ones((rows.size, columns.size), bool)
        if not isinstance(self.offset, int):
            return found
        rows = rows + self.offset
        for near in self._near(rows, rows + block - 1, columns, columns + block - 1):
            found &= near
        if self.function is None:
            return found
        # One row of tiles at a time: all at once would take the memory that tiles save.
        for number, start in enumerate(rows[:, 0]):
            inside = np.arange(start, min(start + block, self.offset + queries))[:, None]
            given = self.function(inside, np.arange(keys)[None])
            if not isinstance(given, np.ndarray) or given.dtype != bool:
                return found
            seen = given.any(tuple(range(given.ndim - 1)))
            found[number] &= np.logical_or.reduceat(np.broadcast_to(seen, keys), columns[0])
        return found


def sight(
    mask: Mask, causal: bool, window: int | None, offset: Any, queries: int, keys: int
) -> Sight:
    """The options, checked, for so many queries and keys."""
    if window is not None and window < 1:
        raise ArgumentError(
            "attention", f"window is {window}", "it counts keys, a query's own among them"
        )
    if mask is None or (callable(mask) and not isinstance(mask, Tensor)):
        return Sight(None, mask, causal, window, offset)
    given = _checked(mask)
    if given.ndim < 2 or given.shape[-2] not in (1, queries) or given.shape[-1] not in (1, keys):
        raise ShapeError(
            "attention",
            f"a mask of shape {list(given.shape)} for {queries} queries and {keys} keys",
            "these are its last two axes, either of which may be 1",
            "for the keys of each example write mask[:, None, None, :]",
        )
    return Sight(given, None, causal, window, offset)


def _checked(mask: Any) -> Tensor:
    """A mask as a tensor of bools or floats."""
    given = lift(mask, "attention")
    if given.dtype.is_integer:
        raise ArgumentError(
            "attention",
            f"the mask is {given.dtype.name}",
            "bools say what is seen, floats are added to the scores",
            "write mask != 0 for bools",
        )
    return given
