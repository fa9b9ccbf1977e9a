"""Streaming: receives a source of chunks that need not fit in memory; hands on batches that threads
have read ahead.

Chunks come in a random order; as many as fill the buffer are a window, whose rows are shuffled
together. Each thread fills one window: what lies in memory is `workers` + 1 windows. Their first
rows are handed on while the last ones are made.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, repeat
from queue import SimpleQueue
from typing import Any

import numpy as np

from chainrule import tree
from chainrule.data.loader import Loader, rows_of
from chainrule.data.sources import IterableSource, Source
from chainrule.data.windows import Blocks, Jobs, Pull, read
from chainrule.errors import ArgumentError

# Blocks, None behind the last, or what went wrong instead of one.
Window = SimpleQueue[Any]


class StreamLoader(Loader):
    """Batches of a `Source`, read by `workers` threads ahead of the caller, in bounded memory
    (A-244, B-058).

    `buffer` is the least number of rows that are shuffled together; memory holds `workers` + 1
    times as many. Any chunk may share a window with any other, so a buffer of a hundredth of the
    rows already mixes the whole file. `waited` counts the seconds that callers waited for rows.

    A state goes on exactly: every row comes once an epoch, whatever was interrupted. For iterables,
    the rows before it are read again and thrown away; other sources start at the right chunk.

    What goes wrong in a thread is raised where the batch is asked for, as DataError that names file
    and rows. Leaving the loop, by `break`, an error or Ctrl-C, ends the threads.

    >>> from chainrule.data import IterableSource, StreamLoader
    >>> rows = IterableSource(lambda: ((i, i % 2) for i in range(10)))
    >>> sorted(int(i) for x, y in StreamLoader(rows, batch_size=4) for i in x)
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    SETTINGS = ("batch_size", "seed", "shuffle", "buffer", "rows")

    def __init__(
        self,
        source: Source,
        batch_size: int = 32,
        *,
        buffer: int | None = None,
        workers: int = 2,
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, seed, shuffle)
        buffer = source.buffer if buffer is None else buffer
        if buffer < 1 or workers < 1:
            raise ArgumentError(
                "StreamLoader",
                f"buffer={buffer}, workers={workers}",
                "something must be read ahead",
                "pass 1 or more",
            )
        self.source, self.buffer, self.workers, self.waited = source, buffer, workers, 0.0

    @property
    def rows(self) -> int | None:
        lengths = self.source.lengths
        return None if lengths is None else int(lengths.sum())

    def _runs(self, batches: int) -> Iterator[Any]:
        size, parts, rows = batches * self.batch_size, [], 0
        for block in self._blocks(self.position * self.batch_size):
            while rows + rows_of(block) >= size:
                yield _joined([*parts, _part(block, 0, size - rows)])
                block, parts, rows = _part(block, size - rows, None), [], 0
            if rows_of(block):
                # A copy: a part of a block would keep all of it.
                parts.append(tree.map(np.copy, block))
                rows += rows_of(block)
            # Else it would lie in memory while the next one is waited for.
            del block
        if parts:
            yield _joined(parts)

    def _blocks(self, start: int) -> Iterator[Any]:
        """The rows of this epoch without the first `start`, a part of a window at a time."""
        stop, pulls = threading.Event(), isinstance(self.source, IterableSource)
        # One thread pulls from an iterable: its rows come in their order.
        pool = ThreadPoolExecutor(1 if pulls else self.workers, "chainrule-data")
        try:
            jobs = self._jobs(start, stop)
            ahead = deque(_begun(pool, job) for job in islice(jobs, self.workers))
            while ahead:
                window = ahead.popleft()
                if (block := self._next(window)) is None:
                    return  # An iterable that is at its end.
                ahead.extend(_begun(pool, job) for job in islice(jobs, 1))
                while block is not None:
                    yield block
                    del block
                    block = self._next(window)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)

    def _jobs(self, start: int, stop: threading.Event) -> Jobs:
        """What makes each window."""
        if isinstance(self.source, IterableSource):
            return repeat(Pull(self.source, self.buffer, start, self._places))
        order = np.arange(len(self.source.lengths))
        if self.shuffle:
            order = self.generator().permutation(order)
        return read(self.source, order, self.buffer, start, self._places, stop)

    def _places(self, window: int, rows: int) -> np.ndarray:
        """The order of the rows of a window. It has a stream of its own: [.., 0] is the epoch's."""
        if not self.shuffle:
            return np.arange(rows)
        return self.generator(window + 1).permutation(rows)

    def _next(self, window: Window) -> Any:
        """The next block of a window; None behind the last."""
        began = time.perf_counter()
        try:
            block = window.get()
        finally:
            self.waited += time.perf_counter() - began
        if isinstance(block, BaseException):
            raise block
        return block


def _begun(pool: ThreadPoolExecutor, job: Callable[[], Blocks]) -> Window:
    """A window that a thread fills."""
    window: Window = SimpleQueue()
    pool.submit(_fill, window, job)
    return window


def _fill(window: Window, job: Callable[[], Blocks]) -> None:
    try:
        for block in job():
            window.put(block)
            del block  # It is the reader's.
        window.put(None)
    except BaseException as error:
        window.put(error)


def _part(block: Any, start: int, stop: int | None) -> Any:
    return tree.map(lambda array: array[start:stop], block)


def _joined(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else tree.map(lambda *a: np.concatenate(a), *parts)
