"""Rates that rise and fall: restarts, cycles, and one cycle with the momentum against it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

from chainrule.errors import ArgumentError
from chainrule.frontend.functions.elementary import log
from chainrule.frontend.functions.elementwise import clip, floor, minimum
from chainrule.frontend.functions.logic import where
from chainrule.frontend.tensor import Tensor
from chainrule.optim.arguments import at_least, positive
from chainrule.optim.schedules.base import Schedule
from chainrule.optim.schedules.decay import fall, half_cosine

ANNEAL: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda along: 1 - along,
    "cos": half_cosine,
}


@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """Cosines from learning_rate to end, one after the other: SGDR (A-081).

    The first takes `steps`, each further one `growth` times as many (T_0 and T_mult of Loshchilov
    & Hutter 2017; growth=1 is PyTorch's default). Steps are whole numbers.

    >>> schedule = cr.optim.schedules.CosineRestarts(0.1, steps=4, growth=2)
    >>> [round(schedule(t), 4) for t in (0, 2, 4, 8, 12)]
    [0.1, 0.05, 0.1, 0.05, 0.1]
    """

    learning_rate: float
    steps: int
    growth: int = 1
    end: float = 0.0

    def __post_init__(self) -> None:
        at_least("CosineRestarts", "steps", self.steps, 1, "the first restart follows them")
        at_least("CosineRestarts", "growth", self.growth, 1, "a cosine keeps its length or grows")

    def rate(self, t: Tensor) -> Tensor:
        start, length = self._cycle(t)
        return fall(self.learning_rate, self.end, half_cosine((t - start) / length))

    def _cycle(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Where the cosine that t lies in begins, and its length."""
        if self.growth == 1:
            return floor(t / self.steps) * self.steps, 0 * t + self.steps
        # n cosines end at steps * (growth**n - 1) / (growth - 1). Half a step later than asked,
        # rounding in the logarithm cannot miss a restart.
        ended = log((t + 0.5) / self.steps * (self.growth - 1) + 1) / math.log(self.growth)
        length = self.steps * self.growth ** floor(ended)
        return (length - self.steps) / (self.growth - 1), length


@dataclass(frozen=True)
class Cyclic(Schedule):
    """Up from low to high in steps_up, down in steps_down, and again: triangles (A-085).

    Their height stays (mode "triangular"), is halved from one to the next ("triangular2"), or
    shrinks as factor**t ("exp_range"): Smith 2017, arguments and defaults of PyTorch's CyclicLR.
    The bounds come from a range test; Smith's for CIFAR were 0.001 and 0.006. `.momentum` runs
    against the rate, within momentum_range.

    >>> schedule = cr.optim.schedules.Cyclic(0.001, 0.006, steps_up=10)
    >>> [round(schedule(t), 4) for t in (0, 5, 10, 20)], round(schedule.momentum(10), 4)
    ([0.001, 0.0035, 0.006, 0.001], 0.8)
    """

    low: float
    high: float
    steps_up: int = 2000
    steps_down: int | None = None
    mode: str = "triangular"
    factor: float = 1.0
    momentum_range: tuple[float, float] = (0.8, 0.9)

    def __post_init__(self) -> None:
        at_least("Cyclic", "steps_up", self.steps_up, 1, "so many steps lead up")
        at_least("Cyclic", "steps_down", self._down, 1, "so many steps lead down")
        positive("Cyclic", "factor", self.factor, "it multiplies the height")
        if self.mode not in ("triangular", "triangular2", "exp_range"):
            raise ArgumentError(
                "Cyclic",
                f"mode is {self.mode!r}",
                "",
                'choose "triangular", "triangular2" or "exp_range"',
            )

    @property
    def _down(self) -> int:
        return self.steps_up if self.steps_down is None else self.steps_down

    def rate(self, t: Tensor) -> Tensor:
        length = self.steps_up + self._down
        cycle = floor(t / length)
        place = t - cycle * length
        height = minimum(place / self.steps_up, (length - place) / self._down)
        if self.mode == "triangular2":
            height = height * 0.5**cycle
        elif self.mode == "exp_range":
            height = height * self.factor**t
        return self.low + (self.high - self.low) * height

    @property
    def momentum(self) -> Schedule:
        low, high = self.momentum_range
        return replace(self, low=high, high=low)


@dataclass(frozen=True)
class Piecewise(Schedule):
    """Through the given (step, rate) points, along lines or, with anneal="cos", half cosines.

    Before the first point the rate is the first one's, after the last the last one's.

    >>> schedule = cr.optim.schedules.Piecewise([(0, 0.0), (10, 0.1), (30, 0.1), (40, 0.02)])
    >>> [round(schedule(t), 4) for t in (5, 20, 35, 50)]
    [0.05, 0.1, 0.06, 0.02]
    """

    points: tuple[tuple[float, float], ...]
    anneal: str = "linear"

    def __post_init__(self) -> None:
        points = tuple((step, rate) for step, rate in self.points)
        object.__setattr__(self, "points", points)
        if not points or any(before[0] >= after[0] for before, after in pairwise(points)):
            raise ArgumentError(
                "Piecewise",
                f"the points have steps {[step for step, _ in points]}",
                "the rate goes from one to the next",
                "give at least one point, each at a later step than the one before",
            )
        if self.anneal not in ANNEAL:
            raise ArgumentError(
                "Piecewise", f"anneal is {self.anneal!r}", "", 'choose "linear" or "cos"'
            )

    def rate(self, t: Tensor) -> Tensor:
        rate = 0 * t + self.points[0][1]
        for (start, before), (end, after) in pairwise(self.points):
            left = ANNEAL[self.anneal](clip((t - start) / (end - start), 0, 1))
            rate = where(t > start, fall(before, after, left), rate)
        return rate


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to learning_rate, down to almost 0: Smith & Topin 2018 as in PyTorch's OneCycleLR (A-086).

    From learning_rate / div_factor up in the first pct_start of the steps, then down to that first
    rate / final_div_factor; both along half cosines. With three_phase=True it goes down as slowly
    as up, then on to the end. `.momentum` runs against it: high, low, high within momentum_range;
    `optim.SGD(model, schedule, momentum=schedule.momentum)`.
    The notes have three versions. pct_start=0.3 and the cosine down are this one. Their formula's
    straight way up is `WarmupCosine(lr / 25, lr, 0.3 * steps, steps, lr / 25e4)`; their diagram's
    10 % up, 30 % high, 60 % down is `Piecewise` with four points and anneal="cos".

    >>> schedule = cr.optim.schedules.OneCycle(0.1, steps=100)
    >>> [round(schedule(t), 4) for t in (0, 29, 99)]
    [0.004, 0.1, 0.0]
    >>> [round(schedule.momentum(t), 4) for t in (0, 29, 99)]
    [0.95, 0.85, 0.95]
    """

    learning_rate: float
    steps: int
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    anneal: str = "cos"
    three_phase: bool = False
    momentum_range: tuple[float, float] = (0.85, 0.95)

    def __post_init__(self) -> None:
        at_least("OneCycle", "steps", self.steps, 2, "the rate goes up and down")
        positive("OneCycle", "div_factor", self.div_factor, "it divides the rate")
        positive("OneCycle", "final_div_factor", self.final_div_factor, "it divides the rate")
        most = 0.5 if self.three_phase else 1
        if not 0 <= self.pct_start < most:
            raise ArgumentError(
                "OneCycle",
                f"pct_start is {self.pct_start}",
                "it is the share of the steps that lead up, and some must lead down",
                f"choose 0 <= pct_start < {most}",
            )
        self._through(0, 0, 0)  # Checks `anneal` now, not at the first step.

    def rate(self, t: Tensor) -> Tensor:
        first = self.learning_rate / self.div_factor
        return self._through(first, self.learning_rate, first / self.final_div_factor).rate(t)

    @property
    def momentum(self) -> Schedule:
        low, high = self.momentum_range
        return self._through(high, low, high)

    def _through(self, first: float, top: float, last: float) -> Piecewise:
        # As in PyTorch the first update has step 0 and the last one steps - 1.
        rise = self.pct_start * self.steps - 1
        points = [(0, first)] * (rise > 0) + [(rise, top)]
        points += [(2 * rise, first)] * (self.three_phase and rise > 0)
        return Piecewise((*points, (self.steps - 1, last)), self.anneal)
