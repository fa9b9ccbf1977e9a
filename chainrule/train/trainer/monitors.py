"""Monitors: callbacks that watch gradients and activations, layer by layer; they add what they find
to the row of the epoch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import chainrule as cr
from chainrule import nn
from chainrule.frontend import trace
from chainrule.frontend.stateful import Buffer, Stateful
from chainrule.nn.calls import observed
from chainrule.train.trainer.callbacks import Callback
from chainrule.train.trainer.training import Training

FLAT = 0.05  # Of its greatest derivative: below, an activation is saturated.


class GradientNorms(Callback):
    """The norm of each layer's gradients, sqrt(sum g**2) over its parameters, before clipping
    (B-053): the mean over the steps of an epoch as `gradient_norm/<layer>`, and the greatest as
    `greatest_gradient_norm/<layer>`.

    Found within the compiled step. Norms that shrink from layer to layer vanish, those that grow
    explode.

    >>> callback = cr.train.GradientNorms(cr.nn.Sequential(cr.nn.Linear(2, 2)))
    """

    def __init__(self, model: nn.Module) -> None:
        self.observer: _Norms = _Norms(model)

    def epoch_start(self, trainer: Training) -> None:
        self.observer.reset()

    def epoch_end(self, trainer: Training) -> None:
        steps = self.observer.steps.item()
        for layer, total in self.observer.totals.items():
            trainer.row[f"gradient_norm/{layer}"] = total.item() / steps
        for layer, greatest in self.observer.greatest.items():
            trainer.row[f"greatest_gradient_norm/{layer}"] = greatest.item()


class _Norms(Stateful):
    """Norms of gradients by layer: their sums and maxima over the steps."""

    def __init__(self, model: nn.Module) -> None:
        names = dict.fromkeys(map(layer_of, model.trainable()))
        self.totals = {name: Buffer(0.0) for name in names}
        self.greatest = {name: Buffer(0.0) for name in names}
        self.steps = Buffer(0.0)

    def observe(self, gradients: Any) -> None:
        for name, norm in layer_norms(gradients).items():
            self.totals[name].assign(self.totals[name] + norm)
            self.greatest[name].assign(cr.maximum(self.greatest[name], norm))
        self.steps.assign(self.steps + 1)

    def reset(self) -> None:
        for box in self.named_boxes().values():
            box.assign(cr.zeros_like(box))


def layer_of(path: str) -> str:
    """The path of the layer that a parameter belongs to."""
    return path.rpartition(".")[0]


def layer_norms(gradients: Mapping[str, Any]) -> dict[str, cr.Tensor]:
    """The norm of each layer's gradients, from those of its parameters by path."""
    squares: dict[str, Any] = defaultdict(float)
    for path, g in gradients.items():
        squares[layer_of(path)] += cr.sum(cr.square(g))
    return {name: cr.sqrt(total) for name, total in squares.items()}


class Activations(Callback):
    """Mean and standard deviation of what each layer hands on for the inputs `x`, at the end of
    each epoch: `activation_mean/<layer>` and `activation_std/<layer>` (B-054).

    Of each `nn.ReLU`, `dead/<layer>` is the share of units,
    those of the last axis, that are 0 or below for every one of these inputs: they learn nothing
    (B-055). Of each `nn.Sigmoid` and `nn.Tanh`, `saturated/<layer>` is the share of values at which
    the derivative is below a twentieth of its greatest (E-066). `watched(model, x)` gives the same
    at any time. What a model maps or scans is told as a whole.

    >>> callback = cr.train.Activations(np.ones((8, 2), np.float32))
    """

    def __init__(self, x: Any) -> None:
        self.x = x
        self._watch = cr.jit(_watched)

    def epoch_end(self, trainer: Training) -> None:
        found = self._watch(trainer.model, self.x)
        trainer.row |= {name: value.item() for name, value in found.items()}


def watched(model: nn.Module, x: Any) -> dict[str, float]:
    """What `Activations` tells, of a model in use.

    >>> model = cr.nn.Sequential(cr.nn.Linear(2, 3, init=cr.nn.init.constant(-1.0)), cr.nn.ReLU())
    >>> model[0].bias.assign(cr.zeros(3))
    >>> found = cr.train.watched(model, cr.ones((4, 2)))
    >>> found["activation_mean/layers.0"], found["dead/layers.1"]
    (-2.0, 1.0)
    """
    return {name: value.item() for name, value in _watched(model, x).items()}


def _watched(model: nn.Module, x: Any) -> dict[str, cr.Tensor]:
    places, found, level = model.walk().places, {}, trace.state.level

    def watch(module: nn.Module, result: Any) -> Any:
        # What is mapped or scanned within the model is of one member or turn alone.
        path = places.get(id(module)) if trace.state.level is level else None
        if path and isinstance(result, cr.Tensor) and result.dtype.is_float:
            found[f"activation_mean/{path}"] = cr.mean(result)
            found[f"activation_std/{path}"] = cr.std(result)
            if isinstance(module, nn.ReLU):
                alive = cr.any(result > 0, axis=tuple(range(result.ndim - 1)))
                found[f"dead/{path}"] = cr.mean(cr.astype(~alive, cr.float32))
            if isinstance(module, (nn.Sigmoid, nn.Tanh)):
                # tanh' = 1 - y^2, and a sigmoid y is (1 + tanh) / 2.
                y = result if isinstance(module, nn.Tanh) else 2 * result - 1
                flat = 1 - cr.square(y) < FLAT
                found[f"saturated/{path}"] = cr.mean(cr.astype(flat, cr.float32))
        return result

    with observed(watch):
        model(x)
    return found
