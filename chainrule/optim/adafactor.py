"""Adafactor: receives gradients, hands on parameters moved as by Adam, remembering less."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from chainrule.dtypes import finfo
from chainrule.frontend.functions.creation import zeros
from chainrule.frontend.functions.elementwise import maximum, minimum, sqrt
from chainrule.frontend.functions.reductions import mean
from chainrule.frontend.stateful import Buffer
from chainrule.frontend.tensor import Tensor
from chainrule.optim.base import Factors, Optimizer
from chainrule.optim.hyperparameters import Groups, Rate


class Adafactor(Optimizer):
    """x - r u / max(1, rms(u)), where u = g / sqrt(v), r = max(eps, rms(x)) min(rate, 1 / sqrt(t)).

    v is a mean of g**2 that weighs the newest with t**-0.8. For matrices only the means of its rows
    and columns are kept, and v = rows * columns / mean(rows): n + m numbers for n * m. There is no
    first moment (Shazeer & Stern 2018). PyTorch's formulas and defaults; decay is decoupled.

    >>> x = cr.nn.Parameter([1.0, 2.0])
    >>> cr.optim.Adafactor([x], 0.1).update([cr.asarray([3.0, -0.01])])
    >>> x
    Parameter([0.8418861, 2.158114 ], dtype=float32)
    """

    decoupled = True

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 1e-2,
        eps: float = 1e-3,
        weight_decay: float = 0.0,
        groups: Groups = None,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay, groups, eps=eps)
        self.v = {path: v for path, v in self.zeros().items() if v.ndim < 2}
        matrices = {path: x for path, x in self.parameters.items() if path not in self.v}
        self.rows, self.columns = [
            {path: _zero_means(x, axis) for path, x in matrices.items()} for axis in (-1, -2)
        ]

    def factors(self, now: SimpleNamespace, step: Tensor) -> Factors:
        return minimum(now.learning_rate, 1 / sqrt(step)), step**-0.8, now.eps

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        rate, share, eps = factors
        u = g / sqrt(maximum(self._square(path, g, share), finfo(x.dtype).eps ** 2))
        # Decay has shrunk x, and what it was before counts.
        size = maximum(_rms(self.parameters[path]), eps)
        return x - rate * size / maximum(_rms(u), 1) * u

    def _square(self, path: str, g: Tensor, share: Tensor) -> Tensor:
        """The mean of g**2 up to this step."""
        if path in self.v:
            return _moved(self.v[path], g * g, share)
        rows = _moved(self.rows[path], mean(g * g, axis=-1, keepdims=True), share)
        columns = _moved(self.columns[path], mean(g * g, axis=-2, keepdims=True), share)
        return rows * columns / maximum(mean(rows, axis=-2, keepdims=True), finfo(g.dtype).eps)


def _zero_means(x: Tensor, axis: int) -> Buffer:
    shape = list(x.shape)
    shape[axis] = 1
    return Buffer(zeros(shape, dtype=x.dtype))


def _moved(held: Buffer, new: Tensor, share: Tensor) -> Tensor:
    moved = held + share * (new - held)
    held.assign(moved)
    return moved


def _rms(x: Tensor) -> Tensor:
    return sqrt(mean(x * x))
