"""The activation functions as layers, from tensor to tensor."""

from __future__ import annotations

from chainrule.frontend.functions import network
from chainrule.frontend.functions.elementary import tanh
from chainrule.frontend.tensor import Tensor
from chainrule.nn.module import Module


class ReLU(Module):
    """max(x, 0)."""

    def __call__(self, x: Tensor) -> Tensor:
        return network.relu(x)


class LeakyReLU(Module):
    """x above 0, negative_slope * x below."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def __call__(self, x: Tensor) -> Tensor:
        return network.leaky_relu(x, self.negative_slope)


class Sigmoid(Module):
    """1 / (1 + exp(-x)). Not before `binary_cross_entropy`: that loss takes logits."""

    def __call__(self, x: Tensor) -> Tensor:
        return network.sigmoid(x)


class LogSigmoid(Module):
    """log(sigmoid(x))."""

    def __call__(self, x: Tensor) -> Tensor:
        return network.log_sigmoid(x)


class Tanh(Module):
    """tanh(x)."""

    def __call__(self, x: Tensor) -> Tensor:
        return tanh(x)


class GELU(Module):
    """x * P(Z <= x) for a normal Z; `approximate="tanh"` is its old approximation."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def __call__(self, x: Tensor) -> Tensor:
        return network.gelu(x, approximate=self.approximate)


class SiLU(Module):
    """x * sigmoid(x), also called swish."""

    def __call__(self, x: Tensor) -> Tensor:
        return network.silu(x)


class Softplus(Module):
    """log(1 + exp(x))."""

    def __call__(self, x: Tensor) -> Tensor:
        return network.softplus(x)


class Softmax(Module):
    """exp(x) / sum(exp(x)). Not before `cross_entropy`: that loss takes logits."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def __call__(self, x: Tensor) -> Tensor:
        return network.softmax(x, axis=self.axis)


class LogSoftmax(Module):
    """log(softmax(x))."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def __call__(self, x: Tensor) -> Tensor:
        return network.log_softmax(x, axis=self.axis)
