"""Sections on how good a model is: receives facts; hands on HTML."""

from __future__ import annotations

from chainrule.metrics import Interval
from chainrule.train.report.chart import UNIT, Chart, Scale, whiskers
from chainrule.train.report.facts import (
    Advice,
    Bins,
    ByClass,
    Calibration,
    Comparison,
    Confusion,
    Drift,
    Importance,
    Mistakes,
    Ranking,
    Report,
    Residuals,
    Sample,
)
from chainrule.train.report.html import Html, boxed, folded, table, tag, together
from chainrule.train.report.words import (
    ahead_text,
    figure_text,
    range_text,
    share_text,
    with_interval,
)
from chainrule.words import counted

MOST_CLASSES = 20  # A greater confusion matrix is no picture any more.
PAIRS = 12  # Of such, so many pairs are told.
MOST_MOVES = 20


def figure(chart: Html, title: str, hint: str, legend: tuple[tuple[str, str], ...] = ()) -> Html:
    """A chart with its title above, its legend and what to look for below."""
    keys = [tag("li", _swatch(style), name) for style, name in legend]
    return tag(
        "figure",
        tag("p", title, class_="figure-title"),
        chart,
        tag("ul", keys, class_="legend") if keys else None,
        tag("figcaption", hint),
    )


def _swatch(style: str) -> Html:
    line = tag("line", x1=1, x2=25, y1=5, y2=5, class_=f"line {style}")
    return tag("svg", line, viewBox="0 0 26 10", aria_hidden="true")


def charts(*figures: Html | None) -> Html:
    return tag("div", [one for one in figures if one is not None], class_="charts")


def comparison(found: Comparison) -> Html:
    names = list(found.ours)
    rows = [
        [model, *(with_interval(figures[name]) for name in names)]
        for model, figures in found.figures.items()
    ]
    better = {True: "higher is better", False: "lower is better"}
    header = [
        together(name, tag("span", better[found.greater_is_better[name]], class_="interval"))
        for name in names
    ]
    sure = found.ours[found.main]
    caption = f"On {counted(found.rows, f'{found.part} {found.of}')}."
    if sure.low < sure.high:
        caption += (
            " Below each figure is where it would lie for 95 % of other such samples of the same "
            "source (bootstrap)."
        )
    whole = table(caption, ["", *header], rows, numbers=range(1, len(names) + 1), class_="first")
    return together(
        whole, _intervals(found, found.margin) if sure.low < sure.high and found.margin else None
    )


def _intervals(found: Comparison, margin: Interval) -> Html:
    rows = [
        (model, figures[found.main].low, figures[found.main].value, figures[found.main].high,
         "six" if number else "one")
        for number, (model, figures) in enumerate(found.figures.items())
    ]  # fmt: skip
    hint = (
        f"Where intervals overlap much, other {found.part} {found.others} could turn the order "
        f"around. {_margin(found.rival, found.of, margin)}"
    )
    chart = whiskers(rows, f"{found.main} of each model")
    return tag("div", charts(figure(chart, found.main, hint)), class_="whole")


def _margin(rival: str, of: str, margin: Interval) -> str:
    """How far the network is ahead, row by row."""
    chance = margin.low <= 0 <= margin.high
    return (
        f"Judged {of} by {of} the network is {ahead_text(margin.value)} than {rival}, between "
        f"{ahead_text(margin.low)} and {ahead_text(margin.high)}: "
        + ("0 lies within, so it may be chance." if chance else "that is more than chance.")
    )


def advice(found: tuple[Advice, ...]) -> Html:
    lines = [tag("li", tag("strong", one.step), tag("p", one.reason)) for one in found]
    return together(
        tag("p", "In this order; each follows from what this report found.", class_="hint"),
        tag("ol", lines, class_="steps"),
    )


def sample(found: Sample) -> Html:
    told = (
        f"{share_text(found.network)} of its words occur in the training part, as do "
        f"{share_text(found.test)} of the words of the test part, which people wrote."
    )
    return together(tag("p", told), tag("pre", found.text, tabindex=0))


def drift(found: Drift) -> Html:
    far = sum(move.far for move in found.columns.values())
    rows = [
        (name, figure_text(move.distance), figure_text(move.chance), "moved" if move.far else "")
        for name, move in list(found.columns.items())[:MOST_MOVES]
    ]
    told = f"{counted(far, 'column')} of {len(found.columns)} moved." if far else "No column moved."
    if not found.columns:
        told = "" if found.notices else "Nothing speaks against it."
    caption = (
        "How far each column is from the training rows: sum (p - q) ln(p / q) over its tenths or "
        "categories, the population stability index. From 0.25 on, and beyond chance, it moved."
    )
    header = ["column", "index", "chance goes to", ""]
    return together(
        tag("ul", [tag("li", notice) for notice in found.notices]) if found.notices else None,
        tag("p", told),
        table(caption, header, rows, numbers=(1, 2)) if rows else None,
    )


