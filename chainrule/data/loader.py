"""Loaders: receive arrays in memory; hand on batches in a new order each epoch, and where they are
as a few numbers.

The order is a function of seed and epoch alone, so that a place in it is two numbers: whoever sets
them gets the very batches that an uninterrupted run would have got.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

import chainrule as cr
from chainrule import tree
from chainrule.errors import ArgumentError

Order = Callable[[np.random.Generator, int], np.ndarray]
# Each use of a seed draws from a stream of its own: the split draws from [seed, 0].
SHUFFLING = 1


class Loader(ABC):
    """Batches of a data set, epoch by epoch (A-244). `epoch` counts the finished ones, `position`
    the batches handed on in this one.

    An epoch ends when its iteration does; what was interrupted goes on where it stopped. A batch
    counts as handed on before the caller sees it: a state saved after a step says what comes next.
    """

    # What decides the order besides `epoch` and `position`: it must agree when a state is loaded.
    SETTINGS: ClassVar[tuple[str, ...]] = ("batch_size", "seed", "shuffle")

    def __init__(self, batch_size: int, seed: int, shuffle: bool) -> None:
        if batch_size < 1:
            raise ArgumentError(
                "loader", f"batch_size={batch_size}", "a batch has rows", "pass 1 or more"
            )
        self.batch_size, self.seed, self.shuffle = batch_size, seed, shuffle
        self.epoch = self.position = 0

    @property
    @abstractmethod
    def rows(self) -> int | None:
        """How many rows an epoch has; None before that is known."""

    @abstractmethod
    def _runs(self, batches: int) -> Iterator[Any]:
        """Trees of arrays with `batches * batch_size` rows, the last with fewer, from `position`
        on.
        """

    def __len__(self) -> int:
        """Batches of an epoch, the last of which may be smaller."""
        if self.rows is None:
            raise TypeError("the rows of this loader are not known before its first epoch ended")
        return math.ceil(self.rows / self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        """The batches that are left of this epoch: trees like the data, [rows, ...] each."""
        return self.runs(1)

    def runs(self, batches: int) -> Iterator[Any]:
        """The rows of `batches` batches at a time, for compiled steps that cut them up themselves;
        the last run of an epoch may be shorter.
        """
        for run in self._runs(batches):
            self.position += math.ceil(rows_of(run) / self.batch_size)
            yield run
        self.end_epoch()

    def end_epoch(self) -> None:
        """Go on to the next epoch: its order is new."""
        self.epoch, self.position = self.epoch + 1, 0

    def generator(self, *place: int) -> np.random.Generator:
        """The random numbers of this epoch."""
        return np.random.default_rng([self.seed, SHUFFLING, self.epoch, *place])

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is, and what its order rests on: numbers for a JSON file."""
        settings = {name: getattr(self, name) for name in self.SETTINGS}
        return {"epoch": self.epoch, "position": self.position, **settings}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to a place that `state_dict` told. Raises ArgumentError where it belongs to another
        order.
        """
        for name in self.SETTINGS:
            if state.get(name) != getattr(self, name):
                raise ArgumentError(
                    "loader",
                    f"the state has {name}={state.get(name)}, this loader {getattr(self, name)}",
                    "rows would come twice, or never",
                    f"make the loader with {name}={state.get(name)}",
                )
        self.epoch, self.position = int(state["epoch"]), int(state["position"])


class ArrayLoader(Loader):
    """A data set in memory: a tree of arrays with one row an example, `(x, y)` or
    `(x, y, weights)` as a rule. (A-244)

    `data` holds them as tensors, made once: float64 becomes float32, as everywhere. Compiled loops
    take `order_left()` and gather rows themselves; other loops iterate. `order`, a function of
    (generator, rows), replaces the random order: it draws the rows of an epoch.

    Raises ArgumentError for arrays of different lengths, or without rows.

    >>> from chainrule.data import ArrayLoader
    >>> loader = ArrayLoader((np.arange(5), np.arange(5) ** 2), batch_size=2, seed=3)
    >>> [len(x) for x, y in loader], loader.state_dict()["epoch"]
    ([2, 2, 1], 1)
    """

    SETTINGS: ClassVar[tuple[str, ...]] = ("batch_size", "seed", "shuffle", "rows")

    def __init__(
        self,
        data: Any,
        batch_size: int = 32,
        *,
        shuffle: bool = True,
        seed: int = 0,
        order: Order | None = None,
    ) -> None:
        super().__init__(batch_size, seed, shuffle)
        check_rows("ArrayLoader", data)
        self.data = tree.map(cr.asarray, data)
        self.order = order
        self._known: tuple[int, np.ndarray] | None = None

    @property
    def rows(self) -> int:
        return rows_of(self.data) if self.order is None else len(self._order())

    def order_left(self) -> tuple[np.ndarray, np.ndarray]:
        """(rows of full batches [count, batch_size], rows of the last one [fewer]), from `position`
        on: what a compiled epoch scans over. Call `end_epoch` when it has.
        """
        left = self._order()[self.position * self.batch_size :]
        full = len(left) - len(left) % self.batch_size
        return left[:full].reshape(-1, self.batch_size), left[full:]

    @staticmethod
    def gathered(data: Any, rows: Any) -> Any:
        """The batch of so many rows of `data`, also within compiled loops."""
        return tree.map(lambda array: cr.take(array, rows, axis=0), data)

    def _order(self) -> np.ndarray:
        """The rows of this epoch; kept, as interrupted epochs ask again."""
        if self._known is None or self._known[0] != self.epoch:
            self._known = self.epoch, self._draw()
        return self._known[1]

    def _draw(self) -> np.ndarray:
        rows = rows_of(self.data)
        if self.order is not None:
            return np.asarray(self.order(self.generator(), rows))
        return self.generator().permutation(rows) if self.shuffle else np.arange(rows)

    def _runs(self, batches: int) -> Iterator[Any]:
        order, size = self._order(), batches * self.batch_size
        for start in range(self.position * self.batch_size, len(order), size):
            batch = self.gathered(self.data, order[start : start + size])
            yield tree.map(np.asarray, batch)


def rows_of(data: Any) -> int:
    """The rows of a tree of arrays."""
    return tree.leaves(data)[0].shape[0]


def check_rows(where: str, data: Any) -> None:
    """Raises ArgumentError unless all arrays of a tree have the same rows, one at least."""
    shapes = [np.shape(leaf) for leaf in tree.leaves(data)]
    if not shapes or not all(shapes) or len({shape[0] for shape in shapes}) > 1 or not shapes[0][0]:
        raise ArgumentError(
            where,
            f"arrays of shapes {', '.join(map(str, shapes)) or 'none'}",
            "each example is a row in all of them, and there must be rows",
            "pass arrays of equal length",
        )
