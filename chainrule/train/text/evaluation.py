"""Evaluating: receives a run and another text; hands on how many bits its characters need, and
whether that is what the training promised.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from chainrule.data.auditing.texts import MOSTLY_COPIED, UNSEEN, copied
from chainrule.data.texts import Corpus, decoded, hashed, read_text
from chainrule.errors import DataError
from chainrule.train.report.facts import Drift, Report
from chainrule.train.report.gather import later
from chainrule.train.report.judged import beside_training, promise
from chainrule.train.report.words import figure_text, share_text
from chainrule.train.text.evidence import subject
from chainrule.train.text.run import TextRun
from chainrule.train.text.scores import BITS, Rivals, bits_of, comparison
from chainrule.words import counted, listed


def evaluate_text(run: TextRun, source: str | Path) -> Report:
    """Bits per character and perplexity of a run on another text with 95 % intervals, beside those
    of its test part, and of n-grams that are fitted on the training text, where that still lies in
    its place; and what tells of another kind of text. Raises DataError.

    >>> from pathlib import Path
    >>> _ = Path("count.txt").write_text("0 1 2 3 4 5 6 7 8 9 " * 100)
    >>> run = cr.train.fit("count.txt", steps=4, layers=1, width=16, context=16)
    >>> _ = Path("back.txt").write_text("9 8 7 6 5 4 3 2 1 0 " * 10)
    >>> found = cr.train.evaluate(run, "back.txt")
    >>> list(found.comparison.figures)
    ['network', '3-grams', 'single characters', 'at training']
    """
    path, context = Path(source), run.record["recipe"]["context"]
    text = decoded(path)
    if len(text) <= context:
        raise DataError(
            path.name,
            f"has {counted(len(text), 'character')}",
            f"the run reads passages of {context}",
            "add text, to thousands of characters",
        )
    tokens, corpus = run.alphabet.encode(text), _training(run)
    found = {"network": bits_of(run.model, tokens, context)}
    if corpus is not None:
        found |= Rivals.of(corpus, run.record["ngrams"]).bits(tokens)
    then, sha256 = run.record["metrics"]["network"][BITS], hashed(path)
    compared = beside_training(comparison(found, "new"), {BITS: then, "perplexity": 2**then})
    copies = copied(corpus.tokens("training"), tokens) if corpus else 0.0
    known = sha256 == run.record["data"]["sha256"] or copies > MOSTLY_COPIED
    drift = Drift({}, tuple(_notices(run, text, found["network"], corpus, copies)))
    return Report(
        subject=later(subject(run.record), path.name, len(text), sha256),
        verdict=promise(compared, run.record["split"]["test"], drift, known),
        comparison=compared,
        drift=drift,
    )


def _training(run: TextRun) -> Corpus | None:
    """The text of the training, if it still lies where it was and is the same."""
    data = run.record["data"]
    path = Path(data.get("path", ""))
    if not path.is_file() or hashed(path) != data["sha256"]:
        return None
    return read_text(path)


def _notices(
    run: TextRun, text: str, bits: np.ndarray, corpus: Corpus | None, copies: float
) -> Iterator[str]:
    known = run.alphabet.encode(text)[1:] != 0
    if known.mean() < 1 - UNSEEN and known.any():
        others = sorted(set(text) - set(run.alphabet.characters))
        yield (
            f"{share_text(1 - known.mean())} of the characters were never seen in training: "
            f"{listed(others, 5)}; the others need {figure_text(bits[known].mean())} bits each"
        )
    if copies > UNSEEN:
        yield f"{share_text(copies)} of its passages stand in the training text, word for word"
    if corpus is None:
        where = run.record["data"].get("path", "the record does not say where")
        yield f"no n-grams beside it: the training text is no longer there, or another: {where}"
