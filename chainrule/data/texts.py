"""Texts: receives a file of text; hands on the number of each character, in three parts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data.read import no_such
from chainrule.errors import DataError
from chainrule.words import counted

# A twentieth each: the last parts of a text, as in use the model reads what it has not seen.
ENDINGS = (".txt", ".text", ".md")
SHARE = 0.05
FEWEST = 2_000
OTHER = "\ufffd"  # Stands for all characters that the training part does not have.


@dataclass(frozen=True)
class Alphabet:
    """The characters that a model knows, by their numbers; number 0 stands for all others."""

    characters: str

    def __len__(self) -> int:
        return len(self.characters) + 1

    def encode(self, text: str) -> np.ndarray:
        """The number of each character, int32.

        >>> Alphabet("abc").encode("cab?").tolist()
        [3, 1, 2, 0]
        """
        points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        known = np.frombuffer(self.characters.encode("utf-32-le"), np.uint32)
        place = np.minimum(np.searchsorted(known, points), len(known) - 1)
        return np.where(known[place] == points, place + 1, 0).astype(np.int32)

    def decode(self, numbers: np.ndarray) -> str:
        """The characters of numbers.

        >>> Alphabet("abc").decode(np.array([3, 1, 2]))
        'cab'
        """
        return "".join([(OTHER + self.characters)[number] for number in numbers])


@dataclass(frozen=True)
class Corpus:
    """A text in three parts, one after the other, with the alphabet of the first; `path` says where
    it was read.
    """

    path: Path
    sha256: str
    alphabet: Alphabet
    texts: Mapping[str, str]

    def tokens(self, part: str) -> np.ndarray:
        """The numbers of the characters of a part."""
        return self.alphabet.encode(self.texts[part])

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def length(self) -> int:
        return sum(map(len, self.texts.values()))

    def described(self) -> dict[str, Any]:
        """What the record of a run says of it."""
        facts = {"path": str(self.path), "characters": self.length, "sha256": self.sha256}
        return {"name": self.name, **facts}


def read_text(path: str | Path) -> Corpus:
    """A file of text, UTF-8: nine tenths to train on, then a twentieth each to validate and to test
    on. Raises DataError.
    """
    path = Path(path)
    text = decoded(path)
    if len(text) < FEWEST:
        raise DataError(
            path.name,
            f"has {counted(len(text), 'character')}",
            f"a model of text needs {FEWEST:,} to train, validate and test",
            "add text; megabytes make it good",
        )
    size = round(SHARE * len(text))
    parts = text[: -2 * size], text[-2 * size : -size], text[-size:]
    alphabet = Alphabet("".join(sorted(set(parts[0]))))
    return Corpus(
        path.resolve(),
        hashed(path),
        alphabet,
        dict(zip(("training", "validation", "test"), parts, strict=True)),
    )


def hashed(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def decoded(path: Path) -> str:
    """What a file of UTF-8 says. Raises DataError."""
    if not path.is_file():
        raise no_such(path)
    try:
        # Line ends and a mark of the byte order are the file's, not the text's.
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise DataError(
            path.name,
            "cannot be read as text",
            f"byte {error.start:,} is not UTF-8",
            "save it as UTF-8",
        ) from None
