"""N-grams, what a model of text must beat: receives the training part; hands on the probability of
each token after the few before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

LONGEST = 7
# The more tokens there are, the fewer fit into the 62 bits of a number.
BITS = 62


@dataclass(frozen=True)
class Level:
    """The n-grams of one length, as numbers in the base of the number of tokens, in order: what
    remains of their counts when the discounts are taken off; and of each context the count of what
    follows, and the sum of the discounts.
    """

    grams: np.ndarray
    kept: np.ndarray
    contexts: np.ndarray
    totals: np.ndarray
    discounted: np.ndarray


class NGrams:
    """Interpolated modified Kneser-Ney (Chen & Goodman 1999).

    P_n(token | context) = (kept(context token) + discounted(context) P_(n-1)(token | context
    without its first)) / total(context), where counts c of the longest grams, and below them the
    numbers of different tokens that precede a gram, lose D1, D2 or D3 as c is 1, 2 or more. Below
    one token it is the uniform distribution.

    >>> model = NGrams(np.array([0, 1, 2, 0, 1, 2, 0, 1]), tokens=3, order=2)
    >>> round(float(2 ** -model.bits(np.array([0, 1, 2]))[1]), 3)
    0.511
    """

    def __init__(self, text: np.ndarray, tokens: int, order: int) -> None:
        self.tokens, self.order = tokens, order
        self.levels: list[Level] = []
        found, counts = np.unique(_grams(text, tokens, order), return_counts=True)
        for length in range(order, 0, -1):
            self.levels.append(_level(found, counts, tokens))
            found, counts = np.unique(found % tokens ** (length - 1), return_counts=True)
        self.levels.reverse()

    def bits(self, text: np.ndarray) -> np.ndarray:
        """-log2 P of each token after those before it in this text."""
        probability = np.full(len(text), 1 / self.tokens)
        for length, level in enumerate(self.levels, 1):
            grams = _grams(text, self.tokens, length)
            kept = _found(level.grams, grams, level.kept)
            contexts = grams // self.tokens
            totals = _found(level.contexts, contexts, level.totals)
            lower = probability[length - 1 :]
            share = _found(level.contexts, contexts, level.discounted)
            known = totals > 0
            lower[known] = (kept + share * lower)[known] / totals[known]
        return -np.log2(probability)


def best_order(text: np.ndarray, validation: np.ndarray, tokens: int) -> NGrams:
    """The n-grams of the length that suits the validation part best."""
    longest = min(LONGEST, int(BITS / np.log2(max(tokens, 2))))
    models = [NGrams(text, tokens, order) for order in range(2, longest + 1)]
    return min(models, key=lambda model: model.bits(validation).mean())


def _grams(text: np.ndarray, tokens: int, length: int) -> np.ndarray:
    """Each run of `length` tokens as a number."""
    windows = np.lib.stride_tricks.sliding_window_view(text.astype(np.int64), length)
    return windows @ tokens ** np.arange(length - 1, -1, -1, dtype=np.int64)


def _level(grams: np.ndarray, counts: np.ndarray, tokens: int) -> Level:
    discounts = _discounts(counts)[np.minimum(counts, 3)]
    contexts, where = np.unique(grams // tokens, return_inverse=True)

    def sums(values: np.ndarray) -> Any:
        return np.bincount(where, values, len(contexts))

    return Level(grams, counts - discounts, contexts, sums(counts), sums(discounts))


def _discounts(counts: np.ndarray) -> np.ndarray:
    """What counts of 0, 1, 2, and 3 or more lose, by how many there are of 1 to 4."""
    one, two, three, four = (max(1, np.count_nonzero(counts == n)) for n in range(1, 5))
    share = one / (one + 2 * two)
    found = [
        0,
        1 - 2 * share * two / one,
        2 - 3 * share * three / two,
        3 - 4 * share * four / three,
    ]
    # Of few grams the estimate may lie outside of what can be taken off.
    return np.clip(found, [0, 0.1, 0.1, 0.1], [0, 0.9, 1.9, 2.9])


def _found(keys: np.ndarray, wanted: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The value of each key, 0 where there is none."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0.0)
