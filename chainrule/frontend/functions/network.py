"""The functions of neural networks, stable in both tails: from operands to float tensors."""

from __future__ import annotations

import math
from typing import Any

from chainrule import dtypes, tree
from chainrule.dtypes import default_float, int64
from chainrule.errors import ArgumentError, DTypeError, IndexingError
from chainrule.frontend.functions.creation import iota
from chainrule.frontend.functions.elementary import erf, exp, log, log1p, tanh
from chainrule.frontend.functions.elementwise import abs, maximum
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.reductions import shift_of, sum
from chainrule.frontend.lift import Operand, axis_of, cast, floating, lift, reshape_to
from chainrule.frontend.tensor import Tensor, apply


def stop_gradient(x: Any, /) -> Any:
    """x, or each leaf of a tree, as a constant of every derivative.

    >>> cr.stop_gradient(cr.asarray([1.0]))
    Tensor([1.], dtype=float32)
    """
    return tree.map(lambda leaf: apply("stop_gradient", lift(leaf, "stop_gradient")), x)


def relu(x: Operand, /) -> Tensor:
    """max(x, 0); NaN stays NaN.

    >>> cr.relu(cr.asarray([-1.0, 2.0]))
    Tensor([0., 2.], dtype=float32)
    """
    return maximum(x, 0)


def leaky_relu(x: Operand, /, negative_slope: float = 0.01) -> Tensor:
    """x above 0, negative_slope * x below.

    >>> cr.leaky_relu(cr.asarray([-1.0, 2.0]))
    Tensor([-0.01,  2.  ], dtype=float32)
    """
    x = floating(x, "leaky_relu")
    return where(x > 0, x, x * negative_slope)


def _falling(x: Tensor) -> tuple[Tensor, Tensor]:
    """Where x is above 0, and exp(-|x|), which never overflows; smooth at 0, where |x| is not."""
    above = x > 0
    return above, exp(where(above, -x, x))


def sigmoid(x: Operand, /) -> Tensor:
    """1 / (1 + exp(-x)).

    >>> cr.sigmoid(cr.asarray([-1e4, 0.0, 1e4]))
    Tensor([0. , 0.5, 1. ], dtype=float32)
    """
    above, falling = _falling(floating(x, "sigmoid"))
    return where(above, 1, falling) / (1 + falling)


def log_sigmoid(x: Operand, /) -> Tensor:
    """log(sigmoid(x)).

    >>> cr.log_sigmoid(cr.asarray([-1e4, 1e4]))
    Tensor([-10000.,     -0.], dtype=float32)
    """
    return -softplus(-floating(x, "log_sigmoid"))


def softplus(x: Operand, /) -> Tensor:
    """log(1 + exp(x)).

    >>> cr.softplus(cr.asarray([-1e4, 1e4]))
    Tensor([    0., 10000.], dtype=float32)
    """
    x = floating(x, "softplus")
    above, falling = _falling(x)
    return where(above, x, 0) + log1p(falling)


def logit(x: Operand, /) -> Tensor:
    """log(x / (1 - x)), the inverse of sigmoid.

    >>> cr.logit(cr.asarray([0.0, 0.5, 1.0]))
    Tensor([-inf,   0.,  inf], dtype=float32)
    """
    x = floating(x, "logit")
    # Near 1/2 the difference of logarithms would cancel.
    near = abs(x - 0.5) < 0.25
    middle = where(near, x, 0.5)
    return where(near, log1p((2 * middle - 1) / (1 - middle)), log(x) - log1p(-x))


def silu(x: Operand, /) -> Tensor:
    """x * sigmoid(x), also called swish.

    >>> cr.silu(cr.asarray([-1e4, 0.0, 1e4])) + 0
    Tensor([    0.,     0., 10000.], dtype=float32)
    """
    x = floating(x, "silu")
    return x * sigmoid(x)


def gelu(x: Operand, /, *, approximate: str = "none") -> Tensor:
    """x * P(Z <= x) for a normal Z: x / 2 * (1 + erf(x / sqrt(2))); "tanh" approximates it.

    >>> cr.gelu(cr.asarray([0.0, 1e4]))
    Tensor([    0., 10000.], dtype=float32)
    """
    x = floating(x, "gelu")
    if approximate == "none":
        return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))
    if approximate != "tanh":
        raise ArgumentError("gelu", f"approximate={approximate!r}", 'only "none" and "tanh" exist')
    return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


def softmax(x: Operand, /, *, axis: int | tuple[int, ...] = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis: positive, with sum 1.

    >>> cr.softmax(cr.asarray([1e4, 1e4, -1e4]))
    Tensor([0.5, 0.5, 0. ], dtype=float32)
    """
    x = floating(x, "softmax")
    weights = exp(x - shift_of(x, axis, "softmax"))
    return weights / sum(weights, axis=axis, keepdims=True)


def log_softmax(x: Operand, /, *, axis: int | tuple[int, ...] = -1) -> Tensor:
    """log(softmax(x)), without underflow.

    >>> cr.log_softmax(cr.asarray([1e4, -1e4]))
    Tensor([     0., -20000.], dtype=float32)
    """
    x = floating(x, "log_softmax")
    shifted = x - shift_of(x, axis, "log_softmax")
    return shifted - log(sum(exp(shifted), axis=axis, keepdims=True))


def one_hot(labels: Operand, /, num_classes: int, *, axis: int = -1, dtype: Any = None) -> Tensor:
    """1 at the place of each label along a new axis, else 0. Raises IndexingError out of range.

    >>> cr.one_hot(cr.asarray([0, 2]), 3)
    Tensor([[1., 0., 0.],
            [0., 0., 1.]], dtype=float32)
    """
    labels = lift(labels, "one_hot")
    if not labels.dtype.is_integer:
        raise DTypeError(
            "one_hot",
            f"labels are {labels.dtype.name}",
            "they count classes",
            "cast them to an integer",
        )
    check_labels(labels, num_classes, "one_hot")
    along = axis_of(axis, labels.ndim + 1, "one_hot")
    classes = reshape_to(
        iota(num_classes), tuple(num_classes if i == along else 1 for i in range(labels.ndim + 1))
    )
    places = reshape_to(cast(labels, int64), labels.shape[:along] + (1,) + labels.shape[along:])
    return cast(places == classes, default_float() if dtype is None else dtypes.of(dtype))


def check_labels(labels: Tensor, num_classes: int, where_used: str) -> None:
    """Raise IndexingError for a label outside 0 .. num_classes - 1, where the values are known."""
    if labels._value is None or not labels.size:
        return
    low, high = labels._value.min(), labels._value.max()
    if low < 0 or high >= num_classes:
        raise IndexingError(
            where_used,
            f"labels run from {low} to {high}",
            f"{num_classes} classes are numbered 0 to {num_classes - 1}",
            "check the labels, or the number of outputs of the last layer",
        )
