"""Recurrent networks as PyTorch has them, by the names of our checks: how weights are carried over.

Ours are transposed, and have one bias: PyTorch's second one is 0 here, but for n of a GRU.
"""

import pytest

torch = pytest.importorskip("torch")
functional = torch.nn.functional
rnn = torch.nn.utils.rnn


def cells_of(module):
    """The parameters of each cell, by name."""
    numbers = sorted({int(path.split(".")[1]) for path in module})
    return [
        {path.split(".")[2]: value for path, value in module.items() if f".{number}." in path}
        for number in numbers
    ]


def biases(cell):
    """PyTorch's two, none for a cell without."""
    if "bias" not in cell:
        return []
    second = torch.zeros_like(cell["bias"])
    if "bias_hn" in cell:
        second = torch.cat([second[: -len(cell["bias_hn"])], cell["bias_hn"]])
    return [cell["bias"], second]


def weights(cell):
    """In the order of PyTorch's flat lists."""
    projection = [cell["weight_hr"].T] if "weight_hr" in cell else []
    return [cell["weight_ih"].T, cell["weight_hh"].T, *biases(cell), *projection]


def layer(run):
    """A layer on packed sequences."""

    def reference(module, x, *rest):
        *state, lengths = rest
        cells = cells_of(module)
        first = [cell for cell in cells if len(cell["weight_ih"]) == x.shape[-1]]
        packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        state = [part[:, packed.sorted_indices] for part in state]
        options = "bias" in cells[0], len(cells) // len(first), 0.0, True, len(first) == 2
        flat = [weight for cell in cells for weight in weights(cell)]
        given = state if len(state) > 1 else state[0]
        data, *final = run(packed.data, packed.batch_sizes, given, flat, *options)
        outputs = rnn.PackedSequence(
            data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices
        )
        y, _ = rnn.pad_packed_sequence(outputs, batch_first=True, total_length=x.shape[1])
        return y, *[part[:, packed.unsorted_indices] for part in final]

    return reference


def rnn_cell(module, x, h):
    ih, hh, *both = weights(module)
    rows = x.reshape(-1, x.shape[-1]), h.reshape(-1, h.shape[-1])
    return torch._VF.rnn_tanh_cell(*rows, ih, hh, *both).reshape(h.shape)


def embedding(module, ids):
    return functional.embedding(ids, module["weight"])


def attend(module, ids):
    vectors = embedding(module, ids)
    return vectors, functional.linear(vectors.tanh(), module["weight"])


REFERENCES = {
    "nn.RNNCell": rnn_cell,
    "nn.RNN": layer(torch._VF.rnn_tanh),
    "nn.LSTM": layer(torch._VF.lstm),
    "nn.GRU": layer(torch._VF.gru),
    "nn.Embedding": embedding,
    "nn.Embedding.attend": attend,
}
