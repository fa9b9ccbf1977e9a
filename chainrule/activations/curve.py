"""What a curve does, found by sampling. Receives a function of one number; hands on its properties.

All is computed in float64 from the function and its own derivatives; no formula is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from chainrule.dtypes import float64
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.tensor import Tensor
from chainrule.transforms.derivatives import grad

Function = Callable[[np.ndarray], np.ndarray]

# An even number of points, so that no multiple of 1/2, where kinks like to be, is among them.
INNER = np.linspace(-8, 8, 2000)
OUTER = np.geomspace(8, 1e4, 100)[1:]
ALL = np.concatenate([-OUTER[::-1], INNER, OUTER])
FAR = np.array([-1e15, 1e15])
NORMAL = np.exp(-(INNER**2) / 2) / np.sqrt(2 * np.pi)

SENSITIVE = 0.1  # Of the largest derivative.
CENTRED = 0.01  # The largest mean output that still counts as none.
NOISE = 1e-9  # Of the largest derivative: less is a rounding error.
HALVINGS = 30


class Interval(NamedTuple):
    """From `low` to `high`; equal ones are a point, and infinite equal ones a limit."""

    low: float
    high: float


class Range(NamedTuple):
    """All values from `low` to `high`, and whether these two are among them."""

    low: float
    high: float
    low_reached: bool
    high_reached: bool

    def __str__(self) -> str:
        left, right = "(["[self.low_reached], ")]"[self.high_reached]
        return f"{left}{self.low:.4g}, {self.high:.4g}{right}"


class Peak(NamedTuple):
    """The largest size of the derivative, and where it is reached, or approached."""

    value: float
    places: tuple[Interval, ...]


class Properties(NamedTuple):
    """See `Card`, which shows them."""

    range: Range
    saturated: tuple[Interval, ...]
    sensitive: tuple[Interval, ...]
    peak: Peak
    mean: float
    extremes: tuple[tuple[float, float], ...]
    monotonic: bool
    jumps: tuple[float, ...]
    kinks: tuple[float, ...]
    bends: tuple[float, ...]


class Curve:
    """A function with its first two derivatives, from arrays to arrays, element by element."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        slope = grad(lambda z: sum(function(z)))
        bend = grad(lambda z: sum(slope(z)))
        self.value, self.slope, self.bend = map(_on_arrays, (function, slope, bend))

    def properties(self) -> Properties:
        peak = self._peak()
        extremes = self._extremes(peak.value)
        jumps = _jumps(self.value)
        kinks = _others(_jumps(self.slope), jumps)
        bends = _others(_jumps(self.bend), jumps + kinks)
        values = self.value(INNER)
        steps = np.diff(values)
        return Properties(
            self._range(extremes),
            self._saturated(peak.value),
            _where(lambda z: np.abs(self.slope(z)) > SENSITIVE * peak.value),
            peak,
            float(np.trapezoid(values * NORMAL, INNER)),
            extremes,
            not extremes and bool((steps >= -NOISE).all() or (steps <= NOISE).all()),
            jumps,
            kinks,
            bends,
        )

    def _range(self, extremes: Iterable[tuple[float, float]]) -> Range:
        """Of the values near 0 and the limits, where what grows with z has none."""
        near = np.append(self.value(INNER), [value for _, value in extremes])
        far = self.value(FAR)
        far = np.where(np.abs(far) > 1e12, np.copysign(np.inf, far), far)
        low, high = min(near.min(), *far), max(near.max(), *far)
        # Adding 0 turns -0 into 0.
        reached = bool(near.min() <= low), bool(near.max() >= high)
        return Range(float(low + 0), float(high + 0), *reached)

    def _peak(self) -> Peak:
        best = np.abs(self.slope(ALL)).argmax()
        low, high = ALL[max(best - 1, 0)], ALL[min(best + 1, len(ALL) - 1)]
        for _ in range(5):
            z = np.linspace(low, high, 100)
            slopes = np.abs(self.slope(z))
            best = slopes.argmax()
            low, high = z[max(best - 1, 0)], z[min(best + 1, 99)]
        return Peak(float(slopes[best]), self._places(slopes[best], z[best]))

    def _places(self, peak: float, found: float) -> tuple[Interval, ...]:
        """Intervals of the largest derivative, the one point, or the infinities it tends to."""

        def reached(z: np.ndarray) -> np.ndarray:
            return np.abs(self.slope(z)) >= peak * (1 - NOISE)

        if reached(INNER).sum() > 1:
            return _where(reached)
        if abs(found) < INNER[-1]:
            return (Interval(float(found), float(found)),)
        return tuple(Interval(end, end) for end in np.copysign(np.inf, FAR[reached(FAR)]).tolist())

    def _saturated(self, peak: float) -> tuple[Interval, ...]:
        """Where the derivative is small, and fades towards infinity."""
        left, right = np.abs(self.slope(FAR)) <= NOISE * peak
        return tuple(
            interval
            for interval in _where(lambda z: np.abs(self.slope(z)) <= SENSITIVE * peak)
            if (left and interval.low == -np.inf) or (right and interval.high == np.inf)
        )

    def _extremes(self, peak: float) -> tuple[tuple[float, float], ...]:
        """(z, value) where the derivative changes its sign."""
        slopes = self.slope(INNER)
        slopes[np.abs(slopes) <= NOISE * peak] = 0
        before = np.flatnonzero(slopes[:-1] * slopes[1:] < 0)
        z = _edges(lambda z: self.slope(z) * slopes[before] > 0, INNER[before], INNER[before + 1])
        return tuple(zip(z.tolist(), self.value(z).tolist(), strict=True))


def _on_arrays(function: Callable[[Tensor], Tensor]) -> Function:
    return lambda z: np.array(function(asarray(z, dtype=float64)))


def _edges(holds: Callable, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """The ends of a property between places with it and places without, by bisection."""
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        yes = holds(middle)
        inside, outside = np.where(yes, middle, inside), np.where(yes, outside, middle)
    return inside


def _where(holds: Callable) -> tuple[Interval, ...]:
    """The intervals in which a property holds."""
    flags = holds(ALL)
    last = np.flatnonzero(flags[:-1] != flags[1:])
    inside, outside = np.where(flags[last], last, last + 1), np.where(flags[last], last + 1, last)
    ends = _edges(holds, ALL[inside], ALL[outside]).tolist()
    ends = [-np.inf] * bool(flags[0]) + ends + [np.inf] * bool(flags[-1])
    return tuple(Interval(low, high) for low, high in zip(ends[::2], ends[1::2], strict=True))


def _jumps(function: Function) -> tuple[float, ...]:
    """Where a function jumps: steps unlike their neighbours that halving does not make smaller."""
    steps = np.abs(np.diff(function(INNER)))
    neighbours = np.maximum(np.append(steps[1:], 0), np.append(0, steps[:-1]))
    before = np.flatnonzero(steps > 4 * neighbours + NOISE)
    low, high = INNER[before], INNER[before + 1]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        at_low, at_middle, at_high = map(function, (low, middle, high))
        left = np.abs(at_middle - at_low) > np.abs(at_high - at_middle)
        low, high = np.where(left, low, middle), np.where(left, middle, high)
    # At the jump itself the function may have a value between both sides.
    remains = np.abs(function(high) - function(low)) > 0.25 * steps[before]
    return tuple(np.round((low + high)[remains] / 2, 6).tolist())


def _others(places: tuple[float, ...], known: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(place for place in places if place not in known)
