"""Pooling layers of any rank: receive (N, *places, channels), hand on fewer places, or none."""

from __future__ import annotations

from chainrule.frontend.functions.convolution import Padding, Sizes
from chainrule.frontend.functions.manipulation import squeeze
from chainrule.frontend.functions.pooling import (
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    max_pool,
)
from chainrule.frontend.functions.reductions import mean
from chainrule.frontend.functions.resampling import places_of
from chainrule.frontend.lift import floating
from chainrule.frontend.tensor import Tensor
from chainrule.nn.module import Module


class MaxPool(Module):
    """`cr.max_pool` as a layer: the greatest of each window, for sequences, images and volumes.

    Arguments in PyTorch's order; windows do not overlap unless `stride` says so (A-146).

    >>> cr.nn.MaxPool(2)(cr.ones((5, 28, 28, 6))).shape
    (5, 14, 14, 6)
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Padding = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.dilation, self.ceil_mode = dilation, ceil_mode

    def __call__(self, x: Tensor) -> Tensor:
        return max_pool(
            x,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            ceil_mode=self.ceil_mode,
        )


class AvgPool(Module):
    """`cr.avg_pool` as a layer: the mean of each window. Arguments in PyTorch's order (A-147).

    >>> cr.nn.AvgPool(3, stride=2, padding=1)(cr.ones((5, 50, 6))).shape
    (5, 25, 6)
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def __call__(self, x: Tensor) -> Tensor:
        return avg_pool(
            x,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            ceil_mode=self.ceil_mode,
            count_include_pad=self.count_include_pad,
        )


class AdaptiveMaxPool(Module):
    """`cr.adaptive_max_pool` as a layer: so many windows, whatever the size of x.

    >>> cr.nn.AdaptiveMaxPool(4)(cr.ones((5, 30, 17, 6))).shape
    (5, 4, 4, 6)
    """

    def __init__(self, output_size: Sizes) -> None:
        self.output_size = output_size

    def __call__(self, x: Tensor) -> Tensor:
        return adaptive_max_pool(x, self.output_size)


class AdaptiveAvgPool(Module):
    """`cr.adaptive_avg_pool` as a layer: so many windows, whatever the size of x.

    >>> cr.nn.AdaptiveAvgPool((4, 1))(cr.ones((5, 30, 17, 6))).shape
    (5, 4, 1, 6)
    """

    def __init__(self, output_size: Sizes) -> None:
        self.output_size = output_size

    def __call__(self, x: Tensor) -> Tensor:
        return adaptive_avg_pool(x, self.output_size)


class GlobalAvgPool(Module):
    """The mean of all places, (N, *places, channels) to (N, channels) (A-148).

    One number a channel goes into the classifier, instead of one a place: 512 * 1000 weights for 7
    x 7 * 512 * 1000 (Lin et al. 2014), and images may have any size.

    >>> cr.nn.GlobalAvgPool()(cr.ones((5, 7, 7, 512))).shape
    (5, 512)
    """

    def __call__(self, x: Tensor) -> Tensor:
        x = floating(x, "GlobalAvgPool")
        return mean(x, axis=tuple(range(1, 1 + len(places_of("GlobalAvgPool", x)))))


class GlobalMaxPool(Module):
    """The greatest of all places, (N, *places, channels) to (N, channels).

    >>> cr.nn.GlobalMaxPool()(cr.ones((5, 7, 7, 512))).shape
    (5, 512)
    """

    def __call__(self, x: Tensor) -> Tensor:
        y = adaptive_max_pool(x, 1)
        return squeeze(y, axis=tuple(range(1, y.ndim - 1)))
