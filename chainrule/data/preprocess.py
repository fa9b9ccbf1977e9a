"""Preprocessing: receives converted columns; hands on the float32 matrix that a network reads.

It is fitted by scikit-learn, on the training part alone, and then kept as plain numbers: these can
be written as JSON, and applied without scikit-learn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from chainrule.data.columns import CATEGORY

# Columns that share their range are in one unit, as pixels are. Scaled each alone, those that
# hardly vary would be blown up to the size of the others: on the digits this costs one test image
# in a hundred.
SHARED_RANGE, COLUMNS_IN_ONE_UNIT = 1 / 2, 8
MOST_CATEGORIES = 64
BLANK = ""  # What a missing category is called: cells that hold nothing else are missing.


@dataclass(frozen=True)
class Numeric:
    """(x - mean) / scale, with `fill` for missing values and, if the training part had some, a
    column that says so.
    """

    name: str
    fill: float
    mean: float
    scale: float
    tells_missing: bool

    def outputs(self) -> list[str]:
        return [self.name] + [f"{self.name} is missing"] * self.tells_missing

    def transform(self, series: pl.Series) -> list[np.ndarray]:
        values = series.fill_null(self.fill).to_numpy()
        missing = [series.is_null().to_numpy()] * self.tells_missing
        return [(values - self.mean) / self.scale, *missing]


@dataclass(frozen=True)
class Categorical:
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

    def unseen(self, series: pl.Series) -> list[str]:
        """Values that the training part did not have."""
        known = {*self.categories, *self.rare}
        return [
            value
            for value in series.fill_null(BLANK).unique(maintain_order=True)
            if value not in known
        ]


@dataclass(frozen=True)
class Preprocessing:
    """What becomes of each column. `one_unit` says whether the numeric ones share one scale."""

    columns: tuple[Numeric | Categorical, ...]
    one_unit: bool

    @property
    def outputs(self) -> list[str]:
        """The names of the matrix's columns."""
        return [name for column in self.columns for name in column.outputs()]

    def transform(self, frame: pl.DataFrame) -> np.ndarray:
        """float32 [rows, outputs]."""
        parts = [part for column in self.columns for part in column.transform(frame[column.name])]
        return np.stack(parts, axis=1).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        columns = [{"type": type(column).__name__, **asdict(column)} for column in self.columns]
        return {"columns": columns, "one_unit": self.one_unit}

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> Preprocessing:
        columns = [_column_from_json(dict(column)) for column in found["columns"]]
        return Preprocessing(tuple(columns), found["one_unit"])


def _column_from_json(found: dict[str, Any]) -> Numeric | Categorical:
    if found.pop("type") == "Numeric":
        return Numeric(**found)
    return Categorical(found["name"], tuple(found["categories"]), tuple(found["rare"]))


def transformer(frame: pl.DataFrame, kinds: Mapping[str, str]) -> Any:
    """scikit-learn's ColumnTransformer for these columns, fitted on the frame."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import MissingIndicator, SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [name for name, kind in kinds.items() if kind != CATEGORY]
    texts = [name for name, kind in kinds.items() if kind == CATEGORY]
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=fewest(frame.height),
        max_categories=MOST_CATEGORIES,
        sparse_output=False,
    )
    steps = [
        ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        ("missing", MissingIndicator(error_on_new=False), numbers),
        ("categories", encoder, texts),
    ]
    found = ColumnTransformer([step for step in steps if step[-1]])
    found.fit(prepared(frame, kinds))
    if numbers and _in_one_unit(frame.select(numbers)):
        scaler = found.named_transformers_["numbers"][-1]
        scaler.scale_ = np.full_like(scaler.scale_, np.sqrt(scaler.var_.mean()))
    return found


def prepared(frame: pl.DataFrame, kinds: Mapping[str, str]) -> pl.DataFrame:
    """The frame as scikit-learn takes it: NaN for missing numbers, a text of its own for missing
    categories.
    """
    return frame.select(
        pl.col(name).fill_null(BLANK) if kind == CATEGORY else pl.col(name).fill_null(float("nan"))
        for name, kind in kinds.items()
    )


def fewest(rows: int) -> int:
    """How often a category must come up in the training part to get a column of its own."""
    return max(2, min(10, rows // 100))


def _in_one_unit(frame: pl.DataFrame) -> bool:
    """Whether half of the columns have the same range, and none leaves it."""
    if frame.width < COLUMNS_IN_ONE_UNIT:
        return False
    ranges = Counter(zip(frame.min().row(0), frame.max().row(0), strict=True))
    (low, high), count = ranges.most_common(1)[0]
    inside = all(low <= least and greatest <= high for least, greatest in ranges)
    return inside and count >= SHARED_RANGE * frame.width


def fit(frame: pl.DataFrame, kinds: Mapping[str, str]) -> Preprocessing:
    """Fit scikit-learn's steps on the training part, and keep their numbers."""
    steps = transformer(frame, kinds).named_transformers_
    numbers = [name for name, kind in kinds.items() if kind != CATEGORY]
    texts = [name for name, kind in kinds.items() if kind == CATEGORY]
    columns: list[Numeric | Categorical] = []
    if numbers:
        imputer, scaler = steps["numbers"]
        with_missing = set(steps["missing"].features_.tolist())
        figures = np.stack([imputer.statistics_, scaler.mean_, scaler.scale_], axis=1).tolist()
        for place, (name, (fill, mean, scale)) in enumerate(zip(numbers, figures, strict=True)):
            columns.append(Numeric(name, fill, mean, scale, place in with_missing))
    if texts:
        encoder = steps["categories"]
        columns += map(_categorical, texts, encoder.categories_, encoder.infrequent_categories_)
    return Preprocessing(tuple(columns), bool(numbers) and _in_one_unit(frame.select(numbers)))


def _categorical(name: str, categories: np.ndarray, rare: np.ndarray | None) -> Categorical:
    rare = () if rare is None else tuple(rare.tolist())
    return Categorical(
        name, tuple(value for value in categories.tolist() if value not in rare), rare
    )
