"""Backpropagation derived by hand, in plain NumPy, to read beside what `cr.grad` finds by itself.
Receives arrays; hands back a loss and its gradients. Nothing else in the library uses it.

The network has z_l = W_l h_(l-1) + b_l and h_l = sigma(z_l), a softmax at its end, and
cross-entropy as its loss L. With delta_l = dL / dz_l (B-028):

    delta_L = prediction - y                               softmax and cross-entropy together
    delta_l = W_(l+1)^T delta_(l+1) * sigma'(z_l)          * is elementwise
    dL/dW_l = delta_l h_(l-1)^T       dL/db_l = delta_l

for one example as a column. Here the loss is the mean over a batch: delta_L is divided by its size,
and dL/db_l summed over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Arrays = Sequence[np.ndarray]


class Activation(NamedTuple):
    """sigma and its derivative, both functions of z."""

    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * z))


ACTIVATIONS = {
    "sigmoid": Activation(_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
    "tanh": Activation(np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": Activation(lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),  # 0 at the kink.
}


class Gradients(NamedTuple):
    """The loss, and its gradient by each weight and bias, in the order of the layers."""

    loss: float
    weights: list[np.ndarray]
    biases: list[np.ndarray]


def columns(
    x: np.ndarray, y: np.ndarray, weights: Arrays, biases: Arrays, activation: str = "tanh"
) -> Gradients:
    """Examples are columns, as in most books: x (features, batch), y (classes, batch) with columns
    of sum 1, W (out, in), b (out,).

    >>> x, y, w, b = np.ones((2, 1)), np.array([[1.0], [0.0]]), np.eye(2), np.zeros(2)
    >>> cr.transforms.handmade.columns(x, y, [w], [b]).biases
    [array([-0.5,  0.5])]
    """
    sigma = ACTIVATIONS[activation]
    h, z = [x], []
    for w, b in zip(weights, biases, strict=True):
        z.append(w @ h[-1] + b[:, None])
        h.append(sigma.value(z[-1]))
    logarithm = z[-1] - _log_sum_exp(z[-1], axis=0)

    batch = x.shape[1]
    delta = (np.exp(logarithm) - y) / batch
    found = Gradients(-(y * logarithm).sum() / batch, [], [])
    for layer in reversed(range(len(weights))):
        found.weights.insert(0, delta @ h[layer].T)
        found.biases.insert(0, delta.sum(1))
        if layer > 0:
            delta = weights[layer].T @ delta * sigma.slope(z[layer - 1])
    return found


def rows(
    x: np.ndarray, y: np.ndarray, weights: Arrays, biases: Arrays, activation: str = "tanh"
) -> Gradients:
    """Examples are rows, as in this library: x (batch, features), y (batch, classes) with rows of
    sum 1, W (in, out), b (out,). Every product of `columns` is transposed.

    >>> x, y, w, b = np.ones((1, 2)), np.array([[1.0, 0.0]]), np.eye(2), np.zeros(2)
    >>> cr.transforms.handmade.rows(x, y, [w], [b]).biases
    [array([-0.5,  0.5])]
    """
    sigma = ACTIVATIONS[activation]
    h, z = [x], []
    for w, b in zip(weights, biases, strict=True):
        z.append(h[-1] @ w + b)
        h.append(sigma.value(z[-1]))
    logarithm = z[-1] - _log_sum_exp(z[-1], axis=1)

    batch = x.shape[0]
    delta = (np.exp(logarithm) - y) / batch
    found = Gradients(-(y * logarithm).sum() / batch, [], [])
    for layer in reversed(range(len(weights))):
        found.weights.insert(0, h[layer].T @ delta)
        found.biases.insert(0, delta.sum(0))
        if layer > 0:
            delta = delta @ weights[layer].T * sigma.slope(z[layer - 1])
    return found


def _log_sum_exp(z: np.ndarray, axis: int) -> np.ndarray:
    """Without overflow, along an axis that is kept."""
    highest = z.max(axis, keepdims=True)
    return highest + np.log(np.exp(z - highest).sum(axis, keepdims=True))
