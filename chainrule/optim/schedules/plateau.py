"""A rate that falls when a metric no longer improves: receives metrics, hands on the rate."""

from __future__ import annotations

import math
from typing import Any

from chainrule.dtypes import float64, int64
from chainrule.errors import ArgumentError
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.functions.elementwise import maximum
from chainrule.frontend.functions.logic import where
from chainrule.frontend.stateful import Buffer, Stateful
from chainrule.frontend.tensor import Tensor
from chainrule.optim.arguments import at_least
from chainrule.optim.schedules.base import Schedule, as_schedule


class Plateau(Stateful, Schedule):
    """A rate or schedule times factor**n, after n stalls of a metric; never below `end` (A-087).

    Call `update(metric)` after each validation. A metric improves if it passes the best so far by
    `threshold`, a share of it or, with threshold_mode="abs", a number; after more than `patience`
    updates without that the rate falls, and `cooldown` updates are not counted. Order and defaults
    are those of PyTorch's ReduceLROnPlateau, without its eps. The state is part of the optimizer's,
    so compiled steps and checkpoints know it, and a new rate needs no new program.

    >>> plateau = cr.optim.schedules.Plateau(0.1, patience=1)
    >>> optimizer = cr.optim.SGD(cr.nn.Linear(2, 1), plateau)
    >>> for loss in (0.5, 0.6, 0.7):
    ...     plateau.update(loss)
    >>> round(float(optimizer.learning_rate), 6)
    0.01
    """

    def __init__(
        self,
        learning_rate: Any,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        end: float = 0.0,
    ) -> None:
        _check_choice("mode", mode, ("min", "max"))
        _check_choice("threshold_mode", threshold_mode, ("rel", "abs"))
        if not 0 < factor < 1:
            raise ArgumentError(
                "Plateau", f"factor is {factor}", "it lowers the rate", "choose 0 < factor < 1"
            )
        at_least("Plateau", "patience", patience, 0, "it counts updates")
        at_least("Plateau", "cooldown", cooldown, 0, "it counts updates")
        self.schedule, self.factor, self.end = as_schedule("Plateau", learning_rate), factor, end
        self.patience, self.cooldown = patience, cooldown
        self.sign = 1 if mode == "min" else -1
        self.threshold, self.relative = threshold, threshold_mode == "rel"
        self.scale = Buffer(asarray(1.0, dtype=float64))
        self.best = Buffer(asarray(self.sign * math.inf, dtype=float64))
        self.stalled = Buffer(asarray(0, dtype=int64))
        self.cooling = Buffer(asarray(0, dtype=int64))

    def rate(self, t: Tensor) -> Tensor:
        return maximum(asarray(self.schedule(t), dtype=float64) * self.scale, self.end)

    def update(self, metric: Any) -> None:
        """Take note of a metric, such as the validation loss; a NaN is no improvement."""
        metric = asarray(metric, dtype=float64)
        better = self._better(metric)
        stalled = where(better | (self.cooling > 0), 0, self.stalled + 1)
        falls = stalled > self.patience
        self.best.assign(where(better, metric, self.best))
        self.scale.assign(where(falls, self.scale * self.factor, self.scale))
        self.stalled.assign(where(falls, 0, stalled))
        self.cooling.assign(where(falls, self.cooldown, maximum(self.cooling - 1, 0)))

    def _better(self, metric: Tensor) -> Tensor:
        margin = self.sign * self.threshold
        bound = self.best * (1 - margin) if self.relative else self.best - margin
        return self.sign * metric < self.sign * bound


def _check_choice(name: str, value: str, choices: tuple[str, str]) -> None:
    if value not in choices:
        raise ArgumentError(
            "Plateau", f"{name} is {value!r}", "", f'choose "{choices[0]}" or "{choices[1]}"'
        )
