"""Attention without scores: receives queries, keys and values; hands on sums whose cost grows with
the length alone.
"""

from __future__ import annotations

from collections.abc import Callable

from chainrule.errors import ShapeError
from chainrule.frontend.functions.activation import elu
from chainrule.frontend.functions.creation import ones_like, tril
from chainrule.frontend.functions.linear_algebra import matmul
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import concat, cut, matrix_transpose
from chainrule.frontend.functions.reductions import cumulative_sum
from chainrule.frontend.lift import Operand, lift, promoted_floats
from chainrule.frontend.tensor import Tensor
from chainrule.nn.attention.products import same_heads
from chainrule.nn.attention.tiles import blocks, joined


def linear_attention(
    q: Operand,
    k: Operand,
    v: Operand,
    /,
    key_mask: Operand | None = None,
    *,
    causal: bool = False,
    feature: Callable[[Tensor], Tensor] = lambda x: elu(x) + 1,
    block: int = 64,
) -> Tensor:
    """y_i = sum_j f(q_i) . f(k_j) v_j / sum_j f(q_i) . f(k_j), in time and memory that grow with
    the length (Katharopoulos et al. 2020, B-066).

    The sums over j of f(k_j) v_j^T serve every query. With `causal` j runs to i: sums of blocks are
    added up, and within a block scores are made. f is elu(x) + 1 as in the paper, or any other that
    is positive. Shapes are those of `attention`; `key_mask` (..., keys) is true where there is a
    key. A query without any finds 0. Raises ShapeError.

    >>> x = cr.zeros((1, 2, 1))
    >>> cr.linear_attention(x, x, cr.asarray([[[1.0], [3.0]]]), causal=True)
    Tensor([[[1.],
             [2.]]], dtype=float32)
    """
    q, k, v = promoted_floats("linear_attention", q, k, v)
    q, k = feature(q), feature(k)
    if key_mask is not None:
        k = where(lift(key_mask, "linear_attention")[..., None], k, 0)
    q, k, v = same_heads("linear_attention", q, k, v)
    # With a 1 behind each value the denominator is one more of the sums.
    v = concat([v, ones_like(v[..., :1])], axis=-1)
    sums = _causal(q, k, v, block) if causal else matmul(q, matmul(matrix_transpose(k), v))
    total = sums[..., -1:]
    return sums[..., :-1] / where(total == 0, 1, total)


def _causal(q: Tensor, k: Tensor, v: Tensor, block: int) -> Tensor:
    if q.shape[-2] != k.shape[-2]:
        raise ShapeError(
            "linear_attention",
            f"{q.shape[-2]} queries and {k.shape[-2]} keys",
            "with causal=True each query stands where its key is",
        )
    length = q.shape[-2]
    q, k, v = (blocks(x, block) for x in (q, k, v))
    inside = matmul(tril(matmul(q, matrix_transpose(k))), v)
    sums = matmul(matrix_transpose(k), v)
    before = cumulative_sum(sums, axis=0, include_initial=True)[:-1]
    return cut(joined(inside + matmul(q, before)), -2, 0, length)
