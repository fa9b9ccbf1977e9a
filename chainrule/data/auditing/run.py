"""Running the audit: receives data and a plan; hands on the findings of all checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from chainrule.data.auditing import columns, labels, split, table
from chainrule.data.auditing.finding import Audit, gathered
from chainrule.data.auditing.subject import Plan, subject
from chainrule.errors import ArgumentError

CHECKS = (*columns.CHECKS, *table.CHECKS, *labels.CHECKS, *split.CHECKS)


def audit(
    data: Any,
    target: str | None = None,
    *,
    parts: Mapping[str, Any] | None = None,
    **plan: Any,
) -> Audit:
    """What is wrong with data, before a network is trained on them.

    `data` is a table (a path, a polars frame, the name of a shipped set), arrays `(x, y)`, or parts
    of arrays by name, `{"training": (x, y), "test": (x, y)}`; of a table, `parts` gives the rows of
    each part. What is a fault depends on what is planned:

    - `numeric="standard"`: how numbers will be scaled, as in `fit_preprocessing`, "none" for not;
    - `scale_target=True`: whether a regression's target will be standardised;
    - `shuffle=True`: whether rows will be shuffled;
    - `parameters`: how many the model has;
    - `groups`, `time`: the columns by which the split must keep rows together, or in order.

    Each finding says what was found where, what follows, what helps, how bad it is, and the item
    of the checklist: unscaled columns and targets (E-101), outliers (E-102), skew (E-103),
    logarithms (E-104), sparse data (E-105), labels (E-106), leakage (E-107), columns that are
    empty, categorical or correlated (E-108), certain over-fitting (E-109), too few rows (E-110).

    Thresholds are such that scikit-learn's own five tables have no finding.

    >>> import polars as pl
    >>> from chainrule.data import audit
    >>> len(audit("iris"))
    0
    >>> frame = pl.DataFrame({"a": [0.5 * i % 7 for i in range(40)], "b": 1.0, "y": [0, 1] * 20})
    >>> audit(frame, "y").checks
    ['constant']
    """
    known = [field.name for field in fields(Plan)]
    if unknown := plan.keys() - set(known):
        raise ArgumentError(
            "audit",
            f"there is no plan {', '.join(sorted(unknown))}",
            f"there are {', '.join(known)}",
            "check the spelling",
        )
    found = subject(data, target, parts, Plan(**plan))
    return gathered(found.name, (finding for check in CHECKS for finding in check(found)))
