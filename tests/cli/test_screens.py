"""Screens: lines that a narrow terminal has no room for stay in their columns."""

import io

import pytest
from rich.console import Console

from chainrule.cli.screens.base import Screen
from chainrule.cli.screens.fit import FitScreen

REASON = "about 4 times the inputs, from 64 to 256, then half; the mean of several varies less"


def shown(screen, width, tell, terminal=True):
    file = io.StringIO()
    screen.console = Console(
        file=file, width=width, force_terminal=terminal, color_system=None, soft_wrap=True
    )
    tell(screen)
    return [line for line in file.getvalue().splitlines() if line]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_facts_are_wrapped_behind_their_names(width):
    lines = shown(Screen(), width, lambda screen: screen.fact("network", REASON))
    assert all(len(line) <= width for line in lines)
    assert lines[0].startswith("  network         about")
    assert {line[:18] for line in lines[1:]} <= {" " * 18}
    assert " ".join(line[18:].strip() for line in lines) == REASON


@pytest.mark.parametrize("width", [60, 120])
def test_recipes_are_wrapped_in_their_columns(width):
    told = {"network": "4-64-32-3, 4 of them"}, {"network": REASON}
    lines = shown(FitScreen(), width, lambda screen: screen.recipe(*told))
    assert all(len(line) <= width for line in lines)
    assert ("(about 4 times" in " ".join(lines)) == (width == 60)


def test_no_line_is_wrapped_where_nobody_looks_on():
    lines = shown(Screen(), 40, lambda screen: screen.fact("network", REASON), terminal=False)
    assert lines == [f"  network         {REASON}"]
