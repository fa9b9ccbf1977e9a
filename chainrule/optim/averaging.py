"""Averages of weights over training: receive a model after each step, hand on its mean weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from chainrule.dtypes import float64, int64
from chainrule.errors import ArgumentError
from chainrule.frontend.functions.creation import asarray, zeros_like
from chainrule.frontend.functions.elementwise import floor, maximum
from chainrule.frontend.functions.logic import where
from chainrule.frontend.lift import cast
from chainrule.frontend.stateful import Buffer, listed
from chainrule.frontend.tensor import Tensor
from chainrule.frontend.trace import training
from chainrule.jit import jit
from chainrule.optim.beside import Beside, parameters_of
from chainrule.optim.trials import assign, holding


class Average(Beside):
    """mean + w (x - mean) for each parameter x of a model, with the weight w of a subclass.

    `update()` belongs behind the optimizer's, and compiles with it: pass the average to the step
    too. Buffers are not averaged; those of batch norms take `update_statistics` afterwards.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.mean = self.copies()
        self.updates = Buffer(asarray(0, dtype=int64))

    def weight(self, t: Tensor) -> Tensor:
        """The weight of the present parameters in update t, a float64 that counts from 1."""
        raise NotImplementedError

    def update(self) -> None:
        """Take the present parameters into the mean."""
        weight = self.weight(cast(self.updates + 1, float64))
        for path, x in self.parameters.items():
            mean = self.mean[path]
            # Where x replaces the mean, it does so without rounding.
            moved = where(weight == 1, x, mean + cast(weight, x.dtype) * (x - mean))
            mean.assign(moved)
        self.updates.assign(self.updates + 1)

    def evaluation(self) -> AbstractContextManager[None]:
        """`with average.evaluation():` the model has the mean weights, and then its own again."""
        return holding(self.parameters, self.mean)

    def assign_to(self, model: Any) -> None:
        """Give the mean weights to a model: this one, or another with the same parameters."""
        where = f"{type(self).__name__}.assign_to"
        held = parameters_of(where, model)
        if missing := [path for path in self.mean if path not in held]:
            raise ArgumentError(
                where,
                f"there is no parameter {listed(missing)}",
                "weights are known by their paths, and frozen parameters stay",
                "pass the averaged model or one that was built in the same way",
            )
        assign(held, self.mean)


class EMA(Average):
    """mean = decay mean + (1 - decay) x, an exponential moving average of the weights.

    The first update copies x, as in PyTorch. That outlives 1 / (1 - decay) updates; with
    `bias_correction` the weight of x is (1 - decay) / (1 - decay**t) in update t instead, nearly
    1 / t at first: each x then counts decay**age, the first too (Kingma & Ba 2015). `decay` may be
    a function of t, such as `lambda t: cr.minimum(0.999, (1 + t) / (10 + t))`. decay=0.999 as in
    PyTorch.

    >>> model = cr.nn.Linear(2, 1)
    >>> average = cr.optim.EMA(model, decay=0.75)
    >>> for value in (0.0, 4.0):
    ...     model.weight.assign(cr.full((2, 1), value))
    ...     average.update()
    >>> with average.evaluation():
    ...     model.weight[0]
    Tensor([1.], dtype=float32)
    """

    def __init__(
        self,
        model: Any,
        decay: float | Callable[[Tensor], Any] = 0.999,
        bias_correction: bool = False,
    ) -> None:
        super().__init__(model)
        if not callable(decay) and not 0 <= decay < 1:
            raise ArgumentError(
                "EMA", f"decay is {decay}", "it is the weight of the past", "choose 0 <= decay < 1"
            )
        self.decay, self.bias_correction = decay, bias_correction

    def weight(self, t: Tensor) -> Tensor:
        decay = asarray(self.decay(t) if callable(self.decay) else self.decay, dtype=float64)
        if self.bias_correction:
            return (1 - decay) / (1 - decay**t)
        return where(t == 1, 1.0, 1 - decay)


class SWA(Average):
    """The mean of the weights in every `every`-th update after the first `start` (Izmailov et al.
    2018); until one is averaged, those of the last update.

    >>> model = cr.nn.Linear(2, 1)
    >>> average = cr.optim.SWA(model, start=1)
    >>> for value in (5.0, 1.0, 3.0):
    ...     model.weight.assign(cr.full((2, 1), value))
    ...     average.update()
    >>> average.assign_to(model)
    >>> model.weight[0]
    Tensor([2.], dtype=float32)
    """

    def __init__(self, model: Any, start: int = 0, every: int = 1) -> None:
        super().__init__(model)
        if start < 0 or every < 1:
            raise ArgumentError(
                "SWA",
                f"start is {start}, every {every}",
                "they count updates",
                "choose start >= 0 and every >= 1",
            )
        self.start, self.every = start, every

    def weight(self, t: Tensor) -> Tensor:
        periods = (t - self.start) / self.every
        number = floor(periods)
        return where((periods == number) | (number < 1), 1 / maximum(number, 1), 0)


def update_statistics(model: Any, batches: Iterable[Any]) -> None:
    """Computes anew what batch norms use in place of batch statistics, for the present weights.

    The model runs in training mode on each batch (the first element, if that is a tuple or list);
    running statistics become the mean over batches, as by torch.optim.swa_utils.update_bn.

    >>> model = cr.nn.Sequential(cr.nn.BatchNorm(1))
    >>> cr.optim.update_statistics(model, [cr.asarray([[1.0], [3.0]]), cr.asarray([[5.0], [5.0]])])
    >>> model[0].running_mean, model[0].running_var
    (Buffer([3.5], dtype=float32), Buffer([1.], dtype=float32))
    """
    norms = [part for part in model.walk().parts.values() if hasattr(part, "num_batches_tracked")]
    before = [norm.momentum for norm in norms]
    run = jit(_run)
    try:
        for norm in norms:
            norm.momentum = None
            for box in (norm.running_mean, norm.running_var, norm.num_batches_tracked):
                box.assign(zeros_like(box))
        for batch in batches:
            with training():
                run(model, batch[0] if isinstance(batch, (tuple, list)) else batch)
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum


def _run(model: Any, x: Tensor) -> None:
    model(x)
