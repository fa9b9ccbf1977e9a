"""Judging: receives what models said of the same rows; hands on their figures with intervals, and
whether we would use the first, or still can.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from chainrule.data import Target
from chainrule.data.auditing.finding import ERROR
from chainrule.metrics import Interval
from chainrule.train.report.facts import Comparison, Drift, Report, Verdict
from chainrule.train.report.words import ahead_text, figure_text, share_text
from chainrule.train.scores import GREATER_IS_BETTER, Prediction, intervals_of, margin
from chainrule.words import counted, listed

THEN = "at training"
# A greater share of rows than chance explains that were seen in training is told, or decides.
SEEN, MOSTLY_SEEN = 0.02, 0.2


def comparison(
    target: Target,
    values: np.ndarray,
    answers: Mapping[str, Prediction],
    part: str,
    of: str = "row",
) -> Comparison:
    """The figures of all models, of which the first is ours, and the margin to the best other."""
    figures = {name: intervals_of(target, values, found) for name, found in answers.items()}
    (ours, first), *others = figures.items()
    main = next(iter(first))
    greater = {name: name in GREATER_IS_BETTER for name in first}
    found = Comparison(part, len(values), main, figures, greater, of=of)
    if not others:
        return found
    rival = best(dict(others), main, greater[main])
    lead = margin(target, values, answers[ours], answers[rival], main)
    return replace(found, rival=rival, margin=lead)


def best(figures: Mapping[str, Mapping[str, Interval]], main: str, greater: bool) -> str:
    """The model that is best in the main figure."""
    sign = 1 if greater else -1
    return max(figures, key=lambda name: sign * figures[name][main].value)


def beside_training(found: Comparison, then: Mapping[str, float]) -> Comparison:
    """The same, with the run's figures at its training, of which the record has no intervals."""
    exact = {name: Interval(*[then.get(name, math.nan)] * 3) for name in found.greater_is_better}
    return replace(found, figures={**found.figures, THEN: exact})


def recognised(share: float, by_chance: float, others: str) -> tuple[list[str], bool]:
    """(what is to be noticed of rows of which the run was trained on this share, whether nothing
    can be told of so many).
    """
    told = f"the run was trained on {share_text(share)} of these {others}, which flatters it"
    return [told] * (share > by_chance + SEEN), share > by_chance + MOSTLY_SEEN


def promise(found: Comparison, tested: int, drift: Drift, known: bool = False) -> Verdict:
    """Whether a run is on other rows as good as its `tested` ones promised: if it has not changed,
    figures of two samples differ by sqrt(1 + rows / tested) times as much as one does from the
    truth. Of rows `known` from its training nothing can be told.
    """
    main, now, before = found.main, found.ours[found.main], found.figures[THEN][found.main].value
    wider = math.sqrt(1 + found.rows / tested)
    greater = found.greater_is_better[main]
    reach = wider * (now.high - now.value if greater else now.value - now.low)
    fallen = before - now.value > reach if greater else now.value - before > reach
    moved = [name for name, move in drift.columns.items() if move.far]
    rows = counted(found.rows, f"new {found.of}")
    reasons = [
        f"Its {main} was {figure_text(before)} on the test part, and is {figure_text(now.value)} "
        f"on {rows}."
    ]
    if found.margin is not None and found.margin.value < 0:
        reasons.append(f"{found.rival}: {ahead_text(-found.margin.value)} here.".capitalize())
    if moved:
        reasons.append(f"These columns are spread otherwise than in training: {listed(moved)}.")
    if known:
        answer, sentence = "not yet", "This cannot tell: the run was trained on these data."
    elif fallen:
        answer = "no"
        anew = f"Train anew with {found.others} like these."
        sentence = f"No: it is worse by more than chance explains. {anew}"
    elif moved:
        answer, sentence = "not yet", "So far, but the data have moved: watch it."
    else:
        answer, sentence = "yes", "Yes, as far as chance allows to tell."
    return Verdict(answer, sentence, tuple(reasons), "Is it as good as its training promised?")


def verdict(report: Report) -> Verdict:
    """Whether we would use the model: data without errors, and better than what is simpler."""
    found = report.comparison
    lead = found.margin
    low, high = ahead_text(lead.low), ahead_text(lead.high)
    reasons = [
        f"Its {found.main} is {ahead_text(lead.value)} than that of {found.rival}; on 95 % of "
        f"other such test {found.others} between {low} and {high}."
    ]
    wrong = [one for one in report.audit or () if one.severity == ERROR]
    if wrong:
        told = [f"{one.where}: {one.what}." for one in wrong]
        return Verdict("not yet", "Not yet: there are errors in the data.", (*told, *reasons))
    if lead.high < 0:
        return Verdict("no", f"No: {found.rival} did better.", tuple(reasons))
    if lead.value <= 0:
        return Verdict("not yet", f"Rather {found.rival}: simpler, and no worse.", tuple(reasons))
    if lead.low <= 0:
        cannot = f"{counted(found.rows, found.of)} cannot tell"
        unsure = f"Perhaps: it looks better than {found.rival}, but {cannot}."
        return Verdict("not yet", unsure, tuple(reasons))
    return Verdict("yes", f"Yes: it is better than {found.rival}.", tuple(reasons))
