"""Line search: receives a function of the step length, hands on a point on it that is low enough.

Algorithms 3.5 and 3.6 of Nocedal & Wright 2006 with the safeguards of minFunc (Schmidt 2005), which
PyTorch has too: a step that falls by a share of the slope, and to where the slope is flatter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

FALL, FLATTEN = 1e-4, 0.9  # c1 and c2 of the strong Wolfe conditions, as in quasi-Newton methods
EVALUATIONS = 25
SHORTEST = 1e-9  # A bracket in which no weight moves by more than this is closed.


class Point(NamedTuple):
    """The function at one step length: its value, its slope along the line, its gradient."""

    length: float
    value: float
    slope: float
    gradient: np.ndarray


Line = Callable[[float], Point]


def strong_wolfe(line: Line, start: Point, length: float, scale: float) -> Point:
    """A point beyond `start` that falls enough and flattens the slope, tried first at `length`.

    `scale` is the largest element of the direction. After 25 evaluations it is the lowest found.
    """
    ends, turn = _bracket(line, start, length)
    return ends[0] if len(ends) == 1 else _zoom(line, start, ends, turn, scale)


def _falls(start: Point, point: Point) -> bool:
    """The first condition; a value that is not finite fails it."""
    return point.value <= start.value + FALL * point.length * start.slope


def _flat(start: Point, point: Point) -> bool:
    return abs(point.slope) <= -FLATTEN * start.slope


def _bracket(line: Line, start: Point, length: float) -> tuple[list[Point], int]:
    """Two points around a good one, or a good one alone; and the turns that this took."""
    before, point = start, line(length)
    for turn in range(EVALUATIONS):
        if not _falls(start, point) or (turn > 1 and point.value >= before.value):
            return [before, point], turn
        if _flat(start, point):
            return [point], turn
        if point.slope >= 0:
            return [before, point], turn
        reach = point.length - before.length
        next_length = _cubic(before, point, point.length + 0.01 * reach, 10 * point.length)
        before, point = point, line(next_length)
    return [start, point], EVALUATIONS


def _zoom(line: Line, start: Point, ends: list[Point], turn: int, scale: float) -> Point:
    """Shrinks the bracket around its lower end until that is good."""
    low, high = sorted(ends, key=lambda point: point.value)
    stalled = False
    while turn < EVALUATIONS and abs(high.length - low.length) * scale >= SHORTEST:
        length, stalled = _between(low, high, stalled)
        point = line(length)
        turn += 1
        if not _falls(start, point) or point.value >= low.value:
            high = point
            if high.value < low.value:
                low, high = high, low
            continue
        if _flat(start, point):
            return point
        if point.slope * (high.length - low.length) >= 0:
            high = low
        low = point
    return low


def _between(low: Point, high: Point, stalled: bool) -> tuple[float, bool]:
    """The next length to try, and whether it is close to an end: twice in a row it may not be."""
    left, right = sorted((low.length, high.length))
    length, margin = _cubic(low, high, left, right), 0.1 * (right - left)
    if min(right - length, length - left) >= margin:
        return length, False
    if stalled or not left < length < right:
        return (right - margin if right - length < length - left else left + margin), False
    return length, True


def _cubic(a: Point, b: Point, least: float, most: float) -> float:
    """Where the cubic with these values and slopes is lowest, within bounds; else their middle."""
    a, b = sorted((a, b), key=lambda point: point.length)
    chord = a.slope + b.slope - 3 * (a.value - b.value) / (a.length - b.length)
    square = chord * chord - a.slope * b.slope
    root = math.sqrt(square) if 0 <= square < math.inf else math.nan
    width = b.slope - a.slope + 2 * root
    if not width or math.isnan(width):
        return (least + most) / 2
    share = (b.slope + root - chord) / width
    return min(max(b.length - (b.length - a.length) * share, least), most)
