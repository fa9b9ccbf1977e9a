"""Choices of a recipe in words: receives NAME=VALUE; hands on keyword arguments."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Collection, Sequence
from typing import Any

from chainrule.errors import ArgumentError

# What the commands take beside the choices of a recipe has an option of its own, or none.
OTHERS = (
    *("source", "target", "task", "drop", "seed", "watcher"),
    *("models", "metric", "count", "repeats", "groups", "ordered", "onlooker"),
    *("trials", "seconds", "parts", "folder", "listener"),
)
TRUTH = {"true": True, "yes": True, "false": False, "no": False}


def choices(words: Sequence[str] | None, **named: Any) -> dict[str, Any]:
    """The choices by name, `named` ones among them. Raises ArgumentError for words without a name
    or a value, for a choice made twice, and for what is no choice.
    """
    found = {name: value for name, value in named.items() if value is not None}
    for word in words or ():
        name, _, value = (part.strip() for part in word.partition("="))
        name = name.replace("-", "_")
        if not name or not value or name in OTHERS or name in found:
            raise ArgumentError("chainrule", f"--set {word}", *_wrong(name, value, found))
        found[name] = _value(value)
    return found


def _wrong(name: str, value: str, found: Collection[str]) -> tuple[str, str]:
    """(what is wrong with NAME=VALUE, what to do instead)."""
    if not name or not value:
        return "a choice has a name, = and a value", "write, for example, --set hidden=128,64"
    if name in found:
        return f"{name} is chosen twice", "choose it once"
    return f"{name} is no choice of a recipe", "--help lists what has an option of its own"


def _value(word: str) -> Any:
    """A number, several with commas, true or false, or else a name."""
    try:
        return TRUTH[word.lower()] if word.lower() in TRUTH else literal_eval(word)
    except (ValueError, SyntaxError):
        return word
