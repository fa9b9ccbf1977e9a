"""Judging: receives what models said of the same rows; hands on their figures with intervals, and
whether we would use the first.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chainrule.data import Target
from chainrule.data.auditing.finding import ERROR
from chainrule.train.report.facts import Comparison, Report, Verdict
from chainrule.train.report.words import ahead_text
from chainrule.train.scores import GREATER_IS_BETTER, Prediction, intervals_of, margin


def comparison(
    target: Target, values: np.ndarray, answers: Mapping[str, Prediction], part: str
) -> Comparison:
    """The figures of all models, of which the first is ours, and the margin to the best other."""
    figures = {name: intervals_of(target, values, found) for name, found in answers.items()}
    (ours, first), *others = figures.items()
    main = next(iter(first))
    found = Comparison(
        part, len(values), main, figures, {name: name in GREATER_IS_BETTER for name in first}
    )
    if not others:
        return found
    sign = 1 if main in GREATER_IS_BETTER else -1
    rival = max(others, key=lambda one: sign * one[1][main].value)[0]
    lead = margin(target, values, answers[ours], answers[rival], main)
    return Comparison(found.part, found.rows, main, figures, found.greater_is_better, rival, lead)


def verdict(report: Report) -> Verdict:
    """Whether we would use the model: data without errors, and better than what is simpler."""
    found = report.comparison
    lead = found.margin
    reasons = [
        f"Its {found.main} is {ahead_text(lead.value)} than that of {found.rival}; on 95 % of "
        f"other such test rows between {ahead_text(lead.low)} and {ahead_text(lead.high)}."
    ]
    wrong = [one for one in report.audit or () if one.severity == ERROR]
    if wrong:
        told = [f"{one.where}: {one.what}." for one in wrong]
        return Verdict("not yet", "Not yet: there are errors in the data.", (*told, *reasons))
    if lead.high < 0:
        return Verdict("no", f"No: {found.rival} is better.", tuple(reasons))
    if lead.value <= 0:
        return Verdict("not yet", f"Rather {found.rival}: simpler, and no worse.", tuple(reasons))
    if lead.low <= 0:
        unsure = f"Perhaps: it looks better than {found.rival}, but {found.rows} rows cannot tell."
        return Verdict("not yet", unsure, tuple(reasons))
    return Verdict("yes", f"Yes: it is better than {found.rival}.", tuple(reasons))
