"""The screen of `chainrule search`: receives trials and what they found; then it is that of fit."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from chainrule.cli.screens.base import NAME
from chainrule.cli.screens.table import TableScreen
from chainrule.data import Gathered
from chainrule.train.report.words import figure_text
from chainrule.train.scores import GREATER_IS_BETTER
from chainrule.train.tuning import Found, Listener
from chainrule.train.tuning.journal import DONE, Journal, Trial
from chainrule.train.tuning.space import DEFAULT
from chainrule.words import counted

BEST = 5  # Trials in the table.
LEAST_SHARE = 0.005  # What is less would be told as 0%.
WIDTH = 100


class SearchScreen(TableScreen, Listener):
    """Tells of a search, and of the training after it."""

    def __init__(self, trials: int) -> None:
        super().__init__()
        self.trials, self.best = trials, float("inf")

    def searching(self, gathered: Gathered, metric: str, parts: int, journal: Journal) -> None:
        self.metric, self.sign = metric, -1 if metric in GREATER_IS_BETTER else 1
        self.line(f"{gathered.table.name}: {counted(len(gathered.values), 'row')}", style="bold")
        self.fact("target", f"{gathered.name}: {gathered.task}, as {gathered.reason}")
        folds = f"{parts} folds" if parts > 1 else "the validation part"
        self.fact(
            "search",
            f"{counted(self.trials, 'trial')}, by the {metric} of {folds}; no row of the test",
        )
        done = journal.trials
        if done:
            self.fact("going on", f"after {counted(len(done), 'trial')} of before")
            self.best = min((t.loss for t in done if t.state == DONE), default=self.best)
        self.open_progress(self.trials, DEFAULT)
        if self.progress is not None:
            self.progress.update(self.bar, completed=len(done))

    def tried(self, trial: Trial) -> None:
        better = trial.state == DONE and trial.loss < self.best
        if better:
            self.best = trial.loss
        least = figure_text(self.sign * self.best) if self.best < float("inf") else "none"
        self.advance(f"{trial.stage}, best {self.metric} {least}")
        if self.progress is None or better:
            shown = trial.state if trial.state != DONE else figure_text(self.sign * trial.loss)
            changes = _told(trial.changes)
            # A stage of one choice bears its name.
            told = changes if changes.startswith(trial.stage) else f"{trial.stage}: {changes}"
            told = f"{shown:<10}{told}"
            self.line(
                f"  {f'trial {trial.number}':<{NAME}}{told}", style="bold" if better else None
            )

    def confirming(self, fold: int, folds: int) -> None:
        if self.progress is not None:
            told = f"fold {fold + 1}/{folds} made anew, for the best and the default"
            self.progress.update(self.bar, description=told)
        elif fold == 0:
            self.fact("confirming", f"the best and the default on {folds} folds made anew")

    def searched(self, found: Found) -> None:
        self.close_progress()
        self.heading("Best trials")
        rows = [
            (f"trial {t.number}", figure_text(self.sign * t.loss), t.stage, _told(t.changes))
            for t in found.done[:BEST]
        ]
        self.listing(("", found.metric, "stage", "changes of the default"), rows)
        self.heading("Stages")
        self.table(
            ("", "trials", f"{found.metric} before", "after"),
            [
                (name, str(count), self._loss(before), self._loss(after))
                for name, count, before, after in found.stages()
            ],
        )
        if found.importances:
            self.heading("Importance: shares in what differs between trials not pruned")
            for name, share in found.importances.items():
                if share >= LEAST_SHARE:
                    self.fact(name.replace("_", " "), f"{share:.0%}")
        self.line()
        for line in textwrap.wrap(found.verdict, WIDTH):
            self.line(line, style="bold yellow" if found.interrupted else "bold green")
        self.line()

    def _loss(self, loss: float) -> str:
        return figure_text(self.sign * loss) if abs(loss) < float("inf") else "-"


def _told(changes: Mapping[str, Any]) -> str:
    """Changes in words."""
    words = []
    for name, value in sorted(changes.items()):
        if isinstance(value, (list, tuple)):
            value = "-".join(map(str, value))
        shown = f"{value:g}" if isinstance(value, float) else value
        words.append(f"{name.replace('_', ' ')} {shown}")
    return ", ".join(words) or "none"
