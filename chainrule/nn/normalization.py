"""Normalisation by an input's own statistics: receives a tensor, hands it on with mean 0 and
variance 1 along some axes, then scaled and shifted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.creation import full, ones, zeros
from chainrule.frontend.functions.data_types import finfo
from chainrule.frontend.functions.elementwise import sqrt, square
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.network import stop_gradient
from chainrule.frontend.functions.reductions import mean, sum
from chainrule.frontend.lift import cast, floating, in_float32, lift, reshape_to, shape_of
from chainrule.frontend.tensor import Tensor
from chainrule.nn.calls import here
from chainrule.nn.dropout import Dropout
from chainrule.nn.module import Module, Parameter

# One of so many elements tells a number near the mean. Its distance from the mean, squared, is at
# most as many variances: four bits can be lost at worst, but a walk through memory is saved.
SAMPLED = 16


class Moments(NamedTuple):
    """Of the elements along some axes, which stay as 1: how many, their mean, their variance (not
    corrected for that mean), and how far each lies from it.
    """

    size: Tensor
    mean: Tensor
    variance: Tensor
    deviations: Tensor


def moments(x: Tensor, axes: Iterable[int], mask: Tensor | None = None) -> Moments:
    """The moments along some axes, where `mask`, which lacks the last one, is true."""
    axes = tuple(axes)
    kept = None if mask is None else lift(mask)[..., None]
    if kept is None:
        count = full((), math.prod(x.shape[axis] for axis in axes), dtype=x.dtype)
    else:
        count = sum(cast(kept, x.dtype), axis=axes, keepdims=True)

    def average(values: Tensor) -> Tensor:
        values = values if kept is None else where(kept, values, 0)
        return sum(values, axis=axes, keepdims=True) / count

    # A mean far from 0 has few digits left for what matters: the small mean of the differences
    # from a number near it corrects that, and costs nothing beside the mean of their squares. No
    # result depends on the shift, so it may be a constant.
    sampled = kept is None and axes[0] == 0
    shift = stop_gradient(mean(_sample(x), axis=axes, keepdims=True) if sampled else average(x))
    shifted = x - shift
    rest = average(shifted)
    variance = average(square(shifted)) - square(rest)
    return Moments(count, shift + rest, variance, shifted - rest)


def _sample(x: Tensor) -> Tensor:
    """Of each example some places in its middle; of rows some of them."""
    step = min(SAMPLED, x.shape[1 if x.ndim > 2 else 0])
    return x[:, step // 2 :: step] if x.ndim > 2 else x[step // 2 :: step]


def scaled(x: Tensor, variance: Tensor, eps: float) -> Tensor:
    """x / sqrt(variance + eps), with which every kind of normalisation ends."""
    return x * (1 / sqrt(variance + eps))


def standardized(x: Tensor, axes: Iterable[int], eps: float) -> Tensor:
    """(x - mean) / sqrt(variance + eps) along some axes."""
    found = moments(x, axes)
    return scaled(found.deviations, found.variance, eps)


class Norm(Module):
    """What all of them share: `eps`, a scale that starts at 1, and a shift that starts at 0."""

    full_precision = True

    def __init__(self, shape: tuple[int, ...], eps: float | None, scale: bool, shift: bool) -> None:
        if min(shape) < 1 or not (eps is None or eps >= 0):
            raise ArgumentError(
                type(self).__name__,
                f"got shape {list(shape)} and eps={eps}",
                "there must be something to normalise, and sqrt(variance + eps) must exist",
                "pass positive extents and eps >= 0",
            )
        self.eps = eps
        self.weight = Parameter(ones(shape)) if scale else None
        self.bias = Parameter(zeros(shape)) if shift else None

    def _affine(self, x: Tensor) -> Tensor:
        x = x if self.weight is None else x * self.weight
        return x if self.bias is None else x + self.bias


class LayerNorm(Norm):
    """(x - mean) / sqrt(variance + eps) * weight + bias over the last axes, for each example alone.

    `shape` is that of these axes, or an integer for one: D for text (B, L, D), where each word has
    its own statistics, (H, W, C) for whole images. eps and order as in PyTorch (Ba et al. 2016).
    Nothing is remembered. Raises ShapeError for other axes. (A-101, A-105)

    >>> cr.nn.LayerNorm(4)(cr.asarray([[1.0, 1.0, 3.0, 3.0]]))
    Tensor([[-0.999995, -0.999995,  0.999995,  0.999995]], dtype=float32)
    """

    def __init__(
        self,
        shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        self.shape = shape_of(shape)
        super().__init__(self.shape, eps, elementwise_affine, elementwise_affine and bias)

    @in_float32
    def __call__(self, x: Tensor) -> Tensor:
        x = floating(x, "LayerNorm")
        return self._affine(standardized(x, last_axes(x, self.shape), self.eps))


class RMSNorm(Norm):
    """x / sqrt(mean(x**2) + eps) * weight over the last axes, for each example alone.

    Neither mean nor bias (Zhang and Sennrich 2019). `eps=None` is the dtype's epsilon, PyTorch's
    default. Raises ShapeError for other axes. (A-101)

    >>> cr.nn.RMSNorm(2)(cr.asarray([1.0, 7.0]))
    Tensor([0.2, 1.4], dtype=float32)
    """

    def __init__(
        self,
        shape: int | tuple[int, ...],
        eps: float | None = None,
        elementwise_affine: bool = True,
    ) -> None:
        self.shape = shape_of(shape)
        super().__init__(self.shape, eps, elementwise_affine, False)

    @in_float32
    def __call__(self, x: Tensor) -> Tensor:
        x = floating(x, "RMSNorm")
        power = mean(square(x), axis=last_axes(x, self.shape), keepdims=True)
        return self._affine(scaled(x, power, finfo(x.dtype).eps if self.eps is None else self.eps))


def last_axes(x: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The numbers of the last axes. Raises ShapeError unless they have this shape."""
    if x.shape[x.ndim - len(shape) :] != shape or x.ndim < len(shape):
        raise ShapeError(
            here(),
            f"expected the last axes to be {list(shape)}, got x of shape {list(x.shape)}",
            "each place on them has its own scale",
            "build the layer with the shape of the axes to normalise",
        )
    return tuple(range(x.ndim - len(shape), x.ndim))


