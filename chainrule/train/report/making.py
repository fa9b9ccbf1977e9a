"""Sections on how a model came to be: receives facts; hands on HTML."""

from __future__ import annotations

from chainrule.data import Audit
from chainrule.train.report.chart import STYLES, UNIT, Chart, Scale, spark
from chainrule.train.report.facts import Column, Costs, Curve, Layer, Learning, Points, Report
from chainrule.train.report.html import Html, folded, table, tag, together
from chainrule.train.report.results import charts, figure
from chainrule.train.report.words import figure_text, seconds_text, share_text
from chainrule.words import counted

MANY_COLUMNS = 25
PARTS = (("one", "training"), ("two", "validation"))
HINTS = {
    "loss": "Both should fall together. The tinted gap between them is what is learned by heart: "
    "once validation rises while training falls, the network only memorises.",
}
# Of each figure of a layer: whether it is drawn by powers of ten, its title, what to look for.
PANELS = (
    (
        "gradient",
        True,
        "Norm of the gradient",
        "It should neither shrink from layer to layer towards the input (it vanishes), nor grow by "
        "powers of ten (it explodes).",
    ),
    (
        "deviation",
        True,
        "Standard deviation of what a layer hands on",
        "It should stay within about a power of ten of 1: signals that fade or swell from layer to "
        "layer tell of a bad start.",
    ),
    (
        "dead",
        False,
        "Share of dead units",
        "Units that are 0 for every row learn nothing any more. Near 0 is good; above a third, the "
        "rate was too high or the start bad.",
    ),
    (
        "saturated",
        False,
        "Share of saturated values",
        "Where a sigmoid or tanh is flat, hardly any gradient passes.",
    ),
)
OTHER_HINT = "The same in a figure that is easier to read; training is measured with dropout on."


def learning(found: Learning) -> Html:
    told = (
        f"{counted(found.epochs, 'epoch')} in {seconds_text(found.seconds)}; {found.ended}. The "
        f"network of epoch {found.best} is kept: {found.whose} {found.main} is "
        f"{figure_text(found.on_training)} on rows that it learned from, and "
        f"{figure_text(found.on_validation)} on validation rows."
    )
    return together(tag("p", told), charts(*(_curve(one, found.best) for one in found.curves)))


def _curve(curve: Curve, best: int) -> Html:
    values = [value for _, value in (*curve.training, *curve.validation)]
    steep = min(values) > 0 and max(values) > 10 * min(values)
    last = max(epoch for epoch, _ in curve.training)
    least = dict(curve.validation).get(best)
    at_best = f", {figure_text(least)} at the best epoch, {best}" if least is not None else ""
    summary = (
        f"training from {figure_text(curve.training[0][1])} to "
        f"{figure_text(curve.training[-1][1])}; validation "
        f"from {figure_text(curve.validation[0][1])} to {figure_text(curve.validation[-1][1])}"
        f"{at_best}"
    )
    scale = Scale(1.0, float(max(last, 2)))
    chart = Chart(
        f"{curve.name} by epoch", summary, scale, Scale.of(values, logarithmic=steep), "epoch",
        curve.name,
    )  # fmt: skip
    chart.area(curve.training, curve.validation, "two")
    chart.vertical(best, f"best: {best}")
    chart.line(curve.training, "one")
    chart.line(curve.validation, "two")
    return figure(chart.svg(), curve.name, HINTS.get(curve.name, OTHER_HINT), PARTS)


def layers(found: tuple[Layer, ...]) -> Html:
    hint = (
        "Measured on a sample of training rows at the start, after epochs 1, 2, 4, 8 and so on, "
        "and of the network that is kept; of several that are trained together, in the first."
    )
    drawn = [_by_layer(found, *panel) for panel in PANELS]
    return together(tag("p", hint, class_="hint"), charts(*drawn), _layer_table(found))


