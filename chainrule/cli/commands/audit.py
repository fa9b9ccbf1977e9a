"""`chainrule audit`: looks for faults in data."""

from __future__ import annotations

import typer

from chainrule import data as tables
from chainrule.cli import options
from chainrule.cli.screens.base import Screen
from chainrule.data import Audit
from chainrule.data.auditing.finding import ERROR
from chainrule.data.auditing.images import audit_images
from chainrule.data.auditing.texts import audit_text
from chainrule.data.images import prepare_images
from chainrule.data.target import choose_name
from chainrule.data.texts import read_text
from chainrule.errors import ArgumentError
from chainrule.train import kind_of


def audit(data: options.Data = "digits", target: options.TargetColumn = None) -> None:
    """Look for faults in data before training on them.

    Of tables: duplicates, columns that tell the target, wrong labels, skew, outliers, two units in
    one column. Of texts: copies, wrong encodings, an end of another kind. Of images: copies, few of
    a class, blank ones. Each with what follows from it, and what helps. Ends with code 1 where one
    is an error.
    """
    found = _audited(data, target)
    Screen().audited(found)
    if any(finding.severity == ERROR for finding in found):
        raise typer.Exit(1)


def _audited(data: str, target: str | None) -> Audit:
    kind = kind_of(data).name
    if kind == "table":
        table = tables.read(data)
        return tables.audit(table, choose_name(table, target)[0])
    if target is not None:
        raise ArgumentError(
            "audit",
            f"--target {target}",
            f"data of the kind {kind} have no columns",
            "leave it out",
        )
    return audit_text(read_text(data)) if kind == "text" else audit_images(prepare_images(data))
