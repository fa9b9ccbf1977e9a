"""`chainrule evaluate`: holds a run against data whose truth is known."""

from __future__ import annotations

import json as files

from chainrule import train
from chainrule.cli import options
from chainrule.cli.output import check_file, write_text
from chainrule.cli.screens.evaluate import EvaluateScreen
from chainrule.train.report import page
from chainrule.train.report.facts import plain


def evaluate(
    run: options.RunFolder,
    data: options.LabelledData,
    report: options.ReportFile = None,
    json: options.JsonFile = None,
) -> None:
    """Score a run on other data whose truth is known.

    A table with its target, a text, or a folder with one folder of images a class. Is the run as
    good as its training promised? Figures come with the range in which they would lie for 95 % of
    other such data, beside those of the test part at training. A notice is given for what has moved
    since.
    """
    check_file(report, (".html",))
    check_file(json, (".json",))
    facts = train.evaluate(train.load(run), data)
    EvaluateScreen().evaluated(facts, run)
    if report is not None:
        write_text(page(facts), report)
    if json is not None:
        text = files.dumps(plain(facts), indent=2, ensure_ascii=False, allow_nan=False)
        write_text(text + "\n", json)
