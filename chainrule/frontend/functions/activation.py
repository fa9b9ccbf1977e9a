"""Activation functions, stable in both tails: from operands to float tensors.

Derivatives at kinks are 0 where the function is made of max(x, 0), |x| or bounds, else those of the
lower side.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.apply import apply
from chainrule.frontend.functions.creation import iota
from chainrule.frontend.functions.elementary import erf, exp, expm1, log, log1p, tanh
from chainrule.frontend.functions.elementwise import abs, clip, maximum, sign
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import cut, moveaxis
from chainrule.frontend.functions.reductions import cumulative_sum, min, shift_of, sum
from chainrule.frontend.functions.searching import sort
from chainrule.frontend.lift import (
    Operand,
    axis_of,
    broadcast_shape,
    cast,
    elementwise,
    floating,
    in_float32,
)
from chainrule.frontend.tensor import Tensor

# ---- Lines with corners ----


def identity(x: Operand, /) -> Tensor:
    """x: the output of a regression (A-014).

    >>> cr.identity(cr.asarray([-1.0, 2.0]))
    Tensor([-1.,  2.], dtype=float32)
    """
    return +floating(x, "identity")


def heaviside(x: Operand, /, at_zero: float = 1.0) -> Tensor:
    """0 below 0, `at_zero` at 0, 1 above: the step of a perceptron. Its derivative is 0 (A-015).

    >>> cr.heaviside(cr.asarray([-2.0, 0.0, 3.0]))
    Tensor([0., 1., 1.], dtype=float32)
    """
    x = floating(x, "heaviside")
    return where(x == 0, at_zero, 0.5 * (sign(x) + 1))


def relu(x: Operand, /) -> Tensor:
    """max(x, 0); NaN stays NaN. Its derivative at 0 is 0 (A-018, B-021).

    >>> cr.relu(cr.asarray([-1.0, 2.0]))
    Tensor([0., 2.], dtype=float32)
    """
    return maximum(x, 0)


@in_float32
def leaky_relu(x: Operand, /, negative_slope: Operand = 0.01) -> Tensor:
    """x above 0, negative_slope * x below (Maas et al. 2013) (A-019).

    >>> cr.leaky_relu(cr.asarray([-1.0, 2.0]))
    Tensor([-0.01,  2.  ], dtype=float32)
    """
    x = floating(x, "leaky_relu")
    return where(x > 0, x, x * negative_slope)


@in_float32
def prelu(x: Operand, /, slope: Operand = 0.25) -> Tensor:
    """`leaky_relu` with a learnable slope, one or one a channel (He et al. 2015) (A-020).

    Not max(slope * x, x), as is often written: above a slope of 1 that is another function. Raises
    ShapeError for slopes that do not broadcast to the shape of x.

    >>> cr.prelu(cr.asarray([[-1.0, -1.0]]), cr.asarray([0.5, 2.0]))
    Tensor([[-0.5, -2. ]], dtype=float32)
    """
    x, slopes = floating(x, "prelu"), getattr(slope, "shape", ())
    if broadcast_shape("prelu", [x.shape, slopes]) != x.shape:
        raise ShapeError(
            "prelu",
            f"{list(slopes)} slopes for x of shape {list(x.shape)}",
            "there is one slope, or one for each channel, on the last axis",
            f"make nn.PReLU({x.shape[-1] if x.ndim else 1})",
        )
    return leaky_relu(x, slope)


def relu6(x: Operand, /) -> Tensor:
    """min(max(x, 0), 6), for numbers of few bits (Howard et al. 2017).

    >>> cr.relu6(cr.asarray([-1.0, 2.0, 7.0]))
    Tensor([0., 2., 6.], dtype=float32)
    """
    return clip(floating(x, "relu6"), 0, 6)


def hard_tanh(x: Operand, /, low: float = -1.0, high: float = 1.0) -> Tensor:
    """min(max(x, low), high).

    >>> cr.hard_tanh(cr.asarray([-3.0, 0.5, 3.0]))
    Tensor([-1. ,  0.5,  1. ], dtype=float32)
    """
    return clip(floating(x, "hard_tanh"), low, high)


@in_float32
def hard_sigmoid(x: Operand, /) -> Tensor:
    """min(max(x + 3, 0), 6) / 6, a sigmoid without exp (Howard et al. 2019).

    >>> cr.hard_sigmoid(cr.asarray([-4.0, 0.0, 4.0]))
    Tensor([0. , 0.5, 1. ], dtype=float32)
    """
    return relu6(floating(x, "hard_sigmoid") + 3) / 6


@in_float32
def hard_swish(x: Operand, /) -> Tensor:
    """x * hard_sigmoid(x) (Howard et al. 2019).

    >>> cr.hard_swish(cr.asarray([-4.0, 0.0, 4.0])) + 0
    Tensor([0., 0., 4.], dtype=float32)
    """
    x = floating(x, "hard_swish")
    return x * hard_sigmoid(x)


def hard_shrink(x: Operand, /, threshold: float = 0.5) -> Tensor:
    """x where |x| is above the threshold, else 0.

    >>> cr.hard_shrink(cr.asarray([-1.0, 0.2, 1.0]))
    Tensor([-1.,  0.,  1.], dtype=float32)
    """
    x = floating(x, "hard_shrink")
    return where(abs(x) <= threshold, 0, x)


@in_float32
def soft_shrink(x: Operand, /, threshold: float = 0.5) -> Tensor:
    """x moved towards 0 by the threshold, at most to 0.

    >>> cr.soft_shrink(cr.asarray([-1.0, 0.2, 1.0]))
    Tensor([-0.5,  0. ,  0.5], dtype=float32)
    """
    x = floating(x, "soft_shrink")
    return relu(x - threshold) - relu(-x - threshold)


# ---- Curves ----


def sigmoid(x: Operand, /) -> Tensor:
    """1 / (1 + exp(-x)), without overflow. Its derivative is at most 1/4 (A-016, B-023).

    >>> cr.sigmoid(cr.asarray([-1e4, 0.0, 1e4]))
    Tensor([0. , 0.5, 1. ], dtype=float32)
    """
    return elementwise("sigmoid", x, floats=True)


@in_float32
def log_sigmoid(x: Operand, /) -> Tensor:
    """log(sigmoid(x)).

    >>> cr.log_sigmoid(cr.asarray([-1e4, 1e4]))
    Tensor([-10000.,     -0.], dtype=float32)
    """
    return -softplus(-floating(x, "log_sigmoid"))


@in_float32
def softplus(x: Operand, /, beta: float = 1.0) -> Tensor:
    """log(1 + exp(beta x)) / beta, without overflow: a smooth relu (A-026, B-023).

    >>> cr.softplus(cr.asarray([-1e4, 1e4]))
    Tensor([    0., 10000.], dtype=float32)
    """
    x = floating(x, "softplus")
    above = x > 0
    # Not exp(-|x|): at 0 that is not smooth.
    return where(above, x, 0) + log1p(exp(where(above, -x, x) * beta)) / beta


@in_float32
def softsign(x: Operand, /) -> Tensor:
    """x / (1 + |x|).

    >>> cr.softsign(cr.asarray([-1.0, 0.0, 3.0]))
    Tensor([-0.5 ,  0.  ,  0.75], dtype=float32)
    """
    x = floating(x, "softsign")
    return x / (1 + abs(x))


@in_float32
def tanh_shrink(x: Operand, /) -> Tensor:
    """x - tanh(x).

    >>> cr.tanh_shrink(cr.asarray([-1e4, 0.0, 1e4]))
    Tensor([-9999.,     0.,  9999.], dtype=float32)
    """
    x = floating(x, "tanh_shrink")
    return x - tanh(x)


@in_float32
def elu(x: Operand, /, alpha: float = 1.0) -> Tensor:
    """x above 0, alpha * (exp(x) - 1) below; alpha 1 as in Clevert et al. 2016 (A-021).

    >>> cr.elu(cr.asarray([-1e4, 2.0]))
    Tensor([-1.,  2.], dtype=float32)
    """
    x = floating(x, "elu")
    above = x > 0
    return where(above, x, alpha * expm1(where(above, 0, x)))


@in_float32
def celu(x: Operand, /, alpha: float = 1.0) -> Tensor:
    """alpha * elu(x / alpha), which has a derivative at 0 for every alpha (Barron 2017).

    >>> cr.celu(cr.asarray([-1e4, 2.0]), 2.0)
    Tensor([-2.,  2.], dtype=float32)
    """
    return elu(floating(x, "celu") / alpha) * alpha


# Klambauer et al. 2017: with these, mean 0 and variance 1 are a fixed point.
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@in_float32
def selu(x: Operand, /) -> Tensor:
    """1.0507 * elu(x, 1.6733): keeps mean 0 and variance 1 of normal x (A-022).

    >>> cr.selu(cr.asarray([-1e4, 1.0]))
    Tensor([-1.7580993,  1.050701 ], dtype=float32)
    """
    return elu(floating(x, "selu"), _SELU_ALPHA) * _SELU_SCALE


@in_float32
def swish(x: Operand, /, beta: Operand = 1.0) -> Tensor:
    """x * sigmoid(beta x) (Ramachandran et al. 2017) (A-024).

    At least -0.278 / beta, though tables say its range is (-inf, inf); relu for beta to infinity.

    >>> cr.swish(cr.asarray([0.0, 100.0]), 2.0)
    Tensor([  0., 100.], dtype=float32)
    """
    x = floating(x, "swish")
    return x * sigmoid(x * beta)


@in_float32
def silu(x: Operand, /) -> Tensor:
    """x * sigmoid(x), which is `swish` with beta 1 (A-024).

    >>> cr.silu(cr.asarray([-1e4, 0.0, 1e4])) + 0
    Tensor([    0.,     0., 10000.], dtype=float32)
    """
    return swish(x)


@in_float32
def mish(x: Operand, /) -> Tensor:
    """x * tanh(softplus(x)) (Misra 2019); at least -0.309 (A-025).

    >>> cr.mish(cr.asarray([-1e4, 0.0, 1e4])) + 0
    Tensor([    0.,     0., 10000.], dtype=float32)
    """
    x = floating(x, "mish")
    return x * tanh(softplus(x))


@in_float32
def gelu(x: Operand, /, *, approximate: str = "none") -> Tensor:
    """x * P(Z <= x) for a normal Z: x / 2 * (1 + erf(x / sqrt(2))); "tanh" approximates it (A-023).

    At least -0.17 (Hendrycks & Gimpel 2016). Raises ArgumentError for other approximations.

    >>> cr.gelu(cr.asarray([0.0, 1e4]))
    Tensor([    0., 10000.], dtype=float32)
    """
    x = floating(x, "gelu")
    if approximate == "none":
        return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))
    if approximate != "tanh":
        raise ArgumentError("gelu", f"approximate={approximate!r}", 'only "none" and "tanh" exist')
    return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


# ---- Along an axis ----


@in_float32
def softmax(x: Operand, /, *, axis: int | tuple[int, ...] = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis, without overflow: positive, with sum 1 (A-027, B-023).

    >>> cr.softmax(cr.asarray([1e4, 1e4, -1e4]))
    Tensor([0.5, 0.5, 0. ], dtype=float32)
    """
    x = floating(x, "softmax")
    weights = exp(x - shift_of(x, axis, "softmax"))
    return weights / sum(weights, axis=axis, keepdims=True)


