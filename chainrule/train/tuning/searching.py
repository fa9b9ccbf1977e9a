"""The search: receives a table; tries recipes on folds of what is not for the test; hands on what
it found, trained and tested once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count as numbers
from pathlib import Path
from typing import Any

from chainrule.advisor import check_choices, choose
from chainrule.data import Gathered, Problem, gather, prepare, read
from chainrule.deferred import polars as pl
from chainrule.errors import ArgumentError, DataError, TrainingError
from chainrule.metrics import over_folds
from chainrule.metrics.intervals import Interval
from chainrule.train.files import save
from chainrule.train.fitting import Watcher
from chainrule.train.scores import METRICS, meant
from chainrule.train.tables.fitting import run_of
from chainrule.train.tuning.found import Found
from chainrule.train.tuning.ground import Ground, tried
from chainrule.train.tuning.journal import DONE, Journal, Trial
from chainrule.train.tuning.sampling import check_installed, importances, suggest
from chainrule.train.tuning.space import Point, schedule
from chainrule.words import counted

JOURNAL, RUN = "trials.jsonl", "run"


class Listener(Watcher):
    """Is told of each step of a search, and then of the last training. A subclass overrides what it
    wants to know.

    >>> class Told(cr.train.Listener):
    ...     def tried(self, trial):
    ...         print(trial.changes, trial.loss)
    """

    def searching(self, gathered: Gathered, metric: str, parts: int, journal: Journal) -> None:
        """Before the first trial, with those of an earlier run of the same search."""

    def tried(self, trial: Trial) -> None: ...

    def confirming(self, fold: int, folds: int) -> None: ...

    def searched(self, found: Found) -> None:
        """Before what was found is trained."""


def tune(
    source: str | Path | pl.DataFrame,
    target: str | None = None,
    *,
    task: str | None = None,
    drop: Sequence[str] = (),
    metric: str | None = None,
    trials: int = 40,
    seconds: float | None = None,
    parts: int | None = None,
    folder: str | Path | None = None,
    seed: int = 0,
    listener: Listener | None = None,
    **wanted: Any,
) -> Found:
    """Search for a better recipe than that of `fit`, in the order in which choices matter: learning
    rate, batch size, shape, regularisation, optimizer (F-062, G-007); each stage keeps what those
    before found, and the last trials vary all together.

    A trial is trained and scored on `parts` folds of the rows that `fit` would train and validate
    on (5 below 1,000 rows, 3 below 5,000), or on its two parts; there all members leave out the
    rows that they are scored on, and no linear model helps. The test part has no say. The
    `metric` is by default the log loss, or R2. Hopeless trials end early. The search ends after
    `trials`, or `seconds`. Then the best trial and the default recipe meet on folds made anew, as
    the best of many has had luck; the better one is trained and tested once.

    In a `folder` there are the journal of the trials, `trials.jsonl`, with which the same call goes
    on after any interruption, and the run. The same seed gives the same search. `wanted` are
    choices that stay as they are. Raises DataError, ArgumentError and TrainingError.

    >>> found = cr.train.tune("iris", trials=3, parts=2, epochs=5)
    >>> [trial.stage for trial in found.trials]
    ['default', 'learning rate', 'shape']
    """
    check_installed()
    check_choices(wanted)
    _check(trials, seconds, parts)
    listener = listener or Listener()
    wanted = {name: value for name, value in wanted.items() if value is not None}
    table = read(source)
    gathered = gather(table, target, task=task, drop=drop)
    usual = "log loss" if gathered.classes else "R2"
    metric = meant("search", "metric", metric or usual, gathered.task, METRICS[gathered.task])
    ground = Ground(gathered, metric, parts, seed, wanted)
    path = None if folder is None else Path(folder) / JOURNAL
    journal = Journal(path, {**ground.settings, "drop": list(drop)})
    try:
        _check_unfinished(folder, journal, trials)
        listener.searching(gathered, metric, ground.count, journal)
        found = _search(ground, journal, trials, seconds, listener)
        listener.searched(found)
        if found.interrupted:
            return found
        problem = prepare(table, target, task=task, drop=drop, seed=seed)
        return _trained(found, problem, wanted, folder, listener)
    finally:
        journal.close()


def _check(trials: int, seconds: float | None, parts: int | None) -> None:
    if trials < 1 or (seconds is not None and seconds <= 0) or (parts is not None and parts < 1):
        raise ArgumentError(
            "search",
            f"trials={trials}, seconds={seconds}, parts={parts}",
            "they must be positive",
            "choose others",
        )


def _check_unfinished(folder: str | Path | None, journal: Journal, trials: int) -> None:
    if folder is not None and (Path(folder) / RUN).exists() and len(journal.trials) >= trials:
        raise DataError(
            "search",
            f"the search in '{folder}' is done, of {counted(len(journal.trials), 'trial')}",
            f"its run lies in '{Path(folder) / RUN}'",
            "choose another --output, or more --trials to go on",
        )


def _search(
    ground: Ground, journal: Journal, trials: int, seconds: float | None, listener: Listener
) -> Found:
    """All trials that are left, and the confirmation."""
    end = float("inf") if seconds is None else time.monotonic() + seconds
    plan = schedule(trials, ground.space)
    interrupted, gain = False, None
    try:
        for number in range(len(journal.trials), trials):
            if number and time.monotonic() > end:
                break
            stage, names = plan[number]
            point = _next(ground, journal.trials, names, number)
            if point is None:
                break
            trial = tried(ground, journal.trials, stage, point)
            journal.add(trial)
            listener.tried(trial)
        gain = _confirmed(ground, journal, listener)
    except KeyboardInterrupt:
        interrupted = True
    if not any(trial.state == DONE for trial in journal.trials):
        if interrupted:
            raise KeyboardInterrupt
        raise TrainingError(
            "search",
            f"none of {counted(len(journal.trials), 'trial')} could be trained",
            "the default recipe could not either",
            "look at the data with chainrule audit",
        )
    shares = importances(ground.space, journal.trials, ground.seed)
    facts = (ground.metric, ground.default, tuple(journal.trials), gain, shares)
    return Found(*facts, interrupted=interrupted)


def _next(
    ground: Ground, before: Sequence[Trial], names: Sequence[str], number: int
) -> Point | None:
    """The point of the next trial: at the start the default; None where nothing is left to try."""
    if not names:
        return None if before else ground.start
    done = [trial for trial in before if trial.state == DONE]
    best = min(done, key=lambda trial: trial.loss).point if done else ground.start
    return suggest(ground.space, names, before, dict(best), [ground.seed, number])


def _confirmed(ground: Ground, journal: Journal, listener: Listener) -> Interval | None:
    """By how much the best trial beats the default on folds made anew; None if it is the default,
    or nothing could be trained.
    """
    done = [trial for trial in journal.trials if trial.state == DONE]
    best = min(done, key=lambda trial: trial.loss, default=None)
    if best is None or not best.changes:
        return None
    problems = list(ground.anew())
    for fold in range(len(journal.confirmations(best)), len(problems)):
        listener.confirming(fold, len(problems))
        losses = (ground.loss(problems[fold], moved, Watcher()) for moved in ({}, best.changes))
        journal.confirm(best, *losses)
    parts = problems[0].parts
    trained, tested = len(parts["training"].y), len(parts["validation"].y)
    differences = [default - found for default, found in journal.confirmations(best)]
    return over_folds(differences, trained=trained, tested=tested)


def _trained(
    found: Found,
    problem: Problem,
    wanted: Mapping[str, Any],
    folder: str | Path | None,
    listener: Listener,
) -> Found:
    """The network of the recipe that was found, in its folder."""
    listener.prepared(problem)
    recipe = choose(problem, **{**wanted, **found.taken})
    recipe = replace(recipe, reasons=found.reasons(recipe))
    run = run_of(problem, recipe, listener)
    run = replace(run, record={**run.record, "search": found.to_json()})
    path = None if folder is None else save(run, _free(Path(folder)))
    return replace(found, run=run, folder=path)


def _free(folder: Path) -> Path:
    """Where the run comes to lie: a search that went on leaves the earlier one."""
    names = (folder / (RUN if number == 1 else f"{RUN}-{number}") for number in numbers(1))
    return next(path for path in names if not path.exists())
