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
from chainrule.data import Problem
from chainrule.data.target import CLASSIFICATION

Scores = dict[str, float]


@dataclass(frozen=True)
class Prediction:
    """Predicted labels or values in original units, [rows], and for classes their probabilities,
    [rows, classes].
    """

    values: np.ndarray
    probabilities: np.ndarray | None = None


def classification_scores(problem: Problem, values: np.ndarray, found: Prediction) -> Scores:
    truth, answer = problem.target.encode(values), problem.target.encode(found.values)
    return {
        "accuracy": float(metrics.accuracy(answer, truth)),
        "balanced accuracy": float(metrics.balanced_accuracy(answer, truth)),
        "F1": float(metrics.f1(answer, truth, average="macro")),
        "log loss": float(metrics.log_loss(found.probabilities, truth)),
    }


def regression_scores(problem: Problem, values: np.ndarray, found: Prediction) -> Scores:
    return {
        "RMSE": float(metrics.rmse(found.values, values)),
        "MAE": float(metrics.mae(found.values, values)),
        "R2": float(metrics.r2(found.values, values)),
    }


def score(problem: Problem, predict: Callable[[np.ndarray], Prediction]) -> dict[str, Scores]:
    """The scores on the test part of the network, a linear model and a constant answer, by name."""
    judge = classification_scores if problem.target.task == CLASSIFICATION else regression_scores
    test = problem.parts["test"]
    models = {"network": predict, **baselines(problem)}
    return {name: judge(problem, test.values, model(test.x)) for name, model in models.items()}


def baselines(problem: Problem) -> dict[str, Callable[[np.ndarray], Prediction]]:
    """What a network must beat, fitted on the same matrix of the same training part."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from threadpoolctl import threadpool_limits

    if problem.target.task == CLASSIFICATION:
        models = {
            "logistic regression": LogisticRegression(max_iter=2000),
            "majority class": DummyClassifier(strategy="prior"),
        }
    else:
        models = {"linear regression": LinearRegression(), "mean": DummyRegressor()}
    # On a busy machine the threads of BLAS wait for each other: the digits took thirty times as
    # long.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return {name: _fitted(model, problem) for name, model in models.items()}


def _fitted(model: Any, problem: Problem) -> Callable[[np.ndarray], Prediction]:
    part, target = problem.parts["training"], problem.target
    model.fit(part.x.astype(np.float64), part.y)

    def predict(x: np.ndarray) -> Prediction:
        x = x.astype(np.float64)
        values = target.decode(model.predict(x))
        return Prediction(values, model.predict_proba(x) if target.classes else None)

    return predict
