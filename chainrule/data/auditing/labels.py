"""Checks of the target: receive the subject; hand on findings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.data.auditing.finding import ERROR, WARNING, Finding, first
from chainrule.data.auditing.subject import Subject
from chainrule.data.auditing.table import GREATEST_SPREAD, LEAST_SPREAD, repeated
from chainrule.data.columns import CATEGORY
from chainrule.data.target import REGRESSION
from chainrule.words import counted

# KEEL's repository of data sets calls a ratio above 9 highly imbalanced: always naming the greater
# of two classes is then right nine times in ten.
IMBALANCE = 9
# A row is suspect where all of its neighbours agree on another class. Of the digits 0.4 % are, with
# correct labels; of ten well known test sets 3.4 % are wrong on average (Northcutt and others,
# 2021).
NEIGHBOURS, SUSPECT, FEWEST = 11, 0.01, 3
TOGETHER = 0.8
FEW_ROWS = 30
TELLS_TARGET = 0.9999


def unlabelled(subject: Subject) -> Iterator[Finding]:
    """Rows without a target."""
    if len(subject.unlabelled):
        yield Finding(
            "no target",
            ERROR,
            "E-106",
            counted(len(subject.unlabelled), "row has", "rows have") + " no target",
            "their loss is NaN, or of a made-up target",
            "leave these rows out",
            (subject.target,),
            first(subject.unlabelled),
        )


def balance(subject: Subject) -> Iterator[Finding]:
    """Classes of very different sizes."""
    if subject.classes is None:
        return
    labels, counts = np.unique(subject.y, return_counts=True)
    if counts.max() > IMBALANCE * counts.min():
        rare = labels[counts.argmin()]
        yield Finding(
            "imbalance",
            WARNING,
            "E-106",
            f"'{rare}' has {counted(int(counts.min()), 'row')}, "
            f"'{labels[counts.argmax()]}' {counts.max():,}",
            "never naming the rare class is nearly always right, and easily learned",
            "weigh classes, draw rows by class, and judge by F1 or average precision",
            (subject.target,),
            first(np.flatnonzero(subject.y == rare)),
        )


def order(subject: Subject) -> Iterator[Finding]:
    """Targets in their order, where rows are not shuffled."""
    if subject.y is None or subject.plan.shuffle or subject.rows < FEW_ROWS:
        return
    codes = np.unique(subject.y, return_inverse=True)[1].reshape(-1)
    changes = int((np.diff(codes) != 0).sum())
    steps = np.diff(codes)
    in_runs = subject.classes is not None and changes < 2 * len(np.unique(codes))
    if in_runs or (steps >= 0).all() or (steps <= 0).all():
        yield Finding(
            "order",
            ERROR,
            "E-106",
            f"the target changes only {counted(changes, 'time')} from row to row",
            "batches hold one class or one end of the range each, and the last is learned best",
            "shuffle the rows: shuffle=True",
            (subject.target,),
        )


def target_scale(subject: Subject) -> Iterator[Finding]:
    """Targets of a regression that go into the loss as they are."""
    if subject.y is None or subject.task != REGRESSION or subject.plan.scale_target:
        return
    mean, spread = float(subject.y.mean()), float(subject.y.std())
    if not LEAST_SPREAD < spread < GREATEST_SPREAD or abs(mean) > GREATEST_SPREAD * spread:
        yield Finding(
            "target scale",
            WARNING,
            "E-101",
            f"its mean is {mean:,.4g}, its spread {spread:,.4g}",
            "losses and gradients grow with the square of it, while weights begin near 0",
            "standardise it, and bring predictions back: Target does both",
            (subject.target,),
        )


def tells_target(subject: Subject) -> Iterator[Finding]:
    """Columns that tell the target by themselves."""
    if subject.y is None or subject.rows < FEW_ROWS:
        return
    for name, kind in subject.kinds.items():
        column = subject.frame[name]
        if column.null_count() or column.n_unique() < 2:
            continue
        tells = _maps(column.to_numpy(), subject) if kind == CATEGORY else _orders(column, subject)
        if tells:
            yield Finding(
                "tells the target",
                ERROR,
                "E-107",
                "it tells the target by itself, without an error",
                "it was probably made from the target, and will not be known when it counts",
                "leave it out, unless it is known before the target is",
                (name,),
            )


def _maps(values: np.ndarray, subject: Subject) -> bool:
    """Whether each category has one target, and rows enough that this is no accident."""
    known = np.unique(values, return_inverse=True)[1].reshape(-1)
    if known.max() + 1 > subject.rows / 5 or len(np.unique(subject.y)) < 2:
        return False
    codes = np.unique(subject.y, return_inverse=True)[1].reshape(-1)
    return len(np.unique(np.stack([known, codes]), axis=1).T) == known.max() + 1


def _orders(column: np.ndarray, subject: Subject) -> bool:
    """Whether classes follow each other along a column, or a number is a line in it."""
    values = column.cast(float).to_numpy()
    if subject.classes is None:
        return abs(np.corrcoef(values, subject.y)[0, 1]) > TELLS_TARGET
    places = np.argsort(values, kind="stable")
    values, classes = values[places], subject.classes[places]
    change = np.diff(classes) != 0
    # Where a class ends within equal values, these do not tell it.
    return change.sum() == classes.max() and not (np.diff(values)[change] == 0).any()


def suspects(subject: Subject) -> np.ndarray:
    """Rows whose neighbours agree on another class."""
    from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits

    rows = subject.sample
    if subject.classes is None or len(rows) < FEW_ROWS or not subject.varying.any():
        return rows[:0]
    x = subject.x[rows][:, subject.varying]
    x = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
    x = (x - x.mean(axis=0)) / (x.std(axis=0) + np.finfo(float).tiny)
    with threadpool_limits(1):
        found = NearestNeighbors(n_neighbors=NEIGHBOURS + 1, algorithm="brute").fit(x)
        near = found.kneighbors(x, return_distance=False)
    # A row is its own neighbour, unless a copy comes first.
    near = np.where(near == np.arange(len(rows))[:, None], -1, near)
    labels = subject.classes[rows]
    votes = np.zeros((len(rows), labels.max() + 1), int)
    for column in near.T:
        np.add.at(votes, (np.flatnonzero(column >= 0), labels[column[column >= 0]]), 1)
    others = (votes.argmax(axis=1) != labels) & (votes.max(axis=1) >= NEIGHBOURS)
    return rows[others & _found_again(votes, labels)[labels]]


def _found_again(votes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The classes whose rows lie together: a rare class that these columns do not tell from others
    has others around all of its rows.
    """
    own = votes[np.arange(len(labels)), labels] / NEIGHBOURS
    return np.array([np.median(own[labels == k]) >= TOGETHER for k in range(votes.shape[1])])


def label_errors(subject: Subject) -> Iterator[Finding]:
    """Labels that the neighbours contradict, and what a large network makes of them."""
    rows = suspects(subject)
    wrong = len(rows) >= max(FEWEST, SUSPECT * len(subject.sample))
    if wrong:
        yield Finding(
            "label errors",
            WARNING,
            "E-106",
            f"all {NEIGHBOURS} nearest rows have another class, at {counted(len(rows), 'row')}",
            "wrong labels are learned by heart, and cost on new rows",
            "look at these rows first; smooth labels if they are right",
            (subject.target,),
            first(rows),
        )
    training = len(subject.parts.get("training", range(subject.rows)))
    parameters = subject.plan.parameters or 0
    noisy = wrong or len(repeated(subject)[1])
    if noisy and parameters >= 2 * training + subject.frame.width:
        yield Finding(
            "over-fitting",
            ERROR,
            "E-109",
            f"{parameters:,} parameters, {training:,} rows, and wrong or contradicting labels",
            "2 n + d weights fit any labels (Zhang and others, 2017): wrong ones are fitted too",
            "stop early, decay weights, drop out; or take a smaller network",
        )


CHECKS = (unlabelled, balance, order, target_scale, tells_target, label_errors)
