"""Attention as written in the paper: receives queries, keys and values; hands on weights and sums,
by way of all scores at once.
"""

from __future__ import annotations

from chainrule.errors import ShapeError
from chainrule.frontend.functions.activation import softmax
from chainrule.frontend.functions.creation import iota
from chainrule.frontend.functions.linear_algebra import matmul
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import matrix_transpose, repeat
from chainrule.frontend.lift import Operand, cast, in_float32, promoted_floats, widened
from chainrule.frontend.tensor import Tensor
from chainrule.nn.attention.sight import Sight

# The score of what is not seen: finite, so that differences of two such have a derivative.
UNSEEN = -1e30


def weights(q: Tensor, k: Tensor, sight: Sight) -> Tensor:
    """softmax(q k^T + bias) where something is seen, else 0."""
    rows, columns = iota(q.shape[-2])[:, None] + sight.offset, iota(k.shape[-2])[None]
    seen, bias = sight.whole(rows, columns)
    scores = scored(q, k, bias)
    found = softmax_of_seen(scores, seen, sight.may_be_blind(*scores.shape[-2:]))
    return cast(found, q.dtype)


@in_float32
def softmax_of_seen(scores: Tensor, seen: Tensor | None, blind: bool = True) -> Tensor:
    """softmax(scores) over the places that are seen, all for None; 0 elsewhere. `blind` says that a
    query may see nothing.
    """
    if seen is None:
        return softmax(scores)
    found = softmax(where(seen, scores, UNSEEN))
    # A query that sees nothing has equal weights there: these become 0 too.
    return where(seen, found, 0) if blind else found


def scored(q: Tensor, k: Tensor, bias: Tensor | None) -> Tensor:
    """q k^T + bias, for 16-bit floats in float32: float16 does not hold UNSEEN."""
    scores = widened(matmul(q, matrix_transpose(k)))
    return scores if bias is None else scores + cast(bias, scores.dtype)


def prepared(where_used: str, scale: float | None, q: Operand, *others: Operand) -> list[Tensor]:
    """Scaled queries, and keys and values with as many heads, in one float type."""
    queries, *rest = same_heads(where_used, *promoted_floats(where_used, q, *others))
    return [queries * (queries.shape[-1] ** -0.5 if scale is None else scale), *rest]


def same_heads(where_used: str, q: Tensor, *others: Tensor) -> list[Tensor]:
    """Queries, and keys and values with as many heads. Raises ShapeError where they do not fit."""
    _check(where_used, q, *others)
    return [q, *[_with_heads(where_used, x, q) for x in others]]


def _with_heads(where_used: str, x: Tensor, q: Tensor) -> Tensor:
    """Each head of the keys or values as often as groups of query heads share it."""
    if min(x.ndim, q.ndim) < 3 or x.shape[-3] in (1, q.shape[-3]) or q.shape[-3] == 1:
        return x
    if q.shape[-3] % x.shape[-3]:
        raise ShapeError(
            where_used,
            f"{q.shape[-3]} heads of queries share {x.shape[-3]} of keys and values",
            "neighbouring heads of queries form groups of one size",
            "choose a divisor of the number of heads",
        )
    return repeat(x, q.shape[-3] // x.shape[-3], axis=-3)


def _check(where_used: str, q: Tensor, k: Tensor, v: Tensor | None = None) -> None:
    shapes = " and ".join(str(list(x.shape)) for x in (q, k, v) if x is not None)
    if min(x.ndim for x in (q, k, v) if x is not None) < 2:
        raise ShapeError(where_used, f"got {shapes}", "they are (..., length, features)")
    if q.shape[-1] != k.shape[-1]:
        raise ShapeError(
            where_used, f"got {shapes}", "queries and keys are compared by as many features"
        )
    if v is not None and v.shape[-2] != k.shape[-2]:
        raise ShapeError(where_used, f"got {shapes}", "each key has a value, on axis -2")
