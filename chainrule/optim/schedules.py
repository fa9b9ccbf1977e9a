"""Learning rates over time: receive the number of steps taken, hand on the rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from chainrule.dtypes import float64
from chainrule.errors import ArgumentError
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.functions.elementary import cos
from chainrule.frontend.functions.elementwise import minimum
from chainrule.frontend.tensor import Tensor


class Schedule:
    """From the step to the rate: a number to a number, a tensor to a tensor."""

    def __call__(self, step: int | float | Tensor) -> Any:
        rate = self.rate(asarray(step, dtype=float64))
        return rate if isinstance(step, Tensor) else float(rate)

    def rate(self, t: Tensor) -> Tensor:
        """The rate after t steps."""
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate for ever.

    >>> cr.optim.schedules.Constant(0.1)(7)
    0.1
    """

    learning_rate: float

    def rate(self, t: Tensor) -> Tensor:
        return 0 * t + self.learning_rate


@dataclass(frozen=True)
class Cosine(Schedule):
    """end + (learning_rate - end) * (1 + cos(pi * t / steps)) / 2, and `end` after `steps`.

    Without the restarts of Loshchilov & Hutter 2017.

    >>> schedule = cr.optim.schedules.Cosine(0.1, steps=100)
    >>> schedule(0), round(schedule(50), 6), schedule(100)
    (0.1, 0.05, 0.0)
    """

    learning_rate: float
    steps: int
    end: float = 0.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ArgumentError(
                "Cosine", f"steps is {self.steps}", "it is where the rate ends", "choose steps >= 1"
            )

    def rate(self, t: Tensor) -> Tensor:
        along = minimum(t / self.steps, 1)
        return self.end + (self.learning_rate - self.end) * (1 + cos(math.pi * along)) / 2
