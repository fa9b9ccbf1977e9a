"""The model of images: receives pixels; hands on the logits of their classes. In training it first
changes them at random.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chainrule as cr
from chainrule import augment, nn


class ImageClassifier(nn.Module):
    """Pixels (N, height, width, channels), 0 to 255, to logits (N, classes): scaled to 0..1,
    augmented, normalised, then through the network. With labels it hands them on too, as augmented.
    """

    def __init__(
        self, augmentation: augment.Compose, normalize: augment.Normalize, network: nn.Sequential
    ) -> None:
        self.augmentation, self.normalize, self.network = augmentation, normalize, network

    def __call__(self, pixels: cr.Tensor, labels: Any = None) -> Any:
        images = cr.astype(pixels, cr.float32) / 255
        if labels is None:
            return self.network(self.normalize(self.augmentation(images)))
        images, labels = self.augmentation(images, labels)
        return self.network(self.normalize(images)), labels


def residual_network(
    channels: int, classes: int, width: int, stages: int, blocks: int, stem_stride: int = 1
) -> nn.Sequential:
    """A residual network for small images: each stage after the first has twice the width and half
    the places (He et al. 2016).

    >>> network = residual_network(1, 10, width=8, stages=2, blocks=1)
    >>> network(cr.ones((2, 8, 8, 1))).shape
    (2, 10)
    """
    layers: list[Callable] = [*_normed(channels, width, 3, stem_stride), cr.relu]
    inputs = width
    for stage in range(stages):
        outputs = width * 2**stage
        for block in range(blocks):
            layers += _block(inputs, outputs, 2 if stage and not block else 1)
            inputs = outputs
    return nn.Sequential(*layers, nn.GlobalAvgPool(), nn.Linear(inputs, classes))


def _normed(inputs: int, outputs: int, kernel: int, stride: int) -> list[Callable]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return [conv, nn.BatchNorm(outputs)]


def _block(inputs: int, outputs: int, stride: int) -> list[Callable]:
    """Two convolutions, and a shortcut around them."""
    same = inputs == outputs and stride == 1
    around = [nn.Identity()] if same else _normed(inputs, outputs, 1, stride)
    body = [*_normed(inputs, outputs, 3, stride), cr.relu, *_normed(outputs, outputs, 3, 1)]
    return [nn.Add(nn.Sequential(*around), nn.Sequential(*body)), cr.relu]
