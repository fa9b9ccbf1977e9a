"""The facts that a report tells, as plain records: `gather` makes them, `page` writes them.

A section that a run has no facts for is None, and left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from chainrule.data import Audit
from chainrule.data.drift import Move
from chainrule.metrics.intervals import Interval

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Subject:
    """What was predicted from what: the data, how many rows each part has, and what else is worth
    knowing of the run.
    """

    data: str
    rows: int
    parts: Mapping[str, int]
    target: str
    task: str
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    origin: Mapping[str, str]


@dataclass(frozen=True)
class Comparison:
    """The figures of the run and of others on the same rows of a `part`, each with the interval in
    which it would lie for 95 % of other rows. `margin` is by how much the run is better than its
    best `rival` in the `main` figure; `of` says what is counted.
    """

    part: str
    rows: int
    main: str
    figures: Mapping[str, Mapping[str, Interval]]
    greater_is_better: Mapping[str, bool]
    rival: str = ""
    margin: Interval | None = None
    of: str = "row"

    @property
    def others(self) -> str:
        """What such figures would be of, too: characters come as texts."""
        return "texts" if self.of == "character" else f"{self.of}s"

    @property
    def ours(self) -> Mapping[str, Interval]:
        """The figures of the run."""
        return next(iter(self.figures.values()))

    @property
    def beside(self) -> str:
        """What our figure is to be read beside: the best rival, or the only other one."""
        return self.rival or list(self.figures)[-1]


@dataclass(frozen=True)
class Verdict:
    """Whether we would use the model: "yes", "not yet" or "no", in a sentence, and why."""

    answer: str
    sentence: str
    reasons: tuple[str, ...] = ()
    question: str = "Would we use it?"


@dataclass(frozen=True)
class Bins:
    """How many values lie in each bin: `edges` are one more than `counts`."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Column:
    """A column of the table and what becomes of it; `bins` of its numbers, or of its most frequent
    categories, whose names are `labels`.
    """

    name: str
    kind: str
    fate: str
    used: bool
    missing: float
    distinct: int
    bins: Bins | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """A choice of the recipe in words, why it was made, and the rules behind it."""

    name: str
    value: str
    reason: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Curve:
    """A figure over the epochs, of training and of validation rows."""

    name: str
    training: Points
    validation: Points


@dataclass(frozen=True)
class Learning:
    """How training went: curves, the best epoch, why it ended; and the main figure of the network
    that was kept, or of the part of it that is `whose`, on rows that it learned from and on rows it
    did not.
    """

    curves: tuple[Curve, ...]
    best: int
    epochs: int
    ended: str
    seconds: float
    main: str
    on_training: float
    on_validation: float
    whose: str = "its"


@dataclass(frozen=True)
class Layer:
    """One layer at some epochs: the norm of its gradient, mean and standard deviation of what it
    hands on, the share of its units that are dead, and of values that are saturated.
    """

    path: str
    kind: str
    gradient: Points = ()
    mean: Points = ()
    deviation: Points = ()
    dead: Points = ()
    saturated: Points = ()


@dataclass(frozen=True)
class Confusion:
    """How many rows of each class (first) were taken for each (second)."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class ByClass:
    """How well each class is told: (name, its rows, the share of them that is found, the share of
    those taken for it that is right, F1).
    """

    rows: tuple[tuple[str, int, float, float, float], ...]


@dataclass(frozen=True)
class Ranking:
    """How well scores order rows of two classes: (false, true positive rate) and (recall,
    precision) at each threshold, the areas under both, and the share of positives.
    """

    positive: str
    roc: Points
    precision_recall: Points
    auc: Interval
    average_precision: float
    share: float


@dataclass(frozen=True)
class Calibration:
    """How often the network is right at each confidence: (mean confidence, frequency, rows) of each
    bin, the mean of both, the expected calibration error, and how many rows are how sure.
    """

    of: str
    bins: tuple[tuple[float, float, int], ...]
    error: float
    confidence: float
    frequency: float
    spread: Bins


@dataclass(frozen=True)
class Residuals:
    """(prediction, truth) of rows; (size, share of the rows whose error is no greater); and
    prediction - truth as bins and in figures.
    """

    pairs: Points
    within: Points
    bins: Bins
    bias: float
    deviation: float
    kurtosis: float


@dataclass(frozen=True)
class Mistakes:
    """The rows that the network was most wrong about: number in the table, truth, prediction, how
    wrong, and cells of a few columns.
    """

    part: str
    measure: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, str, str, float, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Importance:
    """How much worse the `measure` becomes when a column is shuffled: (column, mean, deviation over
    the shuffles), the most important first; `others` are not shown.
    """

    part: str
    measure: str
    columns: tuple[tuple[str, float, float], ...]
    others: int


@dataclass(frozen=True)
class Sample:
    """A text that the model wrote, and the share of known words in it and in the test part."""

    text: str
    network: float
    test: float


@dataclass(frozen=True)
class Costs:
    """What the model holds and needs: (path, type, output, parameters, operations a row) of each
    layer; bytes of its weights; seconds for one row, from numbers to an answer.
    """

    layers: tuple[tuple[str, str, str, int, int], ...]
    parameters: int
    operations: int
    bytes: int
    latency: float


@dataclass(frozen=True)
class Advice:
    """What to try next, why, and the items of the checklist behind it."""

    step: str
    reason: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drift:
    """How far the columns of a table are from those of the training, the farthest first, and what
    else speaks of other data.
    """

    columns: Mapping[str, Move]
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """All that is told of a run, or of a run on a table."""

    subject: Subject
    verdict: Verdict | None = None
    comparison: Comparison | None = None
    sample: Sample | None = None
    drift: Drift | None = None
    advice: tuple[Advice, ...] | None = None
    learning: Learning | None = None
    confusion: Confusion | None = None
    by_class: ByClass | None = None
    ranking: Ranking | None = None
    calibration: Calibration | None = None
    residuals: Residuals | None = None
    mistakes: Mistakes | None = None
    importance: Importance | None = None
    layers: tuple[Layer, ...] | None = None
    audit: Audit | None = None
    columns: tuple[Column, ...] | None = None
    recipe: tuple[Choice, ...] | None = None
    rules: str = ""
    costs: Costs | None = None


def plain(fact: Any) -> Any:
    """A record as dicts, lists, numbers and texts, for JSON: NaN becomes None."""
    if is_dataclass(fact):
        return {one.name: plain(getattr(fact, one.name)) for one in fields(fact)}
    if hasattr(fact, "_asdict"):
        return plain(fact._asdict())
    if isinstance(fact, Mapping):
        return {str(name): plain(value) for name, value in fact.items()}
    if isinstance(fact, (list, tuple)):
        return [plain(value) for value in fact]
    return None if isinstance(fact, float) and not math.isfinite(fact) else fact
