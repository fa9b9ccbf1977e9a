"""One row for each loss, activation and layer: what `chainrule check` and the tests go through."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import chain

from chainrule.checks import (
    activations,
    attention,
    augmentation,
    convolution,
    distributions,
    layers,
    linalg,
    losses,
    recurrent,
)
from chainrule.checks.row import Check, Verdict, verdicts
from chainrule.errors import ArgumentError

FAMILIES: dict[str, tuple[Check, ...]] = {
    "activations": activations.CHECKS,
    "losses": losses.CHECKS,
    "layers": layers.CHECKS,
    "recurrent": recurrent.CHECKS,
    "attention": attention.CHECKS,
    "convolution": convolution.CHECKS,
    "linalg": linalg.CHECKS,
    "distributions": distributions.CHECKS,
    "augmentation": augmentation.CHECKS,
}
CHECKS: tuple[Check, ...] = tuple(chain.from_iterable(FAMILIES.values()))


def chosen(words: Iterable[str]) -> dict[str, list[Check]]:
    """The checks by family: all, or those with a name, the last part of a name or a family among
    `words`. Raises ArgumentError for a word that means nothing.
    """
    words = set(words)
    known = set(chain.from_iterable(_words(*row) for row in _rows()))
    for word in sorted(words - known):
        near = get_close_matches(word, known, n=1)
        raise ArgumentError(
            "check",
            f"there is no check '{word}'",
            f"families are {', '.join(FAMILIES)}",
            f"did you mean '{near[0]}'?" if near else "leave the name out to check all",
        )
    found: dict[str, list[Check]] = {}
    for family, check in _rows():
        if not words or words & _words(family, check):
            found.setdefault(family, []).append(check)
    return found


def _rows() -> Iterator[tuple[str, Check]]:
    return ((family, check) for family, checks in FAMILIES.items() for check in checks)


def _words(family: str, check: Check) -> set[str]:
    """All that a check answers to."""
    return {family, check.name, check.name.rpartition(".")[2]}
