"""Which keys a query may see, and how near they are: hands on functions of positions, for the
`mask` of attention.

Each takes rows (n, 1), positions of queries, and columns (1, m), positions of keys. What is true or
false and made of Python's operators alone also tells `attention` which tiles to skip.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.functions.elementwise import abs
from chainrule.frontend.lift import cast

Pattern = Callable[[Any, Any], Any]


def strided(stride: int) -> Pattern:
    """The last `stride` keys, and every stride-th before (Child et al. 2019, for images); pass
    `causal=True` beside it (A-173, B-066).

    >>> cr.nn.patterns.strided(2)(np.array([[4]]), np.arange(6)[None])
    array([[ True, False,  True,  True,  True,  True]])
    """
    _check("strided", stride)
    return lambda rows, columns: (rows - columns < stride) | ((rows - columns) % stride == 0)


def fixed(stride: int, summary: int = 1) -> Pattern:
    """The block of `stride` keys that a query is in, and the last `summary` of every block (Child
    et al. 2019, for text); pass `causal=True` beside it (A-173, B-066).

    >>> cr.nn.patterns.fixed(2)(np.array([[4]]), np.arange(6)[None])
    array([[False,  True, False,  True,  True,  True]])
    """
    _check("fixed", stride)
    return lambda rows, columns: (
        (rows // stride == columns // stride) | (columns % stride >= stride - summary)
    )


def alibi(heads: int) -> Pattern:
    """-slope[head] * |row - column|, to be added: positions by distance alone (Press et al. 2022).

    For n heads, a power of 2, the slopes are 2**(-8 i / n) for i = 1 .. n; for others, as in the
    paper's code, those of the power below and every other one of the power above.

    >>> cr.nn.patterns.alibi(2)(cr.asarray([[2]]), cr.asarray([[0, 1, 2]]))[0]
    Tensor([[-0.125 , -0.0625,  0.    ]], dtype=float32)
    """
    _check("alibi", heads)
    slopes = asarray(_slopes(heads))[:, None, None]
    return lambda rows, columns: slopes * cast(-abs(rows - columns), slopes.dtype)


def _slopes(heads: int) -> list[float]:
    power = 1 << (heads.bit_length() - 1)
    slopes = [2 ** (-8 * i / power) for i in range(1, power + 1)]
    between = [2 ** (-4 * i / power) for i in range(1, 2 * power, 2)]
    return slopes + between[: heads - power]


def _check(where_used: str, count: int) -> None:
    if count < 1:
        raise ArgumentError(f"patterns.{where_used}", f"got {count}", "it is at least 1")
