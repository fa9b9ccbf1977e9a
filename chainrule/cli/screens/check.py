"""The screen of `chainrule check`: receives verdicts on derivatives; prints them as they come."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from chainrule.checks import Check, Verdict
from chainrule.cli.screens.base import ProgressScreen

VERDICTS = {"perfect": None, "acceptable": None, "suspicious": "yellow", "wrong": "red"}


class CheckScreen(ProgressScreen):
    """Tells the verdicts on derivatives as they come, in the columns of one table."""

    def __init__(self, families: Mapping[str, Sequence[Check]]) -> None:
        super().__init__()
        names = [check.name for checks in families.values() for check in checks]
        self.counts: Counter[str] = Counter()
        self.width = max(map(len, names))
        self.start = time.perf_counter()
        self.line(f"  {'':{self.width}}  {'first':>8}  {'second':>8}  verdict", style="bold")
        self.open_progress(len(names), names[0])

    @property
    def failures(self) -> int:
        """How many verdicts are worse than acceptable."""
        return self.counts["suspicious"] + self.counts["wrong"]

    def told(self, verdict: Verdict) -> None:
        result = verdict.result
        self.counts[result.verdict] += 1
        errors = f"{result.first:8.1e}  {result.second:8.1e}"
        text = "; ".join((result.verdict, *result.notes))
        style = VERDICTS[result.verdict]
        self.line(f"  {verdict.name:{self.width}}  {errors}  {text}", style=style)
        self.advance(verdict.name)

    def summed_up(self) -> None:
        """The line at the end."""
        self.close_progress()
        counts = ", ".join(f"{self.counts[word]} {word}" for word in VERDICTS if self.counts[word])
        seconds = time.perf_counter() - self.start
        self.line()
        self.line(f"{self.counts.total()} checked in {seconds:.1f} s: {counts}", style="bold")
