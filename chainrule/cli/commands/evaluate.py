"""`chainrule evaluate`: holds a run against a table whose target is known."""

from __future__ import annotations

import json as files

from chainrule import train
from chainrule.cli import options
from chainrule.cli.output import check_file, write_text
from chainrule.cli.screens.evaluate import EvaluateScreen
from chainrule.data import read
from chainrule.errors import ArgumentError
from chainrule.train.report import page
from chainrule.train.report.facts import plain


def evaluate(
    run: options.RunFolder,
    data: options.LabelledData,
    report: options.ReportFile = None,
    json: options.JsonFile = None,
) -> None:
    """Score a run on a labelled table.

    Is it as good as its training promised? Figures come with the range in which they would lie
    for 95 % of other such rows, beside those of the test part at training. A notice is given where
    the score fell by more than chance explains, and for columns whose values have moved since.
    """
    check_file(report, (".html",))
    check_file(json, (".json",))
    found = train.load(run)
    if not isinstance(found, train.TableRun):
        raise ArgumentError(
            "evaluate",
            f"the run '{run}' is of the kind {found.kind}",
            "rows with a known target are scored",
            "name a run of a table",
        )
    facts = train.evaluate(found, read(data))
    EvaluateScreen().evaluated(facts, run)
    if report is not None:
        write_text(page(facts), report)
    if json is not None:
        text = files.dumps(plain(facts), indent=2, ensure_ascii=False, allow_nan=False)
        write_text(text + "\n", json)
