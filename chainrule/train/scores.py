"""Scores: receives targets and predictions of the test part; hands on figures, for the network and
two baselines.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import metrics
from chainrule.data import Part, Problem, Target
from chainrule.data.target import CLASSIFICATION
from chainrule.train.baselines import Setting, of_task

Scores = dict[str, float]
# The others are errors, of which less is better.
GREATER_IS_BETTER = ("accuracy", "balanced accuracy", "F1", "AUC", "R2")


@dataclass(frozen=True)
class Prediction:
    """Predicted labels or values in original units, [rows], and for classes their probabilities,
    [rows, classes], or what else a model orders rows by: `scores`, [rows] for two classes.
    """

    values: np.ndarray
    probabilities: np.ndarray | None = None
    scores: np.ndarray | None = None


def scores_of(target: Target, values: np.ndarray, found: Prediction) -> Scores:
    """The figures of one model on rows whose targets are `values`; NaN for the log loss of a model
    that gives no probabilities.
    """
    if target.task == CLASSIFICATION:
        return _classification_scores(target, values, found)
    return {
        "RMSE": float(metrics.rmse(found.values, values)),
        "MAE": float(metrics.mae(found.values, values)),
        "R2": float(metrics.r2(found.values, values)),
    }


def _classification_scores(target: Target, values: np.ndarray, found: Prediction) -> Scores:
    truth, answer = target.encode(values), target.encode(found.values)
    p = found.probabilities
    return {
        "accuracy": float(metrics.accuracy(answer, truth)),
        "balanced accuracy": float(metrics.balanced_accuracy(answer, truth)),
        "F1": float(metrics.f1(answer, truth, average="macro")),
        "AUC": _auc(found.scores if p is None else p, truth, len(target.classes)),
        "log loss": float("nan") if p is None else float(metrics.log_loss(p, truth)),
    }


def _auc(scores: np.ndarray, truth: np.ndarray, classes: int) -> float:
    """Of several classes, the mean over each against the rest: they need not be probabilities."""
    labels = truth if classes == 2 else np.eye(classes, dtype=np.int64)[truth]
    return float(metrics.roc_auc(scores, labels))


def score(problem: Problem, predict: Callable[[np.ndarray], Prediction]) -> dict[str, Scores]:
    """The scores on the test part of the network, a linear model and a constant answer, by name."""
    test, target = problem.parts["test"], problem.target
    models = {"network": predict, **baselines(problem)}
    return {name: scores_of(target, test.values, model(test.x)) for name, model in models.items()}


def baselines(problem: Problem) -> dict[str, Callable[[np.ndarray], Prediction]]:
    """The linear model and the constant answer, fitted on the same matrix of the same training
    part.
    """
    part, target = problem.parts["training"], problem.target
    setting = Setting(bool(target.classes), len(part.x), problem.seed)
    constant, linear = list(of_task(target.task).values())[:2]
    return {one.name: fitted(one.make(setting), part, target) for one in (linear, constant)}


def fitted(model: Any, part: Part, target: Target) -> Callable[[np.ndarray], Prediction]:
    """A model of scikit-learn, fitted to one part of a problem; hands on what it predicts for a
    matrix.
    """
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    # On a busy machine the threads of BLAS wait for each other: the digits took thirty times as
    # long.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(part.x.astype(np.float64), part.y)

    def predict(x: np.ndarray) -> Prediction:
        x = x.astype(np.float64)
        values = target.decode(model.predict(x).reshape(len(x)))
        if not target.classes:
            return Prediction(values)
        if hasattr(model, "predict_proba"):
            return Prediction(values, model.predict_proba(x))
        return Prediction(values, scores=model.decision_function(x))

    return predict
