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
            yield tree.map(np.asarray, batch)
        self.end_epoch()

    _runs = runs


def loader_of(
    data: Any, *, batch_size: int = 32, shuffle: bool = False, seed: int = 0, epoch: int = 0
) -> Loader:
    """A loader for a tuple of arrays, (x, y) or (x, y, weights), for an iterable of batches, or the
    loader that is given. A new one begins with `epoch`. Raises ArgumentError for others.
    """
    if isinstance(data, Loader):
        return data
    if isinstance(data, tuple):
        arrays = tuple(map(_array, data))
        loader: Loader = ArrayLoader(arrays, batch_size, shuffle=shuffle, seed=seed)
    else:
        loader = Batches(_batches(data))
    loader.epoch = epoch
    return loader


def _array(part: Any) -> Any:
    """A list of numbers as the array that it means; lists of arrays are trees of them."""
    numbers = isinstance(part, list) and all(np.ndim(x) == 0 for x in tree.leaves(part))
    return np.asarray(part) if numbers else part


def _batches(data: Any) -> Iterable[Any]:
    if isinstance(data, np.ndarray) or not isinstance(data, Iterable):
        raise ArgumentError(
            "fit",
            f"the data are a {type(data).__name__}",
            "a model learns from pairs",
            "pass (x, y), a loader, or a list of batches (x, y)",
        )
    return data


def first_batch(loader: Loader | None) -> Loader | None:
    """A loader of the first batch alone."""
    if isinstance(loader, ArrayLoader):
        rows = tree.map(lambda array: array[: loader.batch_size], loader.data)
        return ArrayLoader(rows, loader.batch_size, shuffle=False)
    return None if loader is None else Batches(list(islice(loader, 1)))


def parts_of(
    data: Any, validation_data: Any, share: float | None, sample_weight: Any, seed: int
) -> tuple[Any, Any]:
    """(training, validation) data: with weights behind the arrays, and a share of them held out,
    where that is asked for. Raises ArgumentError where both ways to validate are.
    """
    if share is not None and validation_data is not None:
        raise ArgumentError(
            "fit",
            "validation_data and validation_split are both given",
            "a model is validated on one of them",
            "leave one away",
        )
    if sample_weight is not None:
        data = _weighted(data, np.asarray(sample_weight, np.float32))
    return (data, validation_data) if share is None else held_out(data, share, seed)


def _weighted(data: Any, weights: np.ndarray) -> tuple:
    """Arrays with the weights of their rows. Raises ArgumentError for weights that are not finite,
    below 0, or all 0, and for data that are no arrays.
    """
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ArgumentError(
            "fit",
            f"sample_weight runs from {weights.min(initial=0)} to {weights.max(initial=0)}",
            "a row counts as often as its weight says",
            "pass numbers of at least 0, some above",
        )
    if not isinstance(data, tuple):
        raise ArgumentError(
            "fit",
            f"sample_weight is given beside a {type(data).__name__}",
            "which row a weight belongs to is known for arrays alone",
            "hand on (x, y, weights) in the batches",
        )
    return *data, weights


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
    arrays = tree.map(np.asarray, tuple(map(_array, data)))
    check_rows("fit", arrays)
    labels = labels_of(arrays[1]) if len(arrays) > 1 else None
    parts = hold_out(rows_of(arrays), (1 - share, share), labels=labels, seed=seed)
    training, held = [tree.map(lambda a, rows=rows: a[rows], arrays) for rows in parts]
    return training, held


def labels_of(y: Any) -> np.ndarray | None:
    """What parts of the data have alike: labels, or tenths of one target; None for several."""
    if not isinstance(y, np.ndarray) or y.ndim != 1:
        return None
    return y if y.dtype.kind in "iub" else bins(y)
