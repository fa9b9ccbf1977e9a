"""Checks of recurrent networks: cells, layers, embeddings, attention and models of sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn, tree
from chainrule.checks import draw
from chainrule.checks.layers import call
from chainrule.checks.row import Check

HIDDEN = (2, 5)


def _size(random: np.random.Generator, low: int = 1, high: int = 5) -> int:
    return int(random.integers(low, high))


# ---- Cells ----


def _with_memory(layer: nn.Module, x: Any, h: Any, c: Any, *lengths: Any) -> Any:
    return layer(x, (h, c), *lengths)


def _rnn_cell(random: np.random.Generator) -> tuple:
    cell = nn.RNNCell(_size(random), _size(random, *HIDDEN), draw.flag(random))
    return cell, *_step(random, cell)


def _lstm_cell(random: np.random.Generator) -> tuple:
    hidden, bias, peephole = _size(random, *HIDDEN), draw.flag(random), draw.flag(random)
    projected = _size(random, 0, hidden)
    cell = nn.LSTMCell(_size(random), hidden, bias, proj_size=projected, peephole=peephole)
    x, h = _step(random, cell)
    return cell, x, h, draw.floats(random, (*h.shape[:-1], hidden))


def _gru_cell(random: np.random.Generator) -> tuple:
    cell = nn.GRUCell(_size(random), _size(random, *HIDDEN), reset_after=draw.flag(random))
    return cell, *_step(random, cell)


def _step(random: np.random.Generator, cell: Any) -> tuple[np.ndarray, np.ndarray]:
    batch = draw.shape(random, 0, 2)
    inputs = cell.weight_ih.shape[0]
    return draw.floats(random, (*batch, inputs)), draw.floats(random, (*batch, cell.output_size))


# ---- Layers ----


def _layer(build: Callable) -> Callable[[np.random.Generator], tuple]:
    """A layer, sequences that end at different times, and where it starts.

    No layer has 5 or 7 outputs: by its inputs one sees that a cell belongs to the first layer.
    """

    def arguments(random: np.random.Generator) -> tuple:
        features, hidden = int(random.choice((5, 7))), _size(random, *HIDDEN)
        options = {"num_layers": _size(random, 1, 3), "bidirectional": draw.flag(random)}
        layer = build(random, features, hidden, bias=draw.flag(random), **options)
        batch, time, cells = _size(random), _size(random, 1, 6), layer.cells
        starts = [
            draw.floats(random, (len(cells), batch, size))
            for size in tree.leaves(cells[0].state_sizes)
        ]
        x = draw.floats(random, (batch, time, features))
        return layer, x, *starts, random.integers(1, time + 1, batch)

    return arguments


def _projected(
    random: np.random.Generator, features: int, hidden: int, **options: Any
) -> nn.Module:
    return nn.LSTM(features, hidden, proj_size=_size(random, 0, hidden), **options)


# ---- Tokens ----


def _tokens(random: np.random.Generator) -> tuple:
    count = _size(random, 3, 7)
    return nn.Embedding(count, _size(random)), draw.labels(random, draw.shape(random), count)


def _attend(embedding: nn.Embedding, ids: Any) -> Any:
    return embedding(ids), embedding.attend(cr.tanh(embedding(ids)))


def _language(random: np.random.Generator) -> tuple:
    model = nn.RecurrentLanguageModel(5, 3, nn.GRU(3, 3), tied=draw.flag(random))
    return model, draw.labels(random, (2, _size(random)), 5)


def _translation(random: np.random.Generator) -> tuple:
    source, target = (draw.labels(random, (3, _size(random, 2, 6)), 5) for _ in range(2))
    lengths = random.integers(1, source.shape[1] + 1, 3)
    model = nn.Seq2Seq(5, 5, 2, 3)
    for parameter in model.decoder.attention.parameters().values():
        # As they start the weights are nearly equal, and gradients of scores cancel.
        parameter.assign(parameter * 4)
    return model, source, target, lengths


# ---- Attention ----


def _places(random: np.random.Generator, queries: int, keys: int) -> tuple:
    """Queries, keys, and which of the keys there are: none for some of several queries."""
    batch, asked, given = draw.shape(random, 0, 2), _size(random), _size(random, 2, 6)
    mask = random.integers(0, 4, (*batch, given)) > 0
    shapes = (*batch, asked, queries), (*batch, given, keys)
    return *[draw.floats(random, shape) for shape in shapes], mask


def _additive(random: np.random.Generator) -> tuple:
    queries, keys = _size(random), _size(random)
    return nn.AdditiveAttention(queries, keys, _size(random)), *_places(random, queries, keys)


def _multiplicative(random: np.random.Generator) -> tuple:
    keys, general = _size(random), draw.flag(random)
    queries = _size(random) if general else keys
    attention = nn.MultiplicativeAttention(queries, keys, "general" if general else "scaled")
    return attention, *_places(random, queries, keys)


def _attention_cell(random: np.random.Generator) -> tuple:
    inputs, hidden, keys = _size(random), _size(random), _size(random)
    cell = nn.AttentionCell(
        nn.GRUCell(inputs + keys, hidden), nn.AdditiveAttention(hidden, keys, 3)
    )
    shapes = (2, inputs), (2, hidden), (2, 4, keys)
    mask = random.integers(0, 2, (2, 4)) > 0
    return cell, *[draw.floats(random, shape) for shape in shapes], mask


CHECKS = (
    Check("nn.RNNCell", call, _rnn_cell),
    Check("nn.LSTMCell", _with_memory, _lstm_cell),
    Check("nn.GRUCell", call, _gru_cell),
    Check("nn.RNN", call, _layer(lambda random, *sizes, **options: nn.RNN(*sizes, **options))),
    Check("nn.LSTM", _with_memory, _layer(_projected)),
    Check("nn.GRU", call, _layer(lambda random, *sizes, **options: nn.GRU(*sizes, **options))),
    Check("nn.Embedding", call, _tokens),
    Check("nn.Embedding.attend", _attend, _tokens),
    Check("nn.AdditiveAttention", call, _additive),
    Check("nn.MultiplicativeAttention", call, _multiplicative),
    Check("nn.AttentionCell", call, _attention_cell),
    Check("nn.RecurrentLanguageModel", call, _language),
    Check("nn.Seq2Seq", call, _translation),
)
