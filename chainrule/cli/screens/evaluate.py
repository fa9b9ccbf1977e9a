"""The screen of `chainrule evaluate`: receives facts; tells how good a run is on new rows."""

from __future__ import annotations

from pathlib import Path

from chainrule.cli.screens.base import Screen
from chainrule.metrics import Interval
from chainrule.train.report import Report
from chainrule.train.report.facts import ByClass, Comparison, Confusion
from chainrule.train.report.judged import THEN
from chainrule.train.report.words import figure_text, range_text
from chainrule.words import counted

STYLES = {"yes": "bold green", "not yet": "bold yellow", "no": "bold red"}
MOST_CLASSES = 20  # A wider matrix has no room on a screen.


class EvaluateScreen(Screen):
    """Tells of an evaluation."""

    def evaluated(self, report: Report, run: Path) -> None:
        """Figures, confusion or residuals, notices, and the verdict."""
        found = report.comparison
        self.line(f"{run} on {report.subject.data}: {counted(found.rows, found.of)}", style="bold")
        then, such = found.figures[THEN], f"95 % of such {found.others}"
        rows = [
            (name, figure_text(one.value), _range(one), figure_text(then[name].value))
            for name, one in found.ours.items()
        ]
        self.table(("", "now", such, "at training"), rows)
        _, *others = found.figures
        self._beside(found, [name for name in others if name != THEN])
        if report.confusion and len(report.confusion.classes) <= MOST_CLASSES:
            self._confusion(report.confusion)
        if report.by_class:
            self._by_class(report.by_class)
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

    def _beside(self, found: Comparison, others: list[str]) -> None:
        """The main figure of other models on the same data."""
        if others:
            figures = [(name, found.figures[name][found.main]) for name in others]
            rows = [(name, figure_text(one.value), _range(one)) for name, one in figures]
            self.heading(f"{found.main} of simpler models")
            self.table(("", "now", f"95 % of such {found.others}"), rows)

    def _by_class(self, found: ByClass) -> None:
        worst = sorted(found.rows, key=lambda row: row[-1])[:MOST_CLASSES]
        shown = worst if len(found.rows) > MOST_CLASSES else found.rows
        rows = [(name, f"{n:,}", *map(figure_text, figures)) for name, n, *figures in shown]
        which = f", the {MOST_CLASSES} worst" if shown is worst else ""
        told = "of its rows so many are found, of those named so many are right"
        self.heading(f"by class{which}: {told}")
        self.table(("", "rows", "found", "right", "F1"), rows)

    def _confusion(self, found: Confusion) -> None:
        rows = [(name, *map(str, counts)) for name, counts in zip(found.classes, found.counts)]
        self.heading("true class by row, predicted by column")
        self.table(("", *found.classes), rows)


def _range(found: Interval) -> str:
    return range_text(found) if found.low < found.high else ""
