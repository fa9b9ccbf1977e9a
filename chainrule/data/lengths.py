"""Variable lengths: receives sequences; hands on padded batches with masks, in few shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.data.loader import Loader
from chainrule.errors import ArgumentError

# Lengths are rounded up to this: a vector of float32 has so many lanes on most machines.
ROUNDED_TO = 8
START, END = "start", "end"


def pad(
    sequences: Sequence[Any], length: int | None = None, *, value: float = 0, keep: str = START
) -> tuple[np.ndarray, np.ndarray]:
    """(padded [rows, length, ...], mask bool [rows, length]): `value` behind each sequence, and
    True where there was something (B-060).

    `length` defaults to that of the longest. Longer ones are cut: `keep` says which of their ends
    stays, "start" or "end". Raises ArgumentError for another `keep`, and without sequences.

    >>> from chainrule.data import pad
    >>> x, mask = pad([[1, 2, 3], [4]], length=2)
    >>> x.tolist(), mask.tolist()
    ([[1, 2], [4, 0]], [[True, True], [True, False]])
    """
    arrays = [np.asarray(sequence) for sequence in sequences]
    if not arrays or keep not in (START, END):
        raise ArgumentError(
            "pad",
            f"{len(arrays)} sequences, keep='{keep}'",
            "there must be sequences, cut at one of their ends",
            f"pass sequences, and keep='{START}' or '{END}'",
        )
    length = max(map(len, arrays)) if length is None else length
    kind = np.result_type(*{array.dtype for array in arrays if len(array)} or {arrays[0].dtype})
    padded = np.full((len(arrays), length, *arrays[0].shape[1:]), value, kind)
    mask = np.zeros((len(arrays), length), bool)
    for row, array in enumerate(arrays):
        kept = array[:length] if keep == START else array[max(0, len(array) - length) :]
        padded[row, : len(kept)] = kept
        mask[row, : len(kept)] = True
    return padded, mask


class BucketLoader(Loader):
    """Batches of sequences of similar length, padded to the length of their bucket (B-060).

    Each of `data` is a list of sequences, [length, ...] each, or an array with a row for each
    example; a batch is a flat tuple, in which each list gives two arrays, padded and mask:
    `(x, mask, y)` for `BucketLoader((sequences, labels))`.

    `buckets` is the number of buckets, made so that each holds about as many rows, or the lengths
    themselves; longer sequences than the last of them are cut (`longest` cuts too). What fills no
    batch of its bucket goes to the next longer one: so a compiled step meets as many shapes as
    there are buckets, and one for the last batch. Order, state and seeds are those of `Loader`.

    Raises ArgumentError where the data differ in their rows, or a bucket has no length.

    >>> from chainrule.data import BucketLoader
    >>> words = [np.arange(n) for n in (1, 2, 3, 9, 10, 11)]
    >>> loader = BucketLoader((words, np.zeros(6)), batch_size=3, buckets=(4, 12))
    >>> sorted(x.shape for x, mask, y in loader)
    [(3, 4), (3, 12)]
    """

    SETTINGS = ("batch_size", "seed", "shuffle", "rows", "buckets")

    def __init__(
        self,
        data: Sequence[Any],
        batch_size: int = 32,
        *,
        buckets: int | Sequence[int] = 8,
        longest: int | None = None,
        value: float = 0,
        keep: str = START,
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, seed, shuffle)
        self.data, self.value, self.keep = data, value, keep
        lists = [column for column in data if not isinstance(column, np.ndarray)]
        if len({len(column) for column in data}) != 1 or not len(data[0]) or not lists:
            raise ArgumentError(
                "BucketLoader",
                f"data of {', '.join(str(len(column)) for column in data)} rows",
                "each example has its sequence, and its row in each array",
                "pass lists of sequences and arrays of equal length",
            )
        self.lengths = np.max([[len(one) for one in column] for column in lists], axis=0)
        self.buckets = _lengths_of(buckets, self.lengths, longest)

    @property
    def rows(self) -> int:
        return len(self.lengths)

    def _runs(self, batches: int) -> Iterator[tuple[np.ndarray, ...]]:
        if batches != 1:
            raise ArgumentError(
                "BucketLoader", "batches of several shapes", "they make no run", "iterate over it"
            )
        for length, rows in self._batches()[self.position :]:
            yield tuple(self._columns(length, rows))

    def _columns(self, length: int, rows: np.ndarray) -> Iterator[np.ndarray]:
        for column in self.data:
            if isinstance(column, np.ndarray):
                yield column[rows]
            else:
                chosen = [column[row] for row in rows.tolist()]
                yield from pad(chosen, length, value=self.value, keep=self.keep)

    def _batches(self) -> list[tuple[int, np.ndarray]]:
        """(length, rows) of each batch of this epoch, in its order."""
        generator = self.generator()
        order = generator.permutation(self.rows) if self.shuffle else np.arange(self.rows)
        bucket = np.minimum(np.searchsorted(self.buckets, self.lengths), len(self.buckets) - 1)
        found, rest = [], order[:0]
        for number, length in enumerate(self.buckets):
            rows = np.concatenate([rest, order[bucket[order] == number]])
            full = len(rows) - len(rows) % self.batch_size
            found += [(length, batch) for batch in rows[:full].reshape(-1, self.batch_size)]
            rest = rows[full:]
        found += [(self.buckets[-1], rest)] * bool(len(rest))
        places = generator.permutation(len(found)) if self.shuffle else range(len(found))
        return [found[place] for place in places]


def _lengths_of(
    buckets: int | Sequence[int], lengths: np.ndarray, longest: int | None
) -> list[int]:
    """The lengths that batches are padded to, in order."""
    if isinstance(buckets, int):
        shares = np.arange(1, buckets + 1) / max(1, buckets)
        wanted = np.ceil(np.quantile(lengths, shares) / ROUNDED_TO) * ROUNDED_TO
    else:
        wanted = np.asarray(buckets)
    found = sorted({int(length) for length in np.minimum(wanted, longest or np.inf).tolist()})
    if not found or found[0] < 1:
        raise ArgumentError(
            "BucketLoader",
            f"buckets={buckets} gives the lengths {found}",
            "a bucket holds sequences of at least one element",
            "pass how many there shall be, or their lengths",
        )
    return found
