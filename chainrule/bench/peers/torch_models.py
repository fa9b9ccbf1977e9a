"""The networks of `bench.models` in PyTorch: channels first, parameters in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as f


def mlp(widths: tuple[int, ...]) -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class _AfterImages(nn.Linear):
    """A layer behind nn.Flatten: `places` are channels, height and width of what was flattened."""

    def __init__(self, places: tuple[int, int, int], outputs: int) -> None:
        super().__init__(int(np.prod(places)), outputs)
        self.places = places


def lenet() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), _AfterImages((16, 5, 5), 120), nn.ReLU()),
        *(nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def _normed(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> list:
    padding = kernel // 2
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_normed(inputs, outputs, 3, stride), nn.ReLU(), *_normed(outputs, outputs)
        )
        same = inputs == outputs and stride == 1
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(*_normed(inputs, outputs, 1, stride))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return f.relu(self.body(x) + self.shortcut(x))


def _classes(inputs: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10)]


def resnet(widths: tuple[int, ...], blocks: int) -> nn.Module:
    layers: list[nn.Module] = [*_normed(3, widths[0]), nn.ReLU()]
    inputs = widths[0]
    for outputs in widths:
        for number in range(blocks):
            stride = 2 if number == 0 and outputs != widths[0] else 1
            layers.append(_Residual(inputs, outputs, stride))
            inputs = outputs
    return nn.Sequential(*layers, *_classes(inputs))


def mobilenet(widths: tuple[tuple[int, int], ...]) -> nn.Module:
    inputs = 32
    layers: list[nn.Module] = [*_normed(3, inputs, 3, 2), nn.ReLU()]
    for outputs, stride in widths:
        layers += [*_normed(inputs, inputs, 3, stride, groups=inputs), nn.ReLU()]
        layers += [*_normed(inputs, outputs, 1), nn.ReLU()]
        inputs = outputs
    return nn.Sequential(*layers, *_classes(inputs))


class _Last(nn.Module):
    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(inputs, hidden, batch_first=True), nn.Linear(hidden, 10)
        # One bias is enough: the other stays 0.
        self.lstm.bias_hh_l0.requires_grad = False
        nn.init.zeros_(self.lstm.bias_hh_l0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, (h, _) = self.lstm(x)
        return self.head(h[0])


def lstm(inputs: int, hidden: int) -> nn.Module:
    return _Last(inputs, hidden)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, steps, width = x.shape
        parts = self.project(x).view(n, steps, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        y = f.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(y.transpose(1, 2).reshape(n, steps, width))


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(width), _Attention(width, heads, causal))
        self.network = nn.Sequential(
            nn.LayerNorm(width),
            *(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(x)
        return x + self.network(x)


class _GPT(nn.Module):
    def __init__(self, layers: int, width: int, heads: int, tokens: int, vocabulary: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(tokens, width)
        blocks = [_Block(width, heads, causal=True) for _ in range(layers)]
        self.body = nn.Sequential(*blocks, nn.LayerNorm(width))
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.words(x) + self.places.weight))


class _ViT(nn.Module):
    def __init__(self, layers: int, width: int, heads: int, patch: int, size: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.places = nn.Embedding((size // patch) ** 2, width)
        blocks = [_Block(width, heads, causal=False) for _ in range(layers)]
        self.body = nn.Sequential(*blocks, nn.LayerNorm(width))
        self.head = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2) + self.places.weight
        return self.head(self.body(x).mean(1))


MODELS: dict[str, Callable[..., nn.Module]] = {
    "mlp": mlp,
    "lenet": lenet,
    "resnet": resnet,
    "mobilenet": mobilenet,
    "lstm": lstm,
    "gpt": _GPT,
    "vit": _ViT,
}


def load(model: nn.Module, weights: Iterable[np.ndarray]) -> None:
    """Give a model the parameters of ours, which stand in the same order."""
    owned = [
        (module, parameter)
        for module in model.modules()
        for parameter in module.parameters(recurse=False)
        if parameter.requires_grad
    ]
    with torch.no_grad():
        for (module, parameter), array in zip(owned, weights, strict=True):
            parameter.copy_(torch.from_numpy(_turned(module, array)))


def _turned(module: nn.Module, array: np.ndarray) -> np.ndarray:
    """Outputs come first in PyTorch, and places last."""
    if isinstance(module, nn.Embedding) or array.ndim < 2:
        return array
    if isinstance(module, _AfterImages):
        channels, height, width = module.places
        array = array.reshape(height, width, channels, -1).transpose(3, 2, 0, 1)
        return array.reshape(array.shape[0], -1)
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
