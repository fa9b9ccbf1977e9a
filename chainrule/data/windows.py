"""Windows of a stream: receives a source and an order; hands on jobs, each of which makes the rows
of one window, shuffled.

Jobs run in threads: what goes wrong in one becomes a DataError that names file and rows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from chainrule import tree
from chainrule.data.loader import check_rows, rows_of
from chainrule.data.sources import IterableSource, Source
from chainrule.errors import DataError

# (number of the window, its rows) -> where each of them goes.
Places = Callable[[int, int], np.ndarray]
Jobs = Iterator[Callable[[], Any]]


def read(
    source: Source,
    order: np.ndarray,
    buffer: int,
    start: int,
    places: Places,
    stop: threading.Event,
) -> tuple[int, Jobs]:
    """(rows to drop from the first window, the jobs) from the window that holds row `start` on.

    A window is as many chunks of `order` as hold `buffer` rows.
    """
    lengths = source.lengths[order]
    # A chunk belongs to the window in which it begins.
    numbers = (np.cumsum(lengths) - lengths) // buffer
    groups = np.split(order, np.flatnonzero(np.diff(numbers)) + 1)
    ends = np.cumsum([source.lengths[group].sum() for group in groups])
    first = int(np.searchsorted(ends, start, side="right"))

    def jobs() -> Jobs:
        for number in range(first, len(groups)):
            yield partial(_read, source, groups[number].tolist(), number, places, stop)

    return start - (int(ends[first - 1]) if first else 0), jobs()


def _read(
    source: Source, chunks: list[int], number: int, places: Places, stop: threading.Event
) -> Any:
    """One window: each row of each chunk is written straight to its place."""
    lengths = [int(source.lengths[chunk]) for chunk in chunks]
    order, window, start = places(number, sum(lengths)), None, 0
    for chunk, length in zip(chunks, lengths):
        if stop.is_set():
            return None
        found = _chunk(source, chunk, length)
        if window is None:
            window = tree.map(lambda a: np.empty((len(order), *a.shape[1:]), a.dtype), found)
        try:
            tree.map(_put(order[start : start + length]), window, found)
        except ValueError as error:
            raise _failed(source.where(chunk), error) from error
        start += length
    return window


def _put(rows: np.ndarray) -> Callable[[np.ndarray, np.ndarray], None]:
    def put(window: np.ndarray, found: np.ndarray) -> None:
        window[rows] = found

    return put


def _chunk(source: Source, chunk: int, length: int) -> Any:
    where = source.where(chunk)
    try:
        found = tree.map(np.asarray, source.read(chunk))
    except DataError:
        raise
    except Exception as error:
        raise _failed(where, error) from error
    check_rows(where, found)
    if rows_of(found) != length:
        raise DataError(
            where,
            f"{rows_of(found)} rows came, {length} were announced",
            "a transform keeps each row, and files must not change while they are read",
            "return as many rows as came in",
        )
    return found


def _failed(where: str, error: Exception) -> DataError:
    return DataError(
        where,
        f"{type(error).__name__}: {error}",
        "a thread that reads ahead met it",
        "correct the data, or what transforms them",
    )


class Pull:
    """A job that takes the next `buffer` rows of an iterable; its calls come one by one."""

    def __init__(self, source: IterableSource, buffer: int, places: Places) -> None:
        self.source, self.buffer, self.places = source, buffer, places
        self.items: Iterator[Any] | None = None
        self.window = self.taken = 0

    def __call__(self) -> Any:
        """The window, or None once there are no rows."""
        rows: list[list[np.ndarray]] = []
        try:
            if self.items is None:
                self.items = iter(self.source.make())
            for item in islice(self.items, self.buffer):
                rows.append(self._checked(item, self.taken + len(rows)))
        except DataError:
            raise
        except Exception as error:
            raise _failed(self.source.where(self.taken + len(rows)), error) from error
        if not rows:
            return None
        order = np.argsort(self.places(self.window, len(rows)))
        self.taken, self.window = self.taken + len(rows), self.window + 1
        columns = [np.stack(column)[order] for column in zip(*rows)]
        return tree.unflatten(self.structure, columns)

    def _checked(self, item: Any, number: int) -> list[np.ndarray]:
        """The leaves of a row, which is like the first one."""
        leaves, structure = tree.flatten(item)
        arrays = [np.asarray(leaf) for leaf in leaves]
        shapes = [array.shape for array in arrays]
        if number == 0:
            self.structure, self.shapes = structure, shapes
        if structure != self.structure or shapes != self.shapes:
            raise DataError(
                self.source.where(number),
                f"arrays of shapes {shapes}, the first row has {self.shapes}",
                "rows of one batch have one shape",
                "make all rows alike, or use a BucketLoader",
            )
        return arrays
