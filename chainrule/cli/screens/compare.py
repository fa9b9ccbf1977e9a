"""The screen of `chainrule compare`: receives a plan, its progress and the comparison; prints a
table and a verdict.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np

from chainrule.cli.screens.base import ProgressScreen
from chainrule.data import Gathered
from chainrule.train.comparing.comparison import NETWORK, Comparison, Entry
from chainrule.train.comparing.plan import Folds
from chainrule.train.comparing.running import Onlooker
from chainrule.words import counted

KINDS = {
    "stratified": "stratified",
    "grouped": "rows of a group together",
    "ordered": "each later than what was trained on",
}
WIDTH = 100
LEGEND = "* more than chance explains; times to fit one fold, and to predict 1,000 rows"


class CompareScreen(ProgressScreen, Onlooker):
    """Tells of a comparison: how it is made, how far it is, and what came of it."""

    def planned(self, gathered: Gathered, metric: str, plan: Folds, models: Sequence[str]) -> None:
        classes = f" into {len(gathered.classes)} classes" if gathered.classes else ""
        self.line(f"{gathered.table.name}: {counted(len(gathered.values), 'row')}", style="bold")
        self.fact("target", f"{gathered.name}: {gathered.task}{classes}, as {gathered.reason}")
        times = f", {plan.repeats} times" if plan.repeats > 1 else ""
        self.fact("folds", f"{plan.count}{times}, {KINDS[plan.kind]}; all models have the same")
        defaults = "with the defaults of fit and of their libraries, these on one thread"
        self.fact("models", f"{len(models)}, {defaults}")
        for note in gathered.notes:
            self.fact("note", note, style="yellow")
        self.count = plan.count * plan.repeats
        self.open_progress(self.count * len(models), NETWORK)

    def starts(self, name: str, fold: int) -> None:
        if self.progress is not None:
            self.progress.update(self.bar, description=f"fold {fold + 1}/{self.count}: {name}")

    def done(self, name: str, fold: int) -> None:
        self.advance(f"fold {fold + 1}/{self.count}: {name}")
        if self.progress is None and name == NETWORK:
            self.fact("fold", f"{fold + 1} of {self.count}")

    def compared(self, found: Comparison) -> None:
        """The table, the best first, and the verdict."""
        if found.interrupted:
            done = len(found.best.scores)
            self.line(f"interrupted: what follows is of {counted(done, 'fold')}", style="yellow")
        self.heading(f"{found.metric} of {len(found.best.scores)} folds, intervals of 95 %")
        header = ("", found.metric, "interval", "beside the network", "to fit", "1,000 rows in")
        self.table(header, [_row(found, entry) for entry in found.entries])
        self.line(f"  {LEGEND}")
        for name, why in found.left_out.items():
            self.line(f"  left out: {name}: {why}", style="yellow")
        self.line()
        for line in textwrap.wrap(found.verdict, WIDTH):
            self.line(line, style="bold green")


def _row(found: Comparison, entry: Entry) -> tuple[str, ...]:
    low, high, value = found.texts(found.interval(entry.name))
    return (
        entry.name,
        value,
        f"{low} .. {high}",
        "" if entry.name == NETWORK else _beside(found, entry),
        seconds(float(np.median(entry.fit_seconds))),
        seconds(float(np.median(entry.predict_seconds))),
    )


def _beside(found: Comparison, entry: Entry) -> str:
    """The gain over the network with its sign; a star where it is shown not to be 0."""
    gain = found.gain(entry.name, NETWORK)
    low, high, value = found.texts(gain)
    star = " *" if gain.low > 0 or gain.high < 0 else "  "
    sign = "+" if gain.value > 0 else ""
    return f"{sign}{value} ({low} .. {high}){star}"


def seconds(value: float) -> str:
    """A time in the unit that fits."""
    for limit, factor, unit in ((1e-3, 1e6, "us"), (1.0, 1e3, "ms")):
        if value < limit:
            return f"{value * factor:.3g} {unit}"
    return f"{value:.3g} s" if value < 1000 else f"{value:,.0f} s"
