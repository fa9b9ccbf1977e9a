"""What both estimators share: receives parameters as scikit-learn keeps them, X and y; hands on a
fitted network, and what it says of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    _check_y,
    check_is_fitted,
    validate_data,
)

import chainrule as cr
from chainrule import nn
from chainrule.errors import TrainingError
from chainrule.train.estimators.choices import AUTO, course_of, make_step, recipe_for
from chainrule.train.estimators.fitting import Course, Fitting, Part, run
from chainrule.train.estimators.inputs import as_frame, fit_inputs, matrix
from chainrule.train.estimators.rows import Rows, held_out, part_of
from chainrule.train.estimators.targets import Targets
from chainrule.train.estimators.telling import Teller
from chainrule.train.predict import Predictor
from chainrule.train.recipe import build
from chainrule.train.trainer.history import Row
from chainrule.train.trainer.progress import figures

HELD_OUT_FROM = 500  # Rows: of fewer, what is held out says less than it costs.


class Network(BaseEstimator):
    """A network behind scikit-learn's interface; a subclass knows its targets."""

    _numeric: bool  # Whether targets are numbers.
    _targets: Any  # What `_fit_targets` found.

    # ---- What a subclass defines ----

    def _target(self, y: np.ndarray) -> np.ndarray:
        """y, checked: [rows] or [rows, outputs]."""
        raise NotImplementedError

    def _fit_targets(self, rows: Rows) -> Targets:
        """What is predicted."""
        raise NotImplementedError

    def _weights(self, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """What each row weighs in training."""
        return weights

    def _finish(self, held: Rows | None) -> None:
        """What is left to do with a trained network and the rows to judge it by."""

    # ---- Fitting ----

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None) -> Any:
        """Train on X [rows, columns] and y; returns the estimator.

        `X` is an array, a sparse matrix, or a frame of pandas or polars, which may hold text, dates
        and missing cells. `validation_data`, (X, y) or (X, y, weights), is judged after each epoch
        in place of held-out rows. Raises ValueError for data that cannot be trained on, and
        TrainingError for a loss that is not finite.
        """
        goes_on = self.warm_start and hasattr(self, "_fitting")
        rows = self._rows(X, y, sample_weight, reset=not goes_on).merged()
        if not goes_on:
            self._prepare(rows)
        rows = self._encoded(rows)
        held = None if validation_data is None else self._encoded(self._rows(*validation_data))
        if held is None and self._holds_out(len(rows)):
            rows, held = held_out(rows, self.validation_fraction, self._seed)
        if not goes_on:
            self._begin(rows)
        part = part_of(rows, held)
        self._train(part, course_of(self.get_params(False), self.recipe_, part, self._seed))
        self._fitting.settle()
        self._finish(held)
        if not self.warm_start:
            del self._fitting
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any) -> Any:
        """One epoch over some rows; the first ones settle how inputs are scaled."""
        goes_on = hasattr(self, "_fitting")
        rows = self._rows(X, y, sample_weight, reset=not hasattr(self, "recipe_"))
        if not hasattr(self, "recipe_"):
            self._prepare(rows)
        rows = self._encoded(rows)
        if not goes_on:
            self._begin(rows)
        part = part_of(rows, None)
        rate = self.recipe_.learning_rate
        generator = np.random.default_rng([self._seed, self.t_])
        self._train(part, Course(1, cr.optim.schedules.Constant(rate), generator, self.shuffle))
        return self

    def _rows(self, X: Any, y: Any, sample_weight: Any = None, reset: bool = False) -> Rows:
        """The rows that weigh something."""
        table = self._table(X, y, reset)
        y = _check_y(y, multi_output=True, y_numeric=self._numeric, estimator=self)
        check_consistent_length(X, y)
        y = self._target(y)
        weights = np.ones(len(y))
        if sample_weight is not None:
            weights = _check_sample_weight(
                sample_weight, table, dtype=np.float64, ensure_non_negative=True
            )
        weights = self._weights(y, weights)
        if not weights.any():
            raise ValueError("sample_weight: every row weighs 0; there is nothing to learn from")
        rows = Rows(table, y, weights)
        return rows if weights.all() else rows.take(weights > 0)

    def _table(self, X: Any, y: Any = "no_validation", reset: bool = False) -> Any:
        """X as an array, or as a frame where it has text or missing cells."""
        frame = as_frame(X)
        if frame is not None:
            validate_data(self, X, y, reset=reset, skip_check_array=True)
            return frame
        if y is None:
            validate_data(self, X, y, reset=reset)  # Says that there must be one.
        kinds = [np.float64, np.float32]
        x = validate_data(
            self, X, reset=reset, accept_sparse="csr", dtype=kinds, ensure_all_finite="allow-nan"
        )
        x = x.toarray() if hasattr(x, "toarray") else x
        if np.isinf(x).any():
            raise ValueError("Input X contains infinity")
        return x

    def _prepare(self, rows: Rows) -> None:
        """Settle how inputs and targets are scaled, and the recipe."""
        self._seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        self._targets = self._fit_targets(rows)
        self._inputs = fit_inputs(rows.x, rows.weights, self.standardize)
        self.recipe_ = recipe_for(self.get_params(False), len(rows), self._targets, self._inputs)

    def _encoded(self, rows: Rows) -> Rows:
        x = self._inputs.transform(matrix(rows.x, self._inputs))
        return Rows(x, self._targets.encode(rows.y), rows.weights)

    def _holds_out(self, rows: int) -> bool:
        if self.early_stopping == AUTO:
            return rows >= HELD_OUT_FROM
        return self.early_stopping

    def _begin(self, rows: Rows) -> None:
        """A new network, and all that its training moves on."""
        recipe = self.recipe_
        with _stream(self._seed):
            self._network = build(recipe, rows.x.shape[1], self._targets.outputs)
        _fit_first(self._network, self._inputs.columns)
        observers = tuple(c.observer for c in self.callbacks if c.observer is not None)
        step = make_step(recipe, self._network, self._targets, observers)
        self._fitting = Fitting(step, recipe.batch_size, recipe.epochs)
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []
        self.n_iter_ = self.t_ = 0

    def _train(self, part: Part, course: Course) -> None:
        fitting, single = self._fitting, bool(self.callbacks or self.verbose)
        fitting.restart(judges=part.held > 0)
        teller = Teller(fitting, self.callbacks, course.epochs, part.held > 0)
        teller.tell("fit_start")
        with _stream(self._seed + self.t_):
            for _ in run(fitting, part, course, single):
                if single:
                    teller.epoch_end()
                    self._say(teller.row)
                if teller.stopped:
                    break
        teller.tell("fit_end")
        self._record(part.rows, *fitting.curves())

    def _say(self, row: Row) -> None:
        if self.verbose:
            print(f"epoch {row['epoch']}/{self.recipe_.epochs}  {figures(row)}", flush=True)

    def _record(self, rows: int, losses: list[float], held: list[float]) -> None:
        self.loss_curve_ += losses
        self.validation_loss_curve_ += held
        self.n_iter_ += len(losses)
        self.t_ += len(losses) * rows
        self.loss_ = self.loss_curve_[-1]
        self.best_loss_ = min(self.validation_loss_curve_ or self.loss_curve_)
        if not np.isfinite(self.loss_):
            raise TrainingError(
                "fit",
                f"the loss is {self.loss_} in epoch {self.n_iter_}",
                "a step was too large, or a value of X is",
                "lower learning_rate_init, or pass clip_norm=1.0",
            )

    # ---- Predicting ----

    def _outputs(self, X: Any) -> np.ndarray:
        """What the network says of each row, float32 [rows, outputs]."""
        check_is_fitted(self)
        table = self._table(X)
        return Predictor(self._network)(self._inputs.transform(matrix(table, self._inputs)))

    # ---- What there is to see ----

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The weights of each layer, [inputs, outputs]."""
        first, *others = [layer.weight.numpy() for layer in self._layers()]
        return [first[: self._inputs.columns], *others]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The biases of each layer."""
        return [layer.bias.numpy() for layer in self._layers()]

    @property
    def n_layers_(self) -> int:
        """Inputs and outputs are layers too, as in scikit-learn."""
        return len(self._layers()) + 1

    @property
    def n_outputs_(self) -> int:
        return self._targets.outputs

    def _layers(self) -> list[nn.Linear]:
        check_is_fitted(self)
        return _linear(self._network)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_network")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.sparse = True
        return tags


def _linear(network: nn.Module) -> list[nn.Linear]:
    return [layer for layer in network.named_modules().values() if isinstance(layer, nn.Linear)]


def _fit_first(network: nn.Module, columns: int) -> None:
    """Draw the first layer's weights as for the columns that there are: those behind them are 0."""
    weight = _linear(network)[0].weight
    drawn = weight.numpy() * np.sqrt(len(weight) / columns, dtype=np.float32)
    drawn[columns:] = 0
    weight.assign(cr.asarray(drawn))


@contextmanager
def _stream(seed: int) -> Iterator[None]:
    """Within this block the global random stream begins at a seed."""
    before = cr.random.get_state()
    cr.random.seed(seed)
    try:
        yield
    finally:
        cr.random.set_state(before)
