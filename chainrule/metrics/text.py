"""Metrics of text: receives sequences of tokens beside references; hands on how many of their
words in a row agree.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError

Tokens = Sequence[Any]


def bleu(
    prediction: Sequence[Tokens], target: Sequence[Sequence[Tokens]], *, order: int = 4
) -> float:
    """BLEU of a corpus, from 0 to 1 (Papineni et al. 2002): min(1, exp(1 - r / c)) times the
    geometric mean of p_1 ... p_order.

    p_n is the share of the predictions' n-grams that a reference has too, each counted as often at
    most as in that reference which has it most often; c is the number of tokens predicted, r that
    of the references nearest in length. `target` holds the references of each prediction. Sums are
    over the whole corpus: the mean over sentences is another figure. Without any common n-gram of
    some order it is 0, as with sacrebleu's smooth_method="none". Tokens are what the caller makes
    them, and figures compare only with equal tokens.

    >>> cr.metrics.bleu(["a cat sat on the mat".split()], [["a cat sat on the mat today".split()]])
    0.846481724890614
    """
    _check(prediction, target)
    matches, totals = np.zeros(order), np.zeros(order)
    tokens = reference_tokens = 0
    for words, references in zip(prediction, target, strict=True):
        tokens += len(words)
        reference_tokens += min(map(len, references), key=lambda n: (abs(n - len(words)), n))
        for n in range(1, order + 1):
            found = _grams(words, n)
            most: Counter = Counter()
            for reference in references:
                most |= _grams(reference, n)
            matches[n - 1] += (found & most).total()
            totals[n - 1] += found.total()
    if not matches.all():
        return 0.0
    brevity = min(0.0, 1 - reference_tokens / tokens)
    return math.exp(brevity + float(np.mean(np.log(matches / totals))))


def _grams(words: Tokens, n: int) -> Counter:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def _check(prediction: Sequence[Tokens], target: Sequence[Sequence[Tokens]]) -> None:
    if len(prediction) != len(target) or not len(prediction):
        raise ArgumentError(
            "bleu",
            f"{len(prediction)} predictions, references for {len(target)}",
            "each prediction is compared with references of its own",
            "pass lists of equal length, with one element at least",
        )
    for words, references in zip(prediction, target, strict=True):
        if isinstance(words, str) or not len(references) or isinstance(references[0], (str, int)):
            raise ArgumentError(
                "bleu",
                f"{words!r} beside {references!r}",
                "predictions are sequences of tokens, targets lists of such sequences",
                'split the text, and write [["a", "b"]] for one reference',
            )
