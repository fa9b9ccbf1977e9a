"""The loop over batches: receives a step or an evaluation, and a loader; hands on native calls that
do as many batches each as a quarter of a second holds.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.data.loader import ArrayLoader, Loader, rows_of
from chainrule.train.trainer.arguments import Labels
from chainrule.train.trainer.steps import Evaluation, over_batch, over_rows

# Between two calls Ctrl-C is heard, the progress bar moves, and a checkpoint may be written.
SECONDS_A_CALL = 0.25


class Loop:
    """Walks a `part`, called with each batch, over loaders. Its programs are compiled once: one for
    full batches in memory, and one for each size of other batches, such as a smaller last one.
    """

    def __init__(self, part: Evaluation) -> None:
        self.part = part
        self.pace = 1  # Batches in the next call; the first one tells how long a batch takes.
        self._labels = Labels(part)
        self._over_rows = cr.jit(over_rows)
        self._over_batch: dict[int, Callable] = defaultdict(lambda: cr.jit(over_batch))

    def calls(self, loader: Loader, single: bool = False) -> Iterator[Callable[[], cr.Tensor]]:
        """What to call for each stretch of what is left of an epoch; `single` batches, or many. A
        call returns the loss of its last batch, and the loader is behind it then.
        """
        if not isinstance(loader, ArrayLoader):
            for batch in loader:
                yield partial(self.batch, batch)
            return
        batches, rest = loader.order_left()
        order, first = cr.asarray(batches), 0
        while first < len(batches):
            last = first + 1 if single else min(first + self.pace, len(batches))
            yield partial(self._stretch, loader, order, first, last)
            first = last
        if len(rest):
            yield partial(self._last, loader, rest)
        loader.end_epoch()

    def check(self, loader: Loader | None) -> None:
        """Raises IndexingError for labels of no class among arrays in memory; those of batches are
        looked at as these come.
        """
        if isinstance(loader, ArrayLoader):
            self._labels.check(loader.data)

    def run(self, loader: Loader) -> None:
        """All that is left of an epoch."""
        for call in self.calls(loader):
            call()

    def batch(self, batch: Any) -> cr.Tensor:
        """One batch. Raises IndexingError for labels of no class."""
        batch = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)
        self._labels.check(batch)
        return self._over_batch[rows_of(batch)](self.part, batch)

    def _stretch(self, loader: ArrayLoader, order: cr.Tensor, first: int, last: int) -> cr.Tensor:
        start = time.perf_counter()
        bounds = cr.asarray(first), cr.asarray(last)
        loss = self._over_rows(self.part, loader.gathered, loader.data, order, *bounds)
        each = (time.perf_counter() - start) / (last - first)
        self.pace = max(1, int(SECONDS_A_CALL / each))
        loader.position += last - first
        return loss

    def _last(self, loader: ArrayLoader, rows: np.ndarray) -> cr.Tensor:
        loss = self.batch(loader.gathered(loader.data, rows))
        loader.position += 1
        return loss
