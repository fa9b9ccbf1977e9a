"""Evaluating: receives a run and a table whose target is known; hands on how good the run is there,
and whether that is what its training promised.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data import Table, read
from chainrule.data.columns import BOOLEAN, CATEGORY, NUMBER, convert
from chainrule.data.target import present_rows
from chainrule.deferred import polars as pl
from chainrule.errors import DataError
from chainrule.train.report.facts import Drift, Report
from chainrule.train.report.gather import later, subject
from chainrule.train.report.judged import beside_training, comparison, promise, recognised
from chainrule.train.report.wrong import CELLS, errors, mistakes
from chainrule.train.tables.run import TableRun
from chainrule.words import counted, listed, suggestion

NOW = "on new rows"


def evaluate_table(run: TableRun, source: Table | str | Path | pl.DataFrame) -> Report:
    """The figures of a run on a labelled table with 95 % intervals, beside those of its test part;
    where it is wrong; and how far the columns have moved since the training.

    Rows without a target are left out. Raises DataError for missing columns, values of another
    kind, and classes that the run does not know.

    >>> from chainrule import train
    >>> run = train.fit("iris", epochs=30)
    >>> found = train.evaluate(run, "iris")
    >>> found.comparison.rows, found.verdict.sentence
    (150, 'This cannot tell: the run was trained on these data.')
    """
    table = source if isinstance(source, Table) else read(source)
    _check_target(run, table)
    kept, series, places = present_rows(table, run.target.name)
    found = run.predict(kept)
    values = _values(run, table.name, series)
    then = run.record["metrics"]["network"]
    compared = beside_training(comparison(run.target, values, {NOW: found}, "new"), then)
    seen, known = recognised(*run.seen(kept), "rows")
    notices = (*_left_out(table, len(places)), *seen, *run.notices(kept))
    drift = Drift(run.moves(kept), notices)
    names = list(run.kinds)[:CELLS]
    known = known or table.sha256 == run.record["data"]["sha256"]
    return Report(
        subject=later(subject(run.record, run.target), table.name, len(values), table.sha256),
        verdict=promise(compared, run.record["split"]["test"], drift, known),
        comparison=compared,
        drift=drift,
        **errors(run.target, values, found, compared.ours),
        mistakes=mistakes(run.target, values, found, "new", places + 1, kept.frame.select(names)),
    )


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
