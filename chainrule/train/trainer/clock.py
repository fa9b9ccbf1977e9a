"""Training by the clock: receives the time there is; hands on how much of a training is gone, which
the rate follows, and ends it in time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import inf

import chainrule as cr
from chainrule.errors import ArgumentError
from chainrule.frontend.stateful import Buffer, Stateful
from chainrule.optim.schedules import Schedule
from chainrule.train.trainer.callbacks import Callback
from chainrule.train.trainer.training import Training


class Gone(Stateful, Schedule):
    """A schedule of so many `steps` that runs faster where the time is shorter: its rate is that of
    the share of the steps that are done, or of the time that a `Clock` says is gone, whichever is
    greater.

    >>> schedule = Gone(cr.optim.schedules.Linear(0.1, 100), steps=100)
    >>> schedule.share.assign(cr.asarray(0.75, dtype=cr.float64))
    >>> round(schedule(50), 6), round(schedule(80), 6)
    (0.025, 0.02)
    """

    def __init__(self, schedule: Schedule, steps: int) -> None:
        self.schedule, self.steps = schedule, steps
        self.share = Buffer(cr.asarray(0.0, dtype=cr.float64))

    def rate(self, t: cr.Tensor) -> cr.Tensor:
        return self.schedule(cr.maximum(t, self.share * self.steps))


class Clock(Callback):
    """Tells `Gone` schedules the time, and ends training when it is up: in the middle of an epoch,
    early enough to validate.

    With `minutes` None it is the steps alone that count: the same seed gives the same weights.
    Raises ArgumentError for a time that is not above 0.

    >>> x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    >>> model = cr.nn.Linear(3, 1)
    >>> rate = cr.train.Gone(cr.optim.schedules.Cosine(0.1, 40), steps=40)
    >>> clock = cr.train.Clock([rate], minutes=5)
    >>> trainer = cr.train.Trainer(
    ...     model, cr.nn.losses.mse, cr.optim.SGD(model, rate), callbacks=[clock]
    ... )
    >>> history = trainer.fit((x, x @ np.ones((3, 1), np.float32)), epochs=5, quiet=True)
    >>> history.stopped, clock.share(trainer)
    ('all epochs', 0.25)
    """

    def __init__(self, schedules: Sequence[Gone], minutes: float | None) -> None:
        if minutes is not None and not minutes > 0:
            raise ArgumentError("Clock", f"minutes={minutes}", "it is a time", "choose one above 0")
        self.schedules = schedules
        self.seconds = inf if minutes is None else 60 * minutes

    def fit_start(self, trainer: Training) -> None:
        self.start = self.trained = time.monotonic()
        self.validating = 0.0  # The first one compiles: how long the others take, they say.

    def stretch_start(self, trainer: Training) -> None:
        share = min(1.0, (time.monotonic() - self.start) / self.seconds)
        for schedule in self.schedules:
            schedule.share.assign(cr.asarray(share, dtype=cr.float64))

    def stretch_end(self, trainer: Training) -> None:
        self.trained = time.monotonic()
        if self.trained + self.validating > self.start + self.seconds:
            trainer.stop("time")

    def epoch_end(self, trainer: Training) -> None:
        if trainer.row["epoch"] > 1:
            self.validating = time.monotonic() - self.trained

    def share(self, trainer: Training) -> float:
        """How much of the training is gone, from 0 to 1."""
        schedule = self.schedules[0]
        done = float(trainer.optimizer.steps) / schedule.steps
        return min(1.0, max(done, float(schedule.share)))