@in_float32
def log_softmax(x: Operand, /, *, axis: int | tuple[int, ...] = -1) -> Tensor:
    """log(softmax(x)), without underflow; `cross_entropy` is made of it (A-028).

    >>> cr.log_softmax(cr.asarray([1e4, -1e4]))
    Tensor([     0., -20000.], dtype=float32)
    """
    x = floating(x, "log_softmax")
    shifted = x - shift_of(x, axis, "log_softmax")
    return shifted - log(sum(exp(shifted), axis=axis, keepdims=True))


@in_float32
def sparsemax(x: Operand, /, *, axis: int = -1) -> Tensor:
    """The nearest point to x that is a distribution: max(x - t, 0) with sum 1, often with zeros.

    t follows from the elements above it, which sorting finds (Martins & Astudillo 2016).

    >>> cr.sparsemax(cr.asarray([1.0, 0.5, -1.0]))
    Tensor([0.75, 0.25, 0.  ], dtype=float32)
    """
    x = floating(x, "sparsemax")
    x = moveaxis(x - shift_of(x, axis, "sparsemax"), axis, -1)
    falling = sort(apply("stop_gradient", x), descending=True)
    places = cast(iota(x.shape[-1]), x.dtype) + 1
    above = 1 + places * falling > cumulative_sum(falling, axis=-1)
    kept = x >= min(where(above, falling, 0), axis=-1, keepdims=True)
    count = sum(kept, axis=-1, dtype=x.dtype, keepdims=True)
    threshold = (sum(where(kept, x, 0), axis=-1, keepdims=True) - 1) / count
    return moveaxis(relu(x - threshold), -1, axis)


