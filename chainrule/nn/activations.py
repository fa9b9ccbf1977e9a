"""The activation functions as layers, from tensor to tensor; a bare `cr.relu` is a layer too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from chainrule.errors import ArgumentError
from chainrule.frontend.functions import activation
from chainrule.frontend.functions.creation import full
from chainrule.frontend.functions.elementary import tanh
from chainrule.frontend.functions.elementwise import sign
from chainrule.frontend.lift import Operand
from chainrule.frontend.tensor import Tensor
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module, Parameter


class Activation(Module):
    """A function as a layer, whose attributes are the function's options."""

    function: ClassVar[Callable[..., Tensor]]

    def __init_subclass__(
        cls, function: Callable[..., Tensor] | None = None, **keywords: Any
    ) -> None:
        super().__init_subclass__(**keywords)
        if function is not None:
            cls.function = staticmethod(function)

    def __call__(self, x: Operand) -> Tensor:
        options = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return self.function(x, **options)


# ---- Lines with corners ----


class Heaviside(Activation, function=activation.heaviside):
    """0 below 0, `at_zero` at 0, 1 above; its derivative is 0."""

    def __init__(self, at_zero: float = 1.0) -> None:
        self.at_zero = at_zero


class Sign(Activation, function=sign):
    """-1, 0 or 1; its derivative is 0."""


class ReLU(Activation, function=activation.relu):
    """max(x, 0)."""


class LeakyReLU(Activation, function=activation.leaky_relu):
    """x above 0, negative_slope * x below."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope


class PReLU(Activation, function=activation.prelu):
    """`LeakyReLU` with a learnable slope, shared or one for each of `channels`, the last axis.

    Starts at 0.25 as in He et al. 2015. Weight decay would pull it towards `ReLU`.

    >>> cr.nn.PReLU(3)
    PReLU(slope[3])
    """

    def __init__(self, channels: int = 1, slope: float = 0.25, *, dtype: Any = None) -> None:
        self.slope = Parameter(full((channels,), float(slope), dtype=dtype))


class ReLU6(Activation, function=activation.relu6):
    """min(max(x, 0), 6)."""


class HardTanh(Activation, function=activation.hard_tanh):
    """min(max(x, low), high). Raises ArgumentError unless low < high."""

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        if not low < high:
            raise ArgumentError("HardTanh", f"low is {low}, high {high}", "it would be constant")
        self.low, self.high = low, high


class HardSigmoid(Activation, function=activation.hard_sigmoid):
    """min(max(x + 3, 0), 6) / 6."""


class HardSwish(Activation, function=activation.hard_swish):
    """x * hard_sigmoid(x)."""


class HardShrink(Activation, function=activation.hard_shrink):
    """x where |x| is above the threshold, else 0."""

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold


class SoftShrink(Activation, function=activation.soft_shrink):
    """x moved towards 0 by the threshold, at most to 0."""

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold


# ---- Curves ----


class Sigmoid(Activation, function=activation.sigmoid):
    """1 / (1 + exp(-x)). Not before `binary_cross_entropy`: that loss takes logits."""


class LogSigmoid(Activation, function=activation.log_sigmoid):
    """log(sigmoid(x))."""


class Softplus(Activation, function=activation.softplus):
    """log(1 + exp(beta x)) / beta."""

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta


class Softsign(Activation, function=activation.softsign):
    """x / (1 + |x|)."""


class Tanh(Activation, function=tanh):
    """tanh(x)."""


class TanhShrink(Activation, function=activation.tanh_shrink):
    """x - tanh(x)."""


class ELU(Activation, function=activation.elu):
    """x above 0, alpha * (exp(x) - 1) below."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha


class CELU(Activation, function=activation.celu):
    """alpha * elu(x / alpha)."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha


class SELU(Activation, function=activation.selu):
    """1.0507 * elu(x, 1.6733), for weights of `nn.init.lecun_normal`."""


class Swish(Activation, function=activation.swish):
    """x * sigmoid(beta x); with `learnable`, beta is a parameter (A-024).

    >>> cr.nn.Swish(learnable=True)
    Swish(beta[])
    """

    def __init__(self, beta: float = 1.0, learnable: bool = False, *, dtype: Any = None) -> None:
        self.beta = Parameter(full((), float(beta), dtype=dtype)) if learnable else beta


class SiLU(Activation, function=activation.silu):
    """x * sigmoid(x)."""


class Mish(Activation, function=activation.mish):
    """x * tanh(softplus(x))."""


class GELU(Activation, function=activation.gelu):
    """x * P(Z <= x) for a normal Z; `approximate="tanh"` is its old approximation."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate


# ---- Along an axis ----


class Softmax(Activation, function=activation.softmax):
    """exp(x) / sum(exp(x)). Not before `cross_entropy`: that loss takes logits."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis


class LogSoftmax(Activation, function=activation.log_softmax):
    """log(softmax(x))."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis


class Sparsemax(Activation, function=activation.sparsemax):
    """The nearest distribution to x."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis


class GLU(Module):
    """value(x) * function(gate(x)), a gate learned beside the value (Dauphin et al. 2017) (A-029).

    Both are linear: (x W + b) * sigmoid(x V + c), (..., in_features) to (..., out_features), with
    twice the parameters of `Linear`. With `cr.relu`, `cr.gelu` or `cr.silu` as the function it is
    ReGLU, GEGLU or SwiGLU (Shazeer 2020). PyTorch's GLU, without weights, is `cr.glu`.

    >>> cr.nn.GLU(3, 2, function=cr.silu)(cr.ones((5, 3))).shape
    (5, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        function: Callable[[Tensor], Tensor] = activation.sigmoid,
        dtype: Any = None,
    ) -> None:
        self.value = Linear(in_features, out_features, bias, dtype=dtype)
        self.gate = Linear(in_features, out_features, bias, dtype=dtype)
        self.function = function

    def __call__(self, x: Tensor) -> Tensor:
        return self.value(x) * self.function(self.gate(x))
