"""Learning online: receives one row at a time; hands on what the model said of it, and its loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chainrule as cr
from chainrule import nn, optim

Loss = Callable[..., Any]


def _learn(model: nn.Module, optimizer: optim.Optimizer, loss: Loss, *row: cr.Tensor) -> cr.Tensor:
    value, gradients = cr.value_and_grad(loss)(model, *[array[None] for array in row])
    optimizer.update(gradients)
    return value


class Online:
    """A model that learns from a stream, one row at a time (A-249).

    `learn(x, y)` is a step on a batch of that row alone, w <- w - update(d loss / d w), as one
    compiled call; it equals training with batches of one. Its result is the loss before the step:
    the mean of these losses judges a model on rows that it had not seen, without a test part.

    `loss` is as for `Trainer`: `loss(model, x, y)` of batches. Rows all have one shape; another
    one compiles another program. Steps on single rows are noisy: take a smaller learning rate than
    with batches.

    >>> from chainrule import nn, optim
    >>> from chainrule.train import Online
    >>> model = nn.Linear(1, 1)
    >>> online = Online(
    ...     model,
    ...     optim.SGD(model, learning_rate=0.1),
    ...     lambda model, x, y: cr.mean((model(x)[:, 0] - y) ** 2),
    ... )
    >>> losses = [float(online.learn(np.ones(1), 3.0)) for _ in range(50)]
    >>> losses[-1] < 1e-6, abs(float(online.predict(np.ones(1))[0]) - 3) < 1e-3
    (True, True)
    """

    def __init__(self, model: nn.Module, optimizer: optim.Optimizer, loss: Loss) -> None:
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self._learn = cr.jit(_learn)
        self._predict = cr.jit(lambda model, x: model(x[None])[0])

    def learn(self, *row: Any) -> cr.Tensor:
        """Learn from a row `(x, y)`, or `(x, y, weight)` if the loss takes one; its loss before."""
        return self._learn(self.model, self.optimizer, self.loss, *row)

    def predict(self, x: Any) -> cr.Tensor:
        """What the model says of a row."""
        return self._predict(self.model, x)
