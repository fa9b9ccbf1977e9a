"""`chainrule check`: compares derivatives with finite differences."""

from __future__ import annotations

import typer

from chainrule.checks import chosen, verdicts
from chainrule.cli import options
from chainrule.cli.screens.check import CheckScreen


def check(names: options.CheckNames = None, seed: options.CheckSeed = 0) -> None:
    """Compare derivatives with finite differences.

    Every loss, activation and layer is checked in float64: relative errors of first and second
    derivatives below 1e-7 are perfect, below 1e-5 acceptable, below 1e-3 suspicious. Ends with code
    1 where one is worse than acceptable.
    """
    families = chosen(names or ())
    with CheckScreen(families) as screen:
        for family, checks in families.items():
            screen.heading(family)
            for verdict in verdicts(checks, seed):
                screen.told(verdict)
    screen.summed_up()
    if screen.failures:
        raise typer.Exit(1)
