"""The whole way from a table to a run: receives a source of data; prepares, chooses, trains,
scores; hands on a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.advisor import Recipe, check_choices, choose
from chainrule.data import Problem, prepare, read
from chainrule.data.columns import converted
from chainrule.data.drift import profile
from chainrule.data.seen import Seen, row_hashes
from chainrule.deferred import polars as pl
from chainrule.train.fitting import Watcher, recorded, seeded
from chainrule.train.predict import Predictor
from chainrule.train.recipe import build, make_metrics, make_trainer
from chainrule.train.report.inside import Snapshots
from chainrule.train.run import predict_matrix
from chainrule.train.scores import Scores, answers, scores_of
from chainrule.train.tables.committee import apart, left_out, lessons
from chainrule.train.tables.evidence import TableEvidence
from chainrule.train.tables.linear import beside, share_of
from chainrule.train.tables.run import TableRun
from chainrule.train.trainer.callbacks import Callback
from chainrule.train.trainer.history import History


def fit_table(
    source: str | Path | pl.DataFrame,
    target: str | None = None,
    *,
    task: str | None = None,
    drop: Sequence[str] = (),
    seed: int = 0,
    watcher: Watcher | None = None,
    **wanted: Any,
) -> TableRun:
    """Train a network on a table: a CSV or Parquet file, a polars frame, or a shipped data set.

    `wanted` are choices (`advisor.TUNABLE`) that win over the rules, such as epochs=20. The same
    seed gives the same run, for any number of threads. Raises DataError, ArgumentError and
    TrainingError.
    """
    check_choices(wanted)
    watcher = watcher or Watcher()
    problem = prepare(read(source), target, task=task, drop=drop, seed=seed)
    watcher.prepared(problem)
    return run_of(problem, choose(problem, **wanted), watcher)


def run_of(problem: Problem, recipe: Recipe, watcher: Watcher) -> TableRun:
    """Train a network by this recipe, and score it on the test part."""
    snapshots = Snapshots()
    model, history = train_network(problem, recipe, watcher, snapshots)
    watcher.trained(history)
    if recipe.linear:
        watcher.weighed(share_of(model))
    predictor = Predictor(model)
    said = answers(problem, lambda x: predict_matrix(predictor, problem.target, x))
    test = problem.parts["test"]
    scores = {name: scores_of(problem.target, test.values, one) for name, one in said.items()}
    watcher.scored(scores)
    return TableRun(
        model,
        problem.target,
        problem.kinds,
        problem.preprocessing,
        _record(problem, recipe, history, scores, share_of(model)),
        TableEvidence(problem, recipe, history, said, snapshots.weights),
    )


def train_network(
    problem: Problem, recipe: Recipe, watcher: Watcher, *callbacks: Callback
) -> tuple[nn.Module, History]:
    """A network by this recipe, from the random stream of the problem's seed; then the stream is as
    before.
    """
    with seeded(problem.seed):
        return _train(problem, recipe, watcher, callbacks)


def _train(
    problem: Problem, recipe: Recipe, watcher: Watcher, callbacks: Sequence[Callback]
) -> tuple[nn.Module, History]:
    net = build(recipe, problem.parts["training"].x.shape[1], problem.target.outputs)
    watcher.chosen(recipe, net)
    out = left_out(problem, recipe)
    told = lessons(problem, recipe, out)
    trainer = make_trainer(
        recipe,
        net,
        len(told["data"][0]),
        [watcher, *callbacks],
        target=problem.target,
        metrics=make_metrics(problem.target),
        seed=problem.seed,
    )
    with apart(net, recipe):
        history = trainer.fit(**told, quiet=True)
    return (beside(net, problem, recipe, out) if recipe.linear else net), history


def _known(problem: Problem) -> dict[str, Any]:
    """What later tables are held against: how the training rows of each column are spread, and
    which rows were seen; rows of the test part that equal one of these do so by chance.
    """

    def rows(*parts: str) -> pl.DataFrame:
        places = np.concatenate([problem.parts[part].rows for part in parts])
        return converted(problem.table.name, problem.table.frame[places], problem.kinds)

    training = rows("training")
    seen = Seen.of(row_hashes(rows("training", "validation")))
    return {
        "profiles": {n: profile(training[n], kind).to_json() for n, kind in problem.kinds.items()},
        "seen": {"rows": seen.to_json(), "by_chance": seen.share(row_hashes(rows("test")))},
    }


def _record(
    problem: Problem,
    recipe: Recipe,
    history: History,
    scores: dict[str, Scores],
    linear_share: float,
) -> dict[str, Any]:
    table = problem.table
    return recorded(
        {"name": table.name, "rows": table.frame.height, "sha256": table.sha256},
        recipe.to_json(),
        history,
        scores,
        kind=TableRun.kind,
        target=problem.target.to_json(),
        columns=dict(problem.kinds),
        **_known(problem),
        left_out=dict(problem.left_out),
        notes=list(problem.notes),
        split={name: len(part.y) for name, part in problem.parts.items()},
        seed=problem.seed,
        linear_share=linear_share,
    )
