"""Rates that one formula of the step gives: decays, and the Transformer's with its warm-up."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chainrule.dtypes import float64
from chainrule.frontend.functions.elementary import cos, exp
from chainrule.frontend.functions.elementwise import floor, minimum, sqrt
from chainrule.frontend.lift import cast
from chainrule.frontend.tensor import Tensor
from chainrule.optim.arguments import at_least, positive
from chainrule.optim.schedules.base import Schedule

SMALLER = "it multiplies the rate"
ENDS = "it is where the rate ends"


def fall(start: float, end: float, left: Tensor) -> Tensor:
    """From start, where `left` is 1, to end, where it is 0: there exactly, however small end is."""
    return end + (start - end) * left


def half_cosine(along: Tensor) -> Tensor:
    """From 1 at 0 to 0 at 1, along half a cosine."""
    return (1 + cos(math.pi * along)) / 2


@dataclass(frozen=True)
class Step(Schedule):
    """learning_rate * factor**floor(t / every) (A-077).

    `factor` is PyTorch's gamma and default. The notes say "halves, or multiplies by a factor": the
    first is factor=0.5. ImageNet's custom is every=30 epochs.

    >>> [round(cr.optim.schedules.Step(0.1, every=2)(t), 6) for t in range(5)]
    [0.1, 0.1, 0.01, 0.01, 0.001]
    """

    learning_rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        at_least("Step", "every", self.every, 1, "so many steps keep one rate")
        positive("Step", "factor", self.factor, SMALLER)

    def rate(self, t: Tensor) -> Tensor:
        return self.learning_rate * self.factor ** floor(t / self.every)


@dataclass(frozen=True)
class MultiStep(Schedule):
    """learning_rate * factor**(number of milestones up to t), PyTorch's MultiStepLR (A-077).

    >>> [round(cr.optim.schedules.MultiStep(0.1, [2, 3])(t), 6) for t in range(5)]
    [0.1, 0.1, 0.01, 0.001, 0.001]
    """

    learning_rate: float
    milestones: tuple[int, ...]
    factor: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "milestones", tuple(self.milestones))
        positive("MultiStep", "factor", self.factor, SMALLER)

    def rate(self, t: Tensor) -> Tensor:
        passed = 0 * t
        for milestone in self.milestones:
            passed = passed + cast(t >= milestone, float64)
        return self.learning_rate * self.factor**passed


@dataclass(frozen=True)
class Exponential(Schedule):
    """learning_rate * exp(-decay * t) (A-078).

    PyTorch's ExponentialLR, learning_rate * gamma**t, is decay = -log(gamma).

    >>> round(cr.optim.schedules.Exponential(0.1, decay=0.01)(100), 6)
    0.036788
    """

    learning_rate: float
    decay: float

    def __post_init__(self) -> None:
        at_least("Exponential", "decay", self.decay, 0, "the rate falls as exp(-decay * t)")

    def rate(self, t: Tensor) -> Tensor:
        return self.learning_rate * exp(-self.decay * t)


@dataclass(frozen=True)
class Polynomial(Schedule):
    """end + (learning_rate - end) * (1 - t / steps)**power, and `end` after `steps` (A-079).

    The notes' formula has end=0. PyTorch's default power is 1, a line; DeepLab took 0.9.

    >>> round(cr.optim.schedules.Polynomial(0.1, steps=10, power=2)(5), 6)
    0.025
    """

    learning_rate: float
    steps: int
    power: float = 1.0
    end: float = 0.0

    def __post_init__(self) -> None:
        at_least(type(self).__name__, "steps", self.steps, 1, ENDS)
        positive("Polynomial", "power", self.power, "a power of 0 would not fall")

    def rate(self, t: Tensor) -> Tensor:
        left = 1 - minimum(t / self.steps, 1)
        return fall(self.learning_rate, self.end, left if self.power == 1 else left**self.power)


class Linear(Polynomial):
    """From learning_rate to end along a line of so many steps, up or down; then `end`.

    >>> [round(cr.optim.schedules.Linear(0.2, 4)(t), 6) for t in range(6)]
    [0.2, 0.15, 0.1, 0.05, 0.0, 0.0]
    """

    def __init__(self, learning_rate: float, steps: int, end: float = 0.0) -> None:
        super().__init__(learning_rate, steps, 1.0, end)


@dataclass(frozen=True)
class Cosine(Schedule):
    """end + (learning_rate - end) * (1 + cos(pi * t / steps)) / 2, and `end` after `steps` (A-080).

    Loshchilov & Hutter 2017 without restarts. PyTorch's rises again after T_max steps.

    >>> schedule = cr.optim.schedules.Cosine(0.1, steps=100)
    >>> schedule(0), round(schedule(50), 6), schedule(100)
    (0.1, 0.05, 0.0)
    """

    learning_rate: float
    steps: int
    end: float = 0.0

    def __post_init__(self) -> None:
        at_least("Cosine", "steps", self.steps, 1, ENDS)

    def rate(self, t: Tensor) -> Tensor:
        return fall(self.learning_rate, self.end, half_cosine(minimum(t / self.steps, 1)))


@dataclass(frozen=True)
class InverseSqrt(Schedule):
    """learning_rate * min(s / warmup, sqrt(warmup / s)): up a line, then down as a root.

    s counts from 1: the first update, t = 0, has s = t + 1 = 1, so that its rate is neither 0 nor
    infinite. The rate is highest, learning_rate, at s = warmup.

    >>> [round(cr.optim.schedules.InverseSqrt(0.1, warmup=2)(t), 4) for t in (0, 1, 7)]
    [0.05, 0.1, 0.05]
    """

    learning_rate: float
    warmup: int

    def __post_init__(self) -> None:
        at_least(type(self).__name__, "warmup", self.warmup, 1, "the rate is highest there")

    def rate(self, t: Tensor) -> Tensor:
        s = t + 1
        return self.learning_rate * minimum(s / self.warmup, sqrt(self.warmup / s))


class Noam(InverseSqrt):
    """scale * d_model**-0.5 * min(s**-0.5, s * warmup**-1.5), of the Transformer (A-084).

    Vaswani et al. 2017, with their 4000 steps of warm-up; s = t + 1 counts from 1 as theirs does.
    This is `InverseSqrt` with the rate scale / sqrt(d_model * warmup).

    >>> round(cr.optim.schedules.Noam(512)(3999), 8)
    0.00069877
    """

    def __init__(self, d_model: int, warmup: int = 4000, scale: float = 1.0) -> None:
        at_least("Noam", "d_model", d_model, 1, "it is the width of the model")
        at_least("Noam", "warmup", warmup, 1, "the rate is highest there")
        super().__init__(scale / math.sqrt(d_model * warmup), warmup)
