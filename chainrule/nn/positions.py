"""Where a token stands: receives sequences (..., length, features); hands them on with positions
added, or with features turned by them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chainrule.dtypes import default_float, float64, of
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.creation import asarray, iota
from chainrule.frontend.functions.elementary import cos, sin
from chainrule.frontend.functions.indexing import take
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import concat, cut
from chainrule.frontend.lift import Operand, cast, floating
from chainrule.frontend.tensor import Tensor
from chainrule.nn import init as inits
from chainrule.nn.calls import here
from chainrule.nn.module import Module, Parameter

Position = int | Tensor


def _angles(length: int, offset: Position, rates: Iterable[float]) -> Tensor:
    """position * rate, (length, rates). In float64: float32 rounds 2**14 to a thousandth."""
    positions = cast(iota(length) + offset, float64)
    return positions[:, None] * asarray(list(rates), dtype=float64)


def sinusoidal(
    length: int,
    features: int,
    *,
    offset: Position = 0,
    base: float = 10000.0,
    dtype: Any = None,
) -> Tensor:
    """PE[p, 2i] = sin(p / base**(2i / features)) and PE[p, 2i + 1] = cos of the same, for positions
    p from `offset` on: (length, features) (Vaswani et al. 2017, A-165).

    >>> cr.nn.positions.sinusoidal(2, 2)
    Tensor([[0.        , 1.        ],
            [0.84147096, 0.5403023 ]], dtype=float32)
    """
    places = range(features)
    angles = _angles(length, offset, [base ** -(2 * (i // 2) / features) for i in places])
    waves = where(iota(features) % 2 == 0, sin(angles), cos(angles))
    return cast(waves, default_float() if dtype is None else of(dtype))


def rotary(x: Operand, /, *, offset: Position = 0, base: float = 10000.0) -> Tensor:
    """Features of queries or keys (..., length, features) in pairs, as points of a plane, turned by
    position * base**(-2i / features): the product of two depends on their distance alone (RoPE, Su
    et al. 2021, A-167).

    Pair i is features i and i + features / 2, as in GPT-NeoX and in Hugging Face's LLaMA, because
    halves are vectors; the paper and Meta's LLaMA pair 2i and 2i + 1. Weights for these serve after
    the features of each head are taken in the order 0, 2, 4, ..., 1, 3, 5, ... Raises ShapeError
    for an odd number of features.

    >>> cr.nn.positions.rotary(cr.asarray([[1.0, 0.0], [1.0, 0.0]]))
    Tensor([[1.        , 0.        ],
            [0.5403023 , 0.84147096]], dtype=float32)
    """
    x = floating(x, "rotary")
    if x.ndim < 2 or x.shape[-1] % 2:
        raise ShapeError(
            "rotary",
            f"got shape {list(x.shape)}",
            "features are the last axis, and two of them make a pair",
            "give each head an even number of features",
        )
    half = x.shape[-1] // 2
    angles = _angles(x.shape[-2], offset, [base ** -(i / half) for i in range(half)])
    c, s = cast(cos(angles), x.dtype), cast(sin(angles), x.dtype)
    first, second = cut(x, -1, 0, half), cut(x, -1, half, 2 * half)
    return concat([first * c - second * s, second * c + first * s], axis=-1)


class SinusoidalPositions(Module):
    """x + `sinusoidal`, for x (..., length, features) whose first place is position `offset`.

    Nothing is learned, and no length is too long. In the paper x is an embedding times
    sqrt(features), so that it is not the smaller of the two. (A-165)

    >>> cr.nn.SinusoidalPositions()(cr.zeros((1, 1, 4)))
    Tensor([[[0., 1., 0., 1.]]], dtype=float32)
    """

    def __init__(self, base: float = 10000.0) -> None:
        self.base = base

    def __call__(self, x: Tensor, offset: Position = 0) -> Tensor:
        x = floating(x, "SinusoidalPositions")
        length, features = x.shape[-2:]
        return x + sinusoidal(length, features, offset=offset, base=self.base, dtype=x.dtype)


class LearnedPositions(Module):
    """x + weight[position], for x (..., length, features) whose first place is position `offset`.

    weight is (max_length, features) and starts normal with deviation 0.02 (BERT, GPT-2), or as
    `init` says. Raises ShapeError for a sequence that is too long. (A-166)

    >>> cr.nn.LearnedPositions(16, 4)(cr.zeros((2, 3, 4))).shape
    (2, 3, 4)
    """

    def __init__(
        self, max_length: int, features: int, *, init: inits.Init | None = None, dtype: Any = None
    ) -> None:
        if min(max_length, features) < 1:
            raise ArgumentError(
                "LearnedPositions", f"got {max_length=} and {features=}", "each is at least 1"
            )
        kind = default_float() if dtype is None else of(dtype)
        self.weight = Parameter((init or inits.normal(std=0.02))((max_length, features), kind))

    def __call__(self, x: Tensor, offset: Position = 0) -> Tensor:
        length, most = x.shape[-2], self.weight.shape[0]
        if length + (offset if isinstance(offset, int) else 0) > most:
            raise ShapeError(
                here(),
                f"a sequence of {length} places from position {offset} on",
                f"{most} positions have a vector",
                "build the layer with a larger max_length",
            )
        return x + take(self.weight, iota(length) + offset, axis=0)
