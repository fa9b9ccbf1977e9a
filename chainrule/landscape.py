"""The shape of functions: where they are convex, what their critical points are, and surfaces to
try that on. Receives functions of one vector; hands on verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from chainrule.dtypes import float64
from chainrule.errors import ArgumentError
from chainrule.frontend import random
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.functions.elementary import cos
from chainrule.frontend.functions.elementwise import square
from chainrule.frontend.functions.matrices import eigh, eigvalsh
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.lift import Operand
from chainrule.frontend.tensor import Tensor
from chainrule.transforms import grad, hessian, vmap

Function = Callable[[Tensor], Tensor]
Pair = tuple[np.ndarray, np.ndarray]


# ---- Convexity ----


class Convexity(NamedTuple):
    """What was seen of a function in a box: "convex", "concave", "linear" (both) or "neither".

    `above_chord` is a pair of points between which f lies above its chord, in the middle: f is not
    convex. `below_chord` is one between which it lies below: f is not concave. Such a pair is a
    proof; None is not, since the function was only sampled.
    """

    verdict: str
    least_curvature: float
    greatest_curvature: float
    above_chord: Pair | None
    below_chord: Pair | None


def check_convexity(
    f: Function,
    low: Operand,
    high: Operand,
    *,
    samples: int = 1000,
    tolerance: float = 1e-9,
    key: Tensor | None = None,
) -> Convexity:
    """Samples f in the box from `low` to `high`, vectors: Hessians and midpoints, in float64.

    f is convex if f((x + y) / 2) <= (f(x) + f(y)) / 2 for all x and y, and then no Hessian has a
    negative eigenvalue. Pairs of points are random, and also lie along the eigenvectors of the
    extreme eigenvalues; `tolerance`, relative to the values, is what counts as rounding. To
    minimize a convex function over a convex set, such as a box, is a convex problem: every local
    minimum is global. Raises ArgumentError for a box without inside, and for values that are not
    finite. (A-269)

    >>> check = cr.landscape.check_convexity
    >>> check(lambda x: cr.sum(x**2), np.full(2, -1.0), np.full(2, 1.0)).verdict
    'convex'
    >>> check(lambda x: cr.sum(x**3), np.full(2, -1.0), np.full(2, 1.0)).verdict
    'neither'
    """
    low, high = (asarray(bound, dtype=float64).numpy() for bound in (low, high))
    if low.ndim != 1 or low.shape != high.shape or not (low < high).all():
        raise ArgumentError("check_convexity", f"low is {low}, high {high}", "low lies below high")
    key = random.key(0) if key is None else key
    unit = random.uniform((2, samples, low.size), dtype=float64, key=key).numpy()
    x, y = low + unit * (high - low)
    values, vectors = (part.numpy() for part in eigh(vmap(hessian(f))(asarray(x, dtype=float64))))
    steps = [_within(x, vectors[:, :, place], low, high) for place in (0, -1)]
    starts = np.concatenate([x, *(x - step for step in steps)])
    ends = np.concatenate([y, *(x + step for step in steps)])
    above, below = _off_chord(f, starts, ends, tolerance)
    verdict = {(True, True): "linear", (True, False): "convex", (False, True): "concave"}.get(
        (above is None, below is None), "neither"
    )
    return Convexity(verdict, float(values.min()), float(values.max()), above, below)


def _within(x: np.ndarray, axis: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """A step along the axis of each point, back and forth inside the box, of a tenth at most."""
    room = np.minimum(np.minimum(x - low, high - x), 0.1 * (high - low))
    return axis * (room / np.maximum(abs(axis), 1e-300)).min(-1, keepdims=True)


def _off_chord(
    f: Function, x: np.ndarray, y: np.ndarray, tolerance: float
) -> tuple[Pair | None, Pair | None]:
    """The pairs between which f lies furthest above and below the chord, if it does."""
    points = asarray(np.stack([x, y, 0.5 * (x + y)], axis=1), dtype=float64)
    values = vmap(vmap(f))(points).numpy()
    if not np.isfinite(values).all():
        raise ArgumentError(
            "check_convexity", "f has values that are not finite", "", "choose a smaller box"
        )
    gap = values[:, 2] - 0.5 * (values[:, 0] + values[:, 1])
    sure = abs(gap) > tolerance * abs(values).max(1)
    high, low = (np.argmax(np.where(sure, sign * gap, 0)) for sign in (1, -1))
    above = (x[high], y[high]) if sure[high] and gap[high] > 0 else None
    return above, (x[low], y[low]) if sure[low] and gap[low] < 0 else None


# ---- Critical points ----


class Point(NamedTuple):
    """What a point is: "minimum", "maximum", "saddle", "degenerate" or "not critical"."""

    kind: str
    slope: float
    curvatures: np.ndarray


def classify_point(f: Function, x: Operand, *, tolerance: float = 1e-6) -> Point:
    """Tells minima, maxima and saddle points apart, in float64, by the gradient and the eigenvalues
    of the Hessian.

    Critical: the norm of the gradient is at most tolerance * (1 + the greatest curvature). Then all
    eigenvalues positive is a local minimum, all negative a maximum, both a saddle point. Where some
    are 0, up to tolerance * the greatest, and no two differ in sign, the second derivatives cannot
    tell: degenerate. Whether a minimum is global, no derivative at the point says. (A-270)

    >>> cr.landscape.classify_point(lambda x: x[0] ** 2 - x[1] ** 2, np.zeros(2)).kind
    'saddle'
    """
    x = asarray(x, dtype=float64)
    slope = float(np.linalg.norm(grad(f)(x).numpy()))
    curvatures = eigvalsh(hessian(f)(x)).numpy()
    greatest = float(abs(curvatures).max())
    if not slope <= tolerance * (1 + greatest):
        return Point("not critical", slope, curvatures)
    signs = set(np.sign(np.where(abs(curvatures) > tolerance * greatest, curvatures, 0)))
    if signs >= {-1.0, 1.0}:
        return Point("saddle", slope, curvatures)
    kinds = {frozenset([1.0]): "minimum", frozenset([-1.0]): "maximum"}
    return Point(kinds.get(frozenset(signs), "degenerate"), slope, curvatures)


# ---- Surfaces ----


class Surface(NamedTuple):
    """A function of a vector of two numbers, a usual start, and critical points by what they are:
    "global minimum", "local minimum", "maximum", "saddle" or "degenerate" (A-270).

    >>> rosenbrock = cr.landscape.SURFACES["rosenbrock"]
    >>> rosenbrock.function(cr.asarray(rosenbrock.points["global minimum"][0]))
    Tensor(0., dtype=float32)
    """

    function: Function
    start: tuple[float, float]
    points: dict[str, list[tuple[float, float]]]


def _bowl(x: Tensor) -> Tensor:
    return sum(square(x))


def _saddle(x: Tensor) -> Tensor:
    return square(x[0]) - square(x[1])


def _monkey_saddle(x: Tensor) -> Tensor:
    return x[0] ** 3 - 3 * x[0] * x[1] ** 2


def _double_well(x: Tensor) -> Tensor:
    """Two valleys, of which one is deeper."""
    return x[0] ** 4 - 2 * x[0] ** 2 + 0.3 * x[0] + x[1] ** 2


def _rosenbrock(x: Tensor) -> Tensor:
    """A bent, narrow valley (Rosenbrock 1960)."""
    return square(1 - x[0]) + 100 * square(x[1] - square(x[0]))


def _himmelblau(x: Tensor) -> Tensor:
    return square(square(x[0]) + x[1] - 11) + square(x[0] + square(x[1]) - 7)


def _rastrigin(x: Tensor) -> Tensor:
    """A bowl with a grid of local minima (Rastrigin 1974)."""
    return sum(10 + square(x) - 10 * cos(2 * math.pi * x))


def _beale(x: Tensor) -> Tensor:
    """A flat valley between steep walls (Beale 1958)."""
    a, b = x[0], x[1]
    return square(1.5 - a + a * b) + square(2.25 - a + a * b**2) + square(2.625 - a + a * b**3)


SURFACES = {
    "bowl": Surface(_bowl, (2.0, -1.0), {"global minimum": [(0.0, 0.0)]}),
    "saddle": Surface(_saddle, (1.0, 1e-3), {"saddle": [(0.0, 0.0)]}),
    "monkey saddle": Surface(_monkey_saddle, (1.0, 1e-3), {"degenerate": [(0.0, 0.0)]}),
    "double well": Surface(
        _double_well,
        (0.5, 1.0),
        {
            "global minimum": [(-1.0355787140888537, 0.0)],
            "local minimum": [(0.9601495555191055, 0.0)],
            "saddle": [(0.07542915856974822, 0.0)],
        },
    ),
    "rosenbrock": Surface(_rosenbrock, (-1.2, 1.0), {"global minimum": [(1.0, 1.0)]}),
    "himmelblau": Surface(
        _himmelblau,
        (0.0, 0.0),
        {
            "global minimum": [
                (3.0, 2.0),
                (-2.805118086952745, 3.131312518250573),
                (-3.779310253377747, -3.283185991286169),
                (3.5844283403304917, -1.8481265269644034),
            ],
            "maximum": [(-0.2708445906673476, -0.9230385564799816)],
            "saddle": [
                (0.08667750455539634, 2.884254701174776),
                (3.385154183607021, 0.07385187983774928),
                (-3.0730257507643897, -0.08135304428796751),
                (-0.12796134673068005, -1.9537149802445766),
            ],
        },
    ),
    "rastrigin": Surface(
        _rastrigin,
        (2.2, -1.7),
        {
            "global minimum": [(0.0, 0.0)],
            "local minimum": [(0.9949586376523348, 0.0), (0.0, -0.9949586376523348)],
            "maximum": [(0.5025460365546747, 0.5025460365546747)],
            "saddle": [(0.5025460365546747, 0.0)],
        },
    ),
    "beale": Surface(_beale, (1.0, 1.0), {"global minimum": [(3.0, 0.5)], "saddle": [(0.0, 1.0)]}),
}
