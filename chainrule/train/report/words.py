"""Words: receives numbers; hands on how a report writes them."""

from __future__ import annotations

from chainrule.metrics.intervals import Interval
from chainrule.train.report.html import Html, tag, together


def figure_text(value: float) -> str:
    """Four digits after the point, or four in all for numbers of 10 and more.

    >>> from chainrule.train.report.words import figure_text
    >>> [figure_text(x) for x in (0.98243, 53.5149, 1234.5)]
    ['0.9824', '53.51', '1,234']
    """
    if value != value:
        return "-"
    size = abs(value)
    digits = 4 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    return f"{round(value, digits) + 0.0:,.{digits}f}"  # + 0.0: no minus sign before zero.


def range_text(found: Interval) -> str:
    """The ends of an interval."""
    return f"{figure_text(found.low)} to {figure_text(found.high)}"


def with_interval(found: Interval) -> Html:
    """A figure, its interval below where it has one."""
    value = together(figure_text(found.value))
    if not found.low < found.high:
        return value
    return together(value, tag("span", range_text(found), class_="interval"))


def ahead_text(margin: float) -> str:
    """By how much something is better, or worse.

    >>> from chainrule.train.report.words import ahead_text
    >>> ahead_text(0.0265), ahead_text(-2.789)
    ('0.0265 better', '2.79 worse')
    """
    return f"{abs(margin):.3g} {'better' if margin >= 0 else 'worse'}"


def share_text(share: float) -> str:
    """Per cent, with a digit more where that is little.

    >>> from chainrule.train.report.words import share_text
    >>> [share_text(x) for x in (0.5, 0.023, 0.0)]
    ['50 %', '2.3 %', '0 %']
    """
    return (
        f"{share:.1%}".replace("%", " %") if 0 < share < 0.1 else f"{share:.0%}".replace("%", " %")
    )


def seconds_text(seconds: float) -> str:
    """Three digits, in the unit that suits them.

    >>> from chainrule.train.report.words import seconds_text
    >>> [seconds_text(x) for x in (0.0000423, 0.2327, 75.0)]
    ['42.3 µs', '233 ms', '75 s']
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