@in_float32
def glu(x: Operand, /, *, axis: int = -1) -> Tensor:
    """a * sigmoid(b) for the halves a and b of x along an axis (Dauphin et al. 2017) (A-029).

    Its learned form is `nn.GLU`. Raises ShapeError for an odd number of features.

    >>> cr.glu(cr.asarray([3.0, 0.0]))
    Tensor([1.5], dtype=float32)
    """
    return _gated("glu", x, axis, sigmoid)


@in_float32
def reglu(x: Operand, /, *, axis: int = -1) -> Tensor:
    """a * relu(b) for the halves a and b of x (Shazeer 2020).

    >>> cr.reglu(cr.asarray([3.0, 2.0]))
    Tensor([6.], dtype=float32)
    """
    return _gated("reglu", x, axis, relu)


@in_float32
def geglu(x: Operand, /, *, axis: int = -1) -> Tensor:
    """a * gelu(b) for the halves a and b of x (Shazeer 2020).

    >>> cr.geglu(cr.asarray([3.0, 0.0]))
    Tensor([0.], dtype=float32)
    """
    return _gated("geglu", x, axis, gelu)


@in_float32
def swiglu(x: Operand, /, *, axis: int = -1) -> Tensor:
    """a * silu(b) for the halves a and b of x (Shazeer 2020).

    >>> cr.swiglu(cr.asarray([3.0, 0.0]))
    Tensor([0.], dtype=float32)
    """
    return _gated("swiglu", x, axis, silu)


def _gated(name: str, x: Operand, axis: int, gate: Callable[[Tensor], Tensor]) -> Tensor:
    x = floating(x, name)
    along = axis_of(axis, x.ndim, name)
    size = x.shape[along]
    if size % 2:
        raise ShapeError(
            name,
            f"x of shape {list(x.shape)} has {size} features on axis {along}",
            "half of them gate the others",
            f"give it {size + 1}",
        )
    return cut(x, along, 0, size // 2) * gate(cut(x, along, size // 2, size))
