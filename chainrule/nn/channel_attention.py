"""Attention to channels and places of images: receives a tensor, hands it on weighted."""

from __future__ import annotations

from chainrule.errors import ArgumentError
from chainrule.frontend.functions.activation import relu, sigmoid
from chainrule.frontend.functions.manipulation import concat
from chainrule.frontend.functions.pooling import adaptive_avg_pool, adaptive_max_pool
from chainrule.frontend.functions.reductions import max, mean
from chainrule.frontend.tensor import Tensor
from chainrule.nn.convolution import Conv2d
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module


class _Excitation(Module):
    """expand(relu(reduce(s))): channels through a bottleneck of channels // reduction."""

    def __init__(self, channels: int, reduction: int, bias: bool) -> None:
        if not 1 <= reduction <= channels:
            raise ArgumentError(
                "channel attention",
                f"reduction={reduction} for {channels} channels",
                "channels // reduction are left in the middle",
                "choose 1 <= reduction <= channels",
            )
        self.reduce = Linear(channels, channels // reduction, bias)
        self.expand = Linear(channels // reduction, channels, bias)

    def __call__(self, s: Tensor) -> Tensor:
        return self.expand(relu(self.reduce(s)))


class SqueezeExcitation(Module):
    """x * sigmoid(expand(relu(reduce(mean of x over places)))): a weight for each channel (A-176).

    x is (N, *places, channels); `reduction` 16 and no biases are the paper's (Hu et al. 2018).

    >>> cr.nn.SqueezeExcitation(64)(cr.ones((5, 8, 8, 64))).shape
    (5, 8, 8, 64)
    """

    def __init__(self, channels: int, reduction: int = 16, bias: bool = False) -> None:
        self.excitation = _Excitation(channels, reduction, bias)

    def __call__(self, x: Tensor) -> Tensor:
        return x * sigmoid(self.excitation(adaptive_avg_pool(x, 1)))


class CBAM(Module):
    """Channels, then places of images x (N, height, width, channels) are weighted (A-177):

    x' = x * sigmoid(f(mean over places) + f(max over places)), where f is the bottleneck of
    SqueezeExcitation; then x' * sigmoid(convolution of [mean over channels, max over channels]).
    `reduction` 16 and `kernel_size` 7 as in the paper, which has no biases (Woo et al. 2018).

    >>> cr.nn.CBAM(64)(cr.ones((5, 8, 8, 64))).shape
    (5, 8, 8, 64)
    """

    def __init__(
        self, channels: int, reduction: int = 16, kernel_size: int = 7, bias: bool = False
    ) -> None:
        self.excitation = _Excitation(channels, reduction, bias)
        self.places = Conv2d(2, 1, kernel_size, padding="same", bias=bias)

    def __call__(self, x: Tensor) -> Tensor:
        pooled = (adaptive_avg_pool(x, 1), adaptive_max_pool(x, 1))
        x = x * sigmoid(self.excitation(pooled[0]) + self.excitation(pooled[1]))
        seen = concat([mean(x, axis=-1, keepdims=True), max(x, axis=-1, keepdims=True)], axis=-1)
        return x * sigmoid(self.places(seen))
