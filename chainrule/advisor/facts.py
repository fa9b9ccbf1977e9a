"""Facts: receives a prepared table; hands on what rules ask about."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.data import Problem
from chainrule.data.columns import CATEGORY
from chainrule.data.fitted import Numeric

# Standard deviations from the mean: what a normal target never has.
FAR_OFF = 10.0


def facts_of(problem: Problem) -> dict[str, Any]:
    """What is known of a table: task, sizes, rows of the rarest class and how many times that the
    most frequent one has, outliers of the target, what inputs are like.
    """
    part, target = problem.parts["training"], problem.target
    columns = problem.preprocessing.columns
    rows, inputs = part.x.shape
    facts: dict[str, Any] = {
        "data": "table",
        "task": target.task,
        "rows": rows,
        "inputs": inputs,
        "one_unit": problem.preprocessing.one_unit,
        "missing": any(isinstance(one, Numeric) and one.tells_missing for one in columns),
        "categories": CATEGORY in problem.kinds.values(),
    }
    if target.classes:
        counts = np.bincount(part.y, minlength=len(target.classes))
        return {
            **facts,
            "classes": len(target.classes),
            "rarest": int(counts.min()),
            "imbalance": float(counts.max() / max(counts.min(), 1)),
        }
    far_off = bool(np.abs(part.y).max() > FAR_OFF)
    return {**facts, "outliers": far_off, "logarithm": target.logarithm}
