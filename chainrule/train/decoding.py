"""Decoding: receives a function from tokens so far to the logits of the next; hands on sequences
that it finds likely, or draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import chainrule as cr
from chainrule import tree
from chainrule.errors import ArgumentError

# (state, last tokens [sequences]) -> (logits [sequences, tokens], state)
Next = Callable[[Any, Any], tuple[Any, Any]]


class Decoded(NamedTuple):
    """Sequences, (batch, length) or (batch, beams, length), filled with the end token behind their
    end; and their log-probabilities, (batch,) or (batch, beams).

    >>> found = cr.train.Decoded(cr.asarray([[3, 1]]), cr.asarray([-0.5]))
    >>> found.tokens.tolist()
    [[3, 1]]
    """

    tokens: cr.Tensor
    log_probability: cr.Tensor


def teacher_forced(tokens: Any) -> tuple[cr.Tensor, cr.Tensor]:
    """(inputs, targets) for training on sequences (batch, length): the true tokens up to a place,
    and the one that follows (Williams & Zipser 1989). (B-061)

    >>> cr.train.teacher_forced(cr.asarray([[1, 5, 2]]))
    (Tensor([[1, 5]], dtype=int64), Tensor([[5, 2]], dtype=int64))
    """
    tokens = cr.asarray(tokens)
    return tokens[:, :-1], tokens[:, 1:]


def greedy(step: Next, state: Any, start: Any, length: int, end: int | None = None) -> Decoded:
    """The likeliest token at each place (B-061).

    `step(state, tokens)` is given the last tokens, (batch,), and returns logits (batch, tokens) and
    the next state, a tree of tensors with the batch as first axis; `start` are the first tokens.
    `length` more follow, or the end token where one has ended. One scan, so it compiles as a whole.

    >>> table = cr.asarray([[0.0, 5.0, 0.0], [0.0, 0.0, 5.0], [5.0, 0.0, 0.0]])
    >>> step = lambda state, tokens: (cr.take(table, tokens, axis=0), state)
    >>> cr.train.greedy(step, None, cr.asarray([0]), 3).tokens
    Tensor([[1, 2, 0]], dtype=int64)
    """
    return _one_by_one(step, state, start, length, end, lambda logits: cr.argmax(logits, axis=-1))


def sample(
    step: Next,
    state: Any,
    start: Any,
    length: int,
    end: int | None = None,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Decoded:
    """Draws of each token from softmax(logits / temperature), of which there remain the `top_k`
    likeliest (Fan et al. 2018), then the fewest that together have the probability `top_p`
    (nucleus, Holtzman et al. 2020). (B-061)

    Arguments are those of `greedy`; log-probabilities are those of the distribution that is drawn
    from. Raises ArgumentError for a temperature, top_k or top_p outside their domains.

    >>> table = cr.asarray([[0.0, 5.0, 0.0], [0.0, 0.0, 5.0], [5.0, 0.0, 0.0]])
    >>> step = lambda state, tokens: (cr.take(table, tokens, axis=0), state)
    >>> cr.train.sample(step, None, cr.asarray([0]), 3, top_p=0.5).tokens
    Tensor([[1, 2, 0]], dtype=int64)
    """
    none_remain = (top_k is not None and top_k < 1) or (top_p is not None and not 0 < top_p <= 1)
    if not temperature > 0 or none_remain:
        raise ArgumentError(
            "sample",
            f"temperature={temperature}, top_k={top_k}, top_p={top_p}",
            "at least one token must remain",
            "choose temperature > 0, top_k >= 1 and 0 < top_p <= 1; greedy takes the likeliest",
        )

    def remaining(logits: cr.Tensor) -> cr.Tensor:
        return nucleus(likeliest(logits / temperature, top_k), top_p)

    return _one_by_one(step, state, start, length, end, cr.random.categorical, remaining)


def likeliest(logits: Any, k: int | None) -> cr.Tensor:
    """Logits with -inf for all but the k greatest of the last axis.

    >>> cr.train.decoding.likeliest(cr.asarray([1.0, 3.0, 2.0]), 2)
    Tensor([-inf,   3.,   2.], dtype=float32)
    """
    logits = cr.asarray(logits)
    if k is None or k >= logits.shape[-1]:
        return logits
    # By rank, so that ties leave exactly k.
    return cr.where(_ranks(logits) < k, logits, -cr.inf)


def nucleus(logits: Any, p: float | None) -> cr.Tensor:
    """Logits with -inf for all but the likeliest whose probabilities first reach p together.

    >>> cr.train.decoding.nucleus(cr.asarray([0.0, 2.0, 1.9]), 0.6)
    Tensor([-inf, 2. , 1.9], dtype=float32)
    """
    logits = cr.asarray(logits)
    if p is None:
        return logits
    order = cr.argsort(logits, axis=-1, descending=True)
    sorted_ = cr.take_along_axis(cr.softmax(logits), order, axis=-1)
    before = cr.cumulative_sum(sorted_, axis=-1) - sorted_
    kept = cr.count_nonzero(before < p, axis=-1, keepdims=True)
    return cr.where(_ranks(logits) < kept, logits, -cr.inf)


def beam_search(
    step: Next,
    state: Any,
    start: Any,
    length: int,
    end: int | None = None,
    *,
    beams: int = 4,
    length_penalty: float = 0.0,
) -> Decoded:
    """The `beams` likeliest sequences that are found when so many are kept at each place, the best
    first (B-061).

    Arguments are those of `greedy`. With a `length_penalty` a the order at the end is that of log P
    / length**a, where the length counts the end token (Wu et al. 2016, without their constant 5);
    told are log P. With as many beams as there are sequences it is exhaustive.

    >>> table = cr.asarray([[0.0, 5.0, 0.0], [0.0, 0.0, 5.0], [5.0, 0.0, 0.0]])
    >>> step = lambda state, tokens: (cr.take(table, tokens, axis=0), state)
    >>> cr.train.beam_search(step, None, cr.asarray([0]), 3, beams=2).tokens[0, 0]
    Tensor([1, 2, 0], dtype=int64)
    """
    if beams < 1 or length < 1:
        raise ArgumentError(
            "beam_search", f"beams={beams}, length={length}", "both are counted", "choose 1 or more"
        )
    start = cr.asarray(start)
    batch = start.shape[0]
    kept = _Beams(
        # All beams but one are impossible at first: they would be copies.
        cr.broadcast_to(cr.where(cr.arange(beams) == 0, 0.0, -cr.inf), (batch, beams)),
        cr.zeros((batch, beams, length), dtype=start.dtype),
        cr.full((batch, beams), False),
        cr.zeros((batch, beams)),
    )
    state = tree.map(lambda array: cr.repeat(array, beams, axis=0), (state, start))

    def turn(carry: tuple, place: cr.Tensor) -> tuple:
        (state, last), kept = carry
        logits, state = step(state, last)
        gains = cr.reshape(cr.log_softmax(logits), (batch, beams, logits.shape[-1]))
        origin, word, kept = _grown(kept, gains, place, end)
        rows = cr.reshape(cr.arange(batch)[:, None] * beams + origin, (batch * beams,))
        state = tree.map(lambda array: cr.take(array, rows, axis=0), state)
        return ((state, cr.reshape(word, rows.shape)), kept), None

    (_, kept), _ = cr.scan(turn, (state, kept), cr.arange(length))
    order = cr.argsort(kept.score / kept.lengths**length_penalty, axis=-1, descending=True)
    return Decoded(
        cr.take_along_axis(kept.tokens, order[:, :, None], axis=1),
        cr.take_along_axis(kept.score, order, axis=1),
    )


class _Beams(NamedTuple):
    """What is kept: log-probabilities, tokens, whether they ended, and lengths; (batch, beams)."""

    score: cr.Tensor
    tokens: cr.Tensor
    ended: cr.Tensor
    lengths: cr.Tensor


def _grown(
    kept: _Beams, gains: cr.Tensor, place: cr.Tensor, end: int | None
) -> tuple[cr.Tensor, cr.Tensor, _Beams]:
    """The best continuations by one word, with the beams that they come from, and the words."""
    batch, beams, words = gains.shape
    if end is not None:
        # What has ended goes on with the end token alone, for nothing.
        stay = cr.where(cr.arange(words) == end, 0.0, -cr.inf)
        gains = cr.where(kept.ended[:, :, None], stay, gains)
    every = cr.reshape(kept.score[:, :, None] + gains, (batch, beams * words))
    score, chosen = cr.top_k(every, beams)
    origin, word = chosen // words, cr.astype(chosen % words, kept.tokens.dtype)
    tokens = cr.take_along_axis(kept.tokens, origin[:, :, None], axis=1)
    tokens = cr.where(cr.arange(tokens.shape[-1]) == place, word[:, :, None], tokens)
    ended = cr.take_along_axis(kept.ended, origin, axis=1)
    lengths = cr.take_along_axis(kept.lengths, origin, axis=1) + cr.where(ended, 0.0, 1.0)
    if end is not None:
        ended = ended | (word == end)
    return origin, word, _Beams(score, tokens, ended, lengths)


def _one_by_one(
    step: Next,
    state: Any,
    start: Any,
    length: int,
    end: int | None,
    choose: Callable[[Any], Any],
    remaining: Callable[[Any], Any] = lambda logits: logits,
) -> Decoded:
    start = cr.asarray(start)

    def turn(carry: tuple, _: None) -> tuple:
        state, last, score, ended = carry
        logits, state = step(state, last)
        logits = remaining(logits)
        word = cr.astype(choose(logits), start.dtype)
        gain = cr.take_along_axis(cr.log_softmax(logits), word[:, None], axis=-1)[:, 0]
        if end is not None:
            word, gain = cr.where(ended, end, word), cr.where(ended, 0.0, gain)
            ended = ended | (word == end)
        return (state, word, score + gain, ended), word

    carry = state, start, cr.zeros(start.shape), cr.full(start.shape, False)
    (_, _, score, _), words = cr.scan(turn, carry, length=length)
    return Decoded(cr.moveaxis(words, 0, 1), score)


def _ranks(logits: cr.Tensor) -> cr.Tensor:
    """The place of each logit among those of the last axis, from the greatest; of equals the first
    comes first.
    """
    order = cr.argsort(logits, axis=-1, descending=True)
    return cr.argsort(order, axis=-1)
