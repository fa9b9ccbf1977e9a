"""What a search found: receives its trials and how the best was confirmed; hands on a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.advisor import CHOICES, Recipe
from chainrule.metrics.intervals import Interval
from chainrule.train.report.words import figure_text
from chainrule.train.run import Run
from chainrule.train.tuning.journal import DONE, FAILED, PRUNED, Trial
from chainrule.words import counted


@dataclass(frozen=True)
class Found:
    """The trials of a search in their order; by how much the best one beat the `default` recipe on
    folds made anew (None where it is the default itself); `importances` of parameters; and, unless
    the search was interrupted, the `run` of the recipe that was taken, and its folder.

    >>> trial = Trial(0, "first", {}, {}, DONE, loss=0.5, steps={}, seconds=1.0)
    >>> cr.train.Found("AUC", Recipe(), [trial], None, {}).verdict
    'nothing better than the default was found in 1 trial: it is kept'
    """

    metric: str
    default: Recipe
    trials: Sequence[Trial]
    gain: Interval | None
    importances: Mapping[str, float]
    interrupted: bool = False
    run: Run | None = None
    folder: Path | None = None

    @property
    def done(self) -> list[Trial]:
        """The trials with a score, the best first."""
        return sorted((t for t in self.trials if t.state == DONE), key=lambda t: t.loss)

    @property
    def best(self) -> Trial:
        return self.done[0]

    @property
    def taken(self) -> Mapping[str, Any]:
        """The changes of the default recipe that are used: those of the best trial, if it is better
        on folds made anew.
        """
        return self.best.changes if self.gain is not None and self.gain.value > 0 else {}

    @property
    def verdict(self) -> str:
        """What the search was good for, in a sentence."""
        trials = counted(len(self.trials), "trial")
        if self.interrupted:
            return f"interrupted after {trials}: the same command goes on"
        if not self.best.changes:
            return f"nothing better than the default was found in {trials}: it is kept"
        low, high, value = map(figure_text, self.gain)
        if self.gain.value <= 0:
            return (
                f"the search gained nothing: on folds made anew, the best of {trials} "
                f"differs from the default by {value} {self.metric} ({low} .. {high}), so the "
                "default is kept"
            )
        lead = f"found by search: {value} {self.metric} better than the default ({low} .. {high})"
        shown = "" if self.gain.low > 0 else ", which these rows cannot tell from chance"
        return f"{lead}, of {trials}{shown}"

    def reasons(self, recipe: Recipe) -> dict[str, str]:
        """The reasons of a recipe, with the search's for what it changed."""
        moved = [name for name, of in CHOICES.items() if set(self.taken).intersection(of)]
        return {**recipe.reasons, **dict.fromkeys(moved, self.verdict)}

    def stages(self) -> list[tuple[str, int, float, float]]:
        """(stage, trials, least loss before, least loss after), in their order."""
        found, least = [], float("inf")
        for name in dict.fromkeys(trial.stage for trial in self.trials):
            of_stage = [trial for trial in self.trials if trial.stage == name]
            before = least
            least = min([least, *(t.loss for t in of_stage if t.state == DONE)])
            found.append((name, len(of_stage), before, least))
        return found

    def to_json(self) -> dict[str, Any]:
        """What a run's record says of its search."""
        states = [trial.state for trial in self.trials]
        return {
            "metric": self.metric,
            "trials": {state: states.count(state) for state in (DONE, PRUNED, FAILED)},
            "best": self.best.number,
            "changes": dict(self.taken),
            "gain": None if self.gain is None else self.gain._asdict(),
            "importances": dict(self.importances),
            "verdict": self.verdict,
        }
