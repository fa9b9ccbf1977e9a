"""The comparison: receives the scores of models on the same folds; hands on their order, how sure
that is, a verdict in words, and files.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.metrics import over_folds
from chainrule.metrics.intervals import Interval
from chainrule.train.baselines import BASELINES
from chainrule.train.saving import written
from chainrule.train.scores import GREATER_IS_BETTER, Scores

NETWORK = "network"
# From the simplest: a network is harder to run and to explain than one model of any other kind.
SIMPLICITY = [*(name for name in BASELINES if name != "stacking"), NETWORK, "stacking"]
CONSTANT = ("majority class", "mean")
ERROR = 0.68  # The confidence of an interval of about one standard error on each side.
NETWORK_COLOR, OTHER_COLOR = "#D55E00", "#0072B2"  # Of Okabe and Ito's palette.


@dataclass
class Entry:
    """What one model did, fold by fold: its scores, the seconds of its fit, and those that it takes
    to predict 1,000 rows.

    >>> entry = cr.train.Entry("logistic regression", [{"AUC": 0.75}, {"AUC": 0.5}])
    >>> entry.values("AUC"), entry.first(1).values("AUC")
    (array([0.75, 0.5 ]), array([0.75]))
    """

    name: str
    scores: list[Scores] = field(default_factory=list)
    fit_seconds: list[float] = field(default_factory=list)
    predict_seconds: list[float] = field(default_factory=list)

    def values(self, metric: str) -> np.ndarray:
        """One score, [folds]."""
        return np.array([scores[metric] for scores in self.scores])

    def first(self, folds: int) -> Entry:
        """The first folds alone."""
        times = (self.fit_seconds[:folds], self.predict_seconds[:folds])
        return Entry(self.name, self.scores[:folds], *times)


@dataclass(frozen=True)
class Comparison:
    """Models on the same folds, the best first. `folds` says how the rows were split, and how many
    were trained and tested on in a fold; `left_out` has the reason for each model that is not here.

    >>> scores = {"mean": [9.0, 8.9], "k-NN": [2.0, 2.1], "network": [2.1, 1.9]}
    >>> entries = [cr.train.Entry(n, [{"MAE": s} for s in each]) for n, each in scores.items()]
    >>> folds = {"trained": 80, "tested": 40}
    >>> found = cr.train.Comparison({}, "y", "regression", "MAE", folds, tuple(entries[::-1]), {})
    >>> found.best.name, found.choice
    ('network', 'k-NN')
    """

    data: Mapping[str, Any]
    target: str
    task: str
    metric: str
    folds: Mapping[str, Any]
    entries: tuple[Entry, ...]
    left_out: Mapping[str, str]
    interrupted: bool = False

    @property
    def best(self) -> Entry:
        return self.entries[0]

    def __getitem__(self, name: str) -> Entry:
        return next(entry for entry in self.entries if entry.name == name)

    def interval(self, name: str) -> Interval:
        """Where the score of a model lies, at 95 %: see `metrics.over_folds`. No score that is
        better the greater it is exceeds 1.
        """
        low, high, value = self._over_folds(self[name].values(self.metric))
        return Interval(low, min(high, 1.0) if self._sign > 0 else high, value)

    @property
    def _sign(self) -> int:
        return 1 if self.metric in GREATER_IS_BETTER else -1

    def gain(self, name: str, other: str, confidence: float = 0.95) -> Interval:
        """By how much the first model is better than the other on the same folds: less than 0 where
        it is worse, whatever the metric.
        """
        ours, theirs = (self[one].values(self.metric) for one in (name, other))
        return self._over_folds(self._sign * (ours - theirs), confidence)

    def _over_folds(self, values: np.ndarray, confidence: float = 0.95) -> Interval:
        rows = {name: self.folds[name] for name in ("trained", "tested")}
        return over_folds(values, **rows, confidence=confidence)

    @property
    def choice(self) -> str:
        """The simplest of the models that come within one standard error of the best one and of the
        network (Breiman and others 1984), and within the intervals of these: simplicity alone is no
        reason to take what is probably worse. A model that is less simple than the network must be
        shown to be better.
        """
        judges = (self.best.name, NETWORK)
        alike = [
            name for name in self._names() if not any(self._behind(name, one) for one in judges)
        ]
        found = min(alike, key=SIMPLICITY.index, default=self.best.name)
        needless = SIMPLICITY.index(found) > SIMPLICITY.index(NETWORK)
        return NETWORK if needless and not self._beats(found, NETWORK) else found

    def _behind(self, name: str, other: str) -> bool:
        """Whether a model is probably worse. A fold on which it fails altogether makes the standard
        error of the difference so great that this alone would excuse it.
        """
        difference, spread = self.gain(other, name), self.interval(other)
        beyond = difference.value > max(spread.high - spread.value, spread.value - spread.low)
        return beyond or self.gain(other, name, ERROR).low > 0

    def _beats(self, name: str, other: str) -> bool:
        return self.gain(name, other).low > 0

    def _names(self) -> list[str]:
        """The models that have the score on every fold, the best first."""
        return [e.name for e in self.entries if not np.isnan(e.values(self.metric)).any()]

    @property
    def verdict(self) -> str:
        """What to use, in a sentence. Each interval is of one difference: that the best of many
        models is also the luckiest of them, it does not say.
        """
        best, choice = self.best.name, self.choice
        if len(self.best.scores) < 2:
            return f"{_the(best)} is best on one fold, which tells nothing of chance: make more"
        if choice in CONSTANT and choice != best:
            return (
                f"no model is shown to be better than {_the(choice)}, not even {_the(best)}, "
                f"{self._told(best, choice)}: these rows are too few, or tell nothing"
            )
        if best == choice == NETWORK:
            return self._network_wins()
        if self._beats(choice, NETWORK):
            return f"{choice} is better than the network, {self._told(choice, NETWORK)}: use it"
        if self._beats(best, NETWORK):
            return (
                f"{best} is better than the network, {self._told(best, NETWORK)}; no difference "
                f"that these rows can show to {choice}, {self._told(best, choice)}: take "
                f"{choice}, which is simpler"
            )
        # The better one first, so that the difference is told as a gain.
        first, second = self._in_order(best if choice == NETWORK else NETWORK, choice)
        return (
            f"no difference that these rows can show between {_the(first)} and {_the(second)}, "
            f"{self._told(first, second)}: take {_the(choice)}, which is simpler"
        )

    def _in_order(self, *names: str) -> list[str]:
        return [name for name in self._names() if name in names]

    def _network_wins(self) -> str:
        """Beside the best of the simpler models."""
        end, rest = SIMPLICITY.index(NETWORK), self._names()[1:]
        if not rest:
            return "the network is the only model here"
        rival = next((name for name in rest if SIMPLICITY.index(name) < end), rest[0])
        told = f"{_the(rival)}, {self._told(NETWORK, rival)}: use it"
        if self._beats(NETWORK, rival):
            return f"the network is better than {told}"
        return f"the network is best, though these rows cannot show that it is better than {told}"

    def _told(self, name: str, other: str) -> str:
        low, high, value = self.texts(self.gain(name, other))
        return f"{value} {self.metric} ({low} .. {high})"

    def texts(self, found: Interval) -> tuple[str, str, str]:
        """Ends and value of an interval, in as many digits as tell its ends apart."""
        digits = self._digits
        if math.isfinite(found.low) and found.low < found.high:
            digits = max(digits, math.ceil(-math.log10((found.high - found.low) / 2)))
        low, high, value = (_rounded(x, digits) for x in found)
        return low, high, value

    @property
    def _digits(self) -> int:
        """How many digits of scores tell something."""
        size = np.nanmax([np.abs(entry.values(self.metric)).max() for entry in self.entries])
        return 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0

    def to_json(self) -> dict[str, Any]:
        """All figures, and the verdict; what is not a number is None."""
        models = [
            {
                "name": entry.name,
                "interval": _finite(self.interval(entry.name)),
                "better_than_network": _finite(self.gain(entry.name, NETWORK)),
                "scores": [
                    {name: _number(value) for name, value in scores.items()}
                    for scores in entry.scores
                ],
                "fit_seconds": entry.fit_seconds,
                "predict_seconds_a_thousand_rows": entry.predict_seconds,
            }
            for entry in self.entries
        ]
        return {
            "data": dict(self.data),
            "target": self.target,
            "task": self.task,
            "metric": self.metric,
            "folds": dict(self.folds),
            "interrupted": self.interrupted,
            "verdict": self.verdict,
            "choice": self.choice,
            "models": models,
            "left_out": dict(self.left_out),
        }

    def write(self, path: str | Path) -> None:
        """Write `to_json` to a file."""
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
        with written(Path(path)) as file:
            file.write_text(text + "\n", encoding="utf-8")

    def draw(self, path: str | Path) -> None:
        """A picture, .png or .svg: for each model a dot, and a line as long as its interval."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 1.5 + 0.3 * len(self.entries)), layout="constrained")
        axes = figure.subplots()
        for place, entry in enumerate(self.entries):
            low, high, value = self.interval(entry.name)
            color = NETWORK_COLOR if entry.name == NETWORK else OTHER_COLOR
            axes.plot([low, high], [place, place], color=color)
            axes.plot(value, place, "o", color=color)
        axes.set_yticks(range(len(self.entries)), [entry.name for entry in self.entries])
        axes.invert_yaxis()
        axes.set_title(f"{self.data['name']}: {self.target}")
        axes.set_xlabel(f"{self.metric}, with intervals of 95 %")
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
        path = Path(path)
        with written(path) as file:
            figure.savefig(file, dpi=100, format=path.suffix.removeprefix("."))


def _the(name: str) -> str:
    return f"the {name}" if name in (NETWORK, *CONSTANT) else name


def _rounded(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{round(value, digits) + 0.0:,.{digits}f}"  # + 0.0: no minus sign before zero.


def _finite(interval: Interval) -> dict[str, float | None]:
    return {name: _number(value) for name, value in interval._asdict().items()}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
