"""Evaluating: receives a run and a table whose target is known; hands on how good the run is there,
and whether that is what its training promised.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.data import Table
from chainrule.data.columns import BOOLEAN, CATEGORY, NUMBER, convert
from chainrule.data.target import present_rows
from chainrule.errors import DataError
from chainrule.metrics import Interval
from chainrule.train.fitting import now
from chainrule.train.report.facts import Comparison, Drift, Report, Subject, Verdict
from chainrule.train.report.gather import subject
from chainrule.train.report.judged import comparison
from chainrule.train.report.words import figure_text
from chainrule.train.report.wrong import errors, mistakes
from chainrule.train.tables.run import TableRun
from chainrule.words import counted, listed, suggestion

NOW, THEN = "on new rows", "at training"
CELLS = 4


def evaluate(run: TableRun, table: Table) -> Report:
    """The figures of a run on a labelled table with 95 % intervals, beside those of its test part;
    where it is wrong; and how far the columns have moved since the training.

    Rows without a target are left out. Raises DataError for missing columns, values of another
    kind, and classes that the run does not know.

    >>> from chainrule import train
    >>> from chainrule.data import read
    >>> run = train.fit("iris", epochs=30)
    >>> found = train.evaluate(run, read("iris"))
    >>> found.verdict.answer, found.comparison.rows
    ('yes', 150)
    """
    _check_target(run, table)
    kept, series, places = present_rows(table, run.target.name)
    found = run.predict(kept)
    values = _values(run, table.name, series)
    compared = comparison(run.target, values, {NOW: found}, "new")
    then = run.record["metrics"]["network"]
    drift = Drift(run.moves(kept), (*_left_out(table, len(places)), *run.notices(kept)))
    names = list(run.kinds)[:CELLS]
    return Report(
        subject=_subject(run, table, len(values)),
        verdict=verdict(compared, then, run.record["split"]["test"], drift),
        comparison=replace(compared, figures={**compared.figures, THEN: _exact(compared, then)}),
        drift=drift,
        **errors(run.target, values, found, compared.ours),
        mistakes=mistakes(run.target, values, found, "new", places + 1, kept.frame.select(names)),
    )


def _subject(run: TableRun, table: Table, rows: int) -> Subject:
    then = subject(run.record, run.target)
    origin = {
        "created": now(),
        "SHA-256 of the data": table.sha256,
        "run": f"trained on {then.data}, {then.origin['created']}",
        "versions at training": then.origin["versions"],
    }
    return replace(then, data=table.name, rows=rows, parts={}, notes=(), origin=origin)


def _check_target(run: TableRun, table: Table) -> None:
    name, columns = run.target.name, table.frame.columns
    if name not in columns:
        close = suggestion(name, [one for one in columns if one not in run.kinds])
        raise DataError(
            table.name,
            f"there is no column '{name}'",
            "what the run predicts must be known to evaluate it",
            close or "add it, or use chainrule predict",
        )


def _values(run: TableRun, where: str, series: Any) -> np.ndarray:
    """The target's values, as the run knows them."""
    target = run.target
    if not target.classes:
        return convert(where, series, NUMBER).to_numpy()
    first = target.classes[0]
    kind = CATEGORY if isinstance(first, str) else BOOLEAN if isinstance(first, bool) else NUMBER
    values = convert(where, series, kind).to_numpy()
    unknown = [value for value in np.unique(values).tolist() if value not in target.classes]
    if unknown:
        raise DataError(
            where,
            f"the target '{target.name}' has classes that the run does not know: {listed(unknown)}",
            f"it knows {listed(target.classes)}",
            "correct these cells, leave the rows out, or train anew with them",
        )
    return values.astype(type(first)) if kind != CATEGORY else values


def _left_out(table: Table, rows: int) -> list[str]:
    count = table.frame.height - rows
    return [f"{counted(count, 'row')} without a target left out"] if count else []


def _exact(compared: Comparison, then: dict[str, float]) -> dict[str, Interval]:
    """Figures of the training, of which the record has no intervals."""
    return {name: Interval(*[then.get(name, math.nan)] * 3) for name in compared.greater_is_better}


def verdict(compared: Comparison, then: dict[str, float], tested: int, drift: Drift) -> Verdict:
    """Whether the run is as good as its `tested` rows promised: if it has not changed, figures of
    two samples differ by sqrt(1 + rows / tested) times as much as one does from the truth.
    """
    main, now, before = compared.main, compared.figures[NOW][compared.main], then[compared.main]
    wider = math.sqrt(1 + compared.rows / tested)
    greater = compared.greater_is_better[main]
    reach = wider * (now.high - now.value if greater else now.value - now.low)
    fallen = before - now.value > reach if greater else now.value - before > reach
    moved = [name for name, move in drift.columns.items() if move.far]
    question = "Is it as good as its training promised?"
    reasons = [f"Its {main} was {figure_text(before)} on the test part, and is "
               f"{figure_text(now.value)} on {compared.rows:,} new rows."]  # fmt: skip
    if moved:
        reasons.append(f"These columns are spread otherwise than in training: {listed(moved)}.")
    if fallen:
        sentence = "No: it is worse by more than chance explains. Train anew with rows like these."
        return Verdict("no", sentence, tuple(reasons), question)
    if moved:
        sentence = "So far, but the data have moved: watch it."
        return Verdict("not yet", sentence, tuple(reasons), question)
    return Verdict("yes", "Yes, as far as chance allows to tell.", tuple(reasons), question)
