"""The networks that are measured, in chainrule: receives sizes from `workloads`; hands on modules.

Parameters stand in the order in which they are used: so they are handed to the peers.
"""

from __future__ import annotations

from collections.abc import Callable

import chainrule as cr
from chainrule import nn


def mlp(widths: tuple[int, ...]) -> nn.Module:
    """Linear layers with ReLU between them."""
    layers: list[Callable] = []
    for inputs, outputs in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(inputs, outputs), cr.relu]
    return nn.Sequential(*layers[:-1])


def lenet() -> nn.Module:
    """LeNet-5 with ReLU and maxima, for images of 28 x 28 (LeCun et al. 1998)."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), cr.relu, nn.MaxPool(2)),
        *(nn.Conv2d(6, 16, 5), cr.relu, nn.MaxPool(2)),
        *(nn.Flatten(), nn.Linear(400, 120), cr.relu),
        *(nn.Linear(120, 84), cr.relu, nn.Linear(84, 10)),
    )


def _normed(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> list:
    padding = kernel // 2
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
    return [conv, nn.BatchNorm(outputs)]


class _Residual(nn.Module):
    """Two convolutions, and a shortcut around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        self.body = nn.Sequential(
            *_normed(inputs, outputs, 3, stride), cr.relu, *_normed(outputs, outputs)
        )
        same = inputs == outputs and stride == 1
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(*_normed(inputs, outputs, 1, stride))
        )

    def __call__(self, x: cr.Tensor) -> cr.Tensor:
        return cr.relu(self.body(x) + self.shortcut(x))


def resnet(widths: tuple[int, ...], blocks: int) -> nn.Module:
    """A residual network for small images: no pooling at the start (He et al. 2016)."""
    layers: list[Callable] = [*_normed(3, widths[0]), cr.relu]
    inputs = widths[0]
    for outputs in widths:
        for number in range(blocks):
            stride = 2 if number == 0 and outputs != widths[0] else 1
            layers.append(_Residual(inputs, outputs, stride))
            inputs = outputs
    return nn.Sequential(*layers, nn.GlobalAvgPool(), nn.Linear(inputs, 10))


def mobilenet(widths: tuple[tuple[int, int], ...]) -> nn.Module:
    """Depthwise convolutions, and pointwise ones to (width, with stride) (Howard et al. 2017)."""
    inputs = 32
    layers: list[Callable] = [*_normed(3, inputs, 3, 2), cr.relu]
    for outputs, stride in widths:
        layers += [*_normed(inputs, inputs, 3, stride, groups=inputs), cr.relu]
        layers += [*_normed(inputs, outputs, 1), cr.relu]
        inputs = outputs
    return nn.Sequential(*layers, nn.GlobalAvgPool(), nn.Linear(inputs, 10))


class _Last(nn.Module):
    """Classes from the state after the last step of an LSTM."""

    def __init__(self, inputs: int, hidden: int) -> None:
        self.lstm, self.head = nn.LSTM(inputs, hidden), nn.Linear(hidden, 10)

    def __call__(self, x: cr.Tensor) -> cr.Tensor:
        _, (h, _) = self.lstm(x)
        return self.head(h[0])


def lstm(inputs: int, hidden: int) -> nn.Module:
    return _Last(inputs, hidden)


class _Attention(nn.Module):
    """Self-attention with one product for queries, keys and values."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        self.heads, self.causal = heads, causal
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def __call__(self, x: cr.Tensor) -> cr.Tensor:
        n, steps, width = x.shape
        parts = cr.reshape(self.project(x), (n, steps, 3, self.heads, width // self.heads))
        q, k, v = [cr.moveaxis(parts[:, :, part], 1, 2) for part in range(3)]
        y = cr.attention(q, k, v, causal=self.causal)
        return self.out(cr.reshape(cr.moveaxis(y, 1, 2), (n, steps, width)))


class _Block(nn.Module):
    """A block of a transformer, normalised before each part."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        self.attention = nn.Sequential(nn.LayerNorm(width), _Attention(width, heads, causal))
        self.network = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), cr.gelu, nn.Linear(4 * width, width)
        )

    def __call__(self, x: cr.Tensor) -> cr.Tensor:
        x = x + self.attention(x)
        return x + self.network(x)


class _GPT(nn.Module):
    def __init__(self, layers: int, width: int, heads: int, tokens: int, vocabulary: int) -> None:
        normal = nn.init.normal(std=0.02)
        self.words = nn.Embedding(vocabulary, width, init=normal)
        self.places = nn.Parameter(normal((tokens, width), cr.float32))
        blocks = [_Block(width, heads, causal=True) for _ in range(layers)]
        self.body = nn.Sequential(*blocks, nn.LayerNorm(width))
        self.head = nn.Linear(width, vocabulary, bias=False)

    def __call__(self, x: cr.Tensor) -> cr.Tensor:
        return self.head(self.body(self.words(x) + self.places))


def gpt(layers: int, width: int, heads: int, tokens: int, vocabulary: int) -> nn.Module:
    """A decoder that predicts the next token at every place (Radford et al. 2019)."""
    return _GPT(layers, width, heads, tokens, vocabulary)


class _ViT(nn.Module):
    def __init__(self, layers: int, width: int, heads: int, patch: int, size: int) -> None:
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.tokens = (size // patch) ** 2
        normal = nn.init.normal(std=0.02)
        self.places = nn.Parameter(normal((self.tokens, width), cr.float32))
        blocks = [_Block(width, heads, causal=False) for _ in range(layers)]
        self.body = nn.Sequential(*blocks, nn.LayerNorm(width))
        self.head = nn.Linear(width, 10)

    def __call__(self, x: cr.Tensor) -> cr.Tensor:
        x = self.patches(x)
        x = cr.reshape(x, (x.shape[0], self.tokens, x.shape[-1])) + self.places
        return self.head(cr.mean(self.body(x), axis=1))


def vit(layers: int, width: int, heads: int, patch: int, size: int) -> nn.Module:
    """Patches as tokens, and the mean of all (Dosovitskiy et al. 2021, Beyer et al. 2022)."""
    return _ViT(layers, width, heads, patch, size)
