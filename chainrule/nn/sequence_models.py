"""Recurrent models of text: receive token ids, hand on the logits of the next tokens."""

from __future__ import annotations

from typing import Any

from chainrule.control import scan
from chainrule.errors import ArgumentError
from chainrule.frontend import random
from chainrule.frontend.functions.creation import full
from chainrule.frontend.functions.elementary import tanh
from chainrule.frontend.functions.manipulation import moveaxis
from chainrule.frontend.functions.searching import argmax
from chainrule.frontend.lift import Operand
from chainrule.frontend.tensor import Tensor
from chainrule.nn.embedding import Embedding
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module
from chainrule.nn.recurrent import GRU, Recurrent, within
from chainrule.nn.recurrent_cells import GRUCell
from chainrule.nn.sequence_attention import AdditiveAttention, AttentionCell


class RecurrentLanguageModel(Module):
    """P(next token | tokens so far) = softmax(head(recurrent(embedding(tokens)))) (Mikolov 2010).

    Tokens (batch, time) to (logits (batch, time, tokens), state); logits[:, t] are those of token
    t + 1. With `tied` the head shares the embedding's weight, and the sizes must agree. Raises
    ArgumentError. (A-156, A-168)

    >>> model = cr.nn.RecurrentLanguageModel(50, 16, cr.nn.LSTM(16, 32))
    >>> logits, state = model(cr.zeros((2, 7), dtype=cr.int64))
    >>> logits.shape
    (2, 7, 50)
    """

    def __init__(
        self, num_tokens: int, embedding_dim: int, recurrent: Recurrent, tied: bool = False
    ) -> None:
        features = recurrent.directions * recurrent.cells[0].output_size
        if recurrent.directions > 1 or (tied and features != embedding_dim):
            raise ArgumentError(
                "RecurrentLanguageModel",
                f"{recurrent.directions} directions, {features} outputs and {embedding_dim=}",
                "the future must not be seen, and a tied head reads as many features as there are",
                "pass one direction, and with tied=True a layer of embedding_dim outputs",
            )
        self.embedding = Embedding(num_tokens, embedding_dim)
        self.recurrent = recurrent
        self.head = None if tied else Linear(features, num_tokens)

    def __call__(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        outputs, state = self.recurrent(self.embedding(tokens), state)
        return (self.head or self.embedding.attend)(outputs), state

    def generate(self, tokens: Tensor, length: int, temperature: float = 1.0) -> Tensor:
        """Draw `length` tokens that follow, (batch, length), from softmax(logits / temperature);
        temperature 0 takes the likeliest. (A-156)

        >>> model = cr.nn.RecurrentLanguageModel(50, 16, cr.nn.GRU(16, 32))
        >>> model.generate(cr.zeros((2, 7), dtype=cr.int64), 5).shape
        (2, 5)
        """

        def turn(carry: tuple[Tensor, Any], _: None) -> tuple[tuple[Tensor, Any], Tensor]:
            logits, state = carry
            token = _drawn(logits, temperature)
            logits, state = self(token[..., None], state)
            return (logits[..., -1, :], state), token

        logits, state = self(tokens)
        tokens = scan(turn, (logits[..., -1, :], state), length=length)[1]
        return moveaxis(tokens, 0, -1)


def _drawn(logits: Tensor, temperature: float) -> Tensor:
    if temperature == 0:
        return argmax(logits, axis=-1)
    return random.categorical(logits / temperature)


class Seq2Seq(Module):
    """Translation by an encoder of two directions and a decoder with attention, both GRUs
    (Bahdanau et al. 2015, with a linear head): P(target[t] | target[:t], source).

    Source (batch, S) and target (batch, T), whose first token says that it starts, to logits
    (batch, T, target_tokens); logits[:, t] are those of target[:, t + 1], given the true tokens up
    to t. `lengths` are those of the sources. (A-156)

    >>> model = cr.nn.Seq2Seq(30, 20, embedding_dim=8, hidden_size=16)
    >>> source, target = cr.zeros((2, 7), dtype=cr.int64), cr.zeros((2, 5), dtype=cr.int64)
    >>> model(source, target, lengths=cr.asarray([7, 3])).shape
    (2, 5, 20)
    """

    def __init__(
        self, source_tokens: int, target_tokens: int, embedding_dim: int, hidden_size: int
    ) -> None:
        keys = 2 * hidden_size
        self.source = Embedding(source_tokens, embedding_dim)
        self.encoder = GRU(embedding_dim, hidden_size, bidirectional=True)
        self.bridge = Linear(hidden_size, hidden_size)
        self.target = Embedding(target_tokens, embedding_dim)
        self.decoder = AttentionCell(
            GRUCell(embedding_dim + keys, hidden_size),
            AdditiveAttention(hidden_size, keys, hidden_size),
        )
        self.head = Linear(hidden_size + keys, target_tokens)

    def __call__(self, source: Tensor, target: Tensor, lengths: Operand | None = None) -> Tensor:
        state, keys, mask = self._encoded(source, lengths)

        def turn(state: Tensor, word: Tensor) -> tuple[Tensor, Tensor]:
            output, state = self.decoder(word, state, keys, mask)
            return state, output

        words = moveaxis(self.target(target), -2, 0)
        return self.head(moveaxis(scan(turn, state, words)[1], 0, -2))

    def translate(
        self, source: Tensor, start: int, length: int, lengths: Operand | None = None
    ) -> Tensor:
        """The likeliest token after each, `length` times, from the token `start` on: (batch,
        length). (A-156)

        >>> model = cr.nn.Seq2Seq(30, 20, embedding_dim=8, hidden_size=16)
        >>> model.translate(cr.zeros((2, 7), dtype=cr.int64), start=1, length=4).shape
        (2, 4)
        """
        state, keys, mask = self._encoded(source, lengths)

        def turn(carry: tuple[Tensor, Tensor], _: None) -> tuple[tuple[Tensor, Tensor], Tensor]:
            token, state = carry
            output, state = self.decoder(self.target(token), state, keys, mask)
            token = argmax(self.head(output), axis=-1)
            return (token, state), token

        first = full(state.shape[:-1], start)
        return moveaxis(scan(turn, (first, state), length=length)[1], 0, -1)

    def _encoded(
        self, source: Tensor, lengths: Operand | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """The decoder's first state, the keys, and which of them there are."""
        keys, states = self.encoder(self.source(source), lengths=lengths)
        mask = None if lengths is None else within(lengths, keys.shape[:-1])
        return tanh(self.bridge(states[1])), keys, mask
