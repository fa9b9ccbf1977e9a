"""Steps: receives the training part's columns and the user's choices; hands on a Preprocessing,
whose numbers scikit-learn's transformers found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from chainrule.data.columns import CATEGORY
from chainrule.data.fitted import (
    BLANK,
    Categorical,
    HandedOver,
    Numeric,
    Ordinal,
    TargetEncoded,
    Whitening,
    check_logarithm,
)
from chainrule.data.preprocess import ORDERS, Preprocessing
from chainrule.deferred import polars as pl
from chainrule.errors import ArgumentError

# Columns that share their range are in one unit, as pixels are. Scaled each alone, those that
# hardly vary would be blown up to the size of the others: on the digits this costs one test image
# in a hundred.
SHARED_RANGE, COLUMNS_IN_ONE_UNIT = 1 / 2, 8
MOST_CATEGORIES = 64
# Directions of less variance than this share of the greatest are rounding errors of float32 data.
LEAST_VARIANCE = 1e-10

CROSS_FITTED = 5  # Parts, each encoded by the targets of the others: scikit-learn's default.

STANDARD, LOG = "standard", "log"
SCALERS = {
    STANDARD: "StandardScaler",
    "min-max": "MinMaxScaler",
    "max-abs": "MaxAbsScaler",
    "robust": "RobustScaler",
    LOG: "StandardScaler",
}
ONE_HOT, ORDINAL, TARGET = "one-hot", "ordinal", "target"
CHOICES = {
    "numeric": (*SCALERS, "none"),
    "categories": (ONE_HOT, ORDINAL, TARGET),
    "missing": ("median", "mean", "most_frequent"),
    "whiten": ("", "pca", "zca"),
    "rows": ("", *ORDERS),
}


@dataclass(frozen=True)
class Steps:
    """The user's choices: see `fit_preprocessing`."""

    numeric: Any = STANDARD
    categories: Any = ONE_HOT
    missing: str = "median"
    whiten: str = ""
    rows: str = ""
    transformers: Mapping[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            value = getattr(self, name)
            if isinstance(value, str) and value not in known:
                raise ArgumentError(
                    "fit_preprocessing",
                    f"there is no {name}='{value}'",
                    f"there are {', '.join(filter(None, known))}",
                    "choose one, or hand over a transformer of scikit-learn",
                )


def fit_preprocessing(
    frame: pl.DataFrame,
    kinds: Mapping[str, str],
    y: np.ndarray | None = None,
    **choices: Any,
) -> Preprocessing:
    """What scikit-learn finds in the training part, as plain numbers (A-222).

    `kinds` names the columns in use, "number", "boolean", "date" or "category" each, as `prepare`
    finds them. The choices:

    - `numeric`: "standard" (x - mean) / std (A-215); "min-max" (x - min) / (max - min) (A-214);
      "max-abs" x / max |x|, which keeps zeros, and the range [-1, 1] where the notes' x / |max x|
      leaves it (A-216); "robust" (x - median) / (Q3 - Q1) (A-217); "log", the standardised
      log(x + epsilon), where epsilon is the least positive value, so that zeros stay near the
      others, and negative values are refused (A-218); "none".
    - `missing`: what empty cells get, "median", "mean" or "most_frequent"; beside it, a column of
      0 and 1 says where cells were empty (A-225).
    - `categories`: "one-hot", with rare ones together; "ordinal"; "target", the mean of `y` in each
      category (A-226). With "target" take the training matrix from `fit_transform`.
    - `whiten`: "pca" or "zca", after scaling: all numbers together become uncorrelated, of variance
      1, along the principal components, or as near as can be to what they were (A-223).
    - `rows`: "l1" (A-220) or "l2" (A-219): the numbers of each row are divided by their norm.
    - `transformers`: {columns: transformer of scikit-learn}, for what else there is, TF-IDF for
      instance (A-227). `numeric` and `categories` take a transformer too. These cannot be written
      as JSON.

    Raises ArgumentError for unknown names, DataError for the logarithm of negative values.

    >>> import polars as pl
    >>> from chainrule.data import fit_preprocessing
    >>> frame = pl.DataFrame({"a": [-10.0, 2.0]})
    >>> fit_preprocessing(frame, {"a": "number"}, numeric="max-abs").transform(frame).tolist()
    [[-1.0], [0.20000000298023224]]
    """
    return fit_transform(frame, kinds, y, **choices)[0]


def fit_transform(
    frame: pl.DataFrame, kinds: Mapping[str, str], y: np.ndarray | None = None, **choices: Any
) -> tuple[Preprocessing, np.ndarray]:
    """(the preprocessing, the training part's matrix): it differs from what `transform` gives where
    categories are encoded by their targets. Each row's own target is left out of its encoding, by
    cross-fitting: else the training part would tell its targets.
    """
    steps = Steps(**choices)
    handed = _handed_over(frame, kinds, y, steps)
    taken = {name for one in handed for name in one.names}
    numbers = [n for n, kind in kinds.items() if kind != CATEGORY and n not in taken]
    texts = [n for n, kind in kinds.items() if kind == CATEGORY and n not in taken]
    numeric = _numeric(frame.select(numbers), steps) if numbers else []
    encoded, crossed = _encoded(frame, texts, y, steps) if texts else ([], None)
    one_unit = bool(numbers) and steps.numeric == STANDARD and in_one_unit(frame.select(numbers))
    found = Preprocessing((*numeric, *encoded), one_unit, None, steps.rows, tuple(handed))
    if steps.whiten and numbers:
        scaled = Preprocessing(tuple(numeric), one_unit)
        x = scaled.transform(frame).astype(np.float64)[:, scaled.numeric]
        found = replace(found, whitening=_whitening(x, steps.whiten))
    x = found.transform(frame)
    if crossed is not None:
        end = x.shape[1] - sum(len(one.outputs()) for one in handed)
        x[:, end - crossed.shape[1] : end] = crossed
    return found, x


def fewest(rows: int) -> int:
    """How often a category must come up in the training part to get a column of its own."""
    return max(2, min(10, rows // 100))


def _handed_over(
    frame: pl.DataFrame, kinds: Mapping[str, str], y: np.ndarray | None, steps: Steps
) -> list[HandedOver]:
    """The columns of the user's own transformers, fitted."""
    from sklearn.base import clone

    wanted = {names_in(key): transformer for key, transformer in steps.transformers.items()}
    named = {name for key in wanted for name in key}
    rest = [name for name in kinds if name not in named]
    for choice, of in ((steps.numeric, False), (steps.categories, True)):
        key = tuple(name for name in rest if (kinds[name] == CATEGORY) is of)
        if not isinstance(choice, str) and key:
            wanted[key] = choice
    found = []
    for key, transformer in wanted.items():
        own = clone(transformer)
        own.fit(HandedOver.given(own, frame, key), y)
        found.append(HandedOver(key, own))
    return found


def names_in(key: Any) -> tuple[str, ...]:
    """The columns that a key of `transformers` names: one name, or several."""
    return (key,) if isinstance(key, str) else tuple(key)


def _numeric(frame: pl.DataFrame, steps: Steps) -> list[Numeric]:
    """The numeric columns, scaled by a step of scikit-learn."""
    import sklearn.preprocessing
    from sklearn.impute import SimpleImputer

    values = frame.with_columns(pl.all().cast(pl.Float64).fill_null(float("nan"))).to_numpy()
    absent = np.isnan(values).any(axis=0).tolist()
    imputer = SimpleImputer(strategy=steps.missing).fit(values)
    values = imputer.transform(values)
    epsilon: list[float | None] = [None] * frame.width
    if steps.numeric == LOG:
        epsilon = [_epsilon(name, values[:, i]) for i, name in enumerate(frame.columns)]
        values = np.log(values + epsilon)
    shift, scale = np.zeros(frame.width), np.ones(frame.width)
    if steps.numeric in SCALERS:
        scaler = getattr(sklearn.preprocessing, SCALERS[steps.numeric])().fit(values)
        shift, scale = _shift_and_scale(scaler)
    if steps.numeric == STANDARD and in_one_unit(frame):
        scale = np.full_like(scale, np.sqrt(scaler.var_.mean()))
    figures = zip(imputer.statistics_.tolist(), shift.tolist(), scale.tolist(), absent, epsilon)
    return [Numeric(name, *row) for name, row in zip(frame.columns, figures)]


def _shift_and_scale(scaler: Any) -> tuple[np.ndarray, np.ndarray]:
    """(a, b) of a fitted scaler, which computes (x - a) / b."""
    kind = type(scaler).__name__
    if kind == "StandardScaler":
        return scaler.mean_, scaler.scale_
    if kind == "MinMaxScaler":
        return scaler.data_min_, 1 / scaler.scale_
    if kind == "RobustScaler":
        return scaler.center_, scaler.scale_
    return np.zeros_like(scaler.scale_), scaler.scale_


def _epsilon(name: str, values: np.ndarray) -> float:
    """The least positive value. A fixed small one would make outliers of zeros: log(1e-8) is -18
    (C-181).
    """
    check_logarithm(name, values)
    positive = values[values > 0]
    return float(positive.min()) if len(positive) else 1.0


def _encoded(
    frame: pl.DataFrame, texts: list[str], y: np.ndarray | None, steps: Steps
) -> tuple[list[Any], np.ndarray | None]:
    """(the columns of categories, their cross-fitted values for the rows fitted on)."""
    import sklearn.preprocessing as encoders
    from sklearn.model_selection import KFold, StratifiedKFold

    values = frame.select(pl.col(texts).fill_null(BLANK))
    if steps.categories == ORDINAL:
        found = encoders.OrdinalEncoder().fit(values)
        return [Ordinal(*pair) for pair in zip(texts, map(_texts, found.categories_))], None
    if steps.categories == TARGET:
        if y is None:
            raise ArgumentError(
                "fit_preprocessing",
                "categories='target' without y",
                "categories are encoded by their targets",
                "pass the targets of the training part",
            )
        kind = StratifiedKFold if y.dtype.kind in "iub" else KFold
        found = encoders.TargetEncoder(cv=kind(CROSS_FITTED, shuffle=True, random_state=0))
        crossed = found.fit_transform(values, y)
        return _target_encoded(texts, found), crossed
    found = encoders.OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=fewest(frame.height),
        max_categories=MOST_CATEGORIES,
        sparse_output=False,
    ).fit(values)
    return list(map(_categorical, texts, found.categories_, found.infrequent_categories_)), None


def _texts(categories: np.ndarray) -> tuple[str, ...]:
    return tuple(map(str, categories.tolist()))


def _target_encoded(texts: list[str], encoder: Any) -> list[TargetEncoded]:
    others = tuple(np.atleast_1d(encoder.target_mean_).tolist())
    encodings = [tuple(found.tolist()) for found in encoder.encodings_]
    each = len(others)
    return [
        TargetEncoded(name, _texts(values), tuple(encodings[i * each : (i + 1) * each]), others)
        for i, (name, values) in enumerate(zip(texts, encoder.categories_))
    ]


def _categorical(name: str, categories: np.ndarray, rare: np.ndarray | None) -> Categorical:
    rare = () if rare is None else tuple(rare.tolist())
    return Categorical(
        name, tuple(value for value in categories.tolist() if value not in rare), rare
    )


def _whitening(x: np.ndarray, kind: str) -> Whitening:
    """From scikit-learn's principal components: x @ V / std, and turned back by V^T for ZCA."""
    from sklearn.decomposition import PCA

    found = PCA().fit(x)
    kept = found.explained_variance_ > LEAST_VARIANCE * found.explained_variance_[0]
    directions = found.components_[kept]
    matrix = directions.T / np.sqrt(found.explained_variance_[kept])
    if kind == "zca":
        matrix = matrix @ directions
    return Whitening(tuple(found.mean_.tolist()), tuple(map(tuple, matrix.tolist())), kind == "pca")


def in_one_unit(frame: pl.DataFrame) -> bool:
    """Whether the columns of a frame share their range, as pixels do."""
    return frame.width >= COLUMNS_IN_ONE_UNIT and same_range(frame.min().row(0), frame.max().row(0))


def same_range(least: Iterable[float], greatest: Iterable[float]) -> bool:
    """Whether half of the columns with these extremes have the same range, and none leaves it."""
    ranges = Counter(zip(least, greatest, strict=True))
    if ranges.total() < COLUMNS_IN_ONE_UNIT:
        return False
    (low, high), count = ranges.most_common(1)[0]
    inside = all(low <= start and end <= high for start, end in ranges)
    return inside and count >= SHARED_RANGE * ranges.total()
