"""Charts: receives points; hands on SVG that takes its colours from the page, so that it is sharp
and readable on light and dark ground.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.train.report.facts import Bins, Points
from chainrule.train.report.html import Html, tag

WIDTH, HEIGHT = 360, 240
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 18, 40
TICKS = 5
# Classes of the style sheet: a colour and a dash each, so that lines differ without colour too.
STYLES = ("one", "two", "three", "four", "five", "six")


@dataclass(frozen=True)
class Scale:
    """From values to places on paper; where values are `named`, from 0 to their number."""

    low: float
    high: float
    logarithmic: bool = False
    named: tuple[str, ...] = ()

    @staticmethod
    def of(values: Iterable[float], *, logarithmic: bool = False, zero: bool = False) -> Scale:
        """A scale on which all values have room."""
        found = [v for v in values if math.isfinite(v) and (v > 0 or not logarithmic)] or [1.0]
        low, high = min(found), max(found)
        if logarithmic:
            return Scale(low / 1.1, high * 1.1, True)
        low = min(low, 0.0) if zero else low
        room = 0.05 * (high - low) or abs(high) or 1.0
        return Scale(0.0 if zero and low == 0 else low - room, high + room)

    def share(self, value: float) -> float:
        """0 at the low end, 1 at the high one; values outside lie at the end."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(max(value, low))
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def ticks(self) -> list[tuple[float, str]]:
        """Round values within, and how they are written."""
        if self.named:
            every = -(-len(self.named) // 9)
            return [(float(n), name) for n, name in enumerate(self.named)][::every]
        values = self._decades() if self.logarithmic else []
        return [(v, tick_text(v)) for v in (values if len(values) > 1 else self._even())]

    def _decades(self) -> list[float]:
        exponents = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for steps in ((1,), (1, 3), (1, 2, 5)):
            found = [step * 10.0**n for n in exponents for step in steps]
            inside = [v for v in found if self.low <= v <= self.high]
            if len(inside) >= 3:
                break
        return inside[:: max(1, -(-len(inside) // (TICKS + 1)))]

    def _even(self) -> list[float]:
        rough = (self.high - self.low) / TICKS
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(s * size for s in (1, 2, 5, 10) if s * size >= 0.999 * rough)
        first = math.ceil(self.low / step - 1e-9)
        count = math.floor(self.high / step + 1e-9) - first + 1
        return [round((first + n) * step, 12) for n in range(count)]


UNIT = Scale(0.0, 1.0)


def shortened(text: str, most: int) -> str:
    """A text of so many letters at most."""
    return text if len(text) <= most else text[: most - 1] + "…"


def tick_text(value: float) -> str:
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-3:
        mantissa, exponent = f"{value:.0e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{value:,.0f}" if size >= 1000 else f"{value:g}"


@dataclass
class Chart:
    """A chart that is drawn piece by piece. `title` and `summary` are what a reader who cannot see
    it is told.
    """

    title: str
    summary: str
    x: Scale
    y: Scale
    x_label: str = ""
    y_label: str = ""
    marks: list[Html] = field(default_factory=list)

    def place(self, x: float, y: float) -> tuple[float, float]:
        right, down = WIDTH - RIGHT - LEFT, HEIGHT - BOTTOM - TOP
        return (
            round(LEFT + right * self.x.share(x), 1),
            round(TOP + down * (1 - self.y.share(y)), 1),
        )

    def line(self, points: Points, style: str) -> None:
        """Points joined by a line; a single one as a dot."""
        places = [self.place(*point) for point in points if all(map(math.isfinite, point))]
        if len(places) == 1:
            self.dots(points, style)
        path = " ".join(f"{x:g},{y:g}" for x, y in places)
        self.marks.append(tag("polyline", points=path, class_=f"line {style}"))

    def area(self, upper: Points, lower: Points, style: str) -> None:
        """What lies between two lines."""
        around = [*upper, *reversed(lower)]
        path = " ".join("{:g},{:g}".format(*self.place(*point)) for point in around)
        self.marks.append(tag("polygon", points=path, class_=f"area {style}"))

    def dots(self, points: Points, style: str, radius: float = 2.5) -> None:
        for x, y in (self.place(*point) for point in points):
            self.marks.append(tag("circle", cx=x, cy=y, r=radius, class_=f"dot {style}"))

    def bars(self, bins: Bins, style: str) -> None:
        """A histogram: bars on the x axis."""
        for low, high, count in zip(bins.edges, bins.edges[1:], bins.counts):
            (x, y), (end, floor) = self.place(low, count), self.place(high, 0)
            told = tag("title", f"{tick_text(low)} to {tick_text(high)}: {count:,}")
            size = {"width": round(max(end - x - 1, 0.5), 1), "height": round(floor - y, 1)}
            self.marks.append(tag("rect", told, x=x, y=y, **size, class_=f"bar {style}"))

    def vertical(self, x: float, label: str = "") -> None:
        """A marked place on the x axis."""
        (place, top), (_, bottom) = self.place(x, self.y.high), self.place(x, self.y.low)
        self.marks.append(tag("line", x1=place, x2=place, y1=top, y2=bottom, class_="mark"))
        near_end = place > WIDTH * 0.6
        anchor, shift = ("end", 3) if near_end else ("start", -3)
        words = tag("text", label, x=place + shift, y=top - 5, class_="note", text_anchor=anchor)
        self.marks.append(words)

    def straight(self, first: tuple[float, float], last: tuple[float, float]) -> None:
        """A line to compare with."""
        (x1, y1), (x2, y2) = self.place(*first), self.place(*last)
        self.marks.append(tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_="mark"))

    def svg(self) -> Html:
        """The whole drawing."""
        return drawing(self.title, self.summary, [*self._axes(), *self.marks], WIDTH, HEIGHT)

    def _axes(self) -> list[Html]:
        floor, middle = HEIGHT - BOTTOM, (LEFT + WIDTH - RIGHT) / 2
        found = []
        for value, words in self.y.ticks():
            y = self.place(self.x.low, value)[1]
            found.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
            found.append(tag("text", words, x=LEFT - 6, y=y + 4, text_anchor="end"))
        for value, words in self.x.ticks():
            x = self.place(value, self.y.low)[0]
            found.append(tag("text", words, x=x, y=floor + 15, text_anchor="middle"))
        found.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=floor, y2=floor, class_="axis"))
        label = {"class_": "label", "text_anchor": "middle"}
        found.append(tag("text", self.x_label, x=middle, y=HEIGHT - 7, **label))
        up = f"translate(11 {(TOP + floor) / 2:g}) rotate(-90)"
        found.append(tag("text", self.y_label, transform=up, **label))
        return found


def drawing(title: str, summary: str, marks: Sequence[Any], width: float, height: float) -> Html:
    """An SVG element that says what it shows."""
    words = tag("title", title), tag("desc", summary)
    box = f"0 0 {width:g} {height:g}"
    return tag("svg", *words, marks, viewBox=box, role="img", class_="chart")


def spark(bins: Bins, title: str, width: float = 96, height: float = 22) -> Html:
    """A histogram without axes, as high as a line of text."""
    most, each = max(*bins.counts, 1), width / len(bins.counts)
    bars = [
        tag("rect", x=round(n * each, 1), width=round(max(each - 1, 1), 1), class_="bar one",
            y=round(height * (1 - count / most), 1), height=round(height * count / most, 1))
        for n, count in enumerate(bins.counts)
    ]  # fmt: skip
    box = f"0 0 {width:g} {height:g}"
    return tag("svg", tag("title", title), bars, viewBox=box, role="img", class_="spark")


def whiskers(rows: Sequence[tuple[str, float, float, float, str]], title: str) -> Html:
    """Named values with their intervals, one under the other: (name, low, value, high, style)."""
    left, each, bottom = 118, 26, 30
    scale = Scale.of([v for _, low, _, high, _ in rows for v in (low, high)])
    height = each * len(rows) + bottom

    def across(value: float) -> float:
        return round(left + (WIDTH - left - 14) * scale.share(value), 1)

    marks: list[Html] = []
    for value, words in scale.ticks():
        x = across(value)
        marks.append(tag("line", x1=x, x2=x, y1=4, y2=height - bottom, class_="grid"))
        marks.append(tag("text", words, x=x, y=height - 12, text_anchor="middle"))
    for number, (name, low, value, high, style) in enumerate(rows):
        y = each * (number + 0.5) + 4
        told = tag("title", f"{name}: {value:.4g}, {low:.4g} to {high:.4g}")
        marks += [
            tag(
                "text", shortened(name, 20), x=left - 10, y=y + 4, text_anchor="end", class_="name"
            ),
            tag("line", told, x1=across(low), x2=across(high), y1=y, y2=y, class_=f"line {style}"),
            tag("circle", told, cx=across(value), cy=y, r=4, class_=f"dot solid {style}"),
        ]
    summary = "; ".join(f"{n}: {v:.4g}, {low:.4g} to {high:.4g}" for n, low, v, high, _ in rows)
    return drawing(title, summary, marks, WIDTH, height)
