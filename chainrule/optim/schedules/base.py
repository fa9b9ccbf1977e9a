"""What all schedules share: from a step, or a tensor of steps, to rates, tables and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.dtypes import float64
from chainrule.errors import ArgumentError
from chainrule.frontend.functions.creation import arange, asarray
from chainrule.frontend.stateful import Stateful
from chainrule.frontend.tensor import Tensor
from chainrule.optim.arguments import at_least
from chainrule.optim.schedules import picture

Rate = Callable[[Any], Any]


class Schedule:
    """From the number of steps taken to the rate: a number to a number, tensors to tensors.

    A subclass defines `rate`, element by element. Schedules multiply with numbers and each other.

    >>> class Hyperbola(cr.optim.schedules.Schedule):
    ...     def rate(self, t):
    ...         return 1 / (1 + t)
    >>> Hyperbola()(1), (0.1 * Hyperbola())(cr.asarray([0, 3]))
    (0.5, Tensor([0.1  , 0.025], dtype=float64))
    """

    def __call__(self, step: int | float | Tensor) -> Any:
        rate = self.rate(asarray(step, dtype=float64))
        return rate if isinstance(step, Tensor) else float(rate)

    def rate(self, t: Tensor) -> Tensor:
        """The rate after t steps; t is float64."""
        raise NotImplementedError

    @property
    def momentum(self) -> Schedule | None:
        """The schedule of the momentum that belongs to this rate; None leaves it as it is."""
        return None

    def __mul__(self, other: Any) -> Product:
        return Product((self, other))

    __rmul__ = __mul__

    def table(self, steps: int, rows: int = 11) -> str:
        """Rates, and the momentum if there is one, at `rows` steps from 0 to `steps` (A-088).

        >>> print(cr.optim.schedules.Linear(0.1, 10).table(10, rows=3))
        step  learning_rate
           0            0.1
           5           0.05
          10              0
        """
        at_least("table", "steps", steps, 1, "the table ends there")
        at_least("table", "rows", rows, 2, "the first and the last step have one each")
        chosen = np.linspace(0, steps, min(rows, steps + 1)).round().astype(int)
        lines = [("step", *self._columns())]
        for step, *rates in zip(chosen, *self._values(asarray(chosen)), strict=True):
            lines.append((str(step), *(f"{rate:.6g}" for rate in rates)))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(str.rjust, line, widths)) for line in lines)

    def plot(self, steps: int) -> Any:
        """A matplotlib figure of the rate up to `steps`, the momentum on a second axis (A-088).

        Write it with `.savefig("rate.png")`. Raises ArgumentError where matplotlib is missing.

        >>> cr.optim.schedules.OneCycle(0.1, 100).plot(99).savefig("rate.png")  # doctest: +SKIP
        """
        at_least("plot", "steps", steps, 1, "the curve ends there")
        return picture.draw(dict(zip(self._columns(), self._values(arange(steps + 1)))))

    def _columns(self) -> tuple[str, ...]:
        return ("learning_rate",) if self.momentum is None else ("learning_rate", "momentum")

    def _values(self, steps: Tensor) -> list[np.ndarray]:
        parts = [self] if self.momentum is None else [self, self.momentum]
        return [part(steps).numpy() for part in parts]


@dataclass(frozen=True)
class Product(Schedule):
    """The product of schedules and numbers, all at the same step; `*` makes it.

    PyTorch chains schedulers in this sense (ChainedScheduler).

    >>> schedules = cr.optim.schedules
    >>> round((schedules.Exponential(0.1, 0.5) * schedules.Warmup(1.0, 4))(2), 6)
    0.018394
    """

    schedules: tuple[Rate, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "schedules", as_schedules("Product", self.schedules))

    def rate(self, t: Tensor) -> Tensor:
        product = 0 * t + 1
        for schedule in self.schedules:
            product = product * asarray(schedule(t), dtype=float64)
        return product


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate for ever (A-076).

    >>> cr.optim.schedules.Constant(0.1)(7)
    0.1
    """

    learning_rate: float

    def rate(self, t: Tensor) -> Tensor:
        return 0 * t + self.learning_rate


def as_schedules(where: str, given: Iterable[Any]) -> tuple[Rate, ...]:
    """Schedules as they are, functions of the step too; numbers as constants."""
    return tuple(as_schedule(where, one) for one in given)


def as_schedule(where: str, given: Any) -> Rate:
    """One of them. Raises ArgumentError for what is neither, and for state inside a function."""
    if isinstance(given, Stateful):
        raise ArgumentError(
            where,
            f"got a {type(given).__name__}",
            "it has state, which compiled steps find only where the optimizer holds it",
            f"put it outermost: {type(given).__name__}({where}(...))",
        )
    if callable(given):
        return given
    if isinstance(given, (int, float)):
        return Constant(given)
    raise ArgumentError(
        where,
        f"got a {type(given).__name__}",
        "",
        "pass schedules, functions of the step, or rates",
    )
