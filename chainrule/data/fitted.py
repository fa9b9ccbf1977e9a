"""Fitted columns: plain numbers read from scikit-learn's steps; receive a column, and hand on
columns of the matrix that a network reads.

They can be written as JSON, and applied without scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.deferred import polars as pl
from chainrule.errors import DataError

BLANK = ""  # What a missing category is called: cells that hold nothing else are missing.


@dataclass(frozen=True)
class Numeric:
    """(x - mean) / scale, with `fill` for missing values and, if the training part had some, a
    column that says so; with `epsilon`, of log(x + epsilon) in place of x.
    """

    name: str
    fill: float
    mean: float
    scale: float
    tells_missing: bool
    epsilon: float | None = None

    def outputs(self) -> list[str]:
        return [self.name] + [f"{self.name} is missing"] * self.tells_missing

    def transform(self, series: pl.Series) -> list[np.ndarray]:
        values = series.fill_null(self.fill).to_numpy()
        missing = [series.is_null().to_numpy()] * self.tells_missing
        return [(self._logarithm(values) - self.mean) / self.scale, *missing]

    def _logarithm(self, values: np.ndarray) -> np.ndarray:
        if self.epsilon is None:
            return values
        check_logarithm(self.name, values)
        return np.log(values + self.epsilon)


class OfCategories:
    """What encoders have in common: the values that the training part had."""

    categories: tuple[str, ...]
    rare: tuple[str, ...] = ()

    def unseen(self, series: pl.Series) -> list[str]:
        """Values that the training part did not have."""
        known = {*self.categories, *self.rare}
        return [
            value
            for value in series.fill_null(BLANK).unique(maintain_order=True)
            if value not in known
        ]


@dataclass(frozen=True)
class Categorical(OfCategories):
    """One column of 0 and 1 a category, and one for all rare ones, which unseen ones join; without
    rare ones, zeros.
    """

    name: str
    categories: tuple[str, ...]
    rare: tuple[str, ...]

    def outputs(self) -> list[str]:
        known = [f"{self.name} is {category or 'missing'}" for category in self.categories]
        return known + [f"{self.name} is another"] * bool(self.rare)

    def transform(self, series: pl.Series) -> list[np.ndarray]:
        text = series.fill_null(BLANK)
        columns = [(text == category).to_numpy() for category in self.categories]
        other = (~text.is_in(list(self.categories))).to_numpy()
        return columns + [other] * bool(self.rare)


@dataclass(frozen=True)
class Ordinal(OfCategories):
    """The place of the category in alphabetical order, for an Embedding; -1 for unseen ones."""

    name: str
    categories: tuple[str, ...]

    def outputs(self) -> list[str]:
        return [self.name]

    def transform(self, series: pl.Series) -> list[np.ndarray]:
        return [_looked_up(series, dict(zip(self.categories, range(len(self.categories)))), -1)]


@dataclass(frozen=True)
class TargetEncoded(OfCategories):
    """The mean target of the category, shrunk towards that of all rows, which unseen ones get; for
    several classes, the share of each. `encodings` [outputs][categories], `others` [outputs].
    """

    name: str
    categories: tuple[str, ...]
    encodings: tuple[tuple[float, ...], ...]
    others: tuple[float, ...]

    def outputs(self) -> list[str]:
        if len(self.others) == 1:
            return [f"target of {self.name}"]
        return [f"class {place} of {self.name}" for place in range(len(self.others))]

    def transform(self, series: pl.Series) -> list[np.ndarray]:
        return [
            _looked_up(series, dict(zip(self.categories, encoding)), other)
            for encoding, other in zip(self.encodings, self.others)
        ]


@dataclass(frozen=True)
class Whitening:
    """(x - mean) @ matrix [columns, outputs] of all numeric columns together: uncorrelated, of
    variance 1.
    """

    mean: tuple[float, ...]
    matrix: tuple[tuple[float, ...], ...]
    rotated: bool

    def outputs(self, names: list[str]) -> list[str]:
        if not self.rotated:
            return names
        return [f"component {number}" for number in range(1, len(self.matrix[0]) + 1)]

    def transform(self, x: np.ndarray) -> np.ndarray:
        return (x - np.asarray(self.mean)) @ np.asarray(self.matrix)


@dataclass(frozen=True, eq=False)
class HandedOver:
    """Columns that a transformer of scikit-learn prepares, which the user made: it has no plain
    numbers that we know of.
    """

    names: tuple[str, ...]
    transformer: Any

    @staticmethod
    def given(transformer: Any, frame: pl.DataFrame, names: tuple[str, ...]) -> Any:
        """The columns as the transformer takes them: one list of texts, where it reads texts."""
        if hasattr(transformer, "build_analyzer"):
            return frame[names[0]].fill_null(BLANK).to_list()
        numbers = [frame[name].dtype.is_numeric() for name in names]
        return frame.select(
            pl.col(name).fill_null(float("nan") if number else BLANK)
            for name, number in zip(names, numbers)
        )

    def outputs(self) -> list[str]:
        return [str(name) for name in self.transformer.get_feature_names_out()]

    def transform(self, frame: pl.DataFrame) -> np.ndarray:
        return dense(self.transformer.transform(self.given(self.transformer, frame, self.names)))


def dense(found: Any) -> np.ndarray:
    """A result of scikit-learn, which may be sparse or a frame, as an array [rows, outputs]."""
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found)


def check_logarithm(name: str, values: np.ndarray) -> None:
    """Raises DataError for negative values: log(x + epsilon) is NaN below -epsilon (E-104)."""
    if (values < 0).any():
        raise DataError(
            "preprocess",
            f"column '{name}' has negative values, {values.min():g} for one",
            "their logarithm is NaN",
            "take numeric='robust', or hand over PowerTransformer(), which allows any sign",
        )


def _looked_up(series: pl.Series, table: Mapping[str, float], other: float) -> np.ndarray:
    text = series.fill_null(BLANK)
    return text.replace_strict(table, default=other, return_dtype=pl.Float64).to_numpy()
