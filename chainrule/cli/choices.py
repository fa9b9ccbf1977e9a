"""Choices of a recipe in words: receives NAME=VALUE; hands on keyword arguments."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Sequence
from typing import Any

from chainrule.errors import ArgumentError

# What the commands take beside the choices of a recipe has an option of its own, or none.
OTHERS = (
    *("source", "target", "task", "drop", "seed", "watcher"),
    *("models", "metric", "count", "repeats", "groups", "ordered", "onlooker"),
    *("trials", "seconds", "parts", "folder", "listener"),
)
TRUTH = {"true": True, "false": False}


def choices(words: Sequence[str] | None, **named: Any) -> dict[str, Any]:
    """The choices by name, `named` ones among them. Raises ArgumentError for words without a name
    or a value, for a choice made twice, and for what is no choice.
    """
    found = {name: value for name, value in named.items() if value is not None}
    for word in words or ():
        name, _, value = (part.strip() for part in word.partition("="))
        name = name.replace("-", "_")
        if not name or not value or name in OTHERS or name in found:
            why = (
                "it is chosen twice"
                if name in found
                else "a choice of the recipe has = and a value"
            )
            raise ArgumentError(
                "chainrule", f"--set {word}", why, "write, for example, --set hidden=128,64"
            )
        found[name] = _value(value)
    return found


def _value(word: str) -> Any:
    """A number, several with commas, true or false, or else a name."""
    try:
        return TRUTH[word.lower()] if word.lower() in TRUTH else literal_eval(word)
    except (ValueError, SyntaxError):
        return word
