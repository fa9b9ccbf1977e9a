"""Checks of attention, positions and Transformers, with random options, masks and sizes. Options
follow the tensors as numbers and tuples, for references.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn
from chainrule.checks import draw
from chainrule.checks.layers import call
from chainrule.checks.row import Check


def _size(random: np.random.Generator, low: int, high: int) -> int:
    return int(random.integers(low, high + 1))


# ---- Functions ----


def _operands(random: np.random.Generator, longest: int = 7, least: int = 2) -> list[np.ndarray]:
    """q, k and v, whose heads may be shared by groups of those of q. With one key or feature some
    gradients would be 0 but for rounding.
    """
    heads, group, features = _size(random, 1, 2), _size(random, 1, 3), _size(random, 2, 4)
    batch = draw.shape(random, 0, 2, 2)
    queries, keys = _size(random, 1, longest), _size(random, least, longest)
    return [
        draw.floats(random, (*batch, heads * group, queries, features)),
        draw.floats(random, (*batch, heads, keys, features)),
        draw.floats(random, (*batch, heads, keys, _size(random, 1, 4))),
    ]


def _mask(random: np.random.Generator, q: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Truth values for some of the axes of the scores; a query may see nothing."""
    shape = [n if draw.flag(random) else 1 for n in q.shape[:-1]]
    return random.random((*shape, k.shape[-2])) < 0.7


def _masked(random: np.random.Generator) -> tuple:
    """q, k, v, a mask of truth values or of numbers, whether it is causal, and a scale."""
    q, k, v = _operands(random)
    mask = _mask(random, q, k)
    if draw.flag(random):
        mask = np.where(mask, draw.floats(random, mask.shape), 0.0)
    return q, k, v, mask, draw.flag(random), float(random.uniform(0.2, 1.5))


def _plain(q: Any, k: Any, v: Any, mask: Any, causal: bool, scale: float) -> Any:
    return cr.attention(q, k, v, mask, causal=causal, scale=scale)


def _weights(q: Any, k: Any, mask: Any, causal: bool, scale: float) -> Any:
    return cr.attention_weights(q, k, mask, causal=causal, scale=scale)


def _without_values(random: np.random.Generator) -> tuple:
    q, k, _, *options = _masked(random)
    return q, k, *options


def _windowed(random: np.random.Generator) -> tuple:
    """q, k, v, a mask, whether it is causal, the window, the offset and the size of tiles."""
    q, k, v = _operands(random, 12, 4)
    options = draw.flag(random), _size(random, 3, 9), _size(random, 0, 3), _size(random, 2, 5)
    return q, k, v, _mask(random, q, k), *options


def _tiled(
    q: Any, k: Any, v: Any, mask: Any, causal: bool, window: int, offset: int, block: int
) -> Any:
    return cr.attention(
        q, k, v, mask, causal=causal, window=window, offset=offset, tiled=True, block=block
    )


def _biased(q: Any, k: Any, v: Any) -> Any:
    """A function as the mask, with tiles that it leaves empty."""
    near = cr.attention(q, k, v, nn.patterns.fixed(3), causal=True, tiled=True, block=2)
    return near + cr.attention(q, k, v, nn.patterns.alibi(q.shape[-3]), tiled=True, block=3)


def _kernelized(random: np.random.Generator) -> tuple:
    q, k, v = _operands(random)
    return q, k, v, random.random(k.shape[:-1]) < 0.7


def _linear(q: Any, k: Any, v: Any, mask: Any) -> Any:
    return cr.linear_attention(q, k, v, mask, feature=cr.exp)


def _aligned(random: np.random.Generator) -> tuple:
    """As many queries as keys, and the length of blocks."""
    q, k, v = _operands(random)
    q = draw.floats(random, (*q.shape[:-2], *k.shape[-2:]))
    return q, k, v, _size(random, 1, 4)


def _causal_linear(q: Any, k: Any, v: Any, block: int) -> Any:
    return cr.linear_attention(q, k, v, causal=True, feature=cr.exp, block=block)


def _paired(random: np.random.Generator) -> tuple:
    *lead, features = draw.shape(random, 2, 4)
    return draw.floats(random, (*lead, 2 * features)), _size(random, 0, 9)


def _rotary(x: Any, offset: int) -> Any:
    return nn.positions.rotary(x, offset=offset)


# ---- Layers ----


def _moving(layer: nn.Module) -> nn.Module:
    """The layer without the biases of keys: softmax does not feel them, so that their gradient is 0
    but for rounding.
    """
    for path, parameter in layer.parameters().items():
        parameter.trainable = not path.endswith("key.bias")
    return layer


def _sequences(random: np.random.Generator, features: int) -> tuple[np.ndarray, np.ndarray]:
    """x (batch, length, features), and which places are real; the first always is."""
    x = draw.floats(random, (_size(random, 1, 3), _size(random, 1, 5), features))
    real = random.random(x.shape[:-1]) < 0.7
    real[:, 0] = True
    return x, real


