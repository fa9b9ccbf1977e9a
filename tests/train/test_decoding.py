"""Decoding against all sequences that there are, and draws against their probabilities."""

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError
from chainrule.train import beam_search, decoding, greedy, sample, teacher_forced

WORDS, LENGTH, END = 4, 4, 3
GENERATOR = np.random.default_rng(0)
# Logits by the last two tokens: the state is the token before.
TABLE = GENERATOR.normal(size=(WORDS, WORDS, WORDS)).astype(np.float32) * 2
LOGS = TABLE - np.log(np.exp(TABLE).sum(-1, keepdims=True))
BEFORE, START = np.asarray([0, 2]), np.asarray([1, 0])


def step(state, tokens):
    return cr.asarray(TABLE)[state, tokens], tokens


def log_probability(before, start, words, end):
    total = 0.0
    for word in words:
        total += LOGS[before, start, word]
        before, start = start, word
        if word == end:
            break
    return total


def everything(row, end):
    """(log-probability, sequence) of all, filled behind their end, the likeliest first."""
    found = {}
    for words in itertools.product(range(WORDS), repeat=LENGTH):
        if end in words:
            words = words[: words.index(end)] + (end,) * (LENGTH - words.index(end))
        found[words] = log_probability(BEFORE[row], START[row], words, end)
    return sorted(((value, words) for words, value in found.items()), reverse=True)


@pytest.mark.parametrize("end", [None, END])
@pytest.mark.covers("B-061")
def test_a_wide_beam_finds_the_likeliest_of_all(end):
    found = cr.jit(lambda: beam_search(step, BEFORE, START, LENGTH, end, beams=64))()
    for row in range(2):
        expected = everything(row, end)[:10]
        for place, (value, words) in enumerate(expected):
            assert tuple(found.tokens[row, place].tolist()) == words
            assert found.log_probability[row, place].item() == pytest.approx(value, abs=1e-5)


def plain_beam(row, beams, end):
    kept = [(0.0, ())]
    for _ in range(LENGTH):
        grown = []
        for value, words in kept:
            if end in words:
                grown.append((value, words + (end,)))
                continue
            history = (BEFORE[row], START[row], *words)
            grown += [
                (value + LOGS[history[-2], history[-1], w], (*words, w)) for w in range(WORDS)
            ]
        kept = sorted(grown, reverse=True)[:beams]
    return kept


@pytest.mark.parametrize("beams", [1, 2, 3])
@pytest.mark.parametrize("end", [None, END])
def test_narrow_beams_keep_the_best_at_each_place(beams, end):
    found = beam_search(step, BEFORE, START, LENGTH, end, beams=beams)
    for row in range(2):
        expected = plain_beam(row, beams, end)
        assert [tuple(words) for words in found.tokens[row].tolist()] == [w for _, w in expected]
        values = [value for value, _ in expected]
        np.testing.assert_allclose(found.log_probability[row].numpy(), values, atol=1e-5)


def test_the_penalty_divides_by_the_length():
    found = beam_search(step, BEFORE, START, LENGTH, END, beams=64, length_penalty=1.0)
    for row in range(2):

        def mean(pair):
            value, words = pair
            return value / (words.index(END) + 1 if END in words else LENGTH)

        best = max(everything(row, END), key=mean)
        assert tuple(found.tokens[row, 0].tolist()) == best[1]
        assert found.log_probability[row, 0].item() == pytest.approx(best[0], abs=1e-5)


@pytest.mark.parametrize("end", [None, END])
def test_greedy_is_a_beam_of_one(end):
    found, beam = greedy(step, BEFORE, START, LENGTH, end), plain_beam
    for row in range(2):
        ((value, words),) = beam(row, 1, end)
        assert tuple(found.tokens[row].tolist()) == words
        assert found.log_probability[row].item() == pytest.approx(value, abs=1e-5)


def test_the_likeliest_k_remain():
    logits = GENERATOR.normal(size=(5, 7)).astype(np.float32)
    found = decoding.likeliest(logits, 3).numpy()
    for row, kept in zip(logits, found, strict=True):
        assert set(np.flatnonzero(np.isfinite(kept))) == set(np.argsort(-row)[:3])
    # Of equals the first ones, and exactly k.
    tied = decoding.likeliest(np.zeros((1, 4), np.float32), 2).numpy()
    assert np.isfinite(tied).tolist() == [[True, True, False, False]]


@pytest.mark.parametrize("p", [0.05, 0.5, 0.9, 1.0])
def test_the_nucleus_is_the_smallest_set_that_reaches_p(p):
    logits = GENERATOR.normal(size=(20, 6)).astype(np.float32)
    found = decoding.nucleus(logits, p).numpy()
    for row, kept in zip(logits.astype(np.float64), found, strict=True):
        q = np.exp(row) / np.exp(row).sum()
        order = np.argsort(-q)
        count = 1 + np.searchsorted(np.cumsum(q[order])[:-1], p)
        assert set(np.flatnonzero(np.isfinite(kept))) == set(order[:count])


def test_draws_have_the_probabilities_of_what_remains():
    cr.random.seed(0)
    rows = 4000
    before, start = np.zeros(rows, np.int64), np.ones(rows, np.int64)
    found = cr.jit(lambda: sample(step, before, start, 1, temperature=0.7, top_k=3, top_p=0.9))()
    logits = decoding.nucleus(decoding.likeliest(TABLE[0, 1] / 0.7, 3), 0.9)
    p = cr.softmax(logits).numpy()
    counts = np.bincount(found.tokens[:, 0].numpy(), minlength=WORDS) / rows
    np.testing.assert_allclose(counts, p, atol=4 * np.sqrt(0.25 / rows))
    assert (counts[p == 0] == 0).all()
    expected = np.log(p[found.tokens[:, 0].numpy()])
    np.testing.assert_allclose(found.log_probability.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_sequences_end():
    cr.random.seed(1)
    rows = 50
    zeros = np.zeros(rows, np.int64)
    found = sample(step, zeros, zeros, 12, END).tokens.numpy()
    for words in found.tolist():
        behind = words[words.index(END) :] if END in words else [END]
        assert set(behind) == {END}


def test_targets_follow_inputs():
    tokens = GENERATOR.integers(0, 9, (3, 5))
    inputs, targets = teacher_forced(tokens)
    np.testing.assert_array_equal(inputs.numpy(), tokens[:, :-1])
    np.testing.assert_array_equal(targets.numpy(), tokens[:, 1:])


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"top_k": 0}, {"top_p": 0.0}])
def test_impossible_draws_are_errors(options):
    with pytest.raises(ArgumentError, match="at least one token must remain"):
        sample(step, BEFORE, START, 2, **options)
    with pytest.raises(ArgumentError, match="both are counted"):
        beam_search(step, BEFORE, START, 2, beams=0)
