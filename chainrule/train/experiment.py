"""The whole way from a table to a run: receives a source of data; prepares, chooses, trains,
scores; hands on a run.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import chainrule as cr
from chainrule import nn
from chainrule.advisor import Recipe, choose
from chainrule.data import Problem, prepare, read
from chainrule.deferred import polars as pl
from chainrule.train.callbacks import Callback
from chainrule.train.files import FORMAT
from chainrule.train.history import History
from chainrule.train.predict import Predictor
from chainrule.train.recipe import build, fit_options, make_metrics, make_trainer
from chainrule.train.run import Run, predict_matrix
from chainrule.train.scores import Scores, score

PACKAGES = ("numpy", "llvmlite", "scikit-learn", "polars")


class Watcher(Callback):
    """Is told of each step when it is done, and of the events of training. A subclass overrides
    what it wants to know.
    """

    def prepared(self, problem: Problem) -> None: ...

    def chosen(self, recipe: Recipe, model: nn.Module) -> None: ...

    def trained(self, history: History) -> None: ...

    def scored(self, scores: dict[str, Scores]) -> None: ...


def fit(
    source: str | Path | pl.DataFrame,
    target: str | None = None,
    *,
    task: str | None = None,
    drop: Sequence[str] = (),
    seed: int = 0,
    watcher: Watcher | None = None,
    **wanted: Any,
) -> Run:
    """Train a network on a table: a CSV or Parquet file, a polars frame, or a shipped data set.

    `wanted` are choices (`advisor.TUNABLE`) that win over the rules, such as epochs=20. The same
    seed gives the same run, for any number of threads. Raises DataError, ArgumentError and
    TrainingError.
    """
    watcher = watcher or Watcher()
    problem = prepare(read(source), target, task=task, drop=drop, seed=seed)
    watcher.prepared(problem)
    recipe = choose(problem, **wanted)
    model, history = train_network(problem, recipe, watcher)
    watcher.trained(history)
    predictor = Predictor(model)
    scores = score(problem, lambda x: predict_matrix(predictor, problem.target, x))
    watcher.scored(scores)
    return Run(
        model,
        problem.target,
        problem.kinds,
        problem.preprocessing,
        _record(problem, recipe, history, scores),
    )


def train_network(problem: Problem, recipe: Recipe, watcher: Watcher) -> tuple[nn.Module, History]:
    """A network by this recipe, from the random stream of the problem's seed; then the stream is as
    before.
    """
    stream = cr.random.get_state()
    cr.random.seed(problem.seed)
    try:
        return _train(problem, recipe, watcher)
    finally:
        cr.random.set_state(stream)


def _train(problem: Problem, recipe: Recipe, watcher: Watcher) -> tuple[nn.Module, History]:
    training, validation = problem.parts["training"], problem.parts["validation"]
    model = build(recipe, training.x.shape[1], problem.target.outputs)
    watcher.chosen(recipe, model)
    trainer = make_trainer(
        recipe,
        model,
        len(training.x),
        [watcher],
        target=problem.target,
        metrics=make_metrics(problem.target),
        seed=problem.seed,
    )
    history = trainer.fit(
        (training.x, training.y),
        validation_data=(validation.x, validation.y),
        quiet=True,
        **fit_options(recipe),
    )
    return model, history


def _record(
    problem: Problem, recipe: Recipe, history: History, scores: dict[str, Scores]
) -> dict[str, Any]:
    """All that run.json says."""
    table = problem.table
    return {
        "format": FORMAT,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "data": {"name": table.name, "rows": table.frame.height, "sha256": table.sha256},
        "target": problem.target.to_json(),
        "columns": dict(problem.kinds),
        "left_out": dict(problem.left_out),
        "notes": list(problem.notes),
        "split": {name: len(part.y) for name, part in problem.parts.items()},
        "seed": problem.seed,
        "recipe": recipe.to_json(),
        "metrics": scores,
        "training": {
            "epochs": len(history.epochs),
            "best_epoch": history.best()["epoch"],
            "stopped": history.stopped,
            "seconds": sum(history["seconds"]),
            "compilation_seconds": history.compilation,
        },
        "history": history.epochs,
        "versions": {
            "chainrule": cr.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
    }
