"""A training as its callbacks see it: receives a step, and who is told; hands on the record of its
epochs, whether to go on, and all of its state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import chainrule as cr
from chainrule.config import config
from chainrule.data.loader import Loader
from chainrule.errors import ArgumentError
from chainrule.train.trainer.history import History, Row
from chainrule.train.trainer.steps import Step


class Training:
    """What callbacks see, of a `Trainer` or an estimator: the `model` and its `optimizer`;
    `history`, the epochs that are done of those `planned`; `row`, the present one, which they may
    add to; whether the run was `resumed`; and why it `stopped`, None while it goes on.

    What it rests on is the state of its `step`, and the places of its `loaders`. `absent` are the
    figures that no row will have, for want of validation data.
    """

    def __init__(self, step: Step, callbacks: Sequence[Any]) -> None:
        self.step, self.model, self.optimizer = step, step.model, step.optimizer
        self.callbacks, self.loaders = callbacks, list[Loader]()
        self.start(planned=1)

    def start(self, planned: int, absent: Collection[str] = ()) -> None:
        """Forget the run before."""
        self.planned, self.absent = planned, absent
        self.history, self.row, self.resumed = History(), Row(), False
        self.stopped: str | None = None

    def place(self) -> tuple[int, int | None]:
        """(what is done, what there is to do), in one unit; None where the latter is unknown."""
        return len(self.history.epochs), self.planned

    def stop(self, why: str) -> None:
        """End training after this epoch; within one, after this stretch of steps."""
        self.stopped = why

    def figure(self, who: str, name: str) -> float:
        """A figure of this epoch's row. Raises ArgumentError where there is none."""
        self.expect(who, name)
        if name not in self.row:
            raise ArgumentError(
                who,
                f"there is no {name!r}",
                f"this epoch has {', '.join(self.row)}",
                "name one of these",
            )
        return float(self.row[name])

    def expect(self, who: str, name: str) -> None:
        """Raise ArgumentError for a figure of validation data where there are none."""
        if name in self.absent:
            raise ArgumentError(
                who,
                f"there is no {name!r}",
                "it is a figure of validation data, and there are none",
                "pass validation_data or validation_split, or name a figure of training",
            )

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Within this block the model has the weights to evaluate with, such as an average."""
        with ExitStack() as stack:
            for part in (self.optimizer, *self.callbacks):
                if hasattr(part, "evaluation"):
                    stack.enter_context(part.evaluation())
            yield

    def diverged(self) -> bool:
        """Whether a loss of this epoch was not finite."""
        return not math.isfinite(self.step.total.item())

    def snapshot(self) -> dict[str, Any]:
        """A copy of all that the next steps depend on; `restore` takes it."""
        return {
            "step": self.step.state_dict(),
            "random": cr.random.get_state().numpy().copy(),
            "loaders": [loader.state_dict() for loader in self.loaders],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Bring a snapshot back."""
        self.step.load_state_dict(state["step"])
        cr.random.set_state(state["random"])
        for loader, found in zip(self.loaders, state["loaders"], strict=False):
            loader.load_state_dict(found)

    def replay(self, state: Mapping[str, Any]) -> None:
        """Take the steps from a snapshot on again, one by one, until one makes a NaN: NanError."""
        self.restore(state)
        before, config.debug_nans = config.debug_nans, True
        try:
            for call in self.steps_left():
                call()
                if self.diverged():
                    return
        finally:
            config.debug_nans = before

    def steps_left(self) -> Iterable[Callable[[], cr.Tensor]]:
        """What takes each step that is left of this epoch: none where it is one native call."""
        return ()
