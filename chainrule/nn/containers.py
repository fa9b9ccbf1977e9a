"""Layers without parameters of their own: chains and changes of shape, from tensor to tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.manipulation import reshape
from chainrule.frontend.tensor import Tensor
from chainrule.nn.calls import here
from chainrule.nn.module import Module


class Sequential(Module):
    """Layers one after the other; functions such as `cr.relu` count as layers.

    >>> model = cr.nn.Sequential(cr.nn.Linear(4, 8), cr.relu, cr.nn.Linear(8, 2))
    >>> model(cr.ones((3, 4))).shape
    (3, 2)
    >>> model[0]
    Linear(weight[4, 8], bias[8])
    """

    def __init__(self, *layers: Callable) -> None:
        for layer in layers:
            _check_layer(layer)
        self.layers = layers

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Callable]:
        return iter(self.layers)

    def __getitem__(self, index: int | slice) -> Any:
        """A layer, or for a slice a Sequential that shares these layers."""
        if isinstance(index, slice):
            return Sequential(*self.layers[index])
        return self.layers[index]


def _check_layer(layer: Any) -> None:
    if isinstance(layer, type):
        raise ArgumentError(
            "Sequential",
            f"{layer.__name__} is a class",
            "layers are objects",
            f"write {layer.__name__}()",
        )
    if not callable(layer):
        raise ArgumentError(
            "Sequential",
            f"got a {type(layer).__name__}",
            "layers are modules or functions",
            "pass them one by one: Sequential(*layers)" if isinstance(layer, (list, tuple)) else "",
        )


class Identity(Module):
    """Its argument, unchanged.

    >>> cr.nn.Identity()(cr.asarray([1.0]))
    Tensor([1.], dtype=float32)
    """

    def __call__(self, x: Any) -> Any:
        return x


class Flatten(Module):
    """(N, ...) to (N, features); axes before `start` stay. Raises ShapeError for fewer axes.

    >>> cr.nn.Flatten()(cr.ones((5, 8, 8, 3))).shape
    (5, 192)
    """

    def __init__(self, start: int = 1) -> None:
        self.start = start

    def __call__(self, x: Tensor) -> Tensor:
        if x.ndim < self.start:
            raise ShapeError(
                here(),
                f"Flatten expects at least {self.start} axes, got x of shape {list(x.shape)}",
                "the first ones stay as they are",
                "pass a batch, or a smaller start",
            )
        # Not -1: with no rows its extent would be unknown.
        extent = 1
        for size in x.shape[self.start :]:
            extent *= size
        return reshape(x, (*x.shape[: self.start], extent))
