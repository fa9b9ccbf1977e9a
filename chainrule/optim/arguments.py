"""Bounds of arguments: receives one number of an optimizer or a schedule; hands on nothing, or
raises.
"""

from __future__ import annotations

from chainrule.errors import ArgumentError


def at_least(where: str, name: str, value: float, least: float, why: str) -> None:
    """Raise ArgumentError below the least value."""
    if not value >= least:
        raise ArgumentError(where, f"{name} is {value}", why, f"choose {name} >= {least}")


def positive(where: str, name: str, value: float, why: str) -> None:
    """Raise ArgumentError for 0 and less."""
    if not value > 0:
        raise ArgumentError(where, f"{name} is {value}", why, f"choose {name} > 0")
