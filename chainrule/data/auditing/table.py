"""Checks across columns and rows: receive the subject; hand on findings."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from chainrule.data.auditing.finding import ERROR, WARNING, Finding, first
from chainrule.data.auditing.subject import Subject
from chainrule.data.steps import in_one_unit
from chainrule.deferred import polars as pl
from chainrule.words import counted

# By chance alone as many equal rows as were found, or more, are so improbable.
IMPROBABLE = 1e-6
# A linear layer on two columns of correlation r has curvatures in the ratio (1 + r) / (1 - r), 2000
# here; gradient descent takes about as many steps.
CORRELATED = 0.999
# "Efficient BackProp" (LeCun and others, 1998): inputs should have about the same variance.
LEAST_SPREAD, GREATEST_SPREAD = 0.1, 10.0
SPARSE = 0.9
# Networks generalise with more parameters than rows; ImageNet's have about a hundred a row at most.
PARAMETERS_A_ROW = 100
COLUMN_LIMIT = 1000


def duplicates(subject: Subject) -> Iterator[Finding]:
    """Rows that equal another in all columns, and more of them than rounding explains; those of
    other targets contradict each other.
    """
    rows, contradict = repeated(subject)
    if len(contradict):
        yield Finding(
            "contradiction",
            ERROR,
            "E-106",
            counted(len(contradict), "row equals", "rows equal")
            + " an earlier one, but for the target",
            "no function of these columns can be right on both",
            "correct the targets, or add the column that tells these rows apart",
            (),
            first(contradict),
        )
    if len(rows) > len(contradict):
        yield Finding(
            "duplicates",
            WARNING,
            "E-107",
            counted(len(rows) - len(contradict), "row repeats", "rows repeat") + " an earlier one",
            "they count twice, and a random split puts copies into both parts: the test flatters",
            "remove them, or split by group",
            (),
            first(np.setdiff1d(rows, contradict)),
        )


def repeated(subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """(rows whose columns repeat an earlier row's, those among them of another target); none where
    chance explains as many.

    If the columns were independent, two rows would agree with the product of the chances that two
    cells of a column agree, within rows of one class. The number of such pairs follows Poisson's
    law: one pair of irises, measured to a tenth of a centimetre, is expected.
    """
    frame, none = subject.frame, np.zeros(0, int)
    if not frame.width:
        return none, none
    keys = frame.hash_rows().alias("key").to_frame()
    rows = (~keys["key"].is_first_distinct()).arg_true().to_numpy()
    if not len(rows):
        return none, none
    expected = sum(_expected_pairs(part) for part in _by_class(subject))
    if poisson_tail(len(rows), expected) > IMPROBABLE:
        return none, none
    if subject.y is None:
        return rows, none
    first_of = keys.with_row_index().select(pl.col("index").first().over("key")).to_series()
    return rows, rows[subject.y[rows] != subject.y[first_of.to_numpy()[rows]]]


def _by_class(subject: Subject) -> Iterator[pl.DataFrame]:
    if subject.classes is None:
        yield subject.frame
        return
    for number in range(subject.classes.max() + 1):
        yield subject.frame.filter(pl.Series(subject.classes == number))


def _expected_pairs(frame: pl.DataFrame) -> float:
    """How many pairs of rows agree by chance."""
    pairs = frame.height * (frame.height - 1)
    if not pairs:
        return 0.0
    logarithm = 0.0
    for column in frame.iter_columns():
        counts = column.value_counts()["count"].cast(pl.Float64)
        logarithm += math.log(max(float((counts * (counts - 1)).sum()), 1.0) / pairs)
    return pairs / 2 * math.exp(logarithm)


def poisson_tail(count: int, mean: float) -> float:
    """The chance of `count` or more where `mean` are expected: 1 - sum_k<count mean^k e^-mean / k!.

    >>> from chainrule.data.auditing.table import poisson_tail
    >>> round(poisson_tail(1, 1.0), 4)
    0.6321
    """
    if mean <= 0:
        return float(count == 0)
    terms = (math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count))
    return max(0.0, 1 - math.fsum(terms))


def correlated(subject: Subject) -> Iterator[Finding]:
    """Numeric columns that say the same."""
    names = [name for name, varies in zip(subject.names, subject.varying) if varies][:COLUMN_LIMIT]
    if len(names) < 2 or subject.rows < 3:
        return
    x = subject.x[:, [subject.names.index(name) for name in names]]
    x = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
    strength = np.triu(np.abs(np.corrcoef(x, rowvar=False)), 1)
    for a, b in np.argwhere(strength > CORRELATED).tolist():
        yield Finding(
            "correlation",
            WARNING,
            "E-108",
            f"their correlation is {strength[a, b]:.5f}",
            "one says what the other says, and descent along their difference is slow",
            "leave one out, or take whiten='pca'",
            (names[a], names[b]),
        )


def scales(subject: Subject) -> Iterator[Finding]:
    """Columns that go into the network as they are, and differ in their spread."""
    if subject.plan.numeric != "none" or not subject.varying.any():
        return
    spread = np.nanstd(subject.x[:, subject.varying], axis=0)
    offset = np.abs(np.nanmean(subject.x[:, subject.varying], axis=0)) / spread
    ratio = spread.max() / spread.min()
    if ratio > GREATEST_SPREAD / LEAST_SPREAD or offset.max() > GREATEST_SPREAD:
        names = [name for name, varies in zip(subject.names, subject.varying) if varies]
        chosen = (names[int(spread.argmax())], names[int(spread.argmin())])
        yield Finding(
            "scale",
            WARNING,
            "E-101",
            f"spreads differ by a factor of {ratio:,.0f}, means lie up to {offset.max():,.0f} "
            "spreads from 0",
            "one learning rate is too great for some weights and too small for others",
            "scale with numeric='standard'",
            chosen,
        )


def sparse(subject: Subject) -> Iterator[Finding]:
    """Tables of zeros that centring would fill."""
    centring = ("standard", "robust")
    if subject.plan.numeric in centring and subject.x.size and len(subject.names) > 1:
        share = float((subject.x == 0).mean())
        if share > SPARSE:
            yield Finding(
                "sparse",
                WARNING,
                "E-105",
                f"{share:.0%} of the numbers are 0",
                "subtracting means makes every zero another number: nothing is sparse any more",
                "scale with numeric='max-abs', which keeps zeros",
                tuple(subject.names),
            )


def too_few(subject: Subject) -> Iterator[Finding]:
    """Fewer rows than a model needs."""
    rows = len(subject.parts.get("training", range(subject.rows)))
    columns, parameters = subject.frame.width, subject.plan.parameters
    one_unit = in_one_unit(subject.frame.select(subject.names))
    if columns >= rows and not one_unit:
        yield Finding(
            "too few rows",
            ERROR,
            "E-110",
            f"{counted(rows, 'row')} to learn from, and {counted(columns, 'column')}",
            "even a linear model fits any targets exactly, random ones too",
            "choose columns, whiten='pca', or a linear model with strong weight decay",
        )
    if parameters is not None and parameters > PARAMETERS_A_ROW * rows:
        yield Finding(
            "too few rows",
            WARNING,
            "E-110",
            f"{counted(parameters, 'parameter')} learn from {counted(rows, 'row')}",
            "the network can keep every row by heart",
            "augment, start from a trained network, or take a smaller one with dropout",
        )


CHECKS = (duplicates, correlated, scales, sparse, too_few)
