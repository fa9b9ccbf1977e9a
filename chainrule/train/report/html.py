"""Markup: receives names, attributes and children; hands on HTML in which all text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

VOID = {"meta", "link"}


class Html(str):
    """Text that is markup already."""


def tag(name: str, /, *children: Any, **attributes: Any) -> Html:
    """An element. Children that are no Html are text; None is left out. Of attributes, `class_`
    is written class, and other underscores as hyphens.
    """
    given = "".join(
        f' {_attribute(key)}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    end = "" if name in VOID else f"{together(*children)}</{name}>"
    return Html(f"<{name}{given}>{end}")


def together(*children: Any) -> Html:
    """Children one after the other; lists of them are taken apart."""
    return Html("".join(_written(child) for child in children if child is not None))


def _written(child: Any) -> str:
    if isinstance(child, Html):
        return child
    if isinstance(child, (list, tuple)):
        return together(*child)
    return escape(str(child)).replace(" %", "\u00a0%")  # No line begins with a percent sign.


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def table(
    caption: str,
    header: Sequence[Any],
    rows: Iterable[Sequence[Any]],
    *,
    numbers: Sequence[int] = (),
    class_: str | None = None,
) -> Html:
    """A table with its caption, in a box that scrolls where it is too wide. The first cell of a row
    names it; the columns `numbers` are aligned to the right.
    """
    side = dict.fromkeys(numbers, "number")
    head = [tag("th", cell, scope="col", class_=side.get(n)) for n, cell in enumerate(header)]
    lines = [
        tag(
            "tr",
            tag("th", first, scope="row", class_=side.get(0)),
            [tag("td", cell, class_=side.get(n)) for n, cell in enumerate(rest, 1)],
        )
        for first, *rest in rows
    ]
    return boxed(caption, tag("thead", tag("tr", head)), tag("tbody", lines), class_=class_)


def boxed(caption: str, *parts: Html, class_: str | None = None) -> Html:
    """A table of these parts. The caption stands outside of the box, so that it does not scroll."""
    whole = tag("table", *parts, class_=class_, aria_label=caption)
    box = tag("div", whole, class_="wide", role="region", aria_label=caption, tabindex=0)
    return tag("figure", tag("figcaption", caption), box, class_="table")


def folded(summary: str, *content: Any) -> Html:
    """Content that is shown when its summary is clicked."""
    return tag("details", tag("summary", summary), *content)
