"""Scores of a model of text: receives a corpus and a model; hands on bits per character, beside
n-grams and a compressor, and how many of its words are words.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

import chainrule as cr
from chainrule import metrics, nn
from chainrule.data.texts import Corpus
from chainrule.metrics import Interval
from chainrule.train.predict import Predictor
from chainrule.train.report.facts import Comparison
from chainrule.train.report.judged import best
from chainrule.train.scores import Scores
from chainrule.train.text.ngrams import NGrams, best_order

BITS = "bits per character"
# Of each model the bits of every character but the first, or their mean alone.
Answers = dict[str, np.ndarray]
WORD = re.compile(r"[^\W\d_]+")
# Bytes of the training part that a compressor has read before, to keep it within a few seconds.
MOST_BYTES = 1 << 23
# Of so many characters n-grams take a gigabyte.
MOST_TOKENS = 1 << 24


@dataclass(frozen=True)
class Rivals:
    """What a network is held against: n-grams of the best length, and single characters."""

    grams: NGrams
    single: NGrams

    @classmethod
    def of(cls, corpus: Corpus, order: int | None = None) -> Rivals:
        """Fitted on the training part; without an order on the best for the validation part."""
        training, count = corpus.tokens("training")[-MOST_TOKENS:], len(corpus.alphabet)
        if order is None:
            grams = best_order(training, corpus.tokens("validation"), count)
        else:
            grams = NGrams(training, count, order)
        return cls(grams, NGrams(training, count, 1))

    def bits(self, tokens: np.ndarray) -> Answers:
        """What each says of these characters."""
        models = {f"{self.grams.order}-grams": self.grams, "single characters": self.single}
        return {name: model.bits(tokens)[1:] for name, model in models.items()}


def answers(corpus: Corpus, model: nn.Module, context: int, part: str, rivals: Rivals) -> Answers:
    """The bits of a part: of the network, of its rivals, and of a compressor that has read the
    training part.
    """
    tokens = corpus.tokens(part)
    return {
        "network": bits_of(model, tokens, context),
        **rivals.bits(tokens),
        "lzma": np.asarray([compressed(corpus.texts["training"], corpus.texts[part])]),
    }


def scores_of(validation: Answers, test: Answers) -> dict[str, Scores]:
    """The figures of each model: on the test part with the ends of their interval."""
    found = {}
    for name, bits in test.items():
        low, high, value = metrics.of_sequence(bits)
        held = float(validation[name].mean())
        found[name] = {BITS: value, "low": low, "high": high, "validation": held}
    return found


def comparison(found: Answers, part: str) -> Comparison:
    """The figures of all models on the same characters, of which the first is ours, and the margin
    to the best other.
    """
    figures = {name: _figures(bits) for name, bits in found.items()}
    (ours, first), *others = figures.items()
    facts = Comparison(part, len(found[ours]), BITS, figures, dict.fromkeys(first, False))
    facts = replace(facts, of="character")
    if not others:
        return facts
    rival = best(dict(others), BITS, greater=False)
    # Of a compressor, of which the mean alone is known, this is the interval of our own bits.
    return replace(facts, rival=rival, margin=metrics.of_sequence(found[rival] - found[ours]))


def _figures(bits: np.ndarray) -> dict[str, Interval]:
    found = metrics.of_sequence(bits)
    return {BITS: found, "perplexity": Interval(*[2**end for end in found])}


def bits_of(model: nn.Module, tokens: np.ndarray, context: int) -> np.ndarray:
    """-log2 P of each token but the first, after half a context of those before it, or more."""
    ahead = context // 2
    starts = np.minimum(np.arange(0, len(tokens) - 1, ahead), len(tokens) - 1 - context)
    passages = tokens[np.maximum(starts, 0)[:, None] + np.arange(context + 1)]
    found = Predictor(model, _bits)(passages)
    bits = np.empty(len(tokens) - 1)
    # Backward, so that of two passages the one that has read more speaks last.
    for start, row in zip(starts[::-1], found[::-1], strict=True):
        bits[start : start + context] = row
    return bits


def _bits(model: nn.Module, passages: cr.Tensor) -> cr.Tensor:
    logits = model(passages[:, :-1])
    found = nn.losses.cross_entropy(logits, passages[:, 1:], reduction="none")
    return found / np.log(2)


def compressed(read: str, text: str) -> float:
    """Bits per character that lzma adds for a text behind another."""
    before = read.encode()[-MOST_BYTES:]
    both = lzma.compress(before + text.encode(), preset=9)
    return 8 * (len(both) - len(lzma.compress(before, preset=9))) / len(text)


def known_words(text: str, corpus: Corpus) -> float:
    """The share of the words of a text that occur in the training part; 0 for none."""
    known = set(WORD.findall(corpus.texts["training"]))
    # The first and the last may be cut.
    words = WORD.findall(text)[1:-1]
    return sum(word in known for word in words) / max(1, len(words))


def words_of(corpus: Corpus, generated: str) -> Mapping[str, float]:
    """The share of known words in what a model wrote, and in the test part, which people wrote."""
    return {
        "network": known_words(generated, corpus),
        "test": known_words(corpus.texts["test"], corpus),
    }
