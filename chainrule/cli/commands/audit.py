"""`chainrule audit`: looks for faults in a table."""

from __future__ import annotations

import typer

from chainrule import data as tables
from chainrule.cli import options
from chainrule.cli.screens.base import Screen
from chainrule.data.auditing.finding import ERROR
from chainrule.data.target import choose_name


def audit(data: options.Table = "digits", target: options.TargetColumn = None) -> None:
    """Look for faults in a table before training on it.

    Duplicates, columns that tell the target, wrong labels, skew, outliers, two units in one column:
    each with what follows from it, and what helps. Ends with code 1 where one is an error.
    """
    table = tables.read(data)
    found = tables.audit(table, choose_name(table, target)[0])
    Screen().audited(found)
    if any(finding.severity == ERROR for finding in found):
        raise typer.Exit(1)
