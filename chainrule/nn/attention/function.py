"""`attention` and its weights: receives queries, keys and values; hands on what queries find."""

from __future__ import annotations

from collections.abc import Callable

from chainrule.errors import ArgumentError
from chainrule.frontend.functions.linear_algebra import matmul
from chainrule.frontend.lift import Operand
from chainrule.frontend.tensor import Tensor
from chainrule.nn.attention import products
from chainrule.nn.attention.sight import Mask, sight
from chainrule.nn.attention.tiles import in_tiles

# So many scores a head, and tiles are faster than all scores at once.
MANY = 1024**2


def attention(
    q: Operand,
    k: Operand,
    v: Operand,
    /,
    mask: Mask = None,
    *,
    causal: bool = False,
    window: int | None = None,
    offset: int | Tensor = 0,
    scale: float | None = None,
    dropout: Callable[[Tensor], Tensor] | None = None,
    tiled: bool | None = None,
    block: int = 128,
) -> Tensor:
    """softmax(scale * q k^T + bias) v, scale 1 / sqrt(features) (Vaswani et al. 2017, A-157).

    q is (..., heads, queries, features), k (..., heads, keys, features), v (..., heads, keys, out):
    as in PyTorch, so that the matrices of the products are the last two axes, and heads are one
    more stack of them. Fewer heads of k and v, a divisor or 1, are each shared by a group of
    neighbouring heads of q (grouped-query attention, Ainslie et al. 2023; multi-query with 1).

    `mask` is true where a query sees a key; as floats it is added to the scores (-inf hides). It
    has shape (..., queries, keys), either of which may be 1, or is a function that makes such an
    array of positions, rows (n, 1) and columns (1, m), and is a constant of the derivative (see
    `cr.nn.patterns`). `causal` hides keys behind the query (A-160), `window` all but the `window`
    nearest: the last ones with `causal`, else on both sides those nearer than `window` (A-174). The
    first query stands at position `offset` among the keys, 0 as in PyTorch. A query that sees
    nothing finds 0, with gradient 0. `dropout` is applied to the weights.

    With `tiled` scores are made block x block at a time, forward and again backward, so memory
    grows with the length and not with its square (FlashAttention, Dao et al. 2022, A-172, B-065);
    tiles with nothing to see are skipped, so a window w costs O(length * w), and so does a function
    `mask` made of Python's operators alone (A-173, B-066). By default that is done from 1024**2
    scores on, unless `dropout` or an added mask asks for the weights. Raises ShapeError and
    ArgumentError.

    >>> q = cr.asarray([[[0.0], [0.0]]])
    >>> cr.attention(q, q, cr.asarray([[[1.0], [3.0]]]), causal=True)
    Tensor([[[1.],
             [2.]]], dtype=float32)
    """
    q, k, v = products.prepared("attention", scale, q, k, v)
    seen = sight(mask, causal, window, offset, q.shape[-2], k.shape[-2])
    needs_weights = dropout is not None or seen.is_added
    if tiled if tiled is not None else not needs_weights and q.shape[-2] * k.shape[-2] >= MANY:
        _check_tiled(needs_weights, block)
        return in_tiles(q, k, v, seen, block)
    weights = products.weights(q, k, seen)
    return matmul(weights if dropout is None else dropout(weights), v)


def _check_tiled(needs_weights: bool, block: int) -> None:
    if needs_weights:
        raise ArgumentError(
            "attention",
            "tiled=True with dropout or a mask that is added",
            "tiles know neither all weights at once nor the gradient of such a mask",
            "leave tiled out, or pass a mask of bools or a function of positions",
        )
    if block < 1:
        raise ArgumentError("attention", f"block is {block}", "it is the side of a tile")


def attention_weights(
    q: Operand,
    k: Operand,
    /,
    mask: Mask = None,
    *,
    causal: bool = False,
    window: int | None = None,
    offset: int | Tensor = 0,
    scale: float | None = None,
) -> Tensor:
    """What `attention` multiplies the values with, to look at: (..., heads, queries, keys), each
    row with sum 1, or 0 where it sees nothing (A-157).

    >>> cr.attention_weights(cr.ones((1, 2, 4)), cr.ones((1, 2, 4)), causal=True)
    Tensor([[[1. , 0. ],
             [0.5, 0.5]]], dtype=float32)
    """
    q, k = products.prepared("attention_weights", scale, q, k)
    seen = sight(mask, causal, window, offset, q.shape[-2], k.shape[-2])
    return products.weights(q, k, seen)
