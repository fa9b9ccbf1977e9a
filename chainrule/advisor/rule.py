"""The rule: a record of what is advised, when, and why; and the tests of facts that it has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Condition:
    """What must hold of a fact: `words` for people, `holds` for the fact's value, which may be one
    of those `known` by name.
    """

    words: str
    holds: Callable[[Any], bool]
    known: tuple[Any, ...] = ()


def below(limit: float) -> Condition:
    return Condition(f"below {limit:,}", lambda value: value < limit)


def at_least(limit: float) -> Condition:
    return Condition(f"at least {limit:,}", lambda value: value >= limit)


def one_of(known: Collection[str]) -> Condition:
    return Condition(" or ".join(map(str, known)), lambda value: value in known, tuple(known))


@dataclass(frozen=True)
class Rule:
    """`choice` for a `topic`, where all of `when` holds: a fact's value, or a `Condition` of it.

    A choice that follows from facts is a function of them. `ids` are those of the guides that say
    so, `uses` what there is for it in chainrule, and `measured` what an experiment of ours said
    (`benchmarks/choices.py`) where guides contradict each other, or our choice contradicts them.
    """

    topic: str
    choice: Any
    reason: str
    ids: tuple[str, ...] = ()
    when: Mapping[str, Any] = field(default_factory=dict)
    uses: tuple[str, ...] = ()
    measured: str = ""

    def applies(self, facts: Facts) -> bool:
        """Whether all of its scenario is known, and so."""
        return all(name in facts and _holds(test, facts[name]) for name, test in self.when.items())

    def decided(self, facts: Facts) -> Rule:
        """The rule with the choice that follows from these facts."""
        return replace(self, choice=self.choice(facts)) if callable(self.choice) else self

    @property
    def scenario(self) -> str:
        """When it applies, in words."""
        return ", ".join(_words(name, test) for name, test in self.when.items()) or "always"


def _holds(test: Any, value: Any) -> bool:
    if isinstance(test, Condition):
        return value is not None and test.holds(value)
    return value == test


def _words(name: str, test: Any) -> str:
    told = test.words if isinstance(test, Condition) else test
    if name == "data":
        return f"{told}s"
    name = name.replace("_", " ")
    return name if test is True else told if name == "task" else f"{name} {told}"
