"""Streaming: receives a source of chunks that need not fit in memory; hands on batches that threads
have read ahead.

Chunks come in a random order; as many as fill the buffer are a window, whose rows are shuffled
together. Each thread fills one window: what lies in memory is `workers` + 1 windows.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice, repeat
from typing import Any

import numpy as np

from chainrule import tree
from chainrule.data.loader import Loader, rows_of
from chainrule.data.sources import IterableSource, Source
from chainrule.data.windows import Jobs, Pull, read
from chainrule.errors import ArgumentError


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
        size, start = batches * self.batch_size, self.position * self.batch_size
        rest = None
        for window in self._windows(start):
            used = 0
            if rest is not None:
                used = min(size - rows_of(rest), rows_of(window))
                rest = _joined(rest, _part(window, 0, used))
                if rows_of(rest) < size:
                    continue
                yield rest
            last = used + (rows_of(window) - used) // size * size
            for place in range(used, last, size):
                yield _part(window, place, place + size)
            # A copy: a part of a window would keep all of it.
            rest = tree.map(np.copy, _part(window, last, None)) if last < rows_of(window) else None
        if rest is not None:
            yield rest

    def _windows(self, start: int) -> Iterator[Any]:
        """The windows of this epoch without its first `start` rows."""
        stop, pulls = threading.Event(), isinstance(self.source, IterableSource)
        # One thread pulls from an iterable: its rows come in their order.
        pool = ThreadPoolExecutor(1 if pulls else self.workers, "chainrule-data")
        try:
            skip, jobs = self._jobs(start, stop)
            ahead = deque(pool.submit(job) for job in islice(jobs, self.workers))
            while ahead and (window := self._result(ahead.popleft())) is not None:
                ahead.extend(pool.submit(job) for job in islice(jobs, 1))
                dropped = min(skip, rows_of(window))
                skip -= dropped
                if dropped < rows_of(window):
                    yield _part(window, dropped, None)
                # Else it would lie in memory while the next one is waited for.
                del window
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)

    def _jobs(self, start: int, stop: threading.Event) -> tuple[int, Jobs]:
        """(rows to drop from the first windows, what makes each window)."""
        if isinstance(self.source, IterableSource):
            return start, repeat(Pull(self.source, self.buffer, self._places))
        order = np.arange(len(self.source.lengths))
        if self.shuffle:
            order = self.generator().permutation(order)
        return read(self.source, order, self.buffer, start, self._places, stop)

    def _places(self, window: int, rows: int) -> np.ndarray:
        """The order of the rows of a window. It has a stream of its own: [.., 0] is the epoch's."""
        if not self.shuffle:
            return np.arange(rows)
        return self.generator(window + 1).permutation(rows)

    def _result(self, future: Future) -> Any:
        began = time.perf_counter()
        try:
            return future.result()
        finally:
            self.waited += time.perf_counter() - began


def _part(window: Any, start: int, stop: int | None) -> Any:
    return tree.map(lambda array: array[start:stop], window)


def _joined(first: Any, second: Any) -> Any:
    return tree.map(lambda a, b: np.concatenate([a, b]), first, second)
