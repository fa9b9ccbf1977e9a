"""The classifier: receives X and classes, or several labels a row; hands on classes and
probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from chainrule.train.estimators.calibration import Calibration, fit_calibration
from chainrule.train.estimators.choices import AUTO
from chainrule.train.estimators.network import Network
from chainrule.train.estimators.rows import Rows
from chainrule.train.estimators.targets import Classes, Labels, Targets
from chainrule.train.predict import Predictor
from chainrule.train.trainer.callbacks import Callback


class NetClassifier(ClassifierMixin, Network):
    """A network that tells classes apart, as an estimator of scikit-learn.

    All parameters are "auto" unless said otherwise: then a plain network of one hidden layer is
    trained in milliseconds where rows are few, as searches and cross-validation fit hundreds of
    them (`recipe_` has what was chosen; `chainrule fit` takes more time, and gets more). Names that
    `MLPClassifier` knows mean the same here.

    The network: `hidden_layer_sizes`, a number or several; `activation`, as in `cr.nn`;
    `norm`, "none", "batch", "layer" or "rms"; `dropout` of hidden units and `input_dropout`.
    `standardize` (True) brings the columns of numbers to mean 0 and deviation 1.

    The loss: `loss`, "cross_entropy", "focal", "bce" or "hinge", with `loss_options`,
    `label_smoothing`, and `class_weight` (None), "balanced" or a weight for each class.

    The optimizer: `solver`, the name of one of `cr.optim`, with `solver_options`; `momentum`;
    `clip_norm` (None), the greatest norm of a gradient; `alpha`, an L2 penalty added to the loss as
    in scikit-learn, or `weight_decay`, by which weights shrink. `learning_rate` names a schedule,
    "constant", "adaptive", "cosine" or another of `cr.optim.schedules`, from `learning_rate_init`.

    The course: `batch_size`; `max_iter` epochs; `shuffle` (True); `random_state` (None);
    `early_stopping` holds `validation_fraction` (0.1) of the rows out, stops where their loss has
    not fallen by `tol` (1e-4) for `n_iter_no_change` epochs, and keeps the best network: "auto"
    does so from 500 rows on. `warm_start` (False) goes on from the last fit, `callbacks` are told
    of epochs, and `verbose` (False) prints them.

    `calibration` (None), "temperature" or "isotonic", corrects probabilities by rows that are held
    out, so that they come true as often as they say.

    Fitted, it has `loss_curve_`, `validation_loss_curve_`, `best_loss_`, `loss_`, `n_iter_`, `t_`,
    `coefs_`, `intercepts_`, `n_layers_`, `n_outputs_`, `out_activation_`, `classes_` and `recipe_`.

    >>> from sklearn.datasets import load_iris
    >>> from chainrule.train import NetClassifier
    >>> x, y = load_iris(return_X_y=True)
    >>> NetClassifier(random_state=0).fit(x, y).score(x, y) > 0.95
    True
    """

    _numeric = False

    def __init__(
        self,
        *,
        hidden_layer_sizes: str | int | Sequence[int] = AUTO,
        activation: str = AUTO,
        norm: str = AUTO,
        dropout: str | float = AUTO,
        input_dropout: str | float = AUTO,
        loss: str = AUTO,
        loss_options: Mapping[str, Any] | None = None,
        label_smoothing: str | float = AUTO,
        class_weight: Mapping[Any, float] | str | None = None,
        solver: str = AUTO,
        solver_options: Mapping[str, Any] | None = None,
        alpha: str | float = AUTO,
        weight_decay: str | float = AUTO,
        momentum: str | float = AUTO,
        clip_norm: float | None = None,
        learning_rate: str = AUTO,
        learning_rate_init: str | float = AUTO,
        batch_size: str | int = AUTO,
        max_iter: str | int = AUTO,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        n_iter_no_change: str | int = AUTO,
        early_stopping: str | bool = AUTO,
        validation_fraction: float = 0.1,
        standardize: bool = True,
        calibration: str | None = None,
        callbacks: Sequence[Callback] = (),
        verbose: bool = False,
        warm_start: bool = False,
    ) -> None:
        self.hidden_layer_sizes, self.activation, self.norm = hidden_layer_sizes, activation, norm
        self.dropout, self.input_dropout = dropout, input_dropout
        self.loss, self.loss_options, self.label_smoothing = loss, loss_options, label_smoothing
        self.class_weight = class_weight
        self.solver, self.solver_options = solver, solver_options
        self.alpha, self.weight_decay, self.momentum = alpha, weight_decay, momentum
        self.clip_norm = clip_norm
        self.learning_rate, self.learning_rate_init = learning_rate, learning_rate_init
        self.batch_size, self.max_iter, self.shuffle = batch_size, max_iter, shuffle
        self.random_state, self.tol, self.n_iter_no_change = random_state, tol, n_iter_no_change
        self.early_stopping, self.validation_fraction = early_stopping, validation_fraction
        self.standardize, self.calibration = standardize, calibration
        self.callbacks, self.verbose, self.warm_start = callbacks, verbose, warm_start

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> NetClassifier:
        """One epoch over some rows. The first call is told all `classes`, unless its y has them."""
        if classes is not None:
            self._known = np.unique(classes)
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row; of several labels, those that are more probable than
        not, [rows, labels].
        """
        probabilities = self.predict_proba(X)
        return self._targets.decode(probabilities)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities, float64 [rows, classes], in the order of `classes_`."""
        outputs = self._outputs(X)
        if self._calibration is not None:
            return self._calibration(self._targets, outputs)
        return self._targets.probabilities(outputs)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    @property
    def classes_(self) -> np.ndarray:
        """The classes in order; the numbers of the labels where there are several a row."""
        return self._targets.labels

    @property
    def out_activation_(self) -> str:
        return "softmax" if isinstance(self._targets, Classes) else "logistic"

    def _target(self, y: np.ndarray) -> np.ndarray:
        if type_of_target(y) == "multilabel-indicator":
            return y
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        return y

    def _fit_targets(self, rows: Rows) -> Targets:
        self._calibration: Calibration | None = None
        if rows.y.ndim == 2:
            return Labels(np.arange(rows.y.shape[1]))
        return Classes(getattr(self, "_known", np.unique(rows.y)))

    def _weights(self, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        if self.class_weight is None:
            return weights
        return weights * compute_sample_weight(self.class_weight, y)

    def _holds_out(self, rows: int) -> bool:
        return self.calibration is not None or super()._holds_out(rows)

    def _finish(self, held: Rows | None) -> None:
        if self.calibration is not None:
            assert held is not None  # `_holds_out` saw to it.
            outputs = Predictor(self._network)(held.x)
            self._calibration = fit_calibration(self.calibration, self._targets, outputs, held)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
