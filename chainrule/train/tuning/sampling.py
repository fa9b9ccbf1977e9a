"""Sampling: receives the trials so far; hands on the next point to try, by Optuna, and whether the
trial that runs is hopeless.

A study is made anew for each trial from the trials before and the trial's number alone, so a search
that goes on after a crash tries what it would have tried without one.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.train.tuning.journal import DONE, Trial
from chainrule.train.tuning.space import Names, Numbers, Point, rounded

Space = Mapping[str, Numbers | Names]
# Points at random before the model of the good ones; trials to compare with before one is hopeless,
# and the share of them, in percent, that it must be among.
AT_RANDOM, COMPARED, KEPT = 4, 5, 66.0
# A model that is sure of itself draws the same again and again; then chance does.
REDRAWS, BY_CHANCE = 80, 10
TREES = 16  # Of the forest that importance is read off.


def check_installed() -> None:
    """Raises ArgumentError without Optuna."""
    if find_spec("optuna") is None:
        raise ArgumentError(
            "search",
            "Optuna is not installed",
            "it chooses what to try next",
            "run pip install 'chainrule[search]'",
        )


def suggest(
    space: Space, names: Sequence[str], before: Sequence[Trial], best: Point, seed: Sequence[int]
) -> Point | None:
    """The best point with new values of these parameters, such as have come with good scores where
    the others were the same (TPE; Bergstra and others 2011); None where all have been tried.
    """
    alike = [
        trial
        for trial in before
        if all(trial.point[name] == best[name] for name in best if name not in names)
    ]
    tried = {_key(trial.point) for trial in alike}
    for redraw in range(REDRAWS):
        known = alike if redraw < BY_CHANCE else []
        with _study(space, names, known, [*seed, redraw]) as study:
            drawn = study.ask({name: _distribution(space[name]) for name in names}).params
        point = {**best, **{name: rounded(value) for name, value in drawn.items()}}
        if _key(point) not in tried:
            return point
    return None


def hopeless(before: Sequence[Trial], steps: Mapping[int, float]) -> bool:
    """Whether the last figure of a running trial is worse than two thirds of those that trials
    before had at this step. Less is better.
    """
    last = max(steps)
    figures = [
        trial.steps[max(step for step in trial.steps if step <= last)]
        for trial in before
        if trial.state == DONE and min(trial.steps, default=last + 1) <= last
    ]
    return len(figures) >= COMPARED and steps[last] > np.percentile(figures, KEPT)


def importances(space: Space, trials: Sequence[Trial], seed: int) -> dict[str, float]:
    """The share of each parameter in what differs between scores (fANOVA; Hutter and others 2014),
    the greatest first; empty for fewer than 10 trials.
    """
    done = [trial for trial in trials if trial.state == DONE]
    if len(done) < 10:
        return {}
    with _study(space, list(space), done, [seed]) as study:
        from optuna import importance

        evaluator = importance.FanovaImportanceEvaluator(n_trees=TREES, seed=seed)
        found = importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in found.items()}


@contextmanager
def _study(
    space: Space, names: Sequence[str], trials: Sequence[Trial], seed: Sequence[int]
) -> Iterator[Any]:
    """A study of Optuna that knows of these trials what it must."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    number = int(np.random.SeedSequence(seed).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            seed=number, n_startup_trials=AT_RANDOM, multivariate=True
        )
        study = optuna.create_study(direction="minimize", sampler=sampler)
        distributions = {name: _distribution(space[name]) for name in names}
        for trial in trials:
            study.add_trial(_frozen(trial, distributions))
        yield study


def _frozen(trial: Trial, distributions: Mapping[str, Any]) -> Any:
    """As Optuna keeps trials; one that failed is among the pruned ones, without any figure."""
    from optuna.trial import TrialState, create_trial

    done = trial.state == DONE
    return create_trial(
        state=TrialState.COMPLETE if done else TrialState.PRUNED,
        value=trial.loss if done else None,
        params={name: trial.point[name] for name in distributions},
        distributions=dict(distributions),
        intermediate_values=dict(trial.steps),
    )


def _distribution(kind: Numbers | Names) -> Any:
    from optuna import distributions

    if isinstance(kind, Names):
        return distributions.CategoricalDistribution(kind.values)
    return distributions.FloatDistribution(kind.low, kind.high, log=kind.log)


def _key(point: Mapping[str, Any]) -> str:
    return json.dumps(point, sort_keys=True)