def errors(report: Report) -> Html | None:
    """Where the model is wrong: matrix, curves and rows."""
    figures = [
        *(ranking(report.ranking) if report.ranking else ()),
        *(calibration(report.calibration) if report.calibration else ()),
        *(residuals(report.residuals) if report.residuals else ()),
    ]
    parts = [
        confusion(report.confusion) if report.confusion else None,
        by_class(report.by_class) if report.by_class else None,
        charts(*figures) if figures else None,
        mistakes(report.mistakes) if report.mistakes else None,
    ]
    return together(*parts) if any(parts) else None


def confusion(found: Confusion) -> Html:
    if len(found.classes) > MOST_CLASSES:
        return _confused_pairs(found)
    head = [tag("th", name, scope="col") for name in found.classes]
    lines = [
        tag(
            "tr",
            tag("th", name, scope="row"),
            [_cell(found, i, j) for j in range(len(found.classes))],
        )
        for i, name in enumerate(found.classes)
    ]
    caption = (
        "Rows are the true class, columns what the network said. Blue is right; a strong orange "
        "cell is a pair of classes that it takes for each other."
    )
    top = tag("thead", tag("tr", tag("th", "true \\ said"), head))
    matrix = boxed(caption, top, tag("tbody", lines), class_="confusion")
    return together(tag("h3", "Confusion matrix"), matrix)


def _cell(found: Confusion, true: int, said: int) -> Html:
    count, rows = found.counts[true][said], sum(found.counts[true])
    share = count / rows if rows else 0.0
    tint = 0.2 + 0.8 * share if count else 0.0
    told = (
        f"{counted(count, 'row')} of {found.classes[true]} taken for {found.classes[said]}, "
        f"{share_text(share)}"
    )
    kind = "none" if not count else "right" if true == said else "wrong"
    return tag("td", f"{count:,}", class_=kind, style=f"--share:{tint:.3f}", title=told)


def by_class(found: ByClass) -> Html:
    rows = [(name, f"{n:,}", *map(figure_text, figures)) for name, n, *figures in found.rows]
    header = ["class", "rows", "found (recall)", "right (precision)", "F1"]
    whole = table("Of the rows of a class so many are found; of those taken for it so many are "
                  "right", header, rows, numbers=(1, 2, 3, 4))  # fmt: skip
    if len(rows) > MOST_CLASSES:
        return folded(f"All {len(rows)} classes", whole)
    return together(tag("h3", "By class"), whole)


def _confused_pairs(found: Confusion) -> Html:
    pairs = [
        (count, found.classes[i], found.classes[j])
        for i, row in enumerate(found.counts)
        for j, count in enumerate(row)
        if i != j and count
    ]
    rows = [(true, said, f"{n:,}") for n, true, said in sorted(pairs, reverse=True)[:PAIRS]]
    caption = f"The pairs that are confused most often, of {len(found.classes)} classes"
    return table(caption, ["true", "said", "rows"], rows, numbers=(2,))


def ranking(found: Ranking) -> list[Html]:
    words = f"area {figure_text(found.auc.value)} ({range_text(found.auc)})"
    roc = Chart("ROC curve", words, UNIT, UNIT, "false alarms", "found")
    roc.straight((0, 0), (1, 1))
    roc.line(found.roc, "one")
    told = f"area {figure_text(found.average_precision)}"
    recall = Chart("Precision and recall", told, UNIT, UNIT, "found (recall)", "right (precision)")
    recall.straight((0, found.share), (1, found.share))
    recall.line(found.precision_recall, "one")
    return [
        figure(
            roc.svg(),
            f"ROC: {words}",
            f"The share of '{found.positive}' that is found against that of other rows taken for "
            "it, for each threshold. The closer to the upper left corner the better; the diagonal "
            "is guessing.",
        ),
        figure(
            recall.svg(),
            f"Precision and recall: {told}",
            f"Of rows called '{found.positive}', how many are; the dotted line is guessing. Look "
            "here when the class is rare.",
        ),
    ]


