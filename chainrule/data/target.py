"""The target: receives its column; finds the task, and hands on labels or standardised values, and
the way back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.data.columns import BOOLEAN, CATEGORY, NUMBER, cells, convert, kind_of, spelling
from chainrule.data.read import Table
from chainrule.deferred import polars as pl
from chainrule.errors import DataError
from chainrule.words import counted, listed, suggestion

CLASSIFICATION, REGRESSION = "classification", "regression"
NAMES = ("target", "label", "class", "y")
# Whole numbers are classes where there are few of them, and each comes up often.
MOST_CLASSES, OFTEN = 20, 5
ROWS_A_CLASS = 5  # Three to train on, one to validate, one to test.
FEWEST_ROWS = 10
SKEWED = 1.0  # Above, most values lie far below the mean.
BEYOND = 1.0  # Standard deviations beyond what was seen that predictions of logarithms may reach.


@dataclass(frozen=True)
class Target:
    """What is predicted: the classes in order, or mean and scale that standardise a regression, and
    bring its predictions back to their units (A-221). With `logarithm` they are of log(value),
    and predictions are medians rather than means; these stay within `bounds` of standardised
    values, as what goes a little too far in logarithms goes very far in units.

    >>> from chainrule import data
    >>> target = data.prepare(data.read("iris")).target
    >>> target.outputs, target.encode(np.asarray(["virginica", "setosa"]))
    (3, array([2, 0]))
    """

    name: str
    task: str
    reason: str
    classes: tuple = ()
    mean: float = 0.0
    scale: float = 1.0
    logarithm: bool = False
    bounds: tuple[float, float] = (-math.inf, math.inf)

    @property
    def outputs(self) -> int:
        """How many numbers a network gives for a row."""
        return len(self.classes) or 1

    def to_json(self) -> dict[str, Any]:
        found = {**asdict(self), "classes": list(self.classes), "bounds": list(self.bounds)}
        if not self.logarithm:  # JSON has no infinity.
            del found["bounds"]
        return found

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> Target:
        pairs = {name: tuple(found[name]) for name in ("classes", "bounds") if name in found}
        return Target(**{**found, **pairs})

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Class numbers as int64, or standardised values as float32."""
        if self.task == REGRESSION:
            values = np.log(values) if self.logarithm else values
            return ((values - self.mean) / self.scale).astype(np.float32)
        number = {value: place for place, value in enumerate(self.classes)}
        return np.asarray([number[value] for value in values.tolist()], np.int64)

    def decode(self, output: np.ndarray) -> np.ndarray:
        """Class labels from class numbers, or original units from standardised values."""
        if self.task == REGRESSION:
            values = output.astype(np.float64).clip(*self.bounds) * self.scale + self.mean
            return np.exp(values) if self.logarithm else values
        return np.asarray(self.classes)[output]

    def in_units(self, output: Any) -> Any:
        """A regression's tensor in original units, whatever the bounds, as losses need it."""
        values = output * self.scale + self.mean
        return cr.exp(values) if self.logarithm else values


def fit(name: str, task: str, reason: str, classes: tuple, values: np.ndarray) -> Target:
    """The target of these classes, or standardised by the values of the training part: where they
    are positive and skewed, and their logarithms less so, by the logarithms.
    """
    if classes:
        return Target(name, task, reason, classes)
    before, logarithm = pl.Series(values).skew(), False
    if values.min() > 0 and (before or 0) > SKEWED:
        after = pl.Series(np.log(values)).skew()
        logarithm = abs(after) < before / 2
    if logarithm:
        reason += f"; its logarithm is learned, for its skewness is {before:.1f}, then {after:.1f}"
        values = np.log(values)
    # A training part may hold one value alone.
    mean, scale = float(values.mean()), float(values.std()) or 1.0
    found = Target(name, task, reason, (), mean, scale, logarithm)
    if not logarithm:
        return found
    least, most = ((float(end) - mean) / scale for end in (values.min(), values.max()))
    return replace(found, bounds=(least - BEYOND, most + BEYOND))


def choose_name(table: Table, wanted: str | None) -> tuple[str, str]:
    """(the target column, why). Raises DataError where the wanted one is missing."""
    columns = table.frame.columns
    if wanted is not None and wanted not in columns:
        close = suggestion(wanted, columns)
        raise DataError(
            table.name,
            f"there is no column '{wanted}'",
            f"the columns are {listed(columns)}",
            close or "name one of them with --target",
        )
    if wanted is not None or table.target is not None:
        return wanted or table.target, ""
    for name in columns:
        if name.lower() in NAMES:
            return name, "by its name; choose another with --target"
    return columns[-1], "the last column; choose another with --target"


