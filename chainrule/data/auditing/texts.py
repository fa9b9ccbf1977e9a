"""Checks of a text in three parts: receive the corpus; hand on findings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce

import numpy as np

from chainrule.data.auditing.finding import ERROR, WARNING, Audit, Finding, gathered
from chainrule.data.texts import Corpus
from chainrule.words import counted, listed

# Of 100,000 characters of Shakespeare's plays the network that `fit` chooses learns 3.0 bits a
# character, 6-grams 2.4; of 4.8 million 1.9 and 2.0.
FEW = 100_000
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
# What UTF-8 looks like when it was read as Windows-1252 and saved again: an umlaut, a dash.
TWICE = re.compile(r"[\xc2\xc3][\x80-\xbf\u0152-\u017e\u2018-\u203a]|\xe2[\x80\u20ac]")
LOST = "\ufffd"
MANY_CONTROLS, MANY_BROKEN = 1e-3, 1e-4
UNSEEN, MOSTLY_UNSEEN = 0.01, 0.2
# Equal runs of so many characters are copies, not idioms; a power of two.
RUN = 64
COPIED, MOSTLY_COPIED = 0.05, 0.3
MOST_CHARACTERS = 1 << 24  # More of them tell nothing new of copies.
MOST_TOKENS = 0x110000  # As many as Unicode has.


def short(corpus: Corpus) -> Iterator[Finding]:
    """Texts from which a network learns no more than n-grams do."""
    count = len(corpus.texts["training"])
    if count < FEW:
        yield Finding(
            "short",
            WARNING,
            "E-110",
            f"{counted(count, 'character')}",
            "n-grams learn more from so few than a network does",
            "add text of the same kind: megabytes make it good",
            place="training part",
        )


def one_character(corpus: Corpus) -> Iterator[Finding]:
    """Texts of a single character."""
    if len(corpus.alphabet) == 2:
        yield Finding(
            "one character",
            ERROR,
            "E-110",
            f"there is no character but {corpus.alphabet.characters!r}",
            "there is nothing to learn, and any model is perfect",
            "check what was saved",
            place="training part",
        )


def binary(corpus: Corpus) -> Iterator[Finding]:
    """Characters that no text has, such as NUL."""
    found = CONTROL.findall(_whole(corpus))
    if len(found) > MANY_CONTROLS * corpus.length:
        yield Finding(
            "binary",
            ERROR,
            "E-108",
            f"{counted(len(found), 'control character')}, {found[0]!r} for one",
            "this is no text, or UTF-16 read as UTF-8: the network learns to write bytes",
            "export it as plain text, UTF-8",
            place="whole text",
        )


def encoding(corpus: Corpus) -> Iterator[Finding]:
    """Characters that were lost or doubled when the text was saved in a wrong encoding."""
    text = _whole(corpus)
    lost, twice = text.count(LOST), TWICE.findall(text)
    for count, what, cure in (
        (lost, f"{counted(lost, 'character')} became {LOST}", "take the original"),
        (
            len(twice),
            f"{counted(len(twice), 'pair')} as {listed(sorted(set(twice)), 3)!r}",
            "its UTF-8 was read as Windows-1252: convert it back",
        ),
    ):
        if count > MANY_BROKEN * corpus.length:
            yield Finding(
                "encoding",
                WARNING,
                "E-108",
                what,
                "letters are broken, and the network learns to break them",
                cure,
                place="whole text",
            )


def unseen(corpus: Corpus) -> Iterator[Finding]:
    """Parts of characters that the training part does not have."""
    for part in ("validation", "test"):
        share = float((corpus.tokens(part) == 0).mean())
        if share > UNSEEN:
            known = set(corpus.alphabet.characters)
            others = sorted(set(corpus.texts[part]) - known)
            yield Finding(
                "unseen characters",
                ERROR if share > MOSTLY_UNSEEN else WARNING,
                "E-107",
                f"{share:.0%} of its characters are not in the training part: {listed(others, 5)}",
                "what was never seen cannot be foretold: this part is of another kind",
                "shuffle the chapters, so that each part has some of all kinds",
                place=f"{part} part",
            )


def one_line(corpus: Corpus) -> Iterator[Finding]:
    """Texts without the line break that prompts begin with."""
    if len(corpus.alphabet) > 2 and "\n" not in corpus.alphabet.characters:
        yield Finding(
            "one line",
            WARNING,
            "E-108",
            "there is no line break",
            "the network never ends a line, and does not know how a text begins",
            "keep line breaks when the text is saved; begin prompts with its own words",
            place="training part",
        )


def copies(corpus: Corpus) -> Iterator[Finding]:
    """Passages of the test part that stand in the training part word for word, and passages that
    this itself repeats.
    """
    if len(corpus.alphabet) == 2:
        return
    training = corpus.tokens("training")
    within, across = repeated(training), copied(training, corpus.tokens("test"))
    if across > COPIED:
        yield Finding(
            "overlap",
            ERROR if across > MOSTLY_COPIED else WARNING,
            "E-107",
            f"{across:.0%} of its passages of {RUN} characters stand in the training part too",
            "what was learned by heart counts as understood",
            "keep one copy of each text, and remove headers that recur",
            place="test part",
        )
    elif within > MOSTLY_COPIED:
        yield Finding(
            "repeats",
            WARNING,
            "E-107",
            f"{within:.0%} of its passages of {RUN} characters were there before",
            "there is less to learn from than it seems",
            "keep one copy of each text",
            place="training part",
        )


def repeated(tokens: np.ndarray) -> float:
    """The share of the runs of a text that were there before."""
    runs = _runs(tokens[-MOST_CHARACTERS:])
    # Sorted, as `unique` of so many numbers takes a hundred times as long.
    runs.sort()
    return float((runs[1:] == runs[:-1]).mean()) if len(runs) > 1 else 0.0


def copied(taught: np.ndarray, tokens: np.ndarray) -> float:
    """The share of the runs of a text that stand in the one that was taught too."""
    known, runs = np.sort(_runs(taught[-MOST_CHARACTERS:])), _runs(tokens)
    if not len(known) or not len(runs):
        return 0.0
    places = np.minimum(np.searchsorted(known, runs), len(known) - 1)
    return float((known[places] == runs).mean())


def _whole(corpus: Corpus) -> str:
    return "".join(corpus.texts.values())


def _runs(tokens: np.ndarray) -> np.ndarray:
    """A number for each run of `RUN` characters, the same for the same ones: the number of a run is
    made of those of its halves.
    """
    if len(tokens) < RUN:
        return np.zeros(0, np.uint64)
    mixed = np.random.default_rng(0).integers(0, 1 << 63, MOST_TOKENS, np.uint64)
    lengths = [1 << step for step in range(RUN.bit_length() - 1)]

    def doubled(found: np.ndarray, length: int) -> np.ndarray:
        odd = np.uint64(0x9E3779B97F4A7C15 + 2 * length)
        return (found[:-length] * odd) ^ (found[length:] + (found[:-length] >> np.uint64(29)))

    return reduce(doubled, lengths, mixed[tokens])


CHECKS = (one_character, binary, short, encoding, unseen, one_line, copies)


def audit_text(corpus: Corpus) -> Audit:
    """What is wrong with a text: too short, of one character, no text at all, in a wrong encoding,
    of another kind at its end, in one line, or in copies.
    """
    return gathered(corpus.name, (finding for check in CHECKS for finding in check(corpus)))
