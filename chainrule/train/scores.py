"""Scores: receives targets and predictions of the test part; hands on figures, for the network and
two baselines.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from chainrule import metrics
from chainrule.data import Problem, Target
from chainrule.data.target import CLASSIFICATION, REGRESSION
from chainrule.errors import unknown
from chainrule.metrics import Interval, Metric
from chainrule.train.baselines import Setting, of_task

Scores = dict[str, float]
ROWS = 10_000  # More of them would make a bootstrap slow, and its interval no better.
METRICS = {
    CLASSIFICATION: ("AUC", "accuracy", "balanced accuracy", "F1", "log loss"),
    REGRESSION: ("R2", "RMSE", "MAE"),
}
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


class Asked(NamedTuple):
    """A metric, and what it is asked of: the prediction is None where a model gives none."""

    metric: Metric
    prediction: np.ndarray | None
    target: np.ndarray
    options: dict[str, Any]


def asked(target: Target, values: np.ndarray, found: Prediction) -> dict[str, Asked]:
    """What each figure of one model is computed from, on rows whose targets are `values`; the first
    is the one to go by.
    """
    if target.task != CLASSIFICATION:
        named = {"RMSE": metrics.rmse, "MAE": metrics.mae, "R2": metrics.r2}
        return {name: Asked(metric, found.values, values, {}) for name, metric in named.items()}
    truth, answer = target.encode(values), target.encode(found.values)
    p = found.probabilities
    # Of several classes, the mean over each against the rest: they need not be probabilities.
    count = len(target.classes)
    labels = truth if count == 2 else np.eye(count, dtype=np.int64)[truth]
    scores = found.scores if p is None else p
    ranked = scores if len(np.unique(truth)) == count else None  # Else an area is not defined.
    return {
        "accuracy": Asked(metrics.accuracy, answer, truth, {}),
        "balanced accuracy": Asked(metrics.balanced_accuracy, answer, truth, {}),
        "F1": Asked(metrics.f1, answer, truth, {"average": "macro"}),
        "AUC": Asked(metrics.roc_auc, ranked, labels, {}),
        "log loss": Asked(metrics.log_loss, p, truth, {}),
    }


def meant(where: str, what: str, wanted: str, task: str, known: Iterable[str]) -> str:
    """The known name that is meant, whatever its capitals, blanks and hyphens. Raises
    ArgumentError.
    """
    plain = {_plain(name): name for name in known}
    if _plain(wanted) in plain:
        return plain[_plain(wanted)]
    raise unknown(where, what, wanted, plain.values(), f" for a {task}")


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def scores_of(target: Target, values: np.ndarray, found: Prediction) -> Scores:
    """The figures of one model on rows whose targets are `values`; NaN for the log loss of a model
    that gives no probabilities.
    """
    return {name: figure(one) for name, one in asked(target, values, found).items()}


def figure(one: Asked) -> float:
    """The value of a metric."""
    if one.prediction is None:
        return float("nan")
    return float(one.metric(one.prediction, one.target, **one.options))


def intervals_of(target: Target, values: np.ndarray, found: Prediction) -> dict[str, Interval]:
    """The figures of `scores_of`, each with the interval in which it would lie for 95 % of other
    rows.
    """
    return {name: _interval(one) for name, one in asked(target, values, found).items()}


def _interval(one: Asked) -> Interval:
    if one.prediction is None:
        return Interval(*[float("nan")] * 3)
    return _of_few(partial(metrics.interval, one.metric), figure(one), one, one.prediction)


def margin(
    target: Target, values: np.ndarray, ours: Prediction, theirs: Prediction, name: str
) -> Interval:
    """By how much the first prediction is better than the second in a figure, on the same rows."""
    one, other = (asked(target, values, found)[name] for found in (ours, theirs))
    lead = figure(one) - figure(other)
    draw = partial(metrics.difference, one.metric)
    found = _of_few(draw, lead, one, one.prediction, other.prediction)
    if name in GREATER_IS_BETTER:
        return found
    return Interval(-found.high, -found.low, -found.value)


def _of_few(
    draw: Callable[..., Interval], value: float, one: Asked, *predictions: np.ndarray
) -> Interval:
    """An interval by bootstrap of `ROWS` rows at most: around the value of all n rows it is
    sqrt(ROWS / n) times as wide.
    """
    count = len(one.target)
    rows: Any = slice(None)
    if count > ROWS:
        rows = np.random.default_rng(0).choice(count, ROWS, replace=False)
    found = draw(*(given[rows] for given in predictions), one.target[rows], **one.options)
    width = min(1.0, (ROWS / count) ** 0.5)
    low, high = found.low - found.value, found.high - found.value
    return Interval(value + width * low, value + width * high, value)


def answers(problem: Problem, predict: Callable[[np.ndarray], Prediction]) -> dict[str, Prediction]:
    """What the network, a linear model and a constant answer say of the test part, by name."""
    models = {"network": predict, **baselines(problem)}
    return {name: model(problem.parts["test"].x) for name, model in models.items()}


def baselines(problem: Problem) -> dict[str, Callable[[np.ndarray], Prediction]]:
    """The linear model and the constant answer, fitted on the same matrix of all rows that are not
    for the test: the network has seen those of the validation part too.
    """
    (x, y), target = problem.rows_but_test, problem.target
    setting = Setting(bool(target.classes), len(x), problem.seed)
    constant, linear = list(of_task(target.task).values())[:2]
    return {one.name: fitted(one.make(setting), x, y, target) for one in (linear, constant)}


def fitted(
    model: Any, x: np.ndarray, y: np.ndarray, target: Target
) -> Callable[[np.ndarray], Prediction]:
    """A model of scikit-learn, fitted; hands on what it predicts for a matrix."""
    taught(model, x, y)

    def predict(x: np.ndarray) -> Prediction:
        x = x.astype(np.float64)
        values = target.decode(model.predict(x).reshape(len(x)))
        if not target.classes:
            return Prediction(values)
        if hasattr(model, "predict_proba"):
            return Prediction(values, model.predict_proba(x))
        return Prediction(values, scores=model.decision_function(x))

    return predict


def taught(model: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """A model of scikit-learn, fitted."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    # On a busy machine the threads of BLAS wait for each other: the digits took thirty times as
    # long.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x.astype(np.float64), y)
