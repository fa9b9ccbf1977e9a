"""Callbacks: receive what happens in a training; record it, change what follows, and stop it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from chainrule import optim
from chainrule.errors import ArgumentError
from chainrule.frontend.stateful import Stateful
from chainrule.train.trainer.training import Training


class Callback:
    """Is told of each event of a training, by methods that a subclass overrides.

    `trainer.row` is the row of the present epoch, which may be added to; `trainer.stop(why)` ends
    training. An epoch is a few stretches of many steps, each one native call. Whoever overrides
    `batch_start` or `batch_end` breaks it into single steps, which cost some 30 microseconds more
    each; nobody else pays for that.

    What has to happen within the compiled step belongs into an `observer`, a `Stateful` with boxes:
    its `observe(gradients)` runs after each update, and its boxes are saved with the rest. Other
    state that later epochs depend on goes through `state_dict`, or a resumed run is another one.

    >>> class Patient(cr.train.Callback):
    ...     def epoch_end(self, trainer):
    ...         if trainer.row["loss"] < 0.1:
    ...             trainer.stop("good enough")
    """

    observer: Any = None

    def fit_start(self, trainer: Training) -> None: ...

    def epoch_start(self, trainer: Training) -> None: ...

    def stretch_start(self, trainer: Training) -> None: ...

    def batch_start(self, trainer: Training) -> None: ...

    def batch_end(self, trainer: Training, loss: float) -> None: ...

    def stretch_end(self, trainer: Training) -> None: ...

    def epoch_end(self, trainer: Training) -> None: ...

    def fit_end(self, trainer: Training) -> None: ...

    def evaluation(self) -> AbstractContextManager[None]:
        """What holds while the model is evaluated."""
        return nullcontext()

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs: numbers, texts and arrays, in dicts and lists."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` told."""


def overrides(callback: Callback, *events: str) -> bool:
    """Whether a callback wants to be told of one of these events."""
    return any(getattr(type(callback), e) is not getattr(Callback, e) for e in events)


def states_of(callbacks: Iterable[Callback]) -> dict[str, dict[str, Any]]:
    """What the callbacks with a state of their own know, by name."""
    return {name: callback.state_dict() for name, callback in _remembering(callbacks).items()}


def load_states(callbacks: Iterable[Callback], states: Mapping[str, Any]) -> None:
    """Give it back. Raises ArgumentError where it is of other callbacks."""
    held = _remembering(callbacks)
    if held.keys() != states.keys():
        raise ArgumentError(
            "fit",
            f"the run had the callbacks {', '.join(states) or 'none'}, now there are "
            f"{', '.join(held) or 'none'}",
            "what they know is part of the checkpoint",
            "resume with those of the run",
        )
    for name, callback in held.items():
        callback.load_state_dict(states[name])


def _remembering(callbacks: Iterable[Callback]) -> dict[str, Callback]:
    held = [callback for callback in callbacks if overrides(callback, "state_dict")]
    return {f"{type(callback).__name__} {n}": callback for n, callback in enumerate(held, 1)}


