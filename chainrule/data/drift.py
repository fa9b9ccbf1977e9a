"""Drift: receives the columns that a model was trained on, and later ones; hands on how far these
have moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from chainrule.data.columns import CATEGORY
from chainrule.deferred import polars as pl

BINS = 10
CATEGORIES = 30  # The most frequent ones have a share of their own.
MOVED = 0.25  # The index from which on a column is commonly taken for another one.
FALSE_ALARMS = 0.01  # How often one is given for a table in which nothing has moved.


@dataclass(frozen=True)
class Profile:
    """How the values of a column are spread: `counts` in the bins between `edges`, or of
    `categories` and of all others together; the last counts missing values.
    """

    counts: tuple[int, ...] = ()
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()

    def to_json(self) -> dict[str, list]:
        return {name: list(value) for name, value in asdict(self).items() if value}

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> Profile:
        return Profile(**{name: tuple(value) for name, value in found.items()})

    def counted(self, series: pl.Series) -> list[int]:
        """Other values in the same bins."""
        present = series.drop_nulls()
        if self.categories:
            counts = [int((present == name).sum()) for name in self.categories]
            counts.append(len(present) - sum(counts))
        else:
            places = np.searchsorted(self.edges, present.to_numpy(), side="right")
            counts = np.bincount(places, minlength=len(self.edges) + 1).tolist()
        return [*counts, series.null_count()]


class Move(NamedTuple):
    """How far a column has moved, and how far one moves by chance."""

    distance: float
    chance: float

    @property
    def far(self) -> bool:
        return self.distance > max(self.chance, MOVED)


def profile(series: pl.Series, kind: str) -> Profile:
    """The profile of a converted column: tenths of its numbers, or its most frequent categories."""
    present, empty = series.drop_nulls(), Profile()
    if kind == CATEGORY:
        names = present.value_counts(sort=True).head(CATEGORIES).to_series(0).to_list()
        empty = Profile(categories=tuple(names))
    elif len(present):
        edges = np.unique(np.quantile(present.to_numpy(), np.arange(1, BINS) / BINS))
        empty = Profile(edges=tuple(map(float, edges)))
    return replace(empty, counts=tuple(empty.counted(series)))


def moves(profiles: Mapping[str, Profile], frame: pl.DataFrame) -> dict[str, Move]:
    """How far each column has moved, the farthest first: the population stability index

        sum (p - q) ln(p / q)

    over the bins, p their shares in training and q now. If nothing has moved, the index divided by
    1 / n + 1 / m, of so many rows, is about chi-squared (Yurdakul 2018): that tells chance.

    >>> import polars as pl
    >>> from chainrule.data.drift import moves, profile
    >>> then = pl.Series("age", [float(i % 60) for i in range(600)])
    >>> now = pl.DataFrame({"age": then + 30})
    >>> moves({"age": profile(then, "number")}, now)["age"].far
    True
    """
    tally = Tally(profiles)
    tally.add(frame)
    return tally.moves()


class Tally:
    """The counts of a table that comes in pieces.

    >>> import polars as pl
    >>> from chainrule.data.drift import Tally, profile
    >>> then = pl.Series("age", [float(i % 60) for i in range(600)])
    >>> tally = Tally({"age": profile(then, "number")})
    >>> for piece in (then[:300], then[300:]):
    ...     tally.add(pl.DataFrame(piece))
    >>> tally.moves()["age"].far
    False
    """

    def __init__(self, profiles: Mapping[str, Profile]) -> None:
        self.profiles, self.rows = profiles, 0
        self.counts = {name: np.zeros(len(p.counts), np.int64) for name, p in profiles.items()}

    def add(self, frame: pl.DataFrame) -> None:
        """Count some more rows."""
        self.rows += frame.height
        for name, known in self.profiles.items():
            self.counts[name] += known.counted(frame[name])

    def moves(self) -> dict[str, Move]:
        """What `moves` finds of all rows together."""
        found = {}
        for name, known in self.profiles.items():
            p, q = _shares(known.counts), _shares(self.counts[name])
            chance = _chance(len(p), sum(known.counts), self.rows, len(self.profiles))
            found[name] = Move(float(np.sum((p - q) * np.log(p / q))), chance)
        return dict(sorted(found.items(), key=lambda one: -one[1].distance))


def _shares(counts: Sequence[int] | np.ndarray) -> np.ndarray:
    """Half a row more lies in each bin, so that none is empty."""
    found = np.asarray(counts) + 0.5
    return found / found.sum()


def _chance(bins: int, rows: int, others: int, columns: int) -> float:
    from scipy import stats

    quantile = stats.chi2.isf(FALSE_ALARMS / columns, bins - 1)
    return float(quantile * (1 / rows + 1 / max(1, others)))
