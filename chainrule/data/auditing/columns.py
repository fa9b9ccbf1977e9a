"""Checks of single columns: receive the subject; hand on findings."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from chainrule.data.auditing.finding import ERROR, WARNING, Finding, first
from chainrule.data.auditing.subject import Subject
from chainrule.data.columns import CATEGORY, useless
from chainrule.data.steps import in_one_unit
from chainrule.words import counted

# More than half is missing: what fills it in is made up more often than it is seen.
MISSING = 0.5
# A cell so many interquartile ranges from the median is beyond any usual tail: of 10,000
# log-normal values (sigma 1) the farthest lies near 30, of normal ones near 3.
FAR = 50
OUTLIERS = 0.01  # More than 1 % of the rows are a tail, no mistakes.
# So much of a column's variance in 1 % of its rows means that a standardised column tells these
# rows from the rest, and little else. Normal values have 0.08 there, exponential ones 0.2.
TOP_SHARE = 0.75
# Min-max scaling leaves the middle 98 % of the rows less than this share of [0, 1].
MIDDLE_SHARE = 0.1
# A value stands for "missing" if it comes up so often at one end, farther from the others than
# these from each other.
SENTINEL = 0.01
FEW_ROWS_A_CATEGORY, MANY_CATEGORIES = 5, 20
UNITS = np.array([10.0, 100.0, 1000.0, 1e6])
UNIT_SHARE, UNIT_TOLERANCE = 0.05, 1.15


def empty(subject: Subject) -> Iterator[Finding]:
    """Columns without any value."""
    if subject.empty:
        yield Finding(
            "empty",
            ERROR,
            "E-108",
            "every cell is empty",
            "nothing can be learned from them, and nothing can fill them in",
            "leave them out",
            subject.empty,
        )


def broken(subject: Subject) -> Iterator[Finding]:
    """Columns whose cells are not of one kind, or infinite."""
    for name, fault in subject.broken.items():
        yield Finding(
            "broken",
            ERROR,
            "E-108",
            fault,
            "the column cannot be read as numbers",
            "correct these cells",
            (name,),
        )


def constant(subject: Subject) -> Iterator[Finding]:
    """Columns of one value."""
    names = [
        name
        for name in subject.kinds
        if subject.frame[name].null_count() == 0 and subject.frame[name].n_unique() == 1
    ]
    # Pixels share their range, and are scaled together: those at the border may be constant.
    if names and not in_one_unit(subject.frame.select(subject.names)):
        yield Finding(
            "constant",
            WARNING,
            "E-108",
            "one value in every row",
            "it says nothing, and standardising divides by its spread of 0",
            "leave them out",
            tuple(names),
        )


def missing(subject: Subject) -> Iterator[Finding]:
    """Columns of which most is missing."""
    names = [n for n in subject.kinds if subject.frame[n].null_count() > MISSING * subject.rows]
    if names:
        most = max(subject.frame[name].null_count() for name in names) / subject.rows
        yield Finding(
            "missing",
            WARNING,
            "E-108",
            f"up to {most:.0%} of the cells are empty",
            "what stands there is mostly made up by filling in",
            "leave them out, or keep only whether they are empty",
            tuple(names),
        )


def sentinels(subject: Subject) -> Iterator[Finding]:
    """Numbers that stand for "missing", as -999: one value, often, far beyond all others."""
    for name in subject.continuous:
        values, counts = np.unique(subject.values(name), return_counts=True)
        for end, next_one in ((0, 1), (-1, -2)):
            others = np.delete(values, end)
            far = abs(values[end] - values[next_one]) > np.ptp(others)
            if far and counts[end] > max(1, SENTINEL * counts.sum()):
                rows = (subject.frame[name] == values[end]).arg_true().to_numpy()
                yield Finding(
                    "sentinel",
                    ERROR,
                    "E-108",
                    f"{values[end]:g} stands in {counted(int(counts[end]), 'row')}, the others end "
                    f"at {values[next_one]:g}",
                    "a code for a missing value is taken as a number",
                    "leave these cells empty",
                    (name,),
                    first(rows),
                )


def tails(subject: Subject) -> Iterator[Finding]:
    """Columns that few rows stretch: outliers where these are few and alone, skew where a logarithm
    mends it.
    """
    for name in subject.continuous:
        values = subject.values(name)
        far = distance(values) > FAR
        squares = np.sort((values - values.mean()) ** 2)
        share = squares[-max(1, len(values) // 100) :].sum() / squares.sum()
        if share < TOP_SHARE and not far.any():
            continue
        if values.min() > 0 and not (distance(np.log(values)) > FAR / 5).any():
            if subject.plan.numeric not in ("log", "none"):
                yield _skewed(name, share)
        elif far.any() and far.mean() <= OUTLIERS and subject.plan.numeric != "log":
            rows = subject.frame[name].is_not_null().arg_true().to_numpy()[far]
            yield _outliers(name, values[far], rows)


def _skewed(name: str, share: float) -> Finding:
    return Finding(
        "skew",
        WARNING,
        "E-103",
        f"1 % of the rows hold {share:.0%} of the variance",
        "scaled, it tells these rows from the rest, and little else",
        "take its logarithm: numeric='log'",
        (name,),
    )


def _outliers(name: str, values: np.ndarray, rows: np.ndarray) -> Finding:
    return Finding(
        "outliers",
        WARNING,
        "E-102",
        f"values as {values[0]:g} lie more than {FAR} interquartile ranges from the median",
        "they set mean and spread, or the ends of a range, and all others fall together",
        "correct them if they are mistakes; else scale with numeric='robust'",
        (name,),
        first(rows),
    )


def distance(values: np.ndarray) -> np.ndarray:
    """How many interquartile ranges values lie from their median."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return np.abs(values - middle) / ((high - low) or np.inf)


