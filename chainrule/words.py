"""Base: words of which messages are made: receives numbers and names; hands on text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any


def counted(number: float, one: str, more: str = "") -> str:
    """A number of things: `one`, or `more` of them, which by default is `one` with an s.

    >>> from chainrule.words import counted
    >>> counted(1, "row"), counted(2_000, "row"), counted(0.5, "minute")
    ('1 row', '2,000 rows', '0.5 minutes')
    >>> counted(3, "class has", "classes have")
    '3 classes have'
    """
    figure = f"{number:g}" if isinstance(number, float) else f"{number:,}"
    return f"{figure} {one if number == 1 else more or one + 's'}"


def listed(names: Sequence[Any], most: int = 8) -> str:
    """Names with commas between them, and the number of those left out."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


def suggestion(name: str, known: Iterable[str]) -> str:
    """What was probably meant, as a question; empty where nothing is close. Capitals do not count.

    >>> from chainrule.words import suggestion
    >>> suggestion("adamww", ["SGD", "AdamW"]), suggestion("x", ["SGD"])
    ("did you mean 'AdamW'?", '')
    """
    plain = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), plain, n=1)
    return f"did you mean '{plain[close[0]]}'?" if close else ""