def _positions(random: np.random.Generator) -> tuple:
    x = draw.floats(random, draw.shape(random, 2, 3))
    return nn.SinusoidalPositions(), x, _size(random, 0, 9)


def _learned(random: np.random.Generator) -> tuple:
    x, offset = draw.floats(random, draw.shape(random, 2, 3)), _size(random, 0, 3)
    return nn.LearnedPositions(8, x.shape[-1]), x, offset


def _feed_forward(random: np.random.Generator) -> tuple:
    features, gated = _size(random, 2, 5), draw.flag(random)
    layer = nn.FeedForward(
        features, _size(random, 1, 6), cr.gelu, gated=gated, bias=draw.flag(random)
    )
    return layer, _sequences(random, features)[0]


def _self_attention(random: np.random.Generator) -> tuple:
    heads, causal = _size(random, 1, 3), draw.flag(random)
    features = heads * 2 * _size(random, 1, 2)
    layer = nn.MultiHeadAttention(features, heads, bias=draw.flag(random))
    return _moving(layer), *_sequences(random, features), heads, causal


def _attend(layer: Any, x: Any, real: Any, heads: int, causal: bool) -> Any:
    return layer(x, key_mask=real, causal=causal)


def _cross_attention(random: np.random.Generator) -> tuple:
    """Other sizes of keys and values, heads that share them, and rotated features."""
    heads, group = _size(random, 1, 2), _size(random, 1, 2)
    features, kdim, vdim = heads * group * 2, _size(random, 1, 5), _size(random, 1, 5)
    layer = nn.MultiHeadAttention(
        features, heads * group, kdim=kdim, vdim=vdim, num_kv_heads=heads, rotary=100.0
    )
    keys, real = _sequences(random, kdim)
    x = draw.floats(random, (keys.shape[0], _size(random, 1, 4), features))
    return (
        _moving(layer),
        x,
        keys,
        draw.floats(random, (*keys.shape[:-1], vdim)),
        real,
        heads * group,
    )


def _attend_across(layer: Any, x: Any, keys: Any, values: Any, real: Any, heads: int) -> Any:
    return layer(x, keys, values, key_mask=real)


def _layer(kind: Callable) -> Callable[[np.random.Generator], tuple]:
    """A layer or model with its sequences, which of their places are real, and options."""

    def arguments(random: np.random.Generator) -> tuple:
        heads, first = _size(random, 1, 2), draw.flag(random)
        features = heads * 4
        layer = kind(features, heads, feedforward_dim=5, activation=cr.gelu, norm_first=first)
        x, real = _sequences(random, features)
        memory = draw.floats(random, (x.shape[0], _size(random, 1, 4), features))
        return _moving(layer), x, memory, real, heads, first, draw.flag(random)

    return arguments


def _encode(
    layer: Any, x: Any, memory: Any, real: Any, heads: int, first: bool, causal: bool
) -> Any:
    return layer(x, key_mask=real, causal=causal)


def _decode(
    layer: Any, x: Any, memory: Any, real: Any, heads: int, first: bool, causal: bool
) -> Any:
    return layer(memory, x, memory_key_mask=real, causal=causal)


def _translate(model: Any, x: Any, memory: Any, real: Any, *options: Any) -> Any:
    return model(x, memory, real)


def _transformer(features: int, heads: int, **options: Any) -> nn.Transformer:
    return nn.Transformer(features, heads, 1, 2, dropout=0.0, **options)


def _undropped(kind: Callable) -> Callable:
    return lambda *sizes, **options: kind(*sizes, dropout=0.0, **options)


CHECKS = (
    Check("attention", _plain, _masked),
    Check("attention.tiled", _tiled, _windowed),
    Check("attention.patterns", _biased, lambda random: tuple(_operands(random))),
    Check("attention_weights", _weights, _without_values),
    Check("linear_attention", _linear, _kernelized),
    Check("linear_attention.causal", _causal_linear, _aligned),
    Check("nn.positions.rotary", _rotary, _paired),
    Check("nn.SinusoidalPositions", call, _positions),
    Check("nn.LearnedPositions", call, _learned),
    Check("nn.FeedForward", call, _feed_forward),
    Check("nn.MultiHeadAttention", _attend, _self_attention),
    Check("nn.MultiHeadAttention.cross", _attend_across, _cross_attention),
    Check("nn.TransformerEncoderLayer", _encode, _layer(_undropped(nn.TransformerEncoderLayer))),
    Check("nn.TransformerDecoderLayer", _decode, _layer(_undropped(nn.TransformerDecoderLayer))),
    Check("nn.Transformer", _translate, _layer(_transformer)),
)
