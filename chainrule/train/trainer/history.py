"""The record of a training: receives the figures of each epoch; hands on their curves, the best
one, and why training ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chainrule.errors import ArgumentError

Row = dict[str, Any]


@dataclass
class History:
    """One row an epoch, with `epoch` (from 1), `loss`, the metrics, both again as `validation_...`,
    `learning_rate` and `seconds`, and what callbacks add (B-052).

    `stopped` says why training ended: "all epochs", "patience", "interrupted", or what a callback
    called it.

    >>> history = cr.train.History([{"epoch": 1, "loss": 0.5, "validation_loss": 0.75}])
    >>> history["loss"], history.gaps()
    ([0.5], [0.25])
    """

    epochs: list[Row] = field(default_factory=list)
    stopped: str = "all epochs"

    def __getitem__(self, name: str) -> list[Any]:
        """The curve of one figure. Raises ArgumentError for one that no epoch has."""
        if not any(name in row for row in self.epochs):
            known = ", ".join(self.epochs[0]) if self.epochs else "nothing, as no epoch is done"
            raise ArgumentError("History", f"there is no {name!r}", f"recorded is {known}")
        return [row.get(name) for row in self.epochs]

    def gaps(self, name: str = "loss") -> list[float]:
        """validation - training, epoch by epoch: it widens as a network learns by heart (B-052)."""
        pairs = zip(self[f"validation_{name}"], self[name], strict=True)
        return [validation - training for validation, training in pairs]

    def best(self, monitor: str = "validation_loss", mode: str = "min") -> Row:
        """The (first) epoch with the least figure or, with mode="max", the greatest."""
        sign = 1 if mode == "min" else -1
        values = self[monitor]
        return self.epochs[min(range(len(values)), key=lambda n: sign * values[n])]

    @property
    def compilation(self) -> float:
        """Seconds that the first epoch took longer than a usual one: its programs were compiled or
        loaded.
        """
        usual = sorted(self["seconds"])[(len(self.epochs) - 1) // 2]
        return max(0.0, self.epochs[0]["seconds"] - usual)
