"""Scores of a model of text: receives a corpus and a model; hands on bits per character, beside
n-grams and a compressor, and how many of its words are words.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Mapping

import numpy as np

import chainrule as cr
from chainrule import nn
from chainrule.data.texts import Corpus
from chainrule.train.predict import Predictor
from chainrule.train.text.ngrams import NGrams, best_order

Scores = dict[str, float]
WORD = re.compile(r"[^\W\d_]+")
# Bytes of the training part that a compressor has read before, to keep it within a few seconds.
MOST_BYTES = 1 << 23
# Of so many characters n-grams take a gigabyte.
MOST_TOKENS = 1 << 24


def score(corpus: Corpus, model: nn.Module, context: int) -> dict[str, Scores]:
    """Bits per character on the validation and the test part: of the network, of n-grams of the
    best length, of single characters, and of a compressor that has read the training part.
    """
    training = corpus.tokens("training")[-MOST_TOKENS:]
    held = {part: corpus.tokens(part) for part in ("validation", "test")}
    grams = best_order(training, held["validation"], len(corpus.alphabet))
    single = NGrams(training, len(corpus.alphabet), 1)
    bits = {
        "network": lambda part: bits_of(model, held[part], context).mean(),
        f"{grams.order}-grams": lambda part: grams.bits(held[part]).mean(),
        "single characters": lambda part: single.bits(held[part]).mean(),
        "lzma": lambda part: compressed(corpus.texts["training"], corpus.texts[part]),
    }
    return {
        name: {"bits per character": float(of("test")), "validation": float(of("validation"))}
        for name, of in bits.items()
    }


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
