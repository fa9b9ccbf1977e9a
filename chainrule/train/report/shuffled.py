"""What matters: receives a problem and what predicts; hands on how much worse predictions are when
a column is shuffled.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chainrule.data import Problem
from chainrule.train.report.facts import Importance
from chainrule.train.scores import Prediction, asked, figure

# Each column is shuffled so often, of so many rows, while predictions stay below their number.
SHUFFLES, ROWS, PREDICTIONS = 5, 1_000, 500_000
SHOWN = 12


def importance(problem: Problem, predict: Callable[[np.ndarray], Prediction]) -> Importance | None:
    """By how much the loss of validation rows grows when a column is shuffled (Breiman 2001); None
    where columns become inputs together, or are too many.
    """
    part, groups = problem.parts["validation"], problem.preprocessing.places()
    x, values = part.x[:ROWS], part.values[:ROWS]
    shuffles = min(SHUFFLES, PREDICTIONS // (len(x) * max(1, len(groups))))
    if shuffles == 0 or not groups:
        return None

    measure = "log loss" if problem.target.classes else "RMSE"

    def loss(x: np.ndarray) -> float:
        return figure(asked(problem.target, values, predict(x))[measure])

    generator, before = np.random.default_rng(problem.seed), loss(x)
    rows = []
    for name, places in groups.items():
        grown = []
        for _ in range(shuffles):
            shuffled = x.copy()
            shuffled[:, places] = generator.permutation(x[:, places])
            grown.append(loss(shuffled) - before)
        rows.append((name, float(np.mean(grown)), float(np.std(grown))))
    rows.sort(key=lambda row: -row[1])
    return Importance("validation", measure, tuple(rows[:SHOWN]), max(0, len(rows) - SHOWN))
