"""The screen of `chainrule evaluate`: receives facts; tells how good a run is on new rows."""

from __future__ import annotations

from pathlib import Path

from chainrule.cli.screens.base import Screen
from chainrule.train.report import Report
from chainrule.train.report.facts import Confusion
from chainrule.train.report.words import figure_text, range_text
from chainrule.words import counted

STYLES = {"yes": "bold green", "not yet": "bold yellow", "no": "bold red"}
MOST_CLASSES = 20  # A wider matrix has no room on a screen.


class EvaluateScreen(Screen):
    """Tells of an evaluation."""

    def evaluated(self, report: Report, run: Path) -> None:
        """Figures, confusion or residuals, notices, and the verdict."""
        found = report.comparison
        self.line(f"{run} on {report.subject.data}: {counted(found.rows, 'row')}", style="bold")
        now, then = found.figures.values()
        rows = [
            (name, figure_text(one.value), range_text(one), figure_text(then[name].value))
            for name, one in now.items()
        ]
        self.table(("", "now", "95 % of such rows", "at training"), rows)
        if report.confusion and len(report.confusion.classes) <= MOST_CLASSES:
            self._confusion(report.confusion)
        if report.calibration:
            self.fact("calibration", f"error {figure_text(report.calibration.error)}")
        if report.residuals:
            self.fact("residuals", f"mean {figure_text(report.residuals.bias)}, "
                      f"deviation {figure_text(report.residuals.deviation)}")  # fmt: skip
        for notice in report.drift.notices:
            self.line(f"notice: {notice}", style="yellow")
        self.line()
        self.line(f"{report.verdict.question} {report.verdict.sentence}",
                  style=STYLES[report.verdict.answer])  # fmt: skip

    def _confusion(self, found: Confusion) -> None:
        rows = [(name, *map(str, counts)) for name, counts in zip(found.classes, found.counts)]
        self.heading("true class by row, predicted by column")
        self.table(("", *found.classes), rows)
