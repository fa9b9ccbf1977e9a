"""Steps: receive a model, a loss, an optimizer and batches; hand on the loss, and all state moved
on. What is compiled in training stands here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn, optim, tree
from chainrule.data.loader import rows_of
from chainrule.errors import ArgumentError
from chainrule.frontend.box import Box
from chainrule.frontend.stateful import Buffer, Stateful
from chainrule.metrics import Streaming

Batch = tuple[Any, ...]


def asks_model(loss: Callable) -> bool:
    """Whether a loss is a function of (model, *batch), rather than of (prediction, target). Raises
    ArgumentError for neither.
    """
    parameters = list(inspect.signature(loss).parameters.values())
    if parameters and parameters[0].name == "model":
        return True
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    needed = [p for p in parameters if p.default is p.empty and p.kind not in named]
    if len(needed) > 2 or len(parameters) < 2:
        names = ", ".join(p.name for p in parameters)
        raise ArgumentError(
            "Trainer",
            f"the loss is a function of ({names})",
            "it is called as loss(prediction, target), or with the model itself",
            "write loss(prediction, target), or loss(model, x, y) with a first parameter of the "
            "name model",
        )
    return False


class Evaluation(Stateful):
    """The mean loss of a model, and metrics, over batches: state that compiled loops move on.

    The mean is weighted by rows, or by sample weights where a batch has them, so that the sizes of
    batches do not matter.
    """

    def __init__(self, model: nn.Module, loss: Callable, metrics: Mapping[str, Streaming]) -> None:
        self.model, self.loss, self.metrics = model, loss, dict(metrics)
        self.asks_model = asks_model(loss)
        zero = cr.asarray(0.0, dtype=cr.float64)
        self.total, self.weight = Buffer(zero), Buffer(zero)

    def __call__(self, batch: Batch) -> cr.Tensor:
        """The loss of a batch, which the means take in."""
        value, prediction = self.value(batch)
        if self.asks_model and self.metrics:
            prediction = self.model(batch[0])
        self.measure(prediction, batch)
        self.count(value, self.weight_of(batch))
        return value

    def value(self, batch: Batch) -> tuple[cr.Tensor, Any]:
        """(loss, what the model says); None where the loss asks the model itself."""
        if self.asks_model:
            return self.loss(self.model, *batch), None
        if len(batch) < 2:
            raise ArgumentError(
                "fit",
                "a batch is one array",
                "the loss compares a prediction of x with y",
                "pass (x, y), or a loss of the model, loss(model, x)",
            )
        prediction, weights = self.model(batch[0]), self.weights(batch)
        if weights is None:
            return self.loss(prediction, batch[1]), prediction
        return self.loss(prediction, batch[1], sample_weight=weights), prediction

    def weights(self, batch: Batch) -> Any:
        """What the loss weighs the rows of a batch with, if with anything."""
        return batch[2] if len(batch) > 2 else None

    def weight_of(self, batch: Batch) -> Any:
        """What the mean loss of a batch weighs among others."""
        weights = None if self.asks_model else self.weights(batch)
        return float(rows_of(batch)) if weights is None else cr.sum(weights)

    def measure(self, prediction: Any, batch: Batch) -> None:
        for metric in self.metrics.values():
            metric.update(prediction, batch[1], *batch[2:])

    def count(self, value: cr.Tensor, weight: Any) -> None:
        self.total.assign(self.total + cr.astype(value, cr.float64) * weight)
        self.weight.assign(self.weight + weight)

    def results(self) -> dict[str, float]:
        """The mean loss and the metrics of all batches since `reset`."""
        loss = self.total.item() / self.weight.item()
        return {"loss": loss, **{name: _figure(m.value()) for name, m in self.metrics.items()}}

    def reset(self) -> None:
        zero = cr.zeros_like(self.total)
        self.total.assign(zero)
        self.weight.assign(zero)
        for metric in self.metrics.values():
            metric.reset()

    def _name(self, box: Box, path: str) -> None:
        """The parts have named their boxes."""


class Step(Evaluation):
    """One step of training: loss and gradients of a batch, clipping, the optimizer's update, and
    what observes it. All state of training hangs here, in boxes.

    With `micro_batch_size` a batch is gone through in parts of so many rows, whose gradients are
    summed by the weights of the parts: the step is that of the whole batch, in the memory of a part
    (B-048). Batch norms take their statistics from the parts.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable,
        optimizer: optim.Optimizer,
        metrics: Mapping[str, Streaming],
        observers: tuple[Any, ...] = (),
        class_weights: tuple[float, ...] | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        micro_batch_size: int | None = None,
        precision: str = "float32",
    ) -> None:
        super().__init__(model, loss, metrics)
        self.optimizer, self.observers, self.class_weights = optimizer, observers, class_weights
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.micro_batch_size, self.precision = micro_batch_size, precision

    def __call__(self, batch: Batch) -> cr.Tensor:
        found: list[tuple] = []

        def evaluate() -> tuple[cr.Tensor, Any]:
            # Optimizers that look around ask again: what is told is of the place where they stand.
            value, weight, gradients = self._gradients(batch, measures=not found)
            found.append((value, weight, gradients))
            return value, self._clipped(gradients)

        self.optimizer.step(evaluate)
        value, weight, gradients = found[0]
        self.count(value, weight)
        for observer in self.observers:
            observer.observe(gradients)
        return value

    def weigh(self, class_weights: tuple[float, ...] | None) -> None:
        """Weigh rows by their class. Any assignment would have a program looked for anew."""
        if class_weights != self.class_weights:
            self.class_weights = class_weights

    def weights(self, batch: Batch) -> Any:
        given = super().weights(batch)
        if self.class_weights is None:
            return given
        weights = cr.take(cr.asarray(np.asarray(self.class_weights, np.float32)), batch[1])
        return weights if given is None else weights * given

    def _gradients(self, batch: Batch, measures: bool) -> tuple[cr.Tensor, Any, Any]:
        """(mean loss, its weight, gradients) of a batch, in parts where that is asked for."""
        size, rows = self.micro_batch_size, rows_of(batch)
        if size is None or rows <= size:
            value, gradients = self._of_part(batch, measures)
            return value, self.weight_of(batch), gradients

        def add(sums: tuple, part: Batch) -> tuple[tuple, None]:
            value, gradients = self._of_part(part, measures)
            weight = self.weight_of(part)
            new = tree.map(lambda g: g * weight, (value, gradients))
            return (tree.map(cr.add, sums[0], new), sums[1] + weight), None

        zeros = {path: cr.zeros_like(x) for path, x in self.model.trainable().items()}
        sums: tuple = (cr.asarray(0.0), zeros), cr.asarray(0.0)
        full = rows - rows % size
        parts = tree.map(lambda a: cr.reshape(a[:full], (-1, size, *a.shape[1:])), batch)
        sums, _ = cr.scan(add, sums, parts)
        if full < rows:
            sums, _ = add(sums, tree.map(lambda a: a[full:], batch))
        (value, gradients), weight = tree.map(lambda total: total / sums[1], sums[0]), sums[1]
        return value, weight, gradients

    def _of_part(self, batch: Batch, measures: bool) -> tuple[cr.Tensor, Any]:
        def loss(model: nn.Module) -> tuple[cr.Tensor, Any]:
            return self.value(batch)

        if self.precision != "float32":
            loss = cr.mixed_precision(loss, self.precision)
        derivative = cr.value_and_grad
        if isinstance(self.optimizer, optim.LossScaling):
            derivative = self.optimizer.value_and_grad
        (value, prediction), gradients = derivative(loss, has_aux=True)(self.model)
        if measures:
            self.measure(prediction, batch)
        return value, gradients

    def _clipped(self, gradients: Any) -> Any:
        if self.clip_value is not None:
            gradients = optim.clip_by_value(gradients, self.clip_value)
        if self.clip_norm is not None:
            gradients, _ = optim.clip_by_global_norm(gradients, self.clip_norm)
        return gradients


def _figure(value: Any) -> Any:
    """A metric's value as a number, or as lists of numbers."""
    return np.asarray(value).tolist()


@cr.jit
def over_rows(
    part: Evaluation,
    gathered: Callable,
    data: Batch,
    order: cr.Tensor,
    first: cr.Tensor,
    last: cr.Tensor,
) -> cr.Tensor:
    """The batches `first` to `last` - 1 of an order, [batches, rows], each `gathered(data, rows)`,
    in one native call; the loss of the last one.
    """

    def turn(state: tuple) -> tuple:
        number, _ = state
        return number + 1, part(gathered(data, order[number]))

    start = first, cr.asarray(0.0)
    return cr.while_loop(lambda state: state[0] < last, turn, start)[1]


@cr.jit
def over_batch(part: Evaluation, batch: Batch) -> cr.Tensor:
    """One batch; its loss."""
    return part(batch)
