"""Telling: receives a training after each of its epochs; tells callbacks what a `Trainer` would."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.train.callbacks import Callback, overrides
from chainrule.train.estimators.fitting import Fitting
from chainrule.train.history import History, Row
from chainrule.train.trainer import Trainer

BATCHES = ("batch_start", "batch_end", "stretch_start", "stretch_end")


class Teller:
    """What callbacks see of an estimator's training: its model, optimizer, history and the row of
    the epoch; they may add to the row, and stop.
    """

    figure = Trainer.figure
    evaluation = Trainer.evaluation

    def __init__(self, fitting: Fitting, callbacks: Sequence[Callback], planned: int) -> None:
        for callback in callbacks:
            if overrides(callback, *BATCHES):
                raise ArgumentError(
                    "fit",
                    f"{type(callback).__name__} wants to be told of batches",
                    "an epoch is one native call here",
                    "train your network with train.Trainer",
                )
        self.fitting, self.callbacks, self.planned = fitting, callbacks, planned
        self.model, self.optimizer = fitting.step.model, fitting.step.optimizer
        self.history, self.row, self.resumed = History(), Row(), False
        self.stopped = ""
        self.started = time.perf_counter()

    def tell(self, event: str) -> None:
        for callback in self.callbacks:
            who: Any = self
            getattr(callback, event)(who)

    def stop(self, why: str) -> None:
        """End training after this epoch."""
        self.stopped = why

    def epoch_end(self) -> None:
        """Tell of the epoch that is over."""
        losses, held = self.fitting.curves()
        self.row = {"epoch": len(losses), "loss": losses[-1]}
        if held:
            self.row["validation_loss"] = held[-1]
        self.row["learning_rate"] = float(self.optimizer.learning_rate)
        now = time.perf_counter()
        self.row["seconds"], self.started = now - self.started, now
        self.history.epochs.append(self.row)
        self.tell("epoch_end")
