"""The gamma function's family: from any operands to float tensors.

All are composed, so their derivatives are those of the compositions: Stirling's series from a bound
on, which smaller arguments reach by the recurrence Gamma(x + 1) = x Gamma(x). Differences of large
numbers occur, so float32 is computed in float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from chainrule.dtypes import float64
from chainrule.errors import ArgumentError
from chainrule.frontend.functions.elementary import log, log1p, polynomial, sin, tan
from chainrule.frontend.functions.elementwise import abs, round
from chainrule.frontend.functions.logic import where
from chainrule.frontend.lift import Operand, cast, floating, operands, promoted_floats
from chainrule.frontend.tensor import Tensor

# From 8 on, these Bernoulli numbers B_2, B_4, ... leave an error below rounding.
_BOUND = 8
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
    -174611 / 330,
)  # fmt: skip


def lgamma(x: Operand, /) -> Tensor:
    """log |Gamma(x)|; Gamma(n) = (n - 1)! for whole numbers. Its derivative is `digamma`.

    Infinite at 0, -1, ... In float64 the error is at most 1e-14 * max(1, |lgamma(x)|): near the
    zeros 1 and 2 it is not relative to the value.

    >>> cr.lgamma(cr.asarray([5.0, 0.5, 0.0]))
    Tensor([3.1780539, 0.5723649,       inf], dtype=float32)
    """
    x = floating(x, "lgamma")
    negative, y, angle = _reflected(cast(x, float64))
    value = _log_gamma(y)
    beside = math.log(math.pi) - log(abs(sin(angle))) - value
    return cast(where(negative, beside, value), x.dtype)


def digamma(x: Operand, /) -> Tensor:
    """The derivative of `lgamma`, also called psi; poles at 0, -1, ...

    >>> cr.digamma(cr.asarray([1.0, 2.0]))
    Tensor([-0.5772157 ,  0.42278433], dtype=float32)
    """
    x = floating(x, "digamma")
    negative, y, angle = _reflected(cast(x, float64))
    value = polygamma(0, y)
    return cast(where(negative, value - math.pi / tan(angle), value), x.dtype)


def polygamma(n: int, x: Operand, /) -> Tensor:
    """The derivative of order n of `digamma`, for x >= 0: polygamma(1, x) is the trigamma function.

    Raises ArgumentError for n < 0.

    >>> cr.polygamma(1, cr.asarray(1.0))
    Tensor(1.644934, dtype=float32)
    """
    n, x = n.__index__(), floating(x, "polygamma")
    if n < 0:
        raise ArgumentError("polygamma", f"n={n}", "it counts derivatives", "choose n >= 0")
    bound = _BOUND + 2 * n
    small, low, z = _raised(cast(x, float64), bound)
    factors = [math.factorial(2 * k + n - 1) / math.factorial(2 * k) for k in range(1, 11)]
    tail = _series(z, [b * factor for b, factor in zip(_BERNOULLI, factors, strict=True)])
    lead = math.factorial(n - 1) * z**-n if n else -log(z)
    halves = 0.5 * z ** -(n + 1) + where(small, sum((low + k) ** -(n + 1) for k in range(bound)), 0)
    value = lead + math.factorial(n) * halves + tail * z ** -(n + 2)
    return cast(where(x >= 0, value if n % 2 else -value, math.nan), x.dtype)


def betaln(a: Operand, b: Operand, /) -> Tensor:
    """log B(a, b) = lgamma(a) + lgamma(b) - lgamma(a + b) for positive a and b, without the
    cancellation in that sum where one of them is large.

    >>> cr.betaln(cr.asarray(2.0), 3.0)
    Tensor(-2.4849067, dtype=float32)
    """
    first, second = operands("betaln", *promoted_floats("betaln", a, b))
    a, b = cast(first, float64), cast(second, float64)
    # By `where`, not `maximum`: at a tie the second derivative of that would be another.
    large, small = where(a >= b, a, b), where(a >= b, b, a)
    near = large < _BOUND
    direct = _log_gamma(where(near, large, 1)) - _log_gamma(where(near, a + b, 1))
    z, y = where(near, _BOUND, large), where(near, 1, small)
    ratio = y - y * log(z + y) - (z - 0.5) * log1p(y / z) + _remainder(z) - _remainder(z + y)
    return cast(_log_gamma(small) + where(near, direct, ratio), first.dtype)


def _reflected(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Whether x is negative; 1 - x there, else x; and pi times the distance of x to an integer."""
    negative = x < 0
    return negative, where(negative, 1 - x, x), math.pi * where(negative, x - round(x), 0.5)


def _raised(x: Tensor, bound: int) -> tuple[Tensor, Tensor, Tensor]:
    """Whether x lies below the bound; x there, else 1; and x + bound there, else x."""
    small = x < bound
    return small, where(small, x, 1), where(small, x + bound, x)


def _series(z: Tensor, coefficients: Sequence[float]) -> Tensor:
    """The sum of c_k / z**(2k), k from 0."""
    return polynomial(1 / (z * z), tuple(reversed(coefficients)))


def _remainder(z: Tensor) -> Tensor:
    """What Stirling's formula leaves of `lgamma`: the sum of B_2k / (2k (2k - 1) z**(2k - 1))."""
    return _series(z, [b / (2 * k * (2 * k - 1)) for k, b in enumerate(_BERNOULLI, 1)]) / z


def _log_gamma(x: Tensor) -> Tensor:
    """`lgamma` of positive float64."""
    small, low, z = _raised(x, _BOUND)
    product = low
    for k in range(1, _BOUND):
        product = product * (low + k)
    formula = (z - 0.5) * (log(z) - 1) + 0.5 * (math.log(2 * math.pi) - 1)
    return formula + _remainder(z) - where(small, log(product), 0)
