"""Splitting: receives what is known of each row; hands on the rows of parts that do not overlap.

A test part answers how a model does on rows like those it will meet: rows that depend on each other
belong to one part (`groups`), later rows are not known earlier (`ordered`), and rare classes must
occur in every part (`labels`; of numbers, `bins` makes some).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.words import counted

# A fifth for each question asked of unseen rows. Small tables are the usual case here, and in those
# a test part of 15 % says little: of 150 rows it has 22, where one mistake is 4.5 %.
SHARE = 0.2
BINS, ROWS_A_BIN = 10, 5


def split(labels: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Rows of "training" (60 %), "validation" and "test" (20 % each), stratified: each part has the
    labels' shares. (A-242)

    Labels of three rows or more are in every part. Rows come in their old order.

    >>> from chainrule import data
    >>> rows = data.split(np.repeat([0, 1], [40, 10]), seed=0)
    >>> {name: len(chosen) for name, chosen in rows.items()}
    {'training': 30, 'validation': 10, 'test': 10}
    """
    generator = np.random.default_rng([seed, 0])
    found: dict[str, list] = {"training": [], "validation": [], "test": []}
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        each = max(1, round(SHARE * len(rows)))
        found["test"].append(rows[:each])
        found["validation"].append(rows[each : 2 * each])
        found["training"].append(rows[2 * each :])
    return {name: np.sort(np.concatenate(rows)) for name, rows in found.items()}


def bins(values: np.ndarray) -> np.ndarray:
    """Labels for a regression: up to ten of equal size, from the least targets to the greatest."""
    count = max(1, min(BINS, len(values) // ROWS_A_BIN))
    ranks = np.empty(len(values), np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks * count // len(values)


def hold_out(
    rows: int,
    shares: Sequence[float] = (0.8, 0.2),
    *,
    labels: Any = None,
    groups: Any = None,
    ordered: bool = False,
    seed: int = 0,
) -> list[np.ndarray]:
    """The rows of parts with these shares, each in the old order: at random; with the shares of the
    `labels` in each part; with all rows of a group in one part, whose shares are then of groups; or
    `ordered`, one after the other in time. (A-242)

    Raises ArgumentError for shares that do not sum to 1, for parts without rows, for labels with
    fewer rows than parts, and for labels and groups together: take the first of `folds` then.

    >>> from chainrule import data
    >>> [part.tolist() for part in data.hold_out(5, (0.6, 0.4), ordered=True)]
    [[0, 1, 2], [3, 4]]
    """
    strata, units = _known("hold_out", rows, labels, groups, ordered)
    if strata is not None and units is not None:
        raise ArgumentError(
            "hold_out",
            "labels and groups are given",
            "whole groups can keep the labels' shares only nearly",
            "take the first of folds(rows, count, labels=, groups=)",
        )
    left, parts = np.arange(rows), []
    for size in reversed(_sizes(shares, rows if units is None else len(np.unique(units)))[1:]):
        kept, part = _halves(left, size, strata, units, ordered, seed)
        left, parts = left[kept], [left[part], *parts]
    return [np.sort(part) for part in (left, *parts)]


def folds(
    rows: int,
    count: int = 5,
    *,
    labels: Any = None,
    groups: Any = None,
    ordered: bool = False,
    gap: int = 0,
    seed: int = 0,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(training rows, test rows) of cross-validation, `count` times; each row is tested once.

    At random; with the shares of the `labels` in each fold; with all rows of a group in one fold;
    or both of these as nearly as it goes. `ordered` tests what comes after the training rows, of
    which there are more each time, and leaves `gap` rows out between them: the first rows are never
    tested. By scikit-learn's splitters, shuffled. (A-243)

    Raises ArgumentError where there are fewer rows, groups or rows of each label than folds.

    >>> from chainrule import data
    >>> [(a.tolist(), b.tolist()) for a, b in data.folds(4, 3, ordered=True)]
    [([0], [1]), ([0, 1], [2]), ([0, 1, 2], [3])]
    """
    from sklearn import model_selection as sk

    strata, units = _known("folds", rows, labels, groups, ordered)
    if count < 2:
        raise ArgumentError(
            "folds",
            f"count={count}",
            "what is tested in one fold is trained on in others",
            "take 2 or more, or hold_out",
        )
    if count > rows:
        raise ArgumentError(
            "folds",
            f"{counted(count, 'fold')} of {counted(rows, 'row')}",
            "each has rows of its own to test on",
            "take fewer folds",
        )
    random: dict[str, Any] = {"n_splits": count, "shuffle": True, "random_state": seed}
    if ordered:
        splitter: Any = sk.TimeSeriesSplit(count, gap=gap)
    elif units is None:
        splitter = (sk.KFold if strata is None else sk.StratifiedKFold)(**random)
    else:
        splitter = (sk.GroupKFold if strata is None else sk.StratifiedGroupKFold)(**random)
    return list(_split(splitter, "folds", np.arange(rows), strata, units))


def _known(
    where: str, rows: int, labels: Any, groups: Any, ordered: bool
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Labels and groups as arrays with one element a row."""
    given = {"labels": labels, "groups": groups}
    found = {name: None if x is None else np.asarray(x) for name, x in given.items()}
    for name, array in found.items():
        if array is not None and (ordered or array.shape != (rows,)):
            raise ArgumentError(
                where,
                f"{name} of shape {list(array.shape)} for {rows} rows" + ", ordered" * ordered,
                "rows in time are not chosen; else each has its own",
                f"leave {name} away" if ordered else "pass one for each row",
            )
    return found["labels"], found["groups"]


def _sizes(shares: Sequence[float], units: int) -> list[int]:
    """How many of the units each part has."""
    if len(shares) < 2 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise ArgumentError(
            "hold_out", f"shares are {tuple(shares)}", "every row has a part", "let them sum to 1"
        )
    ends = np.round(np.cumsum([0, *shares]) * units).astype(int)
    sizes = np.diff(ends).tolist()
    if not min(sizes):
        raise ArgumentError(
            "hold_out",
            f"{units} rows or groups in parts of {sizes}",
            "a part without rows tells nothing",
            "take fewer parts, or greater shares",
        )
    return sizes


def _halves(
    left: np.ndarray,
    size: int,
    strata: np.ndarray | None,
    units: np.ndarray | None,
    ordered: bool,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Places in `left` of the first part, and of the last with so many rows or groups."""
    from sklearn import model_selection as sk

    if ordered:
        return np.arange(len(left) - size), np.arange(len(left) - size, len(left))
    kind: Any = sk.GroupShuffleSplit
    if units is None:
        kind = sk.ShuffleSplit if strata is None else sk.StratifiedShuffleSplit
    some = (None if x is None else x[left] for x in (strata, units))
    return next(_split(kind(1, test_size=size, random_state=seed), "hold_out", left, *some))


def _split(splitter: Any, where: str, *arrays: Any) -> Iterator[Any]:
    """What a splitter of scikit-learn gives; its errors and doubts are ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            yield from splitter.split(*arrays)
        except (ValueError, UserWarning) as error:
            raise ArgumentError(
                where,
                str(error).splitlines()[0].rstrip("."),
                "so the parts cannot be made",
                "take fewer parts, or leave the labels or groups away",
            ) from error
