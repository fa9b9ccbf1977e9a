"""Numbers by rejection: receives parameters and a key; hands on draws, and derivatives of gamma
numbers. All in float64, since acceptance compares small differences of large numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from chainrule.control import while_loop
from chainrule.dtypes import bool_, float64, uint32
from chainrule.frontend import random
from chainrule.frontend.functions.creation import asarray, zeros
from chainrule.frontend.functions.elementary import exp, expm1, log, log1p
from chainrule.frontend.functions.elementwise import clip, floor, minimum, sqrt
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import concat
from chainrule.frontend.functions.network import stop_gradient
from chainrule.frontend.functions.reductions import all, sum
from chainrule.frontend.functions.special import digamma
from chainrule.frontend.lift import cast, spread
from chainrule.frontend.tensor import Tensor
from chainrule.transforms import custom_gradient

Proposal = Callable[[Tensor], tuple[Tensor, Tensor]]


def keys(key: Tensor | None, count: int) -> list[Tensor]:
    """Independent keys, of the global stream where no key is given."""
    if key is None:
        key = concat([random.bits((2,)), zeros(2, dtype=uint32)])
    several = random.split(key, count)
    return [several[i] for i in range(count)]


def _first_accepted(propose: Proposal, shape: tuple[int, ...], key: Tensor) -> Tensor:
    """Each element from the first proposal, (values, rejected), that does not reject it."""

    def turn(state: tuple) -> tuple:
        key, values, done = state
        later, now = keys(key, 2)
        fresh, rejected = propose(now)
        return later, where(done, values, fresh), done | ~rejected

    start = key, zeros(shape, dtype=float64), zeros(shape, dtype=bool_)
    return while_loop(lambda state: ~all(state[2]), turn, start)[1]


# ---- Gamma ----


def draw_log_gamma(a: Tensor, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
    """Logarithms of gamma numbers of rate 1 and concentration a, in its dtype."""
    draw = _log_gamma(spread(cast(a, float64), shape), keys(key, 1)[0])
    return cast(draw, a.dtype)


@custom_gradient
def _log_gamma(concentration: Tensor, key: Tensor) -> tuple:
    """Logarithms of gamma numbers of rate 1, one for each concentration, float64.

    By Marsaglia and Tsang (2000); the derivative by the concentration is implicit (Figurnov et al.
    2018): that of the number whose cdf stays what it was. It is exact, in first order.
    """
    a = stop_gradient(concentration)
    boosted, below = keys(key, 2)
    d = where(a < 1, a + 1, a) - 1 / 3
    c = 1 / (3 * sqrt(d))

    def propose(key: Tensor) -> tuple[Tensor, Tensor]:
        first, second = keys(key, 2)
        x = random.normal(a.shape, dtype=float64, key=first)
        height = random.exponential(a.shape, dtype=float64, key=second)
        outside = 1 + c * x <= 0
        log_v = 3 * log(where(outside, 1, 1 + c * x))
        # A comparison with NaN is false, so NaN ends the loop too.
        return log(d) + log_v, outside | (-height > 0.5 * x * x + d * (log_v - expm1(log_v)))

    draw = _first_accepted(propose, a.shape, boosted)
    boost = random.exponential(a.shape, dtype=float64, key=below) / where(a < 1, a, 1)
    log_x = draw - where(a < 1, boost, 0)
    return log_x, lambda g: (g * _log_slope(concentration, log_x), None)


def _log_slope(a: Tensor, log_x: Tensor) -> Tensor:
    """d log x / d a at a constant cdf(x; a): the integral of the score beyond x, over x p(x)."""
    tail = Tail(a, log_x)
    return tail.integral(tail.s + (tail.side * (log_x - digamma(a)))[..., None])


class Tail:
    """The side of x on which a gamma density of rate 1 falls, as t = x exp(side * s) with s > 0:
    weights exp(a side s - x (exp(side s) - 1)) = t p(t) / (x p(x)).

    48 points of Gauss and Legendre's rule in the cube root of s, to where the weight is exp(-40).
    """

    def __init__(self, a: Tensor, log_x: Tensor) -> None:
        x = exp(log_x)
        self.upper = x >= a
        self.side = where(self.upper, 1.0, -1.0).astype(float64)
        nodes, weights = (asarray(given, dtype=float64) for given in _RULE)
        reach = stop_gradient(where(self.upper, _above(a, x), _below(a, x)))[..., None]
        self.s = reach * nodes
        steps = self.side[..., None] * self.s
        self.weights = reach * weights * exp(a[..., None] * steps - x[..., None] * expm1(steps))

    def integral(self, y: Tensor | float = 1.0) -> Tensor:
        """The integral of y(s) times the weight, over s."""
        return sum(y * self.weights, axis=-1)


_U, _DU = np.polynomial.legendre.leggauss(48)
_RULE = ((_U + 1) / 2) ** 3, 1.5 * ((_U + 1) / 2) ** 2 * _DU
_DEPTH = 40.0


def _above(a: Tensor, x: Tensor) -> Tensor:
    """An s with x (exp(s) - 1) - a s >= 40, for x >= a: exp(s) - 1 - s is at least s**2 / 2."""
    gap = where(x >= a, x - a, 0)
    reach = 2 * _DEPTH / (gap + sqrt(gap * gap + 2 * _DEPTH * x))
    for _ in range(2):
        reach = minimum(reach, log1p((_DEPTH + a * reach) / x))
    return reach


def _below(a: Tensor, x: Tensor) -> Tensor:
    """An s with a s - x (1 - exp(-s)) >= 40, for x < a: exp(-s) - 1 + s is at least
    s**2 / (2 + s).
    """
    rest = _DEPTH - 2 * where(x < a, a - x, 0)
    return (rest + sqrt(rest * rest + 8 * _DEPTH * a)) / (2 * a)


# ---- Counts ----


def count(
    log_mass: Callable[[Tensor], Tensor],
    mean: Tensor,
    variance: Tensor,
    peak: Tensor,
    most: Tensor | float,
    key: Tensor,
) -> Tensor:
    """Whole numbers from 0 to `most`, by a ratio of uniforms (Stadlober 1990), for Poisson's and
    binomial probabilities; `log_mass` may lack a constant, and is greatest at `peak`.
    """
    highest = log_mass(peak)
    width = 2 * math.sqrt(2 / math.e) * sqrt(variance + 0.5) + (3 - 2 * math.sqrt(3 / math.e))

    def propose(key: Tensor) -> tuple[Tensor, Tensor]:
        first, second = keys(key, 2)
        height = random.exponential(mean.shape, dtype=float64, key=first)
        place = random.uniform(mean.shape, -0.5, 0.5, dtype=float64, key=second)
        k = floor(mean + 0.5 + width * place * exp(height))
        outside = (k < 0) | (k > most)
        mass = log_mass(clip(k, 0, most))
        return k, outside | (-2 * height > mass - highest)

    return _first_accepted(propose, mean.shape, key)


def wide(*given: Tensor) -> list[Tensor]:
    """Parameters for the functions above: float64, and constants of derivatives."""
    return [cast(stop_gradient(x), float64) for x in given]
