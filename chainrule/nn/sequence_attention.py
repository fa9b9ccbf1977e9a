"""Attention of recurrent networks: receives queries of a decoder and the outputs of an encoder,
hands on their mean, weighted by how well they fit.
"""

from __future__ import annotations

import math
from typing import Any

from chainrule import tree
from chainrule.dtypes import bool_, default_float
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.elementary import tanh
from chainrule.frontend.functions.linear_algebra import matmul
from chainrule.frontend.functions.manipulation import concat, matrix_transpose
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.lift import Operand, lift
from chainrule.frontend.tensor import Tensor
from chainrule.nn import init
from chainrule.nn.attention.products import softmax_of_seen
from chainrule.nn.calls import here
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module, Parameter
from chainrule.nn.recurrent_cells import Cell


class SequenceAttention(Module):
    """(context, weights) for queries (..., T, query_size) and keys (..., S, key_size), where
    weights = softmax(scores) over S and context = weights @ keys.

    Keys where a mask (..., S) is false have weight 0; if all are, the context is 0.
    """

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """How well each key fits each query, (..., T, S)."""
        raise NotImplementedError

    def __call__(
        self, queries: Tensor, keys: Tensor, mask: Operand | None = None
    ) -> tuple[Tensor, Tensor]:
        seen = None if mask is None else _seen(lift(mask), keys)
        weights = softmax_of_seen(self.scores(queries, keys), seen)
        return matmul(weights, keys), weights


def _seen(mask: Tensor, keys: Tensor) -> Tensor:
    if mask.dtype is not bool_ or mask.shape != keys.shape[:-1]:
        raise ShapeError(
            here(),
            f"the mask is {mask.dtype.name}{list(mask.shape)}",
            f"the keys have batch and time {list(keys.shape[:-1])}",
            "pass bools of that shape, true where there is a key",
        )
    return mask[..., None, :]


class AdditiveAttention(SequenceAttention):
    """Attention with score v . tanh(query @ W_q + key @ W_k) (Bahdanau et al. 2015).

    Queries (..., T, query_size), keys (..., S, key_size) and a mask (..., S), true where there is a
    key, to context (..., T, key_size) and weights (..., T, S). (A-155)

    >>> attention = cr.nn.AdditiveAttention(4, 6, 8)
    >>> context, weights = attention(cr.ones((2, 1, 4)), cr.ones((2, 5, 6)))
    >>> context.shape, weights[0]
    ((2, 1, 6), Tensor([[0.2, 0.2, 0.2, 0.2, 0.2]], dtype=float32))
    """

    def __init__(self, query_size: int, key_size: int, hidden_size: int) -> None:
        self.query = Linear(query_size, hidden_size, bias=False)
        self.key = Linear(key_size, hidden_size, bias=False)
        bound = 1 / math.sqrt(max(hidden_size, 1))
        self.v = Parameter(init.uniform(-bound, bound)((hidden_size,), default_float()))

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        pairs = self.query(queries)[..., :, None, :] + self.key(keys)[..., None, :, :]
        return sum(self.v * tanh(pairs), axis=-1)


class MultiplicativeAttention(SequenceAttention):
    """Attention with score query . key ("dot"), query @ W . key ("general", Luong et al. 2015), or
    query . key / sqrt(size) ("scaled", Vaswani et al. 2017).

    Shapes as for `AdditiveAttention`. Raises ArgumentError where sizes must be equal. (A-155)

    >>> attention = cr.nn.MultiplicativeAttention(2, 2, score="dot")
    >>> keys = cr.asarray([[[9.0, 0.0], [0.0, 9.0]]])
    >>> attention(cr.asarray([[[20.0, 0.0]]]), keys)[0]
    Tensor([[[9., 0.]]], dtype=float32)
    """

    def __init__(self, query_size: int, key_size: int, score: str = "general") -> None:
        if score not in ("dot", "general", "scaled"):
            raise ArgumentError(
                "MultiplicativeAttention", f"{score=}", 'there are "dot", "general" and "scaled"'
            )
        if score != "general" and query_size != key_size:
            raise ArgumentError(
                "MultiplicativeAttention",
                f"queries of {query_size} and keys of {key_size} features",
                f'"{score}" multiplies them one by one',
                'make them equal, or use score="general"',
            )
        self.map = Linear(query_size, key_size, bias=False) if score == "general" else None
        self.scale = 1 / math.sqrt(key_size) if score == "scaled" else 1.0

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        queries = queries if self.map is None else self.map(queries)
        return matmul(queries * self.scale, matrix_transpose(keys))


class AttentionCell(Module):
    """One step of a decoder that looks at an encoder's outputs, `keys` (batch, S, key_size).

    The state asks, context = attention(h, keys, mask); the cell reads x and the context; what it
    hands on is both, (output, state) with output (batch, cell.output_size + key_size), for a head
    to read (Bahdanau et al. 2015). A turn of `cr.scan`: x and state change, keys stay. (A-155)

    >>> cell = cr.nn.GRUCell(3 + 6, 4)
    >>> step = cr.nn.AttentionCell(cell, cr.nn.AdditiveAttention(4, 6, 8))
    >>> output, h = step(cr.ones((2, 3)), cr.zeros((2, 4)), cr.ones((2, 5, 6)))
    >>> output.shape, h.shape
    ((2, 10), (2, 4))
    """

    def __init__(self, cell: Cell, attention: SequenceAttention) -> None:
        self.cell, self.attention = cell, attention

    def __call__(
        self, x: Tensor, state: Any, keys: Tensor, mask: Operand | None = None
    ) -> tuple[Tensor, Any]:
        query = tree.leaves(state)[0][..., None, :]
        context = self.attention(query, keys, mask)[0][..., 0, :]
        state = self.cell(concat([x, context], axis=-1), state)
        return concat([tree.leaves(state)[0], context], axis=-1), state