def calibration(found: Calibration) -> list[Html]:
    words = f"expected calibration error {figure_text(found.error)}"
    chart = Chart("Reliability diagram", words, UNIT, UNIT, found.of, "how often it is right")
    chart.straight((0, 0), (1, 1))
    rows = sum(count for *_, count in found.bins)
    for confidence, frequency, count in found.bins:
        radius = 2 + 8 * (count / rows) ** 0.5
        chart.dots(((confidence, frequency),), "one", round(radius, 1))
    way = "too sure of itself" if found.confidence > found.frequency else "too modest"
    hint = (
        "Each dot is a group of rows, its size their number. On the diagonal, 80 % sure means "
        f"right in 80 % of cases; below it the network is too sure. On the whole it is {way}: "
        f"{share_text(found.confidence)} sure, right in {share_text(found.frequency)}."
    )
    spread = _histogram(found.spread, "How sure the network is", "", found.of)
    crowd = (
        "How many rows are how sure. A tall bar at 1 is fine if the dots of the other figure lie "
        "on their diagonal; rows to the left are those to hand to a person."
    )
    return [
        figure(chart.svg(), f"Calibration: {words}", hint),
        figure(spread.svg(), "How sure it is", crowd),
    ]


def _histogram(found: Bins, title: str, summary: str, label: str) -> Chart:
    edges = found.edges
    y = Scale(0.0, 1.05 * max(*found.counts, 1))
    chart = Chart(title, summary, Scale(edges[0], edges[-1]), y, label, "rows")
    chart.bars(found, "one")
    return chart


def residuals(found: Residuals) -> list[Html]:
    both = Scale.of(value for pair in found.pairs for value in pair)
    beside = Chart("Predicted and true values", "", both, both, "predicted", "true")
    beside.straight((both.low, both.low), (both.high, both.high))
    beside.dots(found.pairs, "one")
    off = tuple((said, said - true) for said, true in found.pairs)
    said, errors = Scale.of(x for x, _ in off), Scale.of([0.0, *(y for _, y in off)])
    against = Chart("Residuals", "", said, errors, "predicted", "predicted - true")
    against.straight((said.low, 0), (said.high, 0))
    against.dots(off, "one")
    words = f"mean {figure_text(found.bias)}, standard deviation {figure_text(found.deviation)}"
    spread = _histogram(found.bins, "Histogram of residuals", words, "predicted - true")
    spread.vertical(0.0)
    half, most = (
        next(size for size, share in found.within if share >= least) for least in (0.5, 0.9)
    )
    told = f"half of the rows within {figure_text(half)}, 90 % within {figure_text(most)}"
    size = Scale(0.0, found.within[-1][0])
    within = Chart("Size of errors", told, size, UNIT, "size of the error", "share of rows")
    within.line(found.within, "one")
    return [
        figure(
            beside.svg(),
            "Predicted and true values",
            "On the diagonal a prediction is exact. A cloud flatter than it means that the network "
            "plays safe: it says too little of high values and too much of low ones.",
        ),
        figure(
            against.svg(),
            "Residuals",
            "They should scatter around 0 alike everywhere. A bow tells of something not learned, "
            "a funnel of errors that grow with the value.",
        ),
        figure(
            spread.svg(),
            "Histogram of residuals",
            f"{words.capitalize()}, excess kurtosis {figure_text(found.kurtosis)}: 0 for a normal "
            "distribution, more with rare large errors.",
        ),
        figure(
            within.svg(),
            "Size of errors",
            f"How many rows have an error up to a size: {told}. Is that good enough for its use?",
        ),
    ]


def mistakes(found: Mistakes) -> Html:
    rows = [
        (f"{number:,}", true, said, figure_text(wrong), *cells)
        for number, true, said, wrong, cells in found.rows
    ]
    caption = (
        f"The {found.part} rows that the network was most wrong about. Look at them: wrong labels, "
        "typing errors and missing columns show up here first."
    )
    header = ["row", "true", "said", found.measure, *found.columns]
    numbers = (0, 3)
    return together(
        tag("h3", "Largest errors"),
        table(caption, header, rows, numbers=numbers),
    )


def importance(found: Importance) -> Html:
    most = max((mean for _, mean, _ in found.columns), default=0.0) or 1.0
    rows = [
        (
            name,
            tag("span", class_="meter one", style=f"--share:{max(0.0, mean / most):.3f}"),
            figure_text(mean),
            f"± {figure_text(deviation)}",
        )
        for name, mean, deviation in found.columns
    ]
    more = f" {found.others} others matter less." if found.others else ""
    caption = (
        f"By how much the {found.measure} on {found.part} rows grows when a column is shuffled, so "
        f"that it tells nothing.{more}"
    )
    hint = (
        "A column near 0 could be left out. Of columns that repeat each other, each looks "
        "unimportant, as the others stand in for it. What matters to the network need not be a "
        "cause. If one column is nearly all, ask whether it would be known at the time of "
        "prediction."
    )
    return together(
        tag("p", hint, class_="hint"),
        table(caption, ["column", "", "grows by", "shuffles"], rows, numbers=(2, 3)),
    )
