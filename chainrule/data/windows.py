"""Windows of a stream: receives a source and an order; hands on jobs, each of which makes the rows
of one window, shuffled, block by block.

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
from chainrule.data.sources import IterableSource, Source, TableSource
from chainrule.deferred import polars as pl
from chainrule.errors import DataError

# (number of the window, its rows) -> where each of them goes.
Places = Callable[[int, int], np.ndarray]
Blocks = Iterator[Any]
Jobs = Iterator[Callable[[], Blocks]]

# Rows of a table that become arrays at a time: the first are there long before the last.
BLOCK = 8192


def read(
    source: Source,
    order: np.ndarray,
    buffer: int,
    start: int,
    places: Places,
    stop: threading.Event,
) -> Jobs:
    """What makes the rows from row `start` on, window by window.

    A window is as many chunks of `order` as hold `buffer` rows.
    """
    lengths = source.lengths[order]
    # A chunk belongs to the window in which it begins.
    numbers = (np.cumsum(lengths) - lengths) // buffer
    groups = np.split(order, np.flatnonzero(np.diff(numbers)) + 1)
    ends = np.cumsum([source.lengths[group].sum() for group in groups])
    first = int(np.searchsorted(ends, start, side="right"))
    make: Callable[..., Blocks] = _scattered
    if isinstance(source, TableSource):
        make = partial(_gathered, threading.Lock())
    for number in range(first, len(groups)):
        chunks, rows = groups[number].tolist(), int(source.lengths[groups[number]].sum())
        skipped = max(0, start - int(ends[number] - rows))
        yield partial(make, source, chunks, partial(places, number, rows), skipped, stop)


def _scattered(
    source: Source,
    chunks: list[int],
    places: Callable[[], np.ndarray],
    skipped: int,
    stop: threading.Event,
) -> Blocks:
    """One window of arrays: each row of each chunk is written straight to its place."""
    order, window, start = places(), None, 0
    for chunk in chunks:
        if stop.is_set():
            return
        where, length = source.where(chunk), int(source.lengths[chunk])
        found = _arrays(where, length, partial(source.read, chunk))
        if window is None:
            window = tree.map(lambda a: np.empty((len(order), *a.shape[1:]), a.dtype), found)
        try:
            tree.map(_put(order[start : start + length]), window, found)
        except ValueError as error:
            raise _failed(where, error) from error
        start += length
    yield tree.map(lambda array: array[skipped:], window)


def _put(rows: np.ndarray) -> Callable[[np.ndarray, np.ndarray], None]:
    def put(window: np.ndarray, found: np.ndarray) -> None:
        window[rows] = found

    return put


def _gathered(
    turn: threading.Lock,
    source: TableSource,
    chunks: list[int],
    places: Callable[[], np.ndarray],
    skipped: int,
    stop: threading.Event,
) -> Blocks:
    """One window of a table: its rows become arrays as they are needed."""
    frames, where = [], source.where(chunks[0])
    if len(chunks) > 1:
        where += f", and {len(chunks) - 1} others"
    # Each window has all threads of polars until its first rows are made: they are there sooner,
    # and those of the next window no later.
    with turn:
        for chunk in chunks:
            if stop.is_set():
                return
            frames.append(_frame(source, chunk))
        blocks = _cut(source, pl.concat(frames, rechunk=True), inverse(places())[skipped:], where)
        first = next(blocks)
    yield first
    del first, frames
    for block in blocks:
        yield block
        del block
        if stop.is_set():
            return


def _frame(source: TableSource, chunk: int) -> pl.DataFrame:
    where = source.where(chunk)
    frame = _tried(where, partial(source.frame, chunk))
    _check_length(where, len(frame), int(source.lengths[chunk]))
    return frame


def _cut(source: TableSource, frame: pl.DataFrame, order: np.ndarray, where: str) -> Blocks:
    for start in range(0, len(order), BLOCK):
        # A list: the first array would have polars load numpy.ma, in as long as three blocks take.
        rows = order[start : start + BLOCK].tolist()
        found = _arrays(where, len(rows), partial(source.arrays, frame[rows]))
        # Columns of polars cannot be written to; batches belong to whoever gets them.
        yield tree.map(lambda array: np.require(array, requirements="W"), found)


def inverse(places: np.ndarray) -> np.ndarray:
    """Which row comes at each place."""
    rows = np.empty_like(places)
    rows[places] = np.arange(len(places))
    return rows


def _arrays(where: str, length: int, make: Callable[[], Any]) -> Any:
    found = tree.map(np.asarray, _tried(where, make))
    check_rows(where, found)
    _check_length(where, rows_of(found), length)
    return found


def _check_length(where: str, rows: int, length: int) -> None:
    if rows != length:
        raise DataError(
            where,
            f"{rows} rows came, {length} were announced",
            "a transform keeps each row, and files must not change while they are read",
            "return as many rows as came in",
        )


def _tried(where: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except DataError:
        raise
    except Exception as error:
        raise _failed(where, error) from error


def _failed(where: str, error: Exception) -> DataError:
    return DataError(
        where,
        f"{type(error).__name__}: {error}",
        "a thread that reads ahead met it",
        "correct the data, or what transforms them",
    )


class Pull:
    """A job that takes the next `buffer` rows of an iterable; its calls come one by one. Windows
    before row `start` are thrown away.
    """

    def __init__(self, source: IterableSource, buffer: int, start: int, places: Places) -> None:
        self.source, self.buffer, self.start, self.places = source, buffer, start, places
        self.items: Iterator[Any] | None = None
        self.window = self.taken = 0

    def __call__(self) -> Blocks:
        """The window; nothing once there are no rows."""
        while rows := self._pulled():
            number, before = self.window, self.taken
            self.taken, self.window = before + len(rows), number + 1
            if self.taken > self.start:
                order = inverse(self.places(number, len(rows)))[max(0, self.start - before) :]
                columns = [np.stack(column)[order] for column in zip(*rows)]
                yield tree.unflatten(self.structure, columns)
                return

    def _pulled(self) -> list[list[np.ndarray]]:
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
        return rows

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
