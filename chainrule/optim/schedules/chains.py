"""Schedules one after the other: receives schedules and their lengths, hands on one schedule."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from chainrule.dtypes import float64
from chainrule.errors import ArgumentError
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.functions.elementwise import maximum
from chainrule.frontend.functions.logic import where
from chainrule.frontend.tensor import Tensor
from chainrule.optim.schedules.base import Rate, Schedule, as_schedule, as_schedules, at_least
from chainrule.optim.schedules.decay import Cosine, Linear


@dataclass(frozen=True)
class Chain(Schedule):
    """Schedules one after the other, each counting from its own start; the last one goes on.

    `lengths` says how many steps each but the last takes. Numbers are constant rates. PyTorch's
    SequentialLR takes the sums of the lengths, its milestones.

    >>> Chain, Linear = cr.optim.schedules.Chain, cr.optim.schedules.Linear
    >>> schedule = Chain([0.1, Linear(0.1, 10), 0.01], lengths=[5, 8])
    >>> [round(schedule(t), 4) for t in (4, 5, 10, 13)]
    [0.1, 0.1, 0.05, 0.01]
    """

    schedules: tuple[Rate, ...]
    lengths: tuple[int, ...]

    def __post_init__(self) -> None:
        name = type(self).__name__
        object.__setattr__(self, "schedules", as_schedules(name, self.schedules))
        object.__setattr__(self, "lengths", tuple(self.lengths))
        if len(self.schedules) != len(self.lengths) + 1:
            raise ArgumentError(
                name,
                f"{len(self.schedules)} schedules with {len(self.lengths)} lengths",
                "the last schedule has no end",
                "give a length for each of the others",
            )
        for length in self.lengths:
            at_least(name, "a length", length, 1, "so many steps belong to one schedule")

    def rate(self, t: Tensor) -> Tensor:
        rate = asarray(self.schedules[0](t), dtype=float64)
        for start, schedule in zip(accumulate(self.lengths), self.schedules[1:]):
            later = asarray(schedule(maximum(t - start, 0)), dtype=float64)
            rate = where(t < start, rate, later)
        return rate


class Warmup(Chain):
    """Up a line from `start` to the first rate of a schedule, then that schedule (A-082, A-083).

    `schedule` counts from the end of the warm-up; a number stays. With start=0, the notes' and the
    Transformer libraries' choice, the first update changes nothing; 1e-4 of the notes' is another.
    5 to 10 % of the steps are usual. PyTorch's LinearLR starts at a third.

    >>> schedule = cr.optim.schedules.Warmup(cr.optim.schedules.Cosine(0.1, 100), steps=10)
    >>> [round(schedule(t), 4) for t in (0, 5, 10, 60, 110)]
    [0.0, 0.05, 0.1, 0.05, 0.0]
    """

    def __init__(self, schedule: Any, steps: int, start: float = 0.0) -> None:
        at_least("Warmup", "steps", steps, 1, "so many steps lead up")
        then = as_schedule("Warmup", schedule)
        super().__init__((Linear(start, steps, float(then(0))), then), (steps,))


class WarmupCosine(Warmup):
    """Up a line from `start` to `learning_rate`, then a cosine down to `end` (A-083).

    `steps` counts all, those of the warm-up too: optax's warmup_cosine_decay_schedule.

    >>> schedule = cr.optim.schedules.WarmupCosine(0.0, 0.1, warmup_steps=10, steps=110)
    >>> [round(schedule(t), 4) for t in (0, 5, 10, 60, 110)]
    [0.0, 0.05, 0.1, 0.05, 0.0]
    """

    def __init__(
        self, start: float, learning_rate: float, warmup_steps: int, steps: int, end: float = 0.0
    ) -> None:
        at_least(
            "WarmupCosine", "steps", steps, warmup_steps + 1, f"{warmup_steps} of them are warm-up"
        )
        super().__init__(Cosine(learning_rate, steps - warmup_steps, end), warmup_steps, start)


class WSD(Chain):
    """Warm-up, stable, decay: up a line from 0, constant, down a line to `end`.

    Hu et al. 2024. The number of stable steps need not be known when training starts.

    >>> schedule = cr.optim.schedules.WSD(0.1, warmup=10, stable=80, decay=10)
    >>> [round(schedule(t), 4) for t in (5, 50, 95, 100)]
    [0.05, 0.1, 0.05, 0.0]
    """

    def __init__(
        self, learning_rate: float, warmup: int, stable: int, decay: int, end: float = 0.0
    ) -> None:
        at_least("WSD", "stable", stable, 0, "so many steps keep the rate")
        parts = Warmup(learning_rate, warmup), Linear(learning_rate, decay, end)
        super().__init__(parts, (warmup + stable,))
