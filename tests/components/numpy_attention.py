"""What PyTorch lacks of attention, by the names of our checks: the papers' formulas in float64
NumPy. A reference receives arrays, and modules as dicts of arrays by path.
"""

import numpy as np


def softmax(scores, seen):
    weights = np.where(seen, np.exp(scores - scores.max(-1, keepdims=True)), 0)
    total = weights.sum(-1, keepdims=True)
    return weights / np.where(total == 0, 1, total)


def attention(q, k, v, bias, seen):
    group = q.shape[-3] // k.shape[-3]
    k, v = (np.repeat(x, group, -3) for x in (k, v))
    return softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]) + bias, seen) @ v


def distances(q, k):
    return np.arange(q.shape[-2])[:, None] - np.arange(k.shape[-2])


def slopes(heads):
    """As in the code of Press et al. 2022."""
    if heads & (heads - 1) == 0:
        start = 2 ** (-(2 ** -(np.log2(heads) - 3)))
        return [start * start**i for i in range(heads)]
    power = 2 ** int(np.floor(np.log2(heads)))
    return slopes(power) + slopes(2 * power)[0::2][: heads - power]


def patterns(q, k, v):
    """The fixed pattern of Child et al. 2019, and ALiBi."""
    rows, columns = np.arange(q.shape[-2])[:, None], np.arange(k.shape[-2])[None]
    block = (rows // 3 == columns // 3) | (columns % 3 == 2)
    near = attention(q, k, v, 0, block & (columns <= rows))
    bias = -np.array(slopes(q.shape[-3]))[:, None, None] * np.abs(distances(q, k))
    return near + attention(q, k, v, bias, True)


def linear_attention(q, k, v, mask=None, causal=False):
    """Equations 8 and 9 of Katharopoulos et al. 2020, with exp for the features."""
    group = q.shape[-3] // k.shape[-3]
    scores = np.exp(q) @ np.exp(np.repeat(k, group, -3)).swapaxes(-1, -2)
    if mask is not None:
        scores = scores * np.repeat(mask, group, -2)[..., None, :]
    if causal:
        scores = np.tril(scores)
    total = scores.sum(-1, keepdims=True)
    return scores / np.where(total == 0, 1, total) @ np.repeat(v, group, -3)


def rotary(x, offset, base=10000.0):
    """Equation 34 of Su et al. 2021: each pair is a complex number that is turned."""
    half = x.shape[-1] // 2
    angles = (np.arange(x.shape[-2]) + offset)[:, None] * base ** (-np.arange(half) / half)
    turned = (x[..., :half] + 1j * x[..., half:]) * np.exp(1j * angles)
    return np.concatenate([turned.real, turned.imag], -1)


def sinusoidal(module, x, offset):
    """Section 3.5 of Vaswani et al. 2017, number by number."""
    length, features = x.shape[-2:]
    table = np.empty((length, features))
    for place in range(length):
        for i in range(features):
            angle = (place + offset) / 10000 ** (i // 2 * 2 / features)
            table[place, i] = np.cos(angle) if i % 2 else np.sin(angle)
    return x + table


def cross_attention(module, x, keys, values, real, heads):
    def split(part, given, turned):
        y = given @ module[f"{part}.weight"] + module[f"{part}.bias"]
        y = y.reshape(*y.shape[:-1], -1, x.shape[-1] // heads).swapaxes(-2, -3)
        return rotary(y, 0, 100.0) if turned else y

    q, k, v = split("query", x, True), split("key", keys, True), split("value", values, False)
    y = attention(q, k, v, 0, real[:, None, None, :]).swapaxes(-2, -3)
    return y.reshape(x.shape) @ module["out.weight"] + module["out.bias"]


REFERENCES = {
    "attention.patterns": patterns,
    "linear_attention": linear_attention,
    "linear_attention.causal": lambda q, k, v, block: linear_attention(q, k, v, causal=True),
    "nn.positions.rotary": rotary,
    "nn.SinusoidalPositions": sinusoidal,
    "nn.LearnedPositions": lambda m, x, offset: x + m["weight"][offset : offset + x.shape[-2]],
    "nn.MultiHeadAttention.cross": cross_attention,
}
