"""Numbers: receives choices of a recipe by name; says at once which of them cannot be, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

from chainrule.errors import ArgumentError


def check_numbers(
    found: Mapping[str, Any],
    *,
    whole: Iterable[str] = (),
    positive: Iterable[str] = (),
    shares: Iterable[str] = (),
    not_negative: Iterable[str] = (),
) -> None:
    """Raises ArgumentError for what is no number, or not in its range; `whole` numbers are positive
    ones. What is None, or not found, is left to others.

    >>> from chainrule.advisor.numbers import check_numbers
    >>> check_numbers({"epochs": 20, "dropout": 0.1}, whole=["epochs"], shares=["dropout"])
    """
    ranges = (
        (whole, Integral, lambda value: value >= 1, "a whole number, 1 or more"),
        (positive, Real, lambda value: 0 < value < float("inf"), "a number above 0"),
        (shares, Real, lambda value: 0 <= value < 1, "a share, from 0 to below 1"),
        (not_negative, Real, lambda value: 0 <= value < float("inf"), "a number, 0 or more"),
    )
    for names, kind, within, words in ranges:
        for name in names:
            value = found.get(name)
            number = isinstance(value, kind) and not isinstance(value, bool)
            if value is not None and not (number and within(value)):
                raise ArgumentError("fit", f"{name} is {_told(value)}", f"it must be {words}")


def _told(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)