class GroupNorm(Norm):
    """(x - mean) / sqrt(variance + eps) * weight + bias, over each group of channels of an example.

    x is (N, ..., channels); groups are neighbouring channels: one group is LayerNorm over all but
    N, as many groups as channels InstanceNorm (Wu and He 2018, whose default for large nets is 32
    groups). Raises ArgumentError where the channels do not divide. (A-103)

    >>> cr.nn.GroupNorm(2, 4)(cr.asarray([[1.0, 3.0, 5.0, 9.0]]))
    Tensor([[-0.999995 ,  0.999995 , -0.9999988,  0.9999988]], dtype=float32)
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True
    ) -> None:
        if num_groups < 1 or num_channels % num_groups:
            raise ArgumentError(
                "GroupNorm",
                f"{num_channels} channels in {num_groups} groups",
                "all groups have the same number of channels",
                "choose a divisor of the channels",
            )
        super().__init__((num_channels,), eps, affine, affine)
        self.groups, self.channels = num_groups, num_channels

    @in_float32
    def __call__(self, x: Tensor) -> Tensor:
        x = channels_last(x, self.channels)
        groups = reshape_to(x, (*x.shape[:-1], self.groups, self.channels // self.groups))
        axes = (*range(1, x.ndim - 1), x.ndim)
        return self._affine(reshape_to(standardized(groups, axes, self.eps), x.shape))


def channels_last(x: Any, channels: int) -> Tensor:
    """x as floats. Raises ShapeError unless it has a batch in front and these channels behind."""
    x = floating(x, "normalization")
    if x.ndim > 1 and x.shape[-1] == channels:
        return x
    turned = x.ndim > 2 and x.shape[1] == channels
    raise ShapeError(
        here(),
        f"expected (N, ..., {channels}), got x of shape {list(x.shape)}",
        "channels are the last axis here, unlike in PyTorch" if turned else "x has other channels",
        "write cr.moveaxis(x, 1, -1)" if turned else "build the layer with the channels of x",
    )


class AddNorm(Module):
    """norm(x + layer(x)), or with `pre=True` x + layer(norm(x)): a residual connection with its
    norm.

    After the sum as in the first Transformer (Vaswani et al. 2017), before the layer as in those
    that train without warm-up (Xiong et al. 2020). `dropout` thins what the layer adds. Further
    arguments go to the layer. (A-106, A-170)

    >>> cr.nn.AddNorm(cr.relu, cr.nn.LayerNorm(2))(cr.asarray([[-1.0, 1.0]]))
    Tensor([[-0.9999978,  0.9999978]], dtype=float32)
    """

    def __init__(
        self, layer: Callable, norm: Callable, pre: bool = False, dropout: float = 0.0
    ) -> None:
        self.layer, self.norm, self.pre, self.dropout = layer, norm, pre, Dropout(dropout)

    def __call__(self, x: Tensor, *others: Any, **options: Any) -> Tensor:
        added = self.dropout(self.layer(self.norm(x) if self.pre else x, *others, **options))
        return x + added if self.pre else self.norm(x + added)
