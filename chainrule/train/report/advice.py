"""What to try next: receives the facts of a report; hands on steps, each with what speaks for
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chainrule.data.auditing.finding import ERROR
from chainrule.train.report.facts import Advice, Layer, Report
from chainrule.train.report.words import ahead_text, figure_text, share_text
from chainrule.words import counted, listed

# From such a difference in accuracy, or such a ratio of errors, training is far ahead.
GAP, RATIO = 0.03, 1.25
LATE = 0.9  # The best epoch is among the last tenth: there may be more to come.
RISES, STEEP = 0.4, 0.1  # A loss that rises so often, by so much of itself, oscillates.
DEAD, SATURATED = 0.4, 0.5
VANISHING, EXPLODING = 1e-3, 1e3  # First layer's gradient beside the last one's.
RARE, FOUND = 0.2, 0.8  # A class with less than this share of the rows of the largest one, of
# which less than this share is found.
UNCALIBRATED = 0.05
HEAVY = 3.0  # Excess kurtosis of residuals: that of Laplace's distribution.
TEXT = "text"
Rule = Callable[[Report], Iterator[Advice]]
RULES: list[Rule] = []


def advise(report: Report) -> tuple[Advice, ...]:
    """The steps that what was found speaks for, the most urgent first."""
    return tuple(one for rule in RULES for one in rule(report))


def rule(function: Rule) -> Rule:
    """Adds a rule to `RULES`."""
    RULES.append(function)
    return function


@rule
def faulty_data(report: Report) -> Iterator[Advice]:
    """Errors in the data come first: nothing behind them is worth tuning."""
    wrong = [one for one in report.audit or () if one.severity == ERROR]
    if wrong:
        items = tuple(dict.fromkeys(one.item for one in wrong))
        names = "; ".join(f"{one.where}: {one.cure}" for one in wrong)
        yield Advice("Mend the data", f"{names}.", items)


@rule
def oscillation(report: Report) -> Iterator[Advice]:
    """A training loss that jumps up again and again: the rate is too high (E-047)."""
    curve = _loss(report)
    if curve is None or len(curve) < 5:
        return
    values = [value for _, value in curve]
    jumps = [b for a, b in zip(values, values[1:]) if b > a + STEEP * abs(a)]
    if len(jumps) > RISES * (len(values) - 1):
        yield Advice(
            "Lower the learning rate, to a tenth: --learning-rate",
            f"The training loss rose by more than a tenth after {len(jumps)} of {len(values)} "
            "epochs: steps overshoot.",
            ("E-047", "E-054"),
        )


@rule
def overfitting(report: Report) -> Iterator[Advice]:
    """Training far ahead of validation: high variance (E-051, E-053, E-058)."""
    found = report.learning
    if found is None:
        return
    train, valid = found.on_training, found.on_validation
    shares = bool(report.subject.classes)
    if valid < train - GAP if shares else valid > RATIO * train:
        yield Advice(
            "Collect more data, or regularise: more dropout, more weight decay, a smaller network",
            f"The {found.main} is {figure_text(train)} on rows that it learned from and "
            f"{figure_text(valid)} on others: part of what it knows is those rows themselves.",
            ("E-051", "E-053", "F-045") if shares else ("E-058", "F-045"),
        )


@rule
def underfitting(report: Report) -> Iterator[Advice]:
    """Training ended while validation still improved, or before a model of text passed what is
    simpler: more epochs or minutes, or a greater rate (E-018, E-048).
    """
    found, compared = report.learning, report.comparison
    text = report.subject.task == TEXT
    if text and compared is not None and compared.margin.value <= 0:
        why = f"{compared.rival} are better: they count at once what a network learns slowly."
    elif found is None or found.best < LATE * found.epochs or found.epochs < 5:
        return
    else:
        why = f"Epoch {found.best} of {found.epochs} was the best: the validation loss still fell."
    much = "--minutes, or take more text" if text else "--epochs; or raise the --learning-rate"
    yield Advice(f"Train longer: twice the {much}", why, ("E-018", "E-048"))


@rule
def rare_classes(report: Report) -> Iterator[Advice]:
    """Classes that are rare and missed: the loss hardly hears of them (E-096, F-069)."""
    if report.confusion is None:
        return
    counts = report.confusion.counts
    most = max(map(sum, counts))
    missed = [
        f"'{name}' ({counts[place][place]} of {sum(counts[place]):,} rows found)"
        for place, name in enumerate(report.confusion.classes)
        if 0 < sum(counts[place]) < RARE * most
        and counts[place][place] < FOUND * sum(counts[place])
    ]
    if missed:
        yield Advice(
            "Weigh rare classes more, or move their thresholds",
            f"There are few rows of {listed(missed, 3)}: the accuracy hardly notices.",
            ("E-096", "F-069"),
        )


@rule
def overconfidence(report: Report) -> Iterator[Advice]:
    """Probabilities that promise too much (E-097)."""
    found = report.calibration
    if found is None or found.error < UNCALIBRATED:
        return
    if found.confidence > found.frequency:
        yield Advice(
            "Do not trust the probabilities as they are: calibrate them, or smooth labels more",
            f"On average the network is {share_text(found.confidence)} sure and right in "
            f"{share_text(found.frequency)} of the rows.",
            ("E-097",),
        )


@rule
def heavy_tails(report: Report) -> Iterator[Advice]:
    """Few rows with large errors, which the squared loss follows (E-095, F-011)."""
    found = report.residuals
    if found is not None and found.kurtosis > HEAVY:
        yield Advice(
            "Try the Huber loss, after a look at the rows with the largest errors",
            f"Residuals have an excess kurtosis of {figure_text(found.kurtosis)}: a few rows weigh "
            "most in the squared error.",
            ("E-095", "F-011"),
        )


@rule
def dead_units(report: Report) -> Iterator[Advice]:
    """Units that answer 0 to every row (E-065, F-002), or are flat nearly everywhere (E-066)."""
    for layer in report.layers or ():
        if layer.dead and layer.dead[-1][1] > DEAD:
            yield Advice(
                "Try a leaky ReLU, or a smaller learning rate",
                f"{share_text(layer.dead[-1][1])} of the units of {layer.path} are 0 for every row "
                "and cannot learn.",
                ("E-065", "F-002"),
            )
        if layer.saturated and layer.saturated[-1][1] > SATURATED:
            yield Advice(
                "Put a norm before the activation, or take ReLU",
                f"{share_text(layer.saturated[-1][1])} of the values of {layer.path} lie where it "
                "is flat.",
                ("E-066",),
            )


@rule
def gradients(report: Report) -> Iterator[Advice]:
    """Gradients that vanish on their way to the first layer (E-063), or explode (E-064)."""
    norms = [layer for layer in report.layers or () if layer.gradient]
    if len(norms) < 3:
        return
    ratio = _start(norms[0]) / max(_start(norms[-1]), 1e-30)
    told = (
        f"At the start the gradient of {norms[0].path} was {ratio:.1g} times that of "
        f"{norms[-1].path}."
    )
    if ratio < VANISHING:
        yield Advice("Use ReLU, residual connections or a norm", told, ("E-063", "F-043"))
    elif ratio > EXPLODING:
        yield Advice("Lower the learning rate, then clip gradients", told, ("E-064", "F-061"))


@rule
def few_rows(report: Report) -> Iterator[Advice]:
    """Test rows that are too few to choose by: they cannot tell the network from its rival."""
    found = report.comparison
    if report.columns is None or found is None or found.margin is None:
        return  # `chainrule compare` is for tables.
    if found.margin.low <= 0 <= found.margin.high:
        yield Advice(
            f"Compare models by cross-validation: chainrule compare {report.subject.data}",
            f"{counted(found.rows, 'test row')} cannot tell the network from {found.rival}; folds "
            "test every row once.",
        )


@rule
def simpler(report: Report) -> Iterator[Advice]:
    """A simpler model that is as good is the better one (E-110)."""
    found = report.comparison
    if report.subject.task == TEXT:
        return  # There is nothing to use them with.
    if found is not None and found.margin is not None and found.margin.value <= 0:
        yield Advice(
            f"Use {found.rival} until the network is clearly better",
            f"On {counted(found.rows, f'test {found.of}')} its {found.main} is "
            f"{ahead_text(found.margin.value)}: a simpler model is easier to explain, to run and "
            "to mend.",
            ("E-110",),
        )


@rule
def tuning(report: Report) -> Iterator[Advice]:
    """Then tune, in the order of what matters most (F-062)."""
    if report.columns is None:
        return  # `chainrule search` tunes networks of tables.
    yield Advice(
        f"Tune: chainrule search {report.subject.data}",
        "Learning rate first, then batch size, shape, regularisation, optimizer: earlier ones "
        "matter more, and later ones depend on them.",
        ("F-062",),
    )


def _loss(report: Report) -> tuple[tuple[float, float], ...] | None:
    curves = report.learning.curves if report.learning else ()
    return next((curve.training for curve in curves if curve.name == "loss"), None)


def _start(layer: Layer) -> float:
    return layer.gradient[0][1]
