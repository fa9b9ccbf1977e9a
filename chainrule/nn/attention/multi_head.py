"""Multi-head attention and its memory of past keys: receives sequences (batch, length, features),
hands on sequences.
"""

from __future__ import annotations

from typing import Any

from chainrule.errors import ArgumentError
from chainrule.frontend import trace
from chainrule.frontend.functions.creation import iota, zeros
from chainrule.frontend.functions.elementwise import clip
from chainrule.frontend.functions.indexing import take
from chainrule.frontend.functions.logic import truth, where
from chainrule.frontend.functions.manipulation import moveaxis
from chainrule.frontend.lift import lift, reshape_to, unboxed
from chainrule.frontend.stateful import Buffer
from chainrule.frontend.tensor import Tensor
from chainrule.nn import init as inits
from chainrule.nn.attention.function import attention, attention_weights
from chainrule.nn.attention.sight import Mask
from chainrule.nn.calls import here
from chainrule.nn.dropout import Dropout
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module
from chainrule.nn.positions import rotary


class KeyValueCache(Module):
    """Keys and values of the places that one attention has seen: (batch, heads, length, features),
    of which the first `used` count. Made by `MultiHeadAttention.cache`.

    `length` never changes, so one compiled step serves all places. It is written like any other
    buffer: pass it to a compiled function beside the model. `used.assign(cr.asarray(0))` forgets
    all.

    >>> attention = cr.nn.MultiHeadAttention(8, 2)
    >>> cache, x = attention.cache(1, 16), cr.ones((1, 3, 8))
    >>> attention(x[:, :2], cache=cache).shape, attention(x[:, 2:], cache=cache).shape
    ((1, 2, 8), (1, 1, 8))
    >>> cache.used
    Buffer(3, dtype=int64)
    """

    def __init__(self, batch: int, length: int, heads: int, features: int, dtype: Any) -> None:
        self.keys = Buffer(zeros((batch, heads, length, features), dtype=dtype))
        self.values = Buffer(zeros((batch, heads, length, features), dtype=dtype))
        self.used = Buffer(zeros((), dtype=int))

    def extend(self, keys: Tensor, values: Tensor) -> None:
        """Write the next places. Raises ArgumentError where there is no room, if that is known;
        a compiled step drops what does not fit.
        """
        count, length = keys.shape[-2], self.keys.shape[-2]
        used = unboxed(self.used)
        if used._value is not None and used._value + count > length:
            raise ArgumentError(
                here(),
                f"{count} places after {used._value} of {length}",
                "the cache is full",
                "make it longer, or start afresh with used.assign(cr.asarray(0))",
            )
        place = iota(length) - used
        written = ((place >= 0) & (place < count))[:, None]
        source = clip(place, 0, count - 1)
        for box, new in ((self.keys, keys), (self.values, values)):
            box.assign(where(written, take(new, source, axis=-2), box))
        self.used.assign(used + count)