def _by_layer(
    found: tuple[Layer, ...], what: str, logarithmic: bool, title: str, hint: str
) -> Html | None:
    shown = [layer for layer in found if layer.gradient or what != "deviation"]
    lines = [(layer.path, getattr(layer, what)) for layer in shown if getattr(layer, what)]
    if not lines:
        return None
    values = [value for _, points in lines for _, value in points]
    if not any(values):
        return None
    # The epochs double from point to point: they are drawn at equal distances.
    epochs = sorted({epoch for _, points in lines for epoch, _ in points})
    names = ["start" if epoch == 0 else f"{epoch:g}" for epoch in epochs]
    x = Scale(0.0, max(1.0, len(epochs) - 1.0), named=tuple(names))
    y = Scale.of(values, logarithmic=True) if logarithmic else UNIT
    ends = "; ".join(f"{path}: {figure_text(points[-1][1])}" for path, points in lines)
    chart = Chart(f"{title}, by layer", f"at the end {ends}", x, y, "epoch", "")
    for number, (_, points) in enumerate(lines):
        chart.line(_placed(points, epochs), STYLES[number % len(STYLES)])
    legend = tuple((STYLES[n % len(STYLES)], path) for n, (path, _) in enumerate(lines))
    return figure(chart.svg(), title, hint, legend)


def _placed(points: Points, epochs: list[float]) -> Points:
    return tuple((float(epochs.index(epoch)), value) for epoch, value in points)


def _layer_table(found: tuple[Layer, ...]) -> Html:
    def last(points: Points) -> str:
        return figure_text(points[-1][1]) if points else ""

    rows = [
        (one.path, one.kind, *map(last, (one.gradient, one.mean, one.deviation)),
         share_text(one.dead[-1][1]) if one.dead else "")
        for one in found
    ]  # fmt: skip
    header = ["layer", "type", "gradient", "mean", "deviation", "dead units"]
    whole = table("Of the network that is kept", header, rows, numbers=(2, 3, 4, 5))
    return folded("The figures by layer", whole)


def audit(found: Audit) -> Html:
    if not found:
        told = "Nothing was found: no leaks, no copies, nothing broken, nothing constant."
        return tag("p", told)
    lines = [
        tag(
            "li",
            tag(
                "p",
                tag("span", one.severity, class_="badge"),
                tag("strong", f"{one.where}: {one.what}"),
            ),
            tag("p", f"So {one.consequence}."),
            tag("p", f"Cure: {one.cure}."),
            class_=one.severity,
        )
        for one in found
    ]
    return tag("ul", lines, class_="findings")


def columns(found: tuple[Column, ...]) -> Html:
    rows = [
        (
            tag("span", one.name, class_=None if one.used else "unused"),
            one.kind,
            spark(one.bins, _told(one)) if one.bins else "",
            f"{one.distinct:,}",
            share_text(one.missing) if one.missing else "",
            tag("span", one.fate, class_=None if one.used else "unused"),
        )
        for one in found
    ]
    header = ["column", "kind", "values", "distinct", "missing", "what becomes of it"]
    used = sum(one.used for one in found)
    caption = f"{used} of {counted(len(found), 'column')} in use"
    whole = table(caption, header, rows, numbers=(3, 4))
    return whole if len(found) <= MANY_COLUMNS else folded(f"All {len(found)} columns", whole)


def _told(column: Column) -> str:
    if column.labels:
        pairs = zip(column.labels, column.bins.counts)
        return "; ".join(f"{label}: {count:,}" for label, count in pairs)
    low, high = column.bins.edges[0], column.bins.edges[-1]
    return f"histogram from {low:.4g} to {high:.4g}"


def recipe(report: Report) -> Html | None:
    if report.recipe is None:
        return None
    rows = [(one.name, one.value, one.reason) for one in report.recipe]
    caption = "Every choice, and why; any can be overridden by an option"
    rules = tag("pre", report.rules, tabindex=0)
    return together(
        table(caption, ["", "choice", "reason"], rows),
        folded("All rules that apply, and those that gave way", rules) if report.rules else None,
    )


def costs(found: Costs) -> Html:
    rows = [
        (path, kind, shape, f"{parameters:,}", f"{operations:,}" if operations else "")
        for path, kind, shape, parameters, operations in found.layers
    ]
    facts = {
        "parameters": f"{found.parameters:,}",
        "operations a row": f"{found.operations:,}",
        "bytes of weights": f"{found.bytes:,}",
        "one row takes": seconds_text(found.latency),
    }
    tiles = [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items()]
    caption = "A multiply-add counts as two operations"
    header = ["layer", "type", "result", "parameters", "operations"]
    return together(tag("dl", tiles, class_="tiles"), table(caption, header, rows, numbers=(3, 4)))
