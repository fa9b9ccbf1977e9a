"""Layers called with a changed weight: receive a layer; hand on its results for a weight that is
normalised or thinned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.frontend import random, trace
from chainrule.frontend.functions.elementwise import maximum
from chainrule.frontend.functions.linear_algebra import matmul, vecdot
from chainrule.frontend.functions.network import stop_gradient
from chainrule.frontend.functions.norms import vector_norm
from chainrule.frontend.lift import reshape_to
from chainrule.frontend.stateful import Buffer
from chainrule.frontend.tensor import Tensor
from chainrule.nn.dropout import check_probability, dropped
from chainrule.nn.module import Module, Parameter


class Reweighted(Module):
    """Calls a layer as if its parameter `name` were `changed(parameter)`, which subclasses define.

    The layer keeps its parameters, so that paths, freezing and files stay as they were.
    """

    def __init__(self, layer: Callable, name: str = "weight") -> None:
        if not isinstance(getattr(layer, name, None), Parameter):
            raise ArgumentError(
                type(self).__name__,
                f"{type(layer).__name__} has no parameter {name!r}",
                "its weight would be changed",
                "wrap a layer such as nn.Linear, or pass the parameter's name",
            )
        self.layer, self.name = layer, name

    def changed(self, weight: Tensor) -> Tensor:
        """What the layer computes with."""
        raise NotImplementedError

    def __call__(self, *inputs: Any) -> Any:
        # Not through setattr: the module is the same before and after.
        attributes, parameter = vars(self.layer), vars(self.layer)[self.name]
        attributes[self.name] = self.changed(parameter)
        try:
            return self.layer(*inputs)
        finally:
            attributes[self.name] = parameter


class WeightNorm(Reweighted):
    """A layer with weight g * v / |v|: length and direction apart (Salimans and Kingma 2016).

    |v| runs over all axes but the last, the outputs. v is the layer's own parameter and g, one
    number an output, starts at |v|: at first nothing changes. (A-104)

    >>> layer = cr.nn.WeightNorm(cr.nn.Linear(3, 2, init=cr.nn.init.constant(2.0), bias=False))
    >>> layer(cr.ones((1, 3)))
    Tensor([[6., 6.]], dtype=float32)
    >>> list(layer.parameters())
    ['layer.weight', 'g']
    """

    def __init__(self, layer: Callable, name: str = "weight") -> None:
        super().__init__(layer, name)
        self.g = Parameter(_length(getattr(layer, name)))

    def changed(self, weight: Tensor) -> Tensor:
        return weight * (self.g / _length(weight))


def _length(x: Tensor) -> Tensor:
    """The norm of each output's weights: over all axes but the last."""
    return vector_norm(x, axis=tuple(range(x.ndim - 1)))


class SpectralNorm(Reweighted):
    """A layer with weight W / sigma, where sigma is the largest singular value of W, as a matrix
    (inputs, outputs) (Miyato et al. 2018).

    sigma = v . W u, where u and v are followed by power iteration: `n_power_iterations` of
    u = W'v / |W'v|, v = Wu / |Wu| before each use in training, none outside; 15 at the start, as in
    PyTorch. u and v are buffers, and constants of the derivative. (A-104)

    >>> layer = cr.nn.SpectralNorm(cr.nn.Linear(4, 4, init=cr.nn.init.constant(2.0), bias=False))
    >>> layer(cr.ones((1, 4)))
    Tensor([[1., 1., 1., 1.]], dtype=float32)
    """

    def __init__(
        self, layer: Callable, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12
    ) -> None:
        super().__init__(layer, name)
        self.n_power_iterations, self.eps = n_power_iterations, eps
        matrix = _matrix(getattr(layer, name))
        rows, columns = matrix.shape
        self.u = Buffer(self._unit(random.normal(columns, dtype=matrix.dtype)))
        self.v = Buffer(self._unit(random.normal(rows, dtype=matrix.dtype)))
        self._iterate(matrix, 15)

    def changed(self, weight: Tensor) -> Tensor:
        matrix = _matrix(weight)
        if trace.is_training():
            self._iterate(stop_gradient(matrix), self.n_power_iterations)
        return weight / vecdot(self.v, matmul(matrix, self.u))

    def _iterate(self, matrix: Tensor, times: int) -> None:
        for _ in range(times):
            self.u.assign(self._unit(matmul(self.v, matrix)))
            self.v.assign(self._unit(matmul(matrix, self.u)))

    def _unit(self, x: Tensor) -> Tensor:
        return x / maximum(vector_norm(x), self.eps)


def _matrix(x: Tensor) -> Tensor:
    """(inputs, outputs), whatever the axes of the inputs."""
    outputs = x.shape[-1]
    return reshape_to(x, (x.size // outputs, outputs))


class DropConnect(Reweighted):
    """A layer of whose weights in training each is 0 with probability p, else divided by 1 - p; one
    mask a call (Wan et al. 2013).

    In use all weights are there; the paper instead draws from a normal approximation. (A-113)

    >>> cr.nn.DropConnect(cr.nn.Linear(3, 2, init=cr.nn.init.constant(2.0), bias=False))(cr.ones(3))
    Tensor([6., 6.], dtype=float32)
    """

    def __init__(self, layer: Callable, p: float = 0.5, name: str = "weight") -> None:
        super().__init__(layer, name)
        self.p = check_probability("DropConnect", p)

    def changed(self, weight: Tensor) -> Tensor:
        if not trace.is_training("dropout"):
            return weight
        return dropped(weight, self.p, weight.shape)
