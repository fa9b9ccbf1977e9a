"""Checks of the parts: receive the subject with its training, validation and test rows; hand on
findings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from chainrule.data.auditing.finding import ERROR, WARNING, Finding, first
from chainrule.data.auditing.subject import Subject
from chainrule.data.auditing.table import IMPROBABLE, repeated
from chainrule.data.columns import DATE
from chainrule.deferred import polars as pl
from chainrule.words import counted

TRAINING = "training"
# A mean of n standardised values is about 1 / sqrt(n): one below 1e-5 was subtracted.
EXACT = 1e-5


def overlap(subject: Subject) -> Iterator[Finding]:
    """Rows that stand in two parts: the same ones, or equal ones."""
    copies, _ = repeated(subject)
    for (one, rows), (other, others) in combinations(subject.parts.items(), 2):
        same = np.intersect1d(rows, others)
        if not len(same) and len(copies):
            same = _twins(subject.frame, rows, others)
        if len(same):
            yield Finding(
                "overlap",
                ERROR,
                "E-107",
                f"{counted(len(same), 'row')} of '{other}' in '{one}' too",
                "what was learned by heart counts as understood",
                "remove copies before splitting, or split by group",
                (),
                first(same),
            )


def _twins(frame: pl.DataFrame, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The rows of the second part that equal one of the first."""
    there = frame[others].with_columns(pl.Series("the row's number", others))
    found = there.join(frame[rows].unique(), on=frame.columns, how="semi", nulls_equal=True)
    return found["the row's number"].to_numpy()


def scaled_together(subject: Subject) -> Iterator[Finding]:
    """Columns scaled with figures of all rows: their mean is exactly 0 over all parts together, or
    their ends are exactly 0 and 1, but not in the training part.
    """
    if TRAINING not in subject.parts or len(subject.parts) < 2 or not subject.continuous:
        return
    places = [subject.names.index(name) for name in subject.continuous]
    whole = subject.x[np.concatenate(list(subject.parts.values()))][:, places]
    taught = subject.x[subject.parts[TRAINING]][:, places]
    spread = np.nanstd(whole, axis=0)
    centred = np.abs(np.nanmean(whole, axis=0)) < EXACT * spread
    off = np.abs(np.nanmean(taught, axis=0)) > EXACT * spread
    ends = (np.nanmin(whole, axis=0) == 0) & (np.nanmax(whole, axis=0) == 1)
    short = (np.nanmin(taught, axis=0) > 0) | (np.nanmax(taught, axis=0) < 1)
    leaks = (centred & off) | (ends & short)
    if (centred & off).all() or ((ends.all()) and short.any()):
        yield Finding(
            "scaled together",
            ERROR,
            "E-107",
            "mean 0, or ends 0 and 1, over all parts together, but not in the training part",
            "the scaler was fitted on the test part: figures of it leaked into training",
            "split first, then fit the scaler on the training part",
            tuple(name for name, leak in zip(subject.continuous, leaks) if leak),
        )


def missing_classes(subject: Subject) -> Iterator[Finding]:
    """Parts that lack a class."""
    if subject.classes is None:
        return
    known = np.unique(subject.y)
    for name, rows in subject.parts.items():
        absent = np.setdiff1d(known, subject.y[rows])
        if len(absent):
            yield Finding(
                "missing classes",
                ERROR,
                "E-106",
                f"'{name}' lacks {', '.join(map(repr, absent.tolist()[:3]))}",
                "what is not there is not learned, or not tested",
                "split stratified: split(y, seed)",
                (subject.target,),
            )


def drift(subject: Subject) -> Iterator[Finding]:
    """Columns that are distributed otherwise in another part, by Kolmogorov and Smirnov's test."""
    taught = subject.parts.get(TRAINING)
    others = {name: rows for name, rows in subject.parts.items() if name != TRAINING}
    if taught is None or not subject.continuous:
        return
    chance = IMPROBABLE / (len(subject.continuous) * len(others) or 1)
    for part, rows in others.items():
        columns = [
            name
            for name in subject.continuous
            if _apart(subject.frame[name][taught], subject.frame[name][rows], chance)
        ]
        if columns:
            yield Finding(
                "drift",
                WARNING,
                "E-107",
                f"distributed otherwise in '{part}' than in the training part",
                "what is learned here does not hold there; perhaps rows were split in their order",
                "split at random, or by time if that is how the model will be used",
                tuple(columns),
            )


def _apart(one: pl.Series, other: pl.Series, chance: float) -> bool:
    """Whether two samples differ: sup |F - G| > sqrt(-log(chance / 2) / 2 * (1 / n + 1 / m))."""
    a, b = (np.sort(series.drop_nulls().to_numpy()) for series in (one, other))
    if not len(a) or not len(b):
        return False
    both = np.concatenate([a, b])
    distance = np.abs(
        np.searchsorted(a, both, side="right") / len(a)
        - np.searchsorted(b, both, side="right") / len(b)
    ).max()
    return distance > math.sqrt(-math.log(chance / 2) / 2 * (1 / len(a) + 1 / len(b)))


def future(subject: Subject) -> Iterator[Finding]:
    """Training rows that are later than rows they are tested on."""
    taught = subject.parts.get(TRAINING)
    dates = [name for name, kind in subject.kinds.items() if kind == DATE]
    for name in [subject.plan.time] if subject.plan.time else dates:
        for part, rows in (subject.parts if taught is not None else {}).items():
            late = subject.frame[name][taught].max()
            if part != TRAINING and late > subject.frame[name][rows].min():
                yield Finding(
                    "future",
                    WARNING,
                    "E-107",
                    f"training rows are later than the earliest of '{part}'",
                    "the model knows the future of what it is tested on",
                    "split by time: the latest rows are the test",
                    (name,),
                    first(taught[(subject.frame[name][taught] == late).arg_true().to_numpy()]),
                )


def groups(subject: Subject) -> Iterator[Finding]:
    """Groups, as patients or sites, that stand in two parts."""
    name = subject.plan.groups
    if name is None:
        return
    for (one, rows), (other, others) in combinations(subject.parts.items(), 2):
        shared = np.intersect1d(*(subject.frame[name][r].to_numpy() for r in (rows, others)))
        if len(shared):
            yield Finding(
                "groups",
                ERROR,
                "E-107",
                f"{len(shared):,} groups have rows in '{one}' and '{other}'",
                "a group is recognised rather than understood: the test flatters",
                "split by group",
                (name,),
            )


CHECKS = (overlap, scaled_together, missing_classes, drift, future, groups)