class MultiHeadAttention(Module):
    """concat(head_1, ..., head_h) W_o, head_i = attention(Q W_q_i, K W_k_i, V W_v_i), from
    (batch, queries, embed_dim) to the same shape (Vaswani et al. 2017, A-159).

    Called as (query, key=None, value=None, mask=None, ...): with one sequence it is self-attention
    (A-158), with two, (query, memory), cross-attention (A-162). `mask` and `causal` are those of
    `cr.attention`; `key_mask` (batch, keys) is true for real keys and false at padding (A-161),
    the opposite of PyTorch's. `dropout` thins the weights. Variants (A-175): `num_kv_heads` shares
    keys and values among heads (grouped-query; 1 is multi-query); `rotary` is the base of rotary
    positions, 10000 in the paper; `window` hides all but the nearest keys.

    Each head has embed_dim / num_heads features; keys come with kdim, values with vdim features,
    by default as many as queries and as keys. query, key and value are `Linear`, whose weights
    start Xavier-uniform and biases 0, out starts as any `Linear`, its bias 0. PyTorch stacks the
    first three: query.weight is in_proj_weight[:embed_dim].T, and so on. With `cache`, one of
    `cache(batch, length)`, the sequence continues what the cache holds: generation place by place
    gives what one call on all gives. Raises ArgumentError for sizes that do not divide.

    >>> attention = cr.nn.MultiHeadAttention(8, 2)
    >>> x = cr.ones((4, 5, 8))
    >>> attention(x, causal=True).shape, attention(x, cr.ones((4, 3, 8))).shape
    ((4, 5, 8), (4, 5, 8))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        kdim: int | None = None,
        vdim: int | None = None,
        num_kv_heads: int | None = None,
        rotary: float | None = None,
        window: int | None = None,
        dtype: Any = None,
    ) -> None:
        self.heads, self.kv_heads = num_heads, num_kv_heads or num_heads
        if num_heads < 1 or embed_dim % num_heads or num_heads % self.kv_heads:
            raise ArgumentError(
                "MultiHeadAttention",
                f"{embed_dim=}, {num_heads=}, num_kv_heads={self.kv_heads}",
                "heads have equal parts of the features, and share keys in groups of one size",
                "choose divisors",
            )
        self.features = embed_dim // num_heads
        shared = self.kv_heads * self.features

        def projection(inputs: int, outputs: int, init: inits.Init | None) -> Linear:
            return Linear(inputs, outputs, bias, init=init, bias_init=inits.zeros(), dtype=dtype)

        xavier = inits.xavier_uniform()
        self.query = projection(embed_dim, embed_dim, xavier)
        self.key = projection(kdim or embed_dim, shared, xavier)
        self.value = projection(vdim or kdim or embed_dim, shared, xavier)
        self.out = projection(embed_dim, embed_dim, None)
        self.dropout, self.rotary, self.window = Dropout(dropout), rotary, window

    def __call__(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        mask: Mask = None,
        *,
        key_mask: Any = None,
        causal: bool = False,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        if cache is not None and key is not None:
            raise ArgumentError(
                here(),
                "a cache for cross-attention",
                "it holds the past of one sequence",
                "leave the cache out: the other sequence is there as a whole",
            )
        key = query if key is None else key
        offset = 0 if cache is None else unboxed(cache.used)
        q, k = self._queries(query, offset), self._keys(key, offset)
        v = self._split(self.value(key if value is None else value))
        if cache is not None:
            cache.extend(k, v)
            k, v, causal = cache.keys, cache.values, True
        drops = self.dropout.p > 0 and trace.is_training("dropout")
        found = attention(
            q,
            k,
            v,
            _with_keys(mask, key_mask),
            causal=causal,
            window=self.window,
            offset=offset,
            dropout=self.dropout if drops else None,
        )
        merged = moveaxis(found, -3, -2)
        return self.out(reshape_to(merged, (*merged.shape[:-2], self.heads * self.features)))

    def weights(
        self,
        query: Tensor,
        key: Tensor | None = None,
        mask: Mask = None,
        *,
        key_mask: Any = None,
        causal: bool = False,
    ) -> Tensor:
        """The weights of a call, to look at: (batch, heads, queries, keys)."""
        q, k = self._queries(query, 0), self._keys(query if key is None else key, 0)
        mask = _with_keys(mask, key_mask)
        return attention_weights(q, k, mask, causal=causal, window=self.window)

    def cache(self, batch: int, length: int) -> KeyValueCache:
        """An empty cache for sequences of at most `length` places."""
        return KeyValueCache(batch, length, self.kv_heads, self.features, self.key.weight.dtype)

    def _queries(self, x: Tensor, offset: int | Tensor) -> Tensor:
        return self._turned(self._split(self.query(x)), offset)

    def _keys(self, x: Tensor, offset: int | Tensor) -> Tensor:
        return self._turned(self._split(self.key(x)), offset)

    def _turned(self, x: Tensor, offset: int | Tensor) -> Tensor:
        return x if self.rotary is None else rotary(x, offset=offset, base=self.rotary)

    def _split(self, x: Tensor) -> Tensor:
        """(..., length, heads * features) to (..., heads, length, features)."""
        heads = x.shape[-1] // self.features
        return moveaxis(reshape_to(x, (*x.shape[:-1], heads, self.features)), -2, -3)


def _with_keys(mask: Mask, key_mask: Any) -> Mask:
    """A mask that hides the keys (batch, keys) that are false, too."""
    if key_mask is None:
        return mask
    keys = truth(key_mask, "attention")[..., None, None, :]
    if mask is None:
        return keys
    if callable(mask) and not isinstance(mask, Tensor):
        return lambda rows, columns: _hidden(
            lift(mask(rows, columns)), take(keys, columns[0], axis=-1)
        )
    return _hidden(lift(mask), keys)


def _hidden(mask: Tensor, keys: Tensor) -> Tensor:
    return where(keys, mask, False if mask.dtype.kind == "bool" else -float("inf"))
