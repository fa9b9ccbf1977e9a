"""Random numbers by counting (Philox): the same seed gives the same bits anywhere. Hands on
tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from chainrule import dtypes
from chainrule.dtypes import DType, default_float, float32, float64, int64, uint32
from chainrule.errors import ArgumentError, DTypeError
from chainrule.frontend.apply import apply
from chainrule.frontend.box import Box
from chainrule.frontend.functions.creation import full, iota
from chainrule.frontend.functions.elementary import cos, erfinv, log
from chainrule.frontend.functions.elementwise import clip, sqrt
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import moveaxis, take_along
from chainrule.frontend.functions.searching import argmax, argsort
from chainrule.frontend.lift import (
    axis_of,
    cast,
    floating,
    lift,
    reshape_to,
    shape_of,
    unboxed,
    widened,
)
from chainrule.frontend.tensor import Tensor, is_integer


class Stream(Box):
    """The global random stream: key, key, counter, counter; compiled functions carry it unasked."""

    __slots__ = ()
    implicit = True

    def describe(self) -> str:
        return "the random stream"


stream = Stream(np.zeros(4, np.uint32), "random stream")


def key(seed: int) -> Tensor:
    """An explicit state for `key=`: the same key gives the same numbers, whatever else was drawn.

    >>> cr.random.key(7)
    Tensor([7, 0, 0, 0], dtype=uint32)
    """
    number = seed.__index__()
    if not 0 <= number < 1 << 64:
        raise ArgumentError("random", f"seed {number}", "it must lie between 0 and 2**64 - 1")
    return Tensor(np.asarray([number & 0xFFFFFFFF, number >> 32, 0, 0], np.uint32))


def seed(seed: int) -> None:
    """Start the global stream afresh; without it, a program starts at seed 0.

    >>> cr.random.seed(0)
    """
    stream.assign(key(seed))


def get_state() -> Tensor:
    """The global stream's state, for a checkpoint.

    >>> cr.random.get_state().shape
    (4,)
    """
    return unboxed(stream)


def set_state(state: Any) -> None:
    """Continue the global stream from a state that `get_state` gave.

    >>> cr.random.set_state(cr.random.get_state())
    """
    stream.assign(lift(state, "random"))


def split(key: Tensor, num: int = 2) -> Tensor:
    """`num` keys that are independent of each other and of all draws with `key`: shape (num, 4).

    >>> cr.random.split(cr.random.key(0), 3).shape
    (3, 4)
    """
    # The last word's highest bit is never reached by counting draws.
    apart = key ^ where(iota(4) == 3, full((), 1 << 31, dtype=uint32), full((), 0, dtype=uint32))
    words = apply("random_bits", apart, shape=(num, 2))
    return apply("pad", words, low=(0, 0), high=(0, 2), value=0)


def _next_draw() -> Tensor:
    """The state of this draw; the stream moves on by one, a 64-bit count in its last two words."""
    state = unboxed(stream)
    carry = state[2] == 0xFFFFFFFF
    place = iota(4)
    stream.assign(state + cast((place == 2) | (place == 3) & carry, uint32))
    return state


def bits(shape: Any = (), *, key: Tensor | None = None) -> Tensor:
    """Uniform 32-bit words (uint32).

    >>> cr.random.bits((2, 3)).dtype
    chainrule.uint32
    """
    return apply("random_bits", _next_draw() if key is None else key, shape=shape_of(shape))


def _float_type(dtype: Any, name: str) -> DType:
    kind = default_float() if dtype is None else dtypes.of(dtype)
    if not kind.is_float:
        raise DTypeError(
            name,
            f"asked for {kind.name}",
            "these numbers are floats",
            "cast the result, or use integers()",
        )
    return kind


def _in_float32(draw: Callable) -> Callable:
    """Decorator: numbers of 16 bits are drawn as float32, and rounded."""

    @wraps(draw)
    def single(
        *arguments: Any, dtype: Any = None, key: Tensor | None = None, **options: Any
    ) -> Tensor:
        kind = _float_type(dtype, draw.__name__)
        return cast(draw(*arguments, dtype=kind.arithmetic, key=key, **options), kind)

    return single


def _words(count: int, shape: tuple[int, ...], key: Tensor | None) -> list[Tensor]:
    """Several independent words for each element, from one draw."""
    words = bits((count, *shape), key=key)
    return [words[i] for i in range(count)]


def _unit(shape: tuple[int, ...], kind: DType, key: Tensor | None) -> Tensor:
    """Multiples of 2**-digits in [0, 1), with the digits of the type."""
    if kind.digits <= 24:
        return cast(bits(shape, key=key) >> (32 - kind.digits), kind) * 2.0**-kind.digits
    high, low = _words(2, shape, key)
    return cast(high >> 6, float64) * 2.0**-26 + cast(low >> 5, float64) * 2.0**-53


def _positive_unit(words: list[Tensor], kind: DType) -> Tensor:
    """Numbers in (0, 1] that are fine near 0, where logarithms need it."""
    fine = sum(cast(word, kind) * 2.0 ** (-32 * (i + 1)) for i, word in enumerate(words))
    return fine + 2.0 ** (-32 * len(words) - 1)


def uniform(
    shape: Any = (),
    low: float = 0.0,
    high: float = 1.0,
    *,
    dtype: Any = None,
    key: Tensor | None = None,
) -> Tensor:
    """Uniform in [low, high): 24 random bits in float32, 53 in float64.

    >>> cr.random.uniform((2, 3)).shape
    (2, 3)
    """
    unit = _unit(shape_of(shape), _float_type(dtype, "uniform"), key)
    return unit if (low, high) == (0, 1) else unit * (high - low) + low


@_in_float32
def normal(
    shape: Any = (),
    mean: float = 0.0,
    std: float = 1.0,
    *,
    dtype: Any = None,
    key: Tensor | None = None,
) -> Tensor:
    """Normal numbers, by Box and Muller: sqrt(-2 log u) times cos and sin of a uniform angle.

    >>> cr.random.normal((2, 3)).shape
    (2, 3)
    """
    shape, kind = shape_of(shape), _float_type(dtype, "normal")
    count = math.prod(shape)
    half, each = -(-count // 2), kind.bits // 32
    words = _words(2 * each, (half,), key)
    radius = sqrt(-2 * log(_positive_unit(words[:each], kind)))
    # Row 0 takes the cosine of the angle, row 1 the sine, as the cosine a quarter turn earlier.
    turn = _positive_unit(words[each:], kind) - 0.25 * reshape_to(iota(2, kind), (2, 1))
    pairs = radius * cos(turn * (2 * math.pi))
    numbers = reshape_to(reshape_to(pairs, (2 * half,))[:count], shape)
    return numbers if (mean, std) == (0, 1) else numbers * std + mean


@_in_float32
def truncated_normal(
    shape: Any = (),
    low: float = -2.0,
    high: float = 2.0,
    mean: float = 0.0,
    std: float = 1.0,
    *,
    dtype: Any = None,
    key: Tensor | None = None,
) -> Tensor:
    """Normal numbers given that they lie between `low` and `high`, which count standard deviations.

    >>> cr.random.truncated_normal((1000,)).shape
    (1000,)
    """
    if not low < high:
        raise ArgumentError("truncated_normal", f"low={low}, high={high}", "low must be below high")
    below, above = (math.erf(bound / math.sqrt(2)) for bound in (low, high))
    unit = _unit(shape_of(shape), _float_type(dtype, "truncated_normal"), key)
    numbers = clip(erfinv(unit * (above - below) + below) * math.sqrt(2), low, high)
    return numbers if (mean, std) == (0, 1) else numbers * std + mean


@_in_float32
def exponential(
    shape: Any = (), rate: float = 1.0, *, dtype: Any = None, key: Tensor | None = None
) -> Tensor:
    """Exponential numbers with mean 1 / rate: -log(u) / rate.

    >>> cr.random.exponential((2, 3)).shape
    (2, 3)
    """
    kind = _float_type(dtype, "exponential")
    return log(_positive_unit(_words(kind.bits // 32, shape_of(shape), key), kind)) / -rate


@_in_float32
def gumbel(shape: Any = (), *, dtype: Any = None, key: Tensor | None = None) -> Tensor:
    """Gumbel numbers, -log(-log(u)): the argmax of logits plus these is a draw from their softmax.

    >>> cr.random.gumbel((2, 3)).shape
    (2, 3)
    """
    return -log(exponential(shape, dtype=dtype, key=key))


def bernoulli(shape: Any = (), p: Any = 0.5, *, key: Tensor | None = None) -> Tensor:
    """True with probability p, a number or a tensor that broadcasts to the shape.

    >>> cr.random.bernoulli((3,), 1.0)
    Tensor([ True,  True,  True], dtype=bool)
    """
    return _unit(shape_of(shape), float32, key) < p


def categorical(
    logits: Any, shape: Any = None, *, axis: int = -1, key: Tensor | None = None
) -> Tensor:
    """Class numbers drawn from softmax(logits) along an axis; `shape` puts further axes in front.

    >>> cr.random.categorical(cr.asarray([[0.0, -cr.inf], [-cr.inf, 0.0]]))
    Tensor([0, 1], dtype=int64)
    """
    logits = moveaxis(widened(floating(logits, "categorical")), axis, -1)
    front = () if shape is None else shape_of(shape)
    noise = gumbel((*front, *logits.shape), dtype=logits.dtype, key=key)
    return argmax(logits + noise, axis=-1)


def integers(
    shape: Any, low: int, high: int | None = None, *, dtype: Any = int64, key: Tensor | None = None
) -> Tensor:
    """Integers from low to high - 1, or from 0 to low - 1; no value is likelier than another by
    more than 2**-31.

    >>> cr.random.integers((3,), 5, 6)
    Tensor([5, 5, 5], dtype=int64)
    """
    low, high = (0, low) if high is None else (low, high)
    if not 0 < high - low < 1 << 32:
        raise ArgumentError(
            "integers", f"from {low} to {high}", "high must lie above low, by less than 2**32"
        )
    return cast(_wide(shape_of(shape), key) % (high - low) + low, dtypes.of(dtype))


def _wide(shape: tuple[int, ...], key: Tensor | None) -> Tensor:
    """Uniform 63-bit integers."""
    first, second = _words(2, shape, key)
    return cast(first, int64) << 31 ^ cast(second, int64) >> 1


def permutation(x: Any, *, axis: int = 0, key: Tensor | None = None) -> Tensor:
    """The numbers 0 to x - 1, or the slices of a tensor along an axis, in random order.

    >>> cr.sort(cr.random.permutation(4))
    Tensor([0, 1, 2, 3], dtype=int64)
    """
    if is_integer(x):
        return argsort(_wide((x.__index__(),), key))
    x = lift(x, "permutation")
    along = axis_of(axis, x.ndim, "permutation")
    return take_along(x, argsort(_wide((x.shape[along],), key)), along)


def choice(
    x: Any,
    shape: Any = (),
    *,
    replace: bool = True,
    p: Any = None,
    axis: int = 0,
    key: Tensor | None = None,
) -> Tensor:
    """Numbers below x, or slices of a tensor, with or without replacement; `p` weighs them.

    >>> cr.random.choice(5, (2, 3)).shape
    (2, 3)
    """
    x = iota(x.__index__()) if is_integer(x) else lift(x, "choice")
    along, shape = axis_of(axis, x.ndim, "choice"), shape_of(shape)
    count, extent = math.prod(shape), x.shape[along]
    if not replace and count > extent:
        raise ArgumentError(
            "choice",
            f"{count} of {extent} without replacement",
            "there are not enough",
            "draw fewer, or with replacement",
        )
    if p is None:
        chosen = (
            integers(shape, extent, key=key) if replace else permutation(extent, key=key)[:count]
        )
    elif replace:
        chosen = categorical(log(floating(p, "choice")), shape, key=key)
    else:
        weights = log(floating(p, "choice"))
        chosen = argsort(
            weights + gumbel((extent,), dtype=weights.dtype, key=key), descending=True
        )[:count]
    return take_along(x, reshape_to(chosen, shape), along)
