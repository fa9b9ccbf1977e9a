"""The page: receives a report; hands on one HTML file that asks for nothing outside of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files

from chainrule.data.target import CLASSIFICATION, REGRESSION
from chainrule.train.report import making, results
from chainrule.train.report.facts import Report, Subject, Verdict
from chainrule.train.report.html import Html, tag, together
from chainrule.train.report.words import figure_text, range_text, seconds_text
from chainrule.words import counted

# The browser itself keeps the page from asking for anything.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
Section = tuple[str, str, Callable[[Report], Html | None]]


def _of(name: str, render: Callable[..., Html]) -> Callable[[Report], Html | None]:
    """A section that is left out where the report has no facts for it."""

    def section(report: Report) -> Html | None:
        found = getattr(report, name)
        return None if found is None else render(found)

    return section


SECTIONS: tuple[Section, ...] = (
    ("figures", "How good it is", _of("comparison", results.comparison)),
    ("sample", "What it writes", _of("sample", results.sample)),
    ("drift", "Are these data like the training's?", _of("drift", results.drift)),
    ("next", "What to try next", _of("advice", results.advice)),
    ("errors", "Where it is wrong", results.errors),
    ("importance", "Which columns matter", _of("importance", results.importance)),
    ("learning", "How it learned", _of("learning", making.learning)),
    ("layers", "Inside the network", _of("layers", making.layers)),
    ("audit", "Faults in the data", _of("audit", making.audit)),
    ("columns", "Columns", _of("columns", making.columns)),
    ("recipe", "Recipe", making.recipe),
    ("costs", "Size and speed", _of("costs", making.costs)),
)


def page(report: Report) -> str:
    """The whole file, as text."""
    shown = [(key, title, body) for key, title, body in _sections(report)]
    links = [tag("li", tag("a", title, href=f"#{key}")) for key, title, _ in shown]
    layout = tag(
        "div",
        _header(report),
        tag("nav", tag("ul", links), aria_label="Sections"),
        tag("main", [_section(*one) for one in shown]),
        _footer(report.subject),
        class_="layout",
    )
    title = f"{report.subject.data}: {report.subject.target}"
    return f"<!DOCTYPE html>\n{tag('html', _head(title), tag('body', layout), lang='en')}\n"


def _sections(report: Report) -> Iterator[tuple[str, str, Html]]:
    for key, title, render in SECTIONS:
        body = render(report)
        if body is not None:
            yield key, title, body
    yield "origin", "How it was made", _origin(report.subject)


def _section(key: str, title: str, body: Html) -> Html:
    name = f"{key}-title"
    return tag("section", tag("h2", title, id=name), body, id=key, aria_labelledby=name)


def _head(title: str) -> Html:
    style = files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", Html(style)),
    )


def _header(report: Report) -> Html:
    subject = report.subject
    return tag(
        "header",
        tag(
            "p", f"chainrule · {subject.origin['created'][:16].replace('T', ' ')}", class_="eyebrow"
        ),
        tag("h1", f"{subject.data}: predicting {subject.target}"),
        tag("p", _summary(report), class_="lead"),
        _verdict(report.verdict) if report.verdict else None,
        _tiles(report),
    )


def _summary(report: Report) -> Html:
    subject, found = report.subject, report.comparison
    what = {CLASSIFICATION: f"one of {len(subject.classes)} classes", REGRESSION: "a number"}
    first = f"A network predicts {what.get(subject.task, subject.target)}."
    if found is None:
        return together(first)
    ours = found.ours[found.main]
    rows = counted(found.rows, f"{found.part} {found.of}")
    sure = "."
    if ours.low < ours.high:
        sure = (
            f"; for 95 % of other such {found.others} it would lie between {figure_text(ours.low)} "
            f"and {figure_text(ours.high)}."
        )
    value = tag("strong", figure_text(ours.value))
    return together(f"{first} On {rows} its {found.main} is ", value, sure)


def _verdict(found: Verdict) -> Html:
    reasons = [tag("li", reason) for reason in found.reasons]
    return tag(
        "div",
        tag("p", found.question, " ", tag("strong", found.sentence)),
        tag("ul", reasons) if reasons else None,
        class_=f"verdict {found.answer.replace(' ', '-')}",
    )


def _tiles(report: Report) -> Html:
    tiles = []
    if report.comparison:
        found = report.comparison
        models = list(found.figures.items())
        for name, figures in [models[0], *(one for one in models[1:] if one[0] == found.beside)]:
            one = figures[found.main]
            told = range_text(one) if one.low < one.high else ""
            tiles.append((f"{name}: {found.main}", figure_text(one.value), told))
    if report.costs:
        costs = report.costs
        kept = f"{seconds_text(costs.latency)} a row"
        tiles.append(("parameters", f"{costs.parameters:,}", kept))
    if report.learning:
        learning = report.learning
        tiles.append(
            ("training", seconds_text(learning.seconds), counted(learning.epochs, "epoch"))
        )
    cells = [
        tag("div", tag("dt", name), tag("dd", value, tag("small", more)))
        for name, value, more in tiles
    ]
    return tag("dl", cells, class_="tiles")


def _origin(subject: Subject) -> Html:
    parts = ", ".join(f"{rows:,} {part}" for part, rows in subject.parts.items())
    facts = {"rows": f"{subject.rows:,}", "parts": parts, **subject.origin}
    lines = [(tag("dt", name), tag("dd", value)) for name, value in facts.items() if value]
    notes = [tag("p", note[:1].upper() + note[1:] + ".", class_="hint") for note in subject.notes]
    return together(notes, tag("dl", lines, class_="facts"))


def _footer(subject: Subject) -> Html:
    made = "Everything in this file is made of the run; it asks for nothing from outside."
    return tag("footer", made)
