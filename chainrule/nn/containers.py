"""Layers without parameters of their own: chains, branches, shapes, from tensor to tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from operator import add
from typing import Any

from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.elementwise import clip, sqrt, square
from chainrule.frontend.functions.manipulation import concat, reshape
from chainrule.frontend.tensor import Tensor
from chainrule.nn.calls import here
from chainrule.nn.module import Module

FAR = 1e9


class Sequential(Module):
    """Layers one after the other; functions such as `cr.relu` count as layers.

    >>> model = cr.nn.Sequential(cr.nn.Linear(4, 8), cr.relu, cr.nn.Linear(8, 2))
    >>> model(cr.ones((3, 4))).shape
    (3, 2)
    >>> model[0]
    Linear(weight[4, 8], bias[8])
    """

    def __init__(self, *layers: Callable) -> None:
        self.layers = _checked("Sequential", layers)

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


def _checked(where: str, layers: tuple[Callable, ...]) -> tuple[Callable, ...]:
    """The layers. Raises ArgumentError, before they are called, for what is none."""
    for layer in layers:
        if isinstance(layer, type):
            name = layer.__name__
            raise ArgumentError(
                where, f"{name} is a class", "layers are objects", f"write {name}()"
            )
        if not callable(layer):
            listed = isinstance(layer, (list, tuple))
            raise ArgumentError(
                where,
                f"got a {type(layer).__name__}",
                "layers are modules or functions",
                f"pass them one by one: {where}(*layers)" if listed else "",
            )
    return layers


class Limit(Module):
    """x / sqrt(1 + (x / limit)**2): nearly x near 0, and never beyond the limit (Holzmueller et al.
    2024, on standardised inputs): far outliers no longer drown what is ordinary, and keep their
    order.

    >>> [round(y, 2) for y in cr.nn.Limit(3.0)(cr.asarray([0.1, 3.0, 1000.0])).tolist()]
    [0.1, 2.12, 3.0]
    """

    def __init__(self, limit: float) -> None:
        if not limit > 0:
            raise ArgumentError("Limit", f"limit is {limit}", "", "choose limit > 0")
        self.limit = limit

    def __call__(self, x: Tensor) -> Tensor:
        # Squares of greater ones would overflow, and 0 come out.
        x = clip(x, -FAR * self.limit, FAR * self.limit)
        return x / sqrt(1 + square(x / self.limit))


class Add(Module):
    """The sum of what several layers make of x; Add(Identity(), layer) is a residual connection.

    Against Concat: channels stay as they are, and each layer gets the gradient of the sum
    unchanged, which so reaches the first layers of deep networks (He et al. 2016); but features are
    mixed (A-151). Raises ShapeError for results of other shapes.

    >>> cr.nn.Add(cr.nn.Identity(), cr.square)(cr.asarray([3.0]))
    Tensor([12.], dtype=float32)
    """

    def __init__(self, *layers: Callable) -> None:
        self.layers = _checked("Add", layers)

    def __call__(self, x: Tensor) -> Tensor:
        results = [layer(x) for layer in self.layers]
        shapes = [list(result.shape) for result in results]
        if any(shape != shapes[0] for shape in shapes):
            raise ShapeError(
                here(),
                f"Add got {' and '.join(map(str, shapes))}",
                "a sum needs equal shapes",
                "give the shortcut a convolution of kernel 1 with this stride, or use nn.Concat",
            )
        return reduce(add, results)


class Concat(Module):
    """What several layers make of x, side by side along `axis`, that of the channels.

    Against Add: every feature is kept apart and may be used again, but channels add up, and with
    them weights of the next layer and memory (Huang et al. 2017) (A-151).

    >>> cr.nn.Concat(cr.nn.Identity(), cr.square)(cr.asarray([[3.0]]))
    Tensor([[3., 9.]], dtype=float32)
    """

    def __init__(self, *layers: Callable, axis: int = -1) -> None:
        self.layers, self.axis = _checked("Concat", layers), axis

    def __call__(self, x: Tensor) -> Tensor:
        return concat([layer(x) for layer in self.layers], axis=self.axis)


class Identity(Module):
    """Its argument, unchanged.

    >>> cr.nn.Identity()(cr.asarray([1.0]))
    Tensor([1.], dtype=float32)
    """

    def __call__(self, x: Any) -> Any:
        return x


class Flatten(Module):
    """(N, ...) to (N, features); axes before `start` stay (A-151). Raises ShapeError for fewer.

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
