"""What a model is fed with: receives arrays, loaders or other batches, as users have them; hands on
loaders, which know where they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from itertools import islice
from typing import Any

import numpy as np

from chainrule import tree
from chainrule.data.loader import ArrayLoader, Loader, check_rows, rows_of
from chainrule.data.split import bins, hold_out
from chainrule.errors import ArgumentError


class Batches(Loader):
    """Any iterable of batches as a loader: a list of them, or another library's loader.

    Its order is its own, so that a state goes on exactly where each epoch of it has one order.
    """

    SETTINGS = ()

    def __init__(self, batches: Iterable[Any]) -> None:
        if iter(batches) is batches:
            raise ArgumentError(
                "fit",
                f"the data are a {type(batches).__name__}, which can be walked through once",
                "each epoch would need it afresh",
                "pass arrays, a list of batches, or chainrule.data.StreamLoader",
            )
        super().__init__(1, 0, False)
        self.batches = batches

    @property
    def rows(self) -> int | None:
        return len(self.batches) if isinstance(self.batches, Sized) else None

    def runs(self, batches: int) -> Iterator[Any]:
        for batch in islice(self.batches, self.position, None):
            self.position += 1
            yield tree.map(np.asarray, batch if isinstance(batch, tuple) else tuple(batch))
        self.end_epoch()

    _runs = runs


def loader_of(
    data: Any,
    *,
    sample_weight: Any = None,
    batch_size: int = 32,
    shuffle: bool = False,
    seed: int = 0,
) -> Loader:
    """A loader for a tuple of arrays, (x, y) or (x, y, weights), for a loader or for an iterable of
    batches. Raises ArgumentError for others.
    """
    if isinstance(data, tuple):
        if sample_weight is not None:
            data = (*data, np.asarray(sample_weight, np.float32))
        return ArrayLoader(data, batch_size, shuffle=shuffle, seed=seed)
    if sample_weight is not None:
        raise ArgumentError(
            "fit",
            f"sample_weight is given beside a {type(data).__name__}",
            "which row a weight belongs to is known for arrays alone",
            "hand on (x, y, weights) in the batches",
        )
    if isinstance(data, Loader):
        return data
    if isinstance(data, np.ndarray) or not isinstance(data, Iterable):
        raise ArgumentError(
            "fit",
            f"the data are a {type(data).__name__}",
            "a model learns from pairs",
            "pass (x, y), a loader, or a list of batches (x, y)",
        )
    return Batches(data)


def held_out(data: Any, share: float, seed: int) -> tuple[tuple, tuple]:
    """(training, validation) parts of arrays, the second with this share of the rows at random:
    of each class, or of each tenth of the targets, alike.

    Raises ArgumentError for a share outside (0, 1), and for data that are not arrays.
    """
    if not isinstance(data, tuple) or not 0 < share < 1:
        raise ArgumentError(
            "fit",
            f"validation_split={share} of a {type(data).__name__}",
            "a share of the rows of arrays is held out",
            "pass 0 < validation_split < 1 with (x, y), or validation_data",
        )
    check_rows("fit", data)
    y = np.asarray(data[1])
    parts = hold_out(rows_of(data), (1 - share, share), labels=labels_of(y), seed=seed)
    arrays = tree.map(np.asarray, data)
    training, held = [tree.map(lambda a, rows=rows: a[rows], arrays) for rows in parts]
    return training, held


def labels_of(y: np.ndarray) -> np.ndarray | None:
    """What parts of the data have alike: labels, or tenths of one target; None for several."""
    if y.ndim != 1:
        return None
    return y if y.dtype.kind in "iub" else bins(y)
