"""The model of text: receives numbers of characters; hands on the logits of what follows each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import chainrule as cr
from chainrule import nn
from chainrule.nn.attention.multi_head import KeyValueCache


class GPT(nn.Module):
    """A decoder that predicts the next token at every place (Radford et al. 2019), pre-norm, with
    rotary positions: tokens (batch, length) to logits (batch, length, tokens). (A-202)

    `tied` has the head share the embedding's weight. With `caches`, made by `caches(batch,
    length)`, a call continues what they hold.

    >>> model = GPT(tokens=30, width=16, layers=2, heads=2)
    >>> model(cr.zeros((4, 5), dtype=cr.int64)).shape
    (4, 5, 30)
    """

    def __init__(
        self,
        tokens: int,
        width: int,
        layers: int,
        heads: int,
        dropout: float = 0.0,
    ) -> None:
        self.embedding = nn.Embedding(tokens, width, init=nn.init.normal(std=0.02))
        self.dropout = nn.Dropout(dropout)
        parts = [
            nn.TransformerEncoderLayer(
                width, heads, None, dropout, cr.gelu, norm_first=True, rotary=10_000.0
            )
            for _ in range(layers)
        ]
        self.body = nn.TransformerEncoder(parts, nn.LayerNorm(width))
        self.head = nn.Linear(width, tokens, bias=False, init=nn.init.normal(std=0.02))

    def __call__(
        self, tokens: cr.Tensor, caches: Sequence[KeyValueCache] | None = None
    ) -> cr.Tensor:
        x = self.dropout(self.embedding(tokens))
        return self.head(self.body(x, causal=True, caches=caches))

    def caches(self, batch: int, length: int) -> list[KeyValueCache]:
        """Empty caches for passages of at most `length` tokens."""
        return self.body.caches(batch, length)


def bits(model: nn.Module, passages: cr.Tensor) -> cr.Tensor:
    """The mean of -log2 P(token | those before it in the passage)."""
    return nn.losses.cross_entropy(model(passages[:, :-1]), passages[:, 1:]) / math.log(2)
