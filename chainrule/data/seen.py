"""Rows seen: receives the rows, or images, that a model was trained on; hands on a sketch of them,
and which share of later ones was among them.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from chainrule.deferred import polars as pl

# Of so many rows and fewer all are kept; of more, a share has an error of 0.016 at most.
MOST = 1024
ODD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio.
MISSING = np.uint64(0x6D697373696E6721)


@dataclass(frozen=True, eq=False)
class Seen:
    """The least hashes of different rows: of other rows, those with hashes as small tell how many
    of all were among them (Broder, 1997).

    >>> import polars as pl
    >>> from chainrule.data.seen import Seen, row_hashes
    >>> rows = row_hashes(pl.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": ["x", None, "y", "x"]}))
    >>> Seen.of(rows[:3]).share(rows)
    0.75
    """

    hashes: np.ndarray

    @staticmethod
    def of(hashes: np.ndarray) -> Seen:
        return Seen(np.unique(hashes)[:MOST])

    def share(self, found: np.ndarray) -> float:
        """The share of rows of these hashes that are among those seen; 0 where they are too few to
        tell.
        """
        if len(self.hashes) == MOST:
            found = found[found <= self.hashes[-1]]
        return float(np.isin(found, self.hashes).mean()) if len(found) else 0.0

    def to_json(self) -> str:
        return base64.b64encode(self.hashes.astype("<u8").tobytes()).decode()

    @staticmethod
    def from_json(found: str) -> Seen:
        return Seen(np.frombuffer(base64.b64decode(found), "<u8"))


def row_hashes(frame: pl.DataFrame) -> np.ndarray:
    """A number of 64 bits for each row of converted columns. Numbers count as float32: a file may
    have been written with fewer digits.
    """
    total = np.zeros(frame.height, np.uint64)
    for series in frame.iter_columns():
        total = _mixed(total * ODD + _bits(series))
    return total


def image_hashes(pixels: np.ndarray) -> np.ndarray:
    """A number of 64 bits for each image, [images, ...]."""
    digests = (blake2b(image.tobytes(), digest_size=8).digest() for image in pixels)
    return np.frombuffer(b"".join(digests), "<u8")


def _bits(series: pl.Series) -> np.ndarray:
    missing = series.is_null().to_numpy()
    if series.dtype == pl.String:
        words, places = np.unique(series.fill_null("").to_numpy(), return_inverse=True)
        digests = [blake2b(word.encode(), digest_size=8).digest() for word in words]
        bits = np.frombuffer(b"".join(digests), "<u8")[places]
    else:
        numbers = series.fill_null(0.0).to_numpy().astype(np.float32) + np.float32(0)  # No -0.
        bits = numbers.view(np.uint32).astype(np.uint64)
    return np.where(missing, MISSING, bits)


def _mixed(x: np.ndarray) -> np.ndarray:
    """The end of SplitMix64: each bit of x may change each bit of the result."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
