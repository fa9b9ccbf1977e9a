"""Transformers: layers of attention and feed-forward parts, and stacks of layers. Receives and
hands on sequences (batch, length, features), embedded before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.frontend.functions.activation import relu
from chainrule.frontend.tensor import Tensor
from chainrule.nn.attention.multi_head import KeyValueCache, MultiHeadAttention
from chainrule.nn.attention.sight import Mask
from chainrule.nn.feed_forward import FeedForward
from chainrule.nn.module import Module
from chainrule.nn.normalization import AddNorm, LayerNorm

Caches = Sequence[KeyValueCache] | None


class TransformerEncoderLayer(Module):
    """Self-attention, then `FeedForward`, each within `AddNorm` (Vaswani et al. 2017, A-169).

    Called as (x, mask=None, key_mask=None, causal=False, cache=None), as `MultiHeadAttention`; with
    `causal` it is a layer of a language model such as GPT. `feedforward_dim` is 4 * embed_dim
    unless given (PyTorch: 2048), `dropout` stands where PyTorch has it: on weights, hidden
    features, and what each part adds. `norm_first` is pre-norm (A-170), which needs a norm behind
    the last layer. Further options: `gated` of FeedForward; `norm`, such as `nn.RMSNorm`; and
    those of MultiHeadAttention, such as `rotary` and `num_kv_heads`.

    >>> layer = cr.nn.TransformerEncoderLayer(8, 2, norm_first=True, activation=cr.gelu)
    >>> layer(cr.ones((4, 5, 8)), causal=True).shape
    (4, 5, 8)
    """

    _has_memory = False

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        feedforward_dim: int | None = None,
        dropout: float = 0.1,
        activation: Callable[[Tensor], Tensor] = relu,
        norm_first: bool = False,
        *,
        gated: bool = False,
        norm: Callable[[int], Module] = LayerNorm,
        bias: bool = True,
        **attention: Any,
    ) -> None:
        def part(layer: Module) -> AddNorm:
            return AddNorm(layer, norm(embed_dim), norm_first, dropout)

        self.attention = part(MultiHeadAttention(embed_dim, num_heads, dropout, bias, **attention))
        if self._has_memory:
            self.cross_attention = part(MultiHeadAttention(embed_dim, num_heads, dropout, bias))
        self.feed_forward = part(
            FeedForward(embed_dim, feedforward_dim, activation, dropout, gated=gated, bias=bias)
        )

    def __call__(
        self,
        x: Tensor,
        mask: Mask = None,
        *,
        key_mask: Any = None,
        causal: bool = False,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        x = self.attention(x, mask=mask, key_mask=key_mask, causal=causal, cache=cache)
        return self.feed_forward(x)


class TransformerDecoderLayer(TransformerEncoderLayer):
    """Self-attention that is causal unless said otherwise, attention to an encoder's output
    `memory`, then `FeedForward`, each within `AddNorm`; options of `TransformerEncoderLayer`, of
    which those of attention are for self-attention alone. (A-162, A-169)

    >>> layer = cr.nn.TransformerDecoderLayer(8, 2)
    >>> layer(cr.ones((4, 5, 8)), cr.ones((4, 3, 8))).shape
    (4, 5, 8)
    """

    _has_memory = True

    def __call__(  # type: ignore[override]
        self,
        x: Tensor,
        memory: Tensor,
        mask: Mask = None,
        *,
        key_mask: Any = None,
        memory_mask: Mask = None,
        memory_key_mask: Any = None,
        causal: bool = True,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        x = self.attention(x, mask=mask, key_mask=key_mask, causal=causal, cache=cache)
        x = self.cross_attention(x, memory, mask=memory_mask, key_mask=memory_key_mask)
        return self.feed_forward(x)


class TransformerEncoder(Module):
    """Layers one after the other, and `norm` behind them where they are pre-norm (A-169).

    `layers` are TransformerEncoderLayers; one that stands there several times shares its parameters
    among these places, as in ALBERT and the Universal Transformer (A-171). Options of the call go
    to each layer; `caches`, made by `caches(batch, length)`, has one cache a layer.

    >>> layer = cr.nn.TransformerEncoderLayer(8, 2)
    >>> shared = cr.nn.TransformerEncoder([layer] * 6)
    >>> shared(cr.ones((4, 5, 8))).shape, len(shared.parameters()) == len(layer.parameters())
    ((4, 5, 8), True)
    """

    def __init__(
        self, layers: Sequence[TransformerEncoderLayer], norm: Module | None = None
    ) -> None:
        if not layers:
            raise ArgumentError(
                type(self).__name__, "there are no layers", "", "pass a list of layers"
            )
        self.layers, self.norm = list(layers), norm

    def __call__(self, x: Tensor, *memory: Tensor, caches: Caches = None, **options: Any) -> Tensor:
        for layer, cache in zip(self.layers, caches or [None] * len(self.layers), strict=True):
            x = layer(x, *memory, cache=cache, **options)
        return x if self.norm is None else self.norm(x)

    def caches(self, batch: int, length: int) -> list[KeyValueCache]:
        """Empty caches for sequences of at most `length` places."""
        attentions: list[Any] = [layer.attention.layer for layer in self.layers]
        return [attention.cache(batch, length) for attention in attentions]


class TransformerDecoder(TransformerEncoder):
    """`TransformerEncoder` of TransformerDecoderLayers, called as (x, memory) (A-169).

    >>> decoder = cr.nn.TransformerDecoder([cr.nn.TransformerDecoderLayer(8, 2)])
    >>> decoder(cr.ones((4, 5, 8)), cr.ones((4, 3, 8))).shape
    (4, 5, 8)
    """


class Transformer(Module):
    """An encoder of the source and a decoder of the target, which sees its own past and all of the
    source (Vaswani et al. 2017, whose sizes are the defaults, A-169).

    Called as (source, target, source_mask=None), embedded sequences (batch, length, embed_dim);
    `source_mask` (batch, length) is true for real places. Further options go to all layers. With
    `norm_first` a norm follows each stack; PyTorch has it in post-norm too, where it does nothing.

    >>> model = cr.nn.Transformer(8, 2, 1, 1)
    >>> model(cr.ones((4, 5, 8)), cr.ones((4, 3, 8))).shape
    (4, 3, 8)
    """

    def __init__(
        self,
        embed_dim: int = 512,
        num_heads: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        feedforward_dim: int | None = None,
        dropout: float = 0.1,
        activation: Callable[[Tensor], Tensor] = relu,
        norm_first: bool = False,
        *,
        norm: Callable[[int], Module] = LayerNorm,
        **options: Any,
    ) -> None:
        sizes = (embed_dim, num_heads, feedforward_dim, dropout, activation, norm_first)

        def layers(kind: type[TransformerEncoderLayer], count: int) -> list:
            return [kind(*sizes, norm=norm, **options) for _ in range(count)]

        def last() -> Module | None:
            return norm(embed_dim) if norm_first else None

        self.encoder = TransformerEncoder(
            layers(TransformerEncoderLayer, num_encoder_layers), last()
        )
        self.decoder = TransformerDecoder(
            layers(TransformerDecoderLayer, num_decoder_layers), last()
        )

    def __call__(self, source: Tensor, target: Tensor, source_mask: Any = None) -> Tensor:
        memory = self.encoder(source, key_mask=source_mask)
        return self.decoder(target, memory, memory_key_mask=source_mask)
