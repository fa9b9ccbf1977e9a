"""Telling: receives a training after each of its epochs; tells callbacks what a `Trainer` would."""

from __future__ import annotations

import time
from collections.abc import Sequence

from chainrule.errors import ArgumentError
from chainrule.train.estimators.fitting import Fitting
from chainrule.train.trainer.callbacks import Callback, overrides
from chainrule.train.trainer.training import Training

BATCHES = ("batch_start", "batch_end", "stretch_start", "stretch_end")


class Teller(Training):
    """An estimator's training, of which callbacks are told by the epoch."""

    def __init__(
        self, fitting: Fitting, callbacks: Sequence[Callback], planned: int, held: bool
    ) -> None:
        for callback in callbacks:
            if overrides(callback, *BATCHES):
                raise ArgumentError(
                    "fit",
                    f"{type(callback).__name__} wants to be told of batches",
                    "an epoch is one native call here",
                    "train your network with train.Trainer",
                )
        super().__init__(fitting.step, callbacks)
        self.start(planned, () if held else ("validation_loss",))
        self.fitting, self.started = fitting, time.perf_counter()

    def tell(self, event: str) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self)

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
