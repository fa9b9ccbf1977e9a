"""Recurrent networks and options that PyTorch lacks, by the names of our checks: the papers'
formulas in float64 NumPy. Modules come as dicts of arrays by path.
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def part_of(module, prefix):
    return {path[len(prefix) :]: array for path, array in module.items() if path.startswith(prefix)}


def lstm_cell(cell, x, h, c):
    """Gers et al. 2002, equations 1 to 7; Sak et al. 2014, equation 7."""
    size = c.shape[-1]
    looks = cell.get("weight_peephole", np.zeros((3, size)))
    bias = cell.get("bias", np.zeros(4 * size))
    in_i, in_f, in_g, in_o = np.split(x @ cell["weight_ih"] + bias, 4, axis=-1)
    from_i, from_f, from_g, from_o = np.split(cell["weight_hh"], 4, axis=-1)
    new = sigmoid(in_f + h @ from_f + looks[1] * c) * c
    new = new + sigmoid(in_i + h @ from_i + looks[0] * c) * np.tanh(in_g + h @ from_g)
    y = sigmoid(in_o + h @ from_o + looks[2] * new) * np.tanh(new)
    return (y @ cell["weight_hr"] if "weight_hr" in cell else y), new


def gru_cell(cell, x, h):
    """Cho et al. 2014, equations 5 to 8, whose z is that of the old state; or with a second bias
    for n Keras' and PyTorch's form.
    """
    w_r, w_z, w_n = np.split(cell["weight_ih"], 3, axis=-1)
    u_r, u_z, u_n = np.split(cell["weight_hh"], 3, axis=-1)
    b_r, b_z, b_n = np.split(cell["bias"], 3)
    r, z = sigmoid(x @ w_r + h @ u_r + b_r), sigmoid(x @ w_z + h @ u_z + b_z)
    reset = r * (h @ u_n + cell["bias_hn"]) if "bias_hn" in cell else (r * h) @ u_n
    return z * h + (1 - z) * np.tanh(x @ w_n + reset + b_n)


def gru(cell, x, h, lengths=None, backwards=False):
    """All states of one cell, and the last one; states stay where a sequence is over."""
    outputs = np.zeros((*x.shape[:2], h.shape[-1]))
    lengths = np.full(len(x), x.shape[1]) if lengths is None else lengths
    last = h.copy()
    for row, length in enumerate(lengths):
        for time in reversed(range(length)) if backwards else range(length):
            last[row] = outputs[row, time] = gru_cell(cell, x[row, time], last[row])
    return outputs, last


def attended(scores, keys, mask):
    """Row by row, over the keys there are."""
    weights = np.zeros_like(scores)
    for place in np.ndindex(scores.shape[:-1]):
        there = mask[place[:-1]]
        exponentials = np.exp(scores[place][there])
        weights[place][there] = exponentials / exponentials.sum()
    return np.einsum("...ts,...sk->...tk", weights, keys), weights


def additive(module, queries, keys, mask):
    """Bahdanau et al. 2015, appendix A.1.2."""
    asked = np.expand_dims(queries @ module["query.weight"], -2)
    given = np.expand_dims(keys @ module["key.weight"], -3)
    return attended(np.tanh(asked + given) @ module["v"], keys, mask)


def multiplicative(module, queries, keys, mask):
    """Luong et al. 2015, equation 7 (general); Vaswani et al. 2017, equation 1."""
    changed = queries @ module["map.weight"] if "map.weight" in module else queries
    scores = np.einsum("...tk,...sk->...ts", changed, keys)
    return attended(
        scores if "map.weight" in module else scores / np.sqrt(keys.shape[-1]), keys, mask
    )


def attention_cell(module, x, h, keys, mask):
    context, _ = additive(part_of(module, "attention."), h[:, None], keys, mask)
    h = gru_cell(part_of(module, "cell."), np.concatenate([x, context[:, 0]], -1), h)
    return np.concatenate([h, context[:, 0]], -1), h


def language_model(module, tokens):
    weight = module["embedding.weight"]
    x = weight[tokens]
    y, last = gru(part_of(module, "recurrent.cells.0."), x, np.zeros((len(x), 3)))
    if "head.weight" not in module:
        return y @ weight.T, last[None]
    return y @ module["head.weight"] + module["head.bias"], last[None]


def translation(module, source, target, lengths):
    x, words = module["source.weight"][source], module["target.weight"][target]
    start = np.zeros((len(x), 3))
    forward, _ = gru(part_of(module, "encoder.cells.0."), x, start, lengths)
    backward, last = gru(part_of(module, "encoder.cells.1."), x, start, lengths, backwards=True)
    keys = np.concatenate([forward, backward], -1)
    mask = np.arange(x.shape[1]) < lengths[:, None]
    h, logits = np.tanh(last @ module["bridge.weight"] + module["bridge.bias"]), []
    for word in words.swapaxes(0, 1):
        output, h = attention_cell(part_of(module, "decoder."), word, h, keys, mask)
        logits.append(output @ module["head.weight"] + module["head.bias"])
    return np.stack(logits, axis=1)


REFERENCES = {
    "nn.LSTMCell": lstm_cell,
    "nn.GRUCell": gru_cell,
    "nn.AdditiveAttention": additive,
    "nn.MultiplicativeAttention": multiplicative,
    "nn.AttentionCell": attention_cell,
    "nn.RecurrentLanguageModel": language_model,
    "nn.Seq2Seq": translation,
}
