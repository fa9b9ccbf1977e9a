"""`chainrule predict`: applies a run to a table."""

from __future__ import annotations

from chainrule import train
from chainrule.cli import options
from chainrule.cli.output import check_output, write
from chainrule.cli.screens.base import Screen
from chainrule.data import read


def predict(
    run: options.RunFolder,
    data: options.NewData,
    output: options.PredictionFile,
    force: options.Force = False,
) -> None:
    """Apply a run to a table.

    The rows are written with a column `prediction`, and for classes a column `probability_<class>`
    each.
    """
    check_output(output, force)
    found, table = train.load(run), read(data)
    result = found.predictions(table)
    screen = Screen()
    for notice in found.notices(table):
        screen.line(f"notice: {notice}", style="yellow")
    write(result, output)
    screen.line(f"{result.height:,} predictions written to {output}")