def squeezed(subject: Subject) -> Iterator[Finding]:
    """Columns that min-max scaling would press together."""
    if subject.plan.numeric != "min-max":
        return
    for name in subject.continuous:
        values = subject.values(name)
        low, high = np.quantile(values, [0.01, 0.99])
        if high - low < MIDDLE_SHARE * np.ptp(values):
            yield Finding(
                "squeezed",
                WARNING,
                "E-102",
                f"98 % of the rows lie in {(high - low) / np.ptp(values):.1%} of the range",
                "min-max scaling gives them all nearly the same number",
                "scale with numeric='robust', or take its logarithm",
                (name,),
            )


def logarithms(subject: Subject) -> Iterator[Finding]:
    """Columns whose logarithm is not defined (C-181)."""
    if subject.plan.numeric != "log":
        return
    for name in subject.names:
        values = subject.values(name)
        negative = (subject.frame[name] < 0).arg_true().to_numpy()
        zeros = (subject.frame[name] == 0).arg_true().to_numpy()
        if len(negative):
            yield Finding(
                "logarithm",
                ERROR,
                "E-104",
                f"negative values, {values.min():g} for one",
                "their logarithm is NaN, and so is every loss behind it",
                "take numeric='robust', or scikit-learn's PowerTransformer",
                (name,),
                first(negative),
            )
        elif len(zeros) and name in subject.continuous:
            yield Finding(
                "logarithm",
                WARNING,
                "E-104",
                "zeros",
                "log(0 + epsilon) depends on epsilon alone: with 1e-8 zeros lie 18 below 1",
                "epsilon is their least positive value here; or add a column for zeros",
                (name,),
                first(zeros),
            )


def identifiers(subject: Subject) -> Iterator[Finding]:
    """Columns that name rows."""
    names = tuple(
        name
        for name, kind in subject.kinds.items()
        if "names rows" in useless(subject.frame[name], kind)
    )
    if names:
        yield Finding(
            "identifier",
            WARNING,
            "E-108",
            "every row has its own value",
            "a network learns the training rows by name, and nothing for new ones",
            "leave them out",
            names,
        )


def many_categories(subject: Subject) -> Iterator[Finding]:
    """Columns of texts with few rows for each."""
    for name, kind in subject.kinds.items():
        column = subject.frame[name].drop_nulls()
        distinct = column.n_unique()
        few = len(column) < FEW_ROWS_A_CATEGORY * distinct
        if kind != CATEGORY or distinct < MANY_CATEGORIES or not few:
            continue
        if not useless(subject.frame[name], kind):
            yield Finding(
                "many categories",
                WARNING,
                "E-108",
                f"{distinct:,} categories, {len(column) / distinct:.1f} rows each",
                "a weight for each is learned from a handful of rows",
                "merge them, or encode them with categories='target'",
                (name,),
            )


def spellings(subject: Subject) -> Iterator[Finding]:
    """Categories that differ in capitals, blanks or marks alone."""
    for name, kind in subject.kinds.items():
        if kind != CATEGORY or useless(subject.frame[name], kind):
            continue
        known: dict[str, str] = {}
        for text in sorted(subject.frame[name].drop_nulls().unique().to_list()):
            other = known.setdefault(re.sub(r"[\W_]+", "", text.lower()) or text, text)
            if other != text:
                rows = (subject.frame[name] == text).arg_true().to_numpy()
                yield Finding(
                    "spelling",
                    WARNING,
                    "E-108",
                    f"'{other}' and '{text}'",
                    "one category is learned as two",
                    "write them alike",
                    (name,),
                    first(rows),
                )


def units(subject: Subject) -> Iterator[Finding]:
    """Columns of which a part is written in another unit, a power of ten greater: two groups with a
    gap between them, which fall together when one is divided by that.
    """
    for name in subject.continuous:
        values = np.sort(subject.values(name))
        if values[0] <= 0:
            continue
        cut = int(np.argmax(np.diff(np.log(values)))) + 1
        low, high = values[:cut], values[cut:]
        if min(len(low), len(high)) < max(2, UNIT_SHARE * len(values)):
            continue
        ratio = np.median(high) / np.median(low)
        unit = UNITS[np.argmin(np.abs(np.log(ratio / UNITS)))]
        # The gap is wider than either group, and both look alike in one unit.
        alike = [np.quantile(high, q) / np.quantile(low, q) / unit for q in (0.25, 0.5, 0.75)]
        near = max(np.abs(np.log(alike))) < np.log(UNIT_TOLERANCE)
        if near and high[0] / low[-1] > max(np.ptp(np.log(low)), np.ptp(np.log(high))):
            rows = (subject.frame[name] >= high[0]).arg_true().to_numpy()
            yield Finding(
                "units",
                ERROR,
                "E-101",
                f"{counted(len(high), 'value is', 'values are')} about {unit:g} times the others",
                "one quantity is written in two units, which scaling cannot mend",
                "bring them to one unit",
                (name,),
                first(rows),
            )


CHECKS = (
    empty, broken, constant, missing, sentinels, tails, squeezed, logarithms, identifiers,
    many_categories, spellings, units,
)  # fmt: skip