class EarlyStopping(Callback):
    """Ends training when a figure has not improved for `patience` epochs (never, if that is None),
    and in any case brings the weights of the best epoch back (A-115, B-051).

    Any improvement above `least` counts. `mode` is "min" or "max". The best weights are part of
    checkpoints.

    >>> stopping = cr.train.EarlyStopping("validation_accuracy", patience=5, mode="max")
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        patience: int | None = 10,
        mode: str = "min",
        least: float = 0.0,
    ) -> None:
        if mode not in ("min", "max") or least < 0 or (patience is not None and patience < 1):
            raise ArgumentError(
                "EarlyStopping",
                f"mode={mode!r}, patience={patience}, least={least}",
                "epochs without improvement are counted",
                'choose mode="min" or "max", patience >= 1 and least >= 0',
            )
        self.monitor, self.patience, self.least = monitor, patience, least
        self.sign = 1 if mode == "min" else -1
        self.epoch = 0
        self.best = float("inf")
        self.weights: dict[str, Any] = {}

    def fit_start(self, trainer: Training) -> None:
        trainer.expect("EarlyStopping", self.monitor)
        if not trainer.resumed:
            self.epoch, self.best, self.weights = 0, float("inf"), {}

    def epoch_end(self, trainer: Training) -> None:
        height = self.sign * trainer.figure("EarlyStopping", self.monitor)
        number = trainer.row["epoch"]
        if not self.weights or height < self.best - self.least:
            with trainer.evaluation():
                self.weights = trainer.model.state_dict()
            self.epoch, self.best = number, height
        elif self.patience is not None and number - self.epoch >= self.patience:
            trainer.stop("patience")

    def fit_end(self, trainer: Training) -> None:
        if self.weights:
            trainer.model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "best": self.best, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.epoch, self.best, self.weights = state["epoch"], state["best"], state["weights"]


class OnPlateau(Callback):
    """Tells a `schedules.Plateau` a figure at the end of each epoch (A-087).

    The rate then falls by the schedule's rules; its state is the optimizer's, and saved with it.

    >>> plateau = cr.optim.schedules.Plateau(1e-3, patience=3)
    >>> optimizer = cr.optim.Adam(cr.nn.Linear(2, 1), plateau)
    >>> callback = cr.train.OnPlateau(plateau)
    """

    def __init__(self, plateau: optim.schedules.Plateau, monitor: str = "validation_loss") -> None:
        self.plateau, self.monitor = plateau, monitor

    def fit_start(self, trainer: Training) -> None:
        trainer.expect("OnPlateau", self.monitor)
        if id(self.plateau.scale) not in map(id, trainer.optimizer.named_boxes().values()):
            raise ArgumentError(
                "OnPlateau",
                "the plateau is no schedule of the optimizer",
                "it would lower nothing",
                "make the optimizer with the plateau as its learning rate",
            )

    def epoch_end(self, trainer: Training) -> None:
        self.plateau.update(trainer.figure("OnPlateau", self.monitor))


class Averaging(Callback):
    """Averages the weights over the steps with an `optim.EMA` or `optim.SWA` of the model, within
    the compiled step; evaluates with the mean weights, and leaves them in the model at the end.

    After SWA, batch norms need `optim.update_statistics`.

    >>> model = cr.nn.Linear(2, 1)
    >>> callback = cr.train.Averaging(cr.optim.EMA(model, decay=0.99))
    """

    def __init__(self, average: optim.averaging.Average) -> None:
        self.average, self.observer = average, _Observed(average)

    def fit_start(self, trainer: Training) -> None:
        held = set(map(id, trainer.model.parameters().values()))
        if not all(id(x) in held for x in self.average.parameters.values()):
            raise ArgumentError(
                "Averaging",
                "the average is of another model",
                "what is trained would not be averaged",
                "make it of the trainer's model",
            )

    def evaluation(self) -> AbstractContextManager[None]:
        return self.average.evaluation()

    def fit_end(self, trainer: Training) -> None:
        self.average.assign_to(trainer.model)


class _Observed(Stateful):
    """An average as an observer."""

    def __init__(self, average: optim.averaging.Average) -> None:
        self.average = average

    def observe(self, gradients: Any) -> None:
        self.average.update()


class NanGuard(Callback):
    """Says where a loss that is not finite came from: the operation, its line and module (B-056).

    Before each stretch of steps all state is copied; when the loss is no longer finite, the stretch
    is gone through again step by step with `cr.config.debug_nans`, which raises NanError for the
    first operation that made a NaN. Without the guard TrainingError says in which epoch it was.

    >>> guard = cr.train.NanGuard()
    """

    def stretch_start(self, trainer: Training) -> None:
        self.before = trainer.snapshot()

    def stretch_end(self, trainer: Training) -> None:
        if trainer.diverged():
            trainer.replay(self.before)
