"""The regressor: receives X and numbers, one or several a row; hands on predictions in their
units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import column_or_1d

from chainrule.train.estimators.choices import AUTO
from chainrule.train.estimators.network import Network
from chainrule.train.estimators.rows import Rows
from chainrule.train.estimators.targets import Targets, fit_numbers
from chainrule.train.trainer.callbacks import Callback


class NetRegressor(RegressorMixin, Network):
    """A network that predicts numbers, as an estimator of scikit-learn.

    All parameters are "auto" unless said otherwise: then a plain network of one hidden layer is
    trained in milliseconds where rows are few, as searches and cross-validation fit hundreds of
    them (`recipe_` has what was chosen; `chainrule fit` takes more time, and gets more). Names that
    `MLPRegressor` knows mean the same here.

    The network: `hidden_layer_sizes`, a number or several; `activation`, as in `cr.nn`;
    `norm`, "none", "batch", "layer" or "rms"; `dropout` of hidden units and `input_dropout`.
    `standardize` (True) brings the columns of numbers to mean 0 and deviation 1.

    The loss: `loss`, "mse", "mae", "huber", "smooth_l1", "log_cosh",
    "quantile" or "mape", with `loss_options`.

    The optimizer: `solver`, the name of one of `cr.optim`, with `solver_options`; `momentum`;
    `clip_norm` (None), the greatest norm of a gradient; `alpha`, an L2 penalty added to the loss as
    in scikit-learn, or `weight_decay`, by which weights shrink. `learning_rate` names a schedule,
    "constant", "adaptive", "cosine" or another of `cr.optim.schedules`, from `learning_rate_init`.

    The course: `batch_size`; `max_iter` epochs; `shuffle` (True); `random_state` (None);
    `early_stopping` holds `validation_fraction` (0.1) of the rows out, stops where their loss has
    not fallen by `tol` (1e-4) for `n_iter_no_change` epochs, and keeps the best network: "auto"
    does so from 500 rows on. `warm_start` (False) goes on from the last fit, `callbacks` are told
    of epochs, and `verbose` (False) prints them.

    Fitted, it has `loss_curve_`, `validation_loss_curve_`, `best_loss_`, `loss_`, `n_iter_`, `t_`,
    `coefs_`, `intercepts_`, `n_layers_`, `n_outputs_`, `out_activation_` and `recipe_`.

    >>> from sklearn.datasets import load_diabetes
    >>> from chainrule.train import NetRegressor
    >>> x, y = load_diabetes(return_X_y=True)
    >>> NetRegressor(random_state=0).fit(x, y).score(x, y) > 0.5
    True
    """

    _numeric = True

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
        callbacks: Sequence[Callback] = (),
        verbose: bool = False,
        warm_start: bool = False,
    ) -> None:
        self.hidden_layer_sizes, self.activation, self.norm = hidden_layer_sizes, activation, norm
        self.dropout, self.input_dropout = dropout, input_dropout
        self.loss, self.loss_options = loss, loss_options
        self.solver, self.solver_options = solver, solver_options
        self.alpha, self.weight_decay, self.momentum = alpha, weight_decay, momentum
        self.clip_norm = clip_norm
        self.learning_rate, self.learning_rate_init = learning_rate, learning_rate_init
        self.batch_size, self.max_iter, self.shuffle = batch_size, max_iter, shuffle
        self.random_state, self.tol, self.n_iter_no_change = random_state, tol, n_iter_no_change
        self.early_stopping, self.validation_fraction = early_stopping, validation_fraction
        self.standardize = standardize
        self.callbacks, self.verbose, self.warm_start = callbacks, verbose, warm_start

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetRegressor:
        """One epoch over some rows."""
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """float64 in the units of y, [rows] or [rows, outputs]."""
        outputs = self._outputs(X)
        return self._targets.decode(outputs)

    @property
    def out_activation_(self) -> str:
        return "identity"

    def _target(self, y: np.ndarray) -> np.ndarray:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return y.astype(np.float64)

    def _fit_targets(self, rows: Rows) -> Targets:
        return fit_numbers(rows.y, rows.weights)
