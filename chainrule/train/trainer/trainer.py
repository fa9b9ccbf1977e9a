"""The trainer: receives a model, a loss, an optimizer and data; hands on the trained model and the
record of its training.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import chainrule as cr
from chainrule import nn, optim
from chainrule.data.loader import Loader
from chainrule.errors import ArgumentError, TrainingError
from chainrule.train.predict import Predictor
from chainrule.train.trainer.arguments import (
    check_optimizer,
    check_parts,
    check_positive,
    check_weighable,
    precision_of,
    streaming,
)
from chainrule.train.trainer.callbacks import (
    Callback,
    EarlyStopping,
    load_states,
    overrides,
    states_of,
)
from chainrule.train.trainer.checkpoint import Checkpoints
from chainrule.train.trainer.feeding import first_batch, loader_of, parts_of
from chainrule.train.trainer.history import History
from chainrule.train.trainer.interruptions import interruptions
from chainrule.train.trainer.loggers import LOG, JsonLines
from chainrule.train.trainer.loop import Loop
from chainrule.train.trainer.progress import Progress
from chainrule.train.trainer.steps import Evaluation, Step
from chainrule.train.trainer.training import Training
from chainrule.train.trainer.weights import class_weights

EVALUATION_ROWS = 256  # A batch of an evaluation; results do not depend on it.


class Trainer(Training):
    """Trains a model: an epoch in memory is one native call, or a few (B-039, B-045).

    `loss` is a function of (prediction, target), as in `nn.losses`, or of (model, *batch) if its
    first parameter is called `model`. `metrics` are those of `cr.metrics`, a list or a dict from
    names, over validation rows and, where the loss is of predictions, training rows. Gradients are
    clipped by value, then by their common norm (B-046, B-047). With `micro_batch_size` a batch goes
    through in parts of so many rows, and the step is that of the whole (B-048).
    `precision="mixed"` computes steps in bfloat16 on float32 parameters; with "float16" the
    optimizer is an `optim.LossScaling` (B-049).

    Schedules of the optimizer's rate and momentum move with each step; what follows a figure once
    an epoch is a callback, such as `OnPlateau` (B-050).

    The order of rows comes from `seed`, dropout from the global random stream: with both set, the
    same weights come out, bit for bit, for any number of threads.

    >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    >>> model = cr.nn.Linear(1, 1)
    >>> trainer = cr.train.Trainer(model, cr.nn.losses.mse, cr.optim.Adam(model, 0.1))
    >>> history = trainer.fit((x, 2 * x), epochs=50, quiet=True)
    >>> history["loss"][-1] < 1e-3, trainer.predict(x[:2]).shape
    (True, (2, 1))

    By hand it is a loop of ten lines, with the same result: see `examples/`.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable,
        optimizer: optim.Optimizer,
        metrics: Iterable[Any] | Mapping[str, Any] = (),
        callbacks: Iterable[Callback] = (),
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        micro_batch_size: int | None = None,
        precision: str = "float32",
        seed: int = 0,
    ) -> None:
        callbacks = list(callbacks)
        check_parts(model, loss, optimizer, callbacks)
        check_optimizer(model, optimizer)
        limits: dict[str, Any] = {
            "clip_norm": clip_norm,
            "clip_value": clip_value,
            "micro_batch_size": micro_batch_size,
        }
        check_positive("Trainer", **limits)
        # Last: it keeps the weights that others may have averaged.
        callbacks.sort(key=lambda callback: isinstance(callback, EarlyStopping))
        states = streaming(metrics)
        evaluation = Evaluation(model, loss, states)
        measured = {} if evaluation.asks_model else deepcopy(states)
        observers = tuple(c.observer for c in callbacks if c.observer is not None)
        precision = precision_of(precision, optimizer)
        step = Step(model, loss, optimizer, measured, observers, **limits, precision=precision)
        super().__init__(step, callbacks)
        self._training, self._evaluating = Loop(step), Loop(evaluation)
        self._predict = Predictor(model)
        self._told: list[Callback] = []
        self.seed = seed
        self.epochs = 0  # Epochs in all calls of fit: each has an order of its own.

    # ---- What users call ----

    def fit(
        self,
        data: Any,
        *,
        validation_data: Any = None,
        validation_split: float | None = None,
        epochs: int = 1,
        batch_size: int = 32,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | str | Iterable[float] | None = None,
        sample_weight: Any = None,
        folder: str | Path | None = None,
        resume: bool = False,
        save_seconds: float = 30.0,
        fast_dev_run: bool = False,
        quiet: bool = False,
    ) -> History:
        """Train for some epochs; returns their record, which is also `history`.

        `data` and `validation_data` are (x, y) or (x, y, weights), arrays in memory; loaders of
        `chainrule.data`, whose batch size and order are their own; or lists of such batches.
        `validation_split` holds out a random share, stratified. `class_weight`, by label or
        "balanced", weighs rows in training, `sample_weight` too.

        With a `folder` there are a checkpoint, written whole or not at all at most `save_seconds`
        apart, and `log.jsonl`, a line an epoch. With `resume` a run that was killed at any moment
        goes on from there and ends with the same bits. Unless `quiet` there is a progress bar on a
        terminal, and a line an epoch elsewhere. `fast_dev_run` takes one batch of each, to see that
        all works.

        Ctrl-C ends training at the next pause, a quarter of a second at most; what is done counts.
        Raises TrainingError for a loss that is not finite, ArgumentError for data that do not fit,
        IndexingError for labels of no class.
        """
        check_positive("fit", epochs=epochs)
        check_weighable(self.step, class_weight=class_weight, sample_weight=sample_weight)
        parts = parts_of(data, validation_data, validation_split, sample_weight, self.seed)
        self._feed(*parts, batch_size=batch_size, shuffle=shuffle)
        self.step.weigh(class_weights(class_weight, self.training))
        if fast_dev_run:
            epochs, folder = self._shorten(), None
        saved = None if folder is None else Checkpoints(Path(folder), save_seconds, resume)
        self._begin(epochs, saved)
        self._run(quiet)
        return self.history

    def evaluate(self, data: Any, *, batch_size: int = EVALUATION_ROWS) -> dict[str, float]:
        """The mean loss over all rows, and the metrics, of the model in use."""
        loader = loader_of(data, batch_size=batch_size)
        self._evaluating.check(loader)
        return self._evaluation(loader)

    def predict(self, x: Any, *, samples: int | None = None, classes: bool = False) -> Any:
        """What the model says of each row, as NumPy arrays.

        With `samples` dropout stays on and that many predictions are drawn; returned are then their
        mean and std and, with `classes`, entropy and mutual information: see `nn.mc_dropout`
        (B-062).
        """
        if classes and samples is None:
            raise ArgumentError(
                "predict",
                "classes=True without samples",
                "it says how draws are told",
                "pass samples=, or apply cr.softmax to the logits",
            )
        with self.evaluation():
            if samples is None:
                return self._predict(x)
            drawn = Predictor(
                self.model, lambda m, x: nn.mc_dropout(m, x, samples, classes=classes)
            )
            return drawn(x)

    def try_batch(self, batch: Any) -> cr.Tensor:
        """One step on a batch of which no record is kept; its loss before."""
        return self._training.batch(batch)

    # ---- What callbacks ask ----

    def place(self) -> tuple[int, int | None]:
        """(batches done, batches there are)."""
        done, loader = len(self.history.epochs), self.training
        if loader.rows is None:
            return loader.position, None
        return loader.position + done * len(loader), self.planned * len(loader)

    def steps_left(self) -> Iterable[Callable[[], cr.Tensor]]:
        return self._training.calls(self.training, single=True)

    # ---- The loop ----

    def _feed(self, data: Any, validation_data: Any, **options: Any) -> None:
        """Have loaders of both parts, with labels that the loss knows."""
        self.training = loader_of(data, seed=self.seed, epoch=self.epochs, **options)
        self.validation = None
        if validation_data is not None:
            self.validation = loader_of(validation_data, batch_size=EVALUATION_ROWS)
        self._training.check(self.training)
        self._evaluating.check(self.validation)

    def _shorten(self) -> int:
        """Keep one batch of each part; how many epochs show that all works."""
        self.training, self.validation = first_batch(self.training), first_batch(self.validation)
        return 1

    def _begin(self, epochs: int, checkpoints: Checkpoints | None) -> None:
        """Be as a run starts, or as the last checkpoint says."""
        figures = ("loss", *self._evaluating.part.metrics)
        absent = [f"validation_{name}" for name in figures if self.validation is None]
        self.start(epochs, absent)
        self.loaders = [self.training, *filter(None, [self.validation])]
        self.checkpoints, self._told = checkpoints, [*self.callbacks]
        if checkpoints is not None:
            self._restore(checkpoints.load())
            self._told.append(JsonLines(checkpoints.folder / LOG))

    def _run(self, quiet: bool) -> None:
        with nullcontext() if quiet else Progress() as progress:
            if progress is not None:
                self._told.append(progress)
            self._tell("fit_start")
            self._epochs()
            self.history.stopped = self.stopped or "all epochs"
            if self.checkpoints and self.stopped != "interrupted":
                self._save()
            self._tell("fit_end")

    def _epochs(self) -> None:
        try:
            with interruptions() as pause:
                while len(self.history.epochs) < self.planned and self.stopped is None:
                    self._epoch(pause)
        except KeyboardInterrupt:
            if not self.history.epochs:
                raise
            self.stopped = "interrupted"

    def _epoch(self, pause: Callable) -> None:
        start = time.perf_counter()
        number = len(self.history.epochs) + 1
        self.row = {"epoch": number}
        if self.training.position == 0:
            self.step.reset()
            self._tell("epoch_start")
        self._train(pause)
        self.row |= self.step.results()
        if self.validation is not None:
            with self.evaluation():
                found = self._evaluation(self.validation)
            self.row |= {f"validation_{name}": value for name, value in found.items()}
        self.row["learning_rate"] = float(cr.asarray(self.optimizer.learning_rate))
        self.row["seconds"] = time.perf_counter() - start
        self._check_finite("validation", self.row.get("validation_loss", 0.0))
        self.history.epochs.append(self.row)
        self.epochs += 1
        self._tell("epoch_end")
        self._maybe_save()
        pause()

    def _train(self, pause: Callable) -> None:
        single = any(overrides(c, "batch_start", "batch_end") for c in self.callbacks)
        for call in self._training.calls(self.training, single):
            self._tell("stretch_start")
            if single:
                self._tell("batch_start")
            loss = call()
            if single:
                self._tell("batch_end", float(loss))
            self._tell("stretch_end")
            self._check_finite("training", self.step.total.item())
            self._maybe_save()
            pause()
            if self.stopped is not None:
                self.training.end_epoch()
                break

    def _evaluation(self, loader: Loader) -> dict[str, float]:
        part = self._evaluating.part
        part.reset()
        self._evaluating.run(loader)
        return part.results()

    def _tell(self, event: str, *facts: Any) -> None:
        for callback in self._told:
            getattr(callback, event)(self, *facts)

    def _check_finite(self, part: str, value: float) -> None:
        if not math.isfinite(value):
            raise TrainingError(
                "fit",
                f"the {part} loss is {value} in epoch {self.row['epoch']}",
                "the steps were too large, values far out of the ordinary, or labels of no class",
                "lower the learning rate, or check the columns' ranges and the labels; "
                "train.NanGuard says which operation it was",
            )

    # ---- Saving ----

    def _maybe_save(self) -> None:
        if self.checkpoints and self.checkpoints.due():
            self._save()

    def _save(self) -> None:
        state = self.snapshot()
        state["epochs"], state["stopped"] = self.history.epochs, self.stopped
        state["callbacks"] = states_of(self.callbacks)
        self.checkpoints.save(state)

    def _restore(self, state: Mapping[str, Any] | None) -> None:
        if state is None:
            return
        self.restore(state)
        self.history.epochs = state["epochs"]
        self.epochs += len(state["epochs"])
        self.stopped, self.resumed = state["stopped"], True
        load_states(self.callbacks, state["callbacks"])
