"""Layers that change the number of places or exchange places for channels: receive and hand on
(N, *places, channels).
"""

from __future__ import annotations

from chainrule.frontend.functions.convolution import Sizes
from chainrule.frontend.functions.resampling import (
    channel_shuffle,
    pixel_shuffle,
    pixel_unshuffle,
    upsample,
)
from chainrule.frontend.tensor import Tensor
from chainrule.nn.module import Module


class Upsample(Module):
    """`cr.upsample` as a layer. Followed by a convolution it is the alternative to ConvTranspose2d,
    without its checkerboards where the stride does not divide the kernel (Odena et al. 2016).

    >>> cr.nn.Upsample(scale_factor=2, mode="linear")(cr.ones((5, 8, 8, 3))).shape
    (5, 16, 16, 3)
    """

    def __init__(
        self,
        size: Sizes | None = None,
        scale_factor: Sizes | None = None,
        mode: str = "nearest",
        align_corners: bool = False,
    ) -> None:
        self.size, self.scale_factor = size, scale_factor
        self.mode, self.align_corners = mode, align_corners

    def __call__(self, x: Tensor) -> Tensor:
        return upsample(x, self.size, self.scale_factor, self.mode, self.align_corners)


class PixelShuffle(Module):
    """`cr.pixel_shuffle` as a layer: channels become places.

    >>> cr.nn.PixelShuffle(2)(cr.ones((5, 8, 8, 12))).shape
    (5, 16, 16, 3)
    """

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, x: Tensor) -> Tensor:
        return pixel_shuffle(x, self.factor)


class PixelUnshuffle(Module):
    """`cr.pixel_unshuffle` as a layer: places become channels.

    >>> cr.nn.PixelUnshuffle(2)(cr.ones((5, 16, 16, 3))).shape
    (5, 8, 8, 12)
    """

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, x: Tensor) -> Tensor:
        return pixel_unshuffle(x, self.factor)


class ChannelShuffle(Module):
    """`cr.channel_shuffle` as a layer, between two grouped convolutions (A-145).

    >>> cr.nn.ChannelShuffle(3)(cr.ones((5, 8, 8, 12))).shape
    (5, 8, 8, 12)
    """

    def __init__(self, groups: int) -> None:
        self.groups = groups

    def __call__(self, x: Tensor) -> Tensor:
        return channel_shuffle(x, self.groups)
