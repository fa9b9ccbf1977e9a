"""Progress: receives the events of a training; shows a bar on a terminal, and lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

from chainrule.train.trainer.callbacks import Callback
from chainrule.train.trainer.history import Row
from chainrule.train.trainer.training import Training

HIDDEN = ("epoch", "learning_rate", "seconds")
SECONDS_A_LINE = 1.0


class Progress(Callback):
    """A bar with the rate, the time left and the figures of the last epoch where a person looks on;
    elsewhere a line an epoch, but not more than one a second. `fit` has one unless `quiet`.

    As a context it takes the bar away in any case.

    >>> with cr.train.Progress() as progress:
    ...     callbacks = [progress]
    """

    def __init__(self) -> None:
        self.bar: Any = None
        self.told = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: Any) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def fit_start(self, trainer: Training) -> None:
        self.told = 0.0
        self.bar = _bar() if sys.stdout.isatty() else None
        if self.bar is not None:
            self.task = self.bar.add_task("", figures="", total=None)
            self.bar.start()

    def stretch_end(self, trainer: Training) -> None:
        if self.bar is None:
            return
        done, total = trainer.place()
        epoch = f"epoch {len(trainer.history.epochs) + 1}/{trainer.planned}"
        self.bar.update(self.task, completed=done, total=total, description=epoch)

    def epoch_end(self, trainer: Training) -> None:
        row, now = trainer.row, time.monotonic()
        if self.bar is not None:
            self.bar.update(self.task, figures=figures(row))
        elif row["epoch"] in (1, trainer.planned) or now - self.told >= SECONDS_A_LINE:
            self.told = now
            print(f"epoch {row['epoch']}/{trainer.planned}  {figures(row)}", flush=True)

    def fit_end(self, trainer: Training) -> None:
        self.__exit__()


def figures(row: Row) -> str:
    """The numbers of an epoch in words, and its seconds."""
    shown = {name: x for name, x in row.items() if name not in HIDDEN and isinstance(x, float)}
    told = [f"{name.replace('_', ' ')} {value:.4g}" for name, value in shown.items()]
    return "  ".join([*told, f"{row['seconds']:.2f} s"])


def _bar() -> Any:
    """A bar of rich; without the package, none."""
    try:
        from rich import progress
        from rich.text import Text
    except ImportError:
        return None

    class Rate(progress.ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(f"{task.speed:,.0f} steps/s" if task.speed else "")

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        Rate(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[figures]}"),
    )
    return progress.Progress(*columns)
