"""Attention and Transformers as PyTorch has them, by the names of our checks: how weights are
carried over. PyTorch stacks the transposed weights of queries, keys and values.
"""

import pytest

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def below(module, path):
    """The parameters under a path."""
    return {key[len(path) :]: value for key, value in module.items() if key.startswith(path)}


def seen_by(q, k, mask=None, causal=False, window=None, offset=0):
    """The mask of PyTorch: where a query sees a key."""
    distance = torch.arange(q.shape[-2])[:, None] + offset - torch.arange(k.shape[-2])
    seen = torch.ones_like(distance, dtype=bool) if mask is None else mask
    if causal:
        seen = seen & (distance >= 0)
    if window is not None:
        seen = seen & (distance.abs() < window)
    return seen


def attention(q, k, v, mask, causal, scale):
    if mask.dtype == torch.bool:
        bias = seen_by(q, k, mask, causal)
    else:
        bias = torch.where(seen_by(q, k, None, causal), mask, -torch.inf)
    return functional.scaled_dot_product_attention(
        q, k, v, attn_mask=bias, scale=scale, enable_gqa=True
    )


def tiled(q, k, v, mask, causal, window, offset, block):
    seen = seen_by(q, k, mask, causal, window, offset)
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=seen, enable_gqa=True)


def attention_weights(q, k, mask, causal, scale):
    identity = torch.eye(k.shape[-2], dtype=q.dtype).expand(*k.shape[:-1], k.shape[-2])
    return attention(q, k, identity, mask, causal, scale)


# ---- Layers ----


def stacked(module):
    """in_proj_weight and in_proj_bias of torch.nn.MultiheadAttention."""
    parts = ["query", "key", "value"]
    weight = torch.cat([module[f"{part}.weight"].T for part in parts])
    has_bias = "query.bias" in module
    bias = torch.cat([module[f"{part}.bias"] for part in parts]) if has_bias else None
    return weight, bias


def multi_head(module, query, key, padding, heads, mask=None):
    """On (batch, length, features); padding is true where a key does not count."""
    weight, bias = stacked(module)
    result, _ = functional.multi_head_attention_forward(
        query.movedim(0, 1), key.movedim(0, 1), key.movedim(0, 1),
        query.shape[-1], heads, weight, bias, None, None, False, 0.0,
        module["out.weight"].T, module.get("out.bias"),
        key_padding_mask=padding, attn_mask=mask, need_weights=False,
    )  # fmt: skip
    return result.movedim(0, 1)


def self_attention(module, x, real, heads, causal):
    return multi_head(module, x, x, ~real, heads, ~seen_by(x, x, None, causal))


def feed_forward(module, x):
    def linear(path, x):
        return functional.linear(x, module[f"{path}.weight"].T, module.get(f"{path}.bias"))

    if "inner.gate.weight" in module:
        hidden = linear("inner.value", x) * functional.gelu(linear("inner.gate", x))
    else:
        hidden = functional.gelu(linear("inner.layers.0", x))
    return linear("outer", hidden)


def attention_state(module, path):
    """The parameters of a torch.nn.MultiheadAttention from those of ours under a path."""
    ours = below(module, path)
    weight, bias = stacked(ours)
    return {
        "in_proj_weight": weight,
        "in_proj_bias": bias,
        "out_proj.weight": ours["out.weight"].T,
        "out_proj.bias": ours["out.bias"],
    }


def layer_state(module, names):
    """The parameters of a Transformer layer from those of ours; `names` are its attentions'."""
    parts = {f"{theirs}.": attention_state(module, f"{ours}.layer.") for ours, theirs in names}
    for number, ours in enumerate([ours for ours, _ in names] + ["feed_forward"], 1):
        parts[f"norm{number}."] = below(module, f"{ours}.norm.")
    inner = below(module, "feed_forward.layer.")
    for theirs, ours in (("linear1.", "inner.layers.0."), ("linear2.", "outer.")):
        linear = below(inner, ours)
        parts[theirs] = {"weight": linear["weight"].T, "bias": linear["bias"]}
    return {f"{path}{name}": value for path, part in parts.items() for name, value in part.items()}


ENCODER = [("attention", "self_attn")]
DECODER = [("attention", "self_attn"), ("cross_attention", "multihead_attn")]


def run(kind, names, module, sizes, *sequences, **options):
    """One of PyTorch's layers with our parameters."""
    features, heads, first = sizes
    layer = kind(
        features, heads, 5, 0.0, "gelu", batch_first=True, norm_first=first,
        dtype=sequences[0].dtype,
    )  # fmt: skip
    state = layer_state(module, names)
    return torch.func.functional_call(layer, state, sequences, options)


def encoder_layer(module, x, memory, real, heads, first, causal):
    sizes = x.shape[-1], heads, first
    hidden = ~seen_by(x, x, None, causal)
    return run(
        torch.nn.TransformerEncoderLayer, ENCODER, module, sizes, x,
        src_mask=hidden, src_key_padding_mask=~real,
    )  # fmt: skip


def decoder_layer(module, memory, x, real, heads, first, causal):
    sizes = x.shape[-1], heads, first
    return run(
        torch.nn.TransformerDecoderLayer, DECODER, module, sizes, x, memory,
        tgt_mask=~seen_by(x, x, None, causal), memory_key_padding_mask=~real,
    )  # fmt: skip


def transformer(module, x, target, real, heads, first, causal):
    memory, y = x, target
    memory = encoder_layer(below(module, "encoder.layers.0."), x, None, real, heads, first, False)
    memory = last_norm(module, "encoder.norm.", memory)
    for number in (0, 1):
        part = below(module, f"decoder.layers.{number}.")
        y = decoder_layer(part, memory, y, real, heads, first, True)
    return last_norm(module, "decoder.norm.", y)


def last_norm(module, path, x):
    norm = below(module, path)
    return functional.layer_norm(x, x.shape[-1:], **norm) if norm else x


REFERENCES = {
    "attention": attention,
    "attention.tiled": tiled,
    "attention_weights": attention_weights,
    "nn.FeedForward": feed_forward,
    "nn.MultiHeadAttention": self_attention,
    "nn.TransformerEncoderLayer": encoder_layer,
    "nn.TransformerDecoderLayer": decoder_layer,
    "nn.Transformer": transformer,
}