def values_of(where: str, series: pl.Series) -> tuple[np.ndarray, str]:
    """(the target's values as Python sees them, the kind of its column)."""
    kind = kind_of(where, series)
    if kind not in (NUMBER, BOOLEAN, CATEGORY):
        raise DataError(
            where,
            f"the target '{series.name}' is a {kind}",
            "numbers and classes can be predicted",
            "choose another column with --target",
        )
    values = convert(where, series, kind).to_numpy()
    if kind == BOOLEAN:
        return values.astype(bool), kind
    if kind == NUMBER and (values % 1 == 0).all():
        return values.astype(np.int64), kind
    return values, kind


def choose_task(
    where: str, name: str, values: np.ndarray, kind: str, wanted: str | None
) -> tuple[str, str]:
    """(classification or regression, why). Raises DataError for a regression on text."""
    distinct = len(np.unique(values))
    if wanted == REGRESSION and kind != NUMBER:
        raise DataError(
            where,
            f"the target '{name}' is a {kind} column",
            "a regression predicts numbers",
            "choose classification, or another column with --target",
        )
    if wanted is not None:
        return wanted, "as asked"
    if kind != NUMBER:
        return CLASSIFICATION, f"the target is {'text' if kind == CATEGORY else 'true or false'}"
    few = distinct <= MOST_CLASSES and distinct * OFTEN <= len(values)
    if values.dtype.kind == "i" and few:
        return CLASSIFICATION, f"the target has only {counted(distinct, 'different whole number')}"
    return REGRESSION, f"the target is a number with {counted(distinct, 'different value')}"


def check_classes(where: str, name: str, values: np.ndarray) -> tuple:
    """The classes in order. Raises DataError for one class alone, and for classes with too few
    rows.
    """
    classes, counts = np.unique(values, return_counts=True)
    if len(classes) * OFTEN > len(values) and len(classes) > MOST_CLASSES:
        raise DataError(
            where,
            f"the target '{name}' has {counted(len(classes), 'different value')} in "
            f"{counted(len(values), 'row')}: too many for classes",
            *_meant(values),
        )
    if len(classes) == 1:
        raise DataError(
            where,
            f"the target '{name}' is '{classes[0]}' in every row",
            "telling classes apart takes two at least",
            "check the data, or choose another --target",
        )
    rare = [
        f"'{label}' ({count})"
        for label, count in zip(classes, counts, strict=True)
        if count < ROWS_A_CLASS
    ]
    if rare:
        raise DataError(
            where,
            f"the target '{name}' has classes of fewer than {ROWS_A_CLASS} rows: {listed(rare, 5)}",
            "each class needs rows to train, validate and test",
            "add rows, merge classes, or leave these rows out",
        )
    return tuple(classes.tolist())


def _meant(values: np.ndarray) -> tuple[str, str]:
    """(what the target may mean, what to do then)."""
    if values.dtype.kind in "OU":
        cure = "write it as numbers to predict a number, or choose another --target"
        return spelling(pl.Series(values)), cure
    return "a number can be predicted", "choose --task regression, or another --target"


def check_numbers(where: str, name: str, values: np.ndarray) -> None:
    """Raises DataError where a regression has one value alone, or too few rows."""
    if len(np.unique(values)) == 1:
        raise DataError(
            where,
            f"the target '{name}' is {values[0]} in every row",
            "there is nothing to predict",
            "check the data, or choose another --target",
        )
    if len(values) < FEWEST_ROWS:
        raise DataError(
            where,
            f"the table has {counted(len(values), 'row')}",
            f"training, validation and test need {FEWEST_ROWS}",
            "add rows",
        )


def present_rows(table: Table, name: str) -> tuple[Table, pl.Series, np.ndarray]:
    """The table without rows that lack the target, the target's cells, and the places of the rows
    that are kept.
    """
    target = cells(table.frame[name])
    present = target.is_not_null()
    if not present.any():
        raise DataError(
            table.name,
            f"the target '{name}' has no values",
            "there is nothing to learn from",
            "choose another column with --target",
        )
    kept = Table(table.name, table.frame.filter(present), table.sha256, table.target)
    return kept, target.filter(present), present.arg_true().to_numpy()
