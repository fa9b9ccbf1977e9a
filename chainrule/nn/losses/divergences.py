"""How much distributions hold, and how far they lie apart: receives tables of probabilities; hands
on nats, reduced as every loss.

Logarithms are natural: divide by log 2 for bits. Terms with p = 0 count 0, and so do their
derivatives. The ways from logits are `cross_entropy` and `distillation`.
"""

from __future__ import annotations

from typing import Any

from chainrule.errors import ShapeError
from chainrule.frontend.functions.elementary import log
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.lift import Operand, reshape_to
from chainrule.frontend.tensor import Tensor
from chainrule.nn.losses.reduction import matched, reduced, require


def entropy(p: Operand, *, sample_weight: Operand | None = None, reduction: str = "mean") -> Tensor:
    """-sum(p log p) along the last axis: 0 for a certain outcome, log k for k equal ones. (A-049)

    >>> cr.nn.losses.entropy(cr.asarray([[0.5, 0.5], [0.1, 0.9]]), reduction="none")
    Tensor([0.6931472, 0.325083 ], dtype=float32)
    """
    (p,) = _probabilities("entropy", p=p)
    return reduced("entropy", -_expected(p, log(_held(p, p))), sample_weight, reduction)


def distribution_cross_entropy(
    p: Operand, q: Operand, *, sample_weight: Operand | None = None, reduction: str = "mean"
) -> Tensor:
    """-sum(p log q) along the last axis: entropy(p) + kl_divergence(p, q). (A-049)

    >>> cr.nn.losses.distribution_cross_entropy(cr.asarray([0.5, 0.5]), cr.asarray([0.25, 0.75]))
    Tensor(0.8369882, dtype=float32)
    """
    p, q = _probabilities("distribution_cross_entropy", p=p, q=q)
    nats = -_expected(p, log(_held(p, q)))
    return reduced("distribution_cross_entropy", nats, sample_weight, reduction)


def kl_divergence(
    p: Operand, q: Operand, *, sample_weight: Operand | None = None, reduction: str = "mean"
) -> Tensor:
    """KL(p || q) = sum(p log(p / q)) along the last axis: 0 if equal, infinite where q = 0 < p.

    It is not symmetric: p is what samples are drawn from, so a loss is KL(target || prediction).
    (A-047)

    >>> p, q = cr.asarray([0.5, 0.5]), cr.asarray([0.25, 0.75])
    >>> cr.nn.losses.kl_divergence(p, q), cr.nn.losses.kl_divergence(q, p)
    (Tensor(0.14384106, dtype=float32), Tensor(0.13081202, dtype=float32))
    """
    p, q = _probabilities("kl_divergence", p=p, q=q)
    return reduced("kl_divergence", _divergence(p, q), sample_weight, reduction)


def js_divergence(
    p: Operand, q: Operand, *, sample_weight: Operand | None = None, reduction: str = "mean"
) -> Tensor:
    """(KL(p || m) + KL(q || m)) / 2 for m = (p + q) / 2: symmetric, from 0 to log 2. (A-048)

    >>> cr.nn.losses.js_divergence(cr.asarray([1.0, 0.0]), cr.asarray([0.0, 1.0]))
    Tensor(0.6931472, dtype=float32)
    """
    p, q = _probabilities("js_divergence", p=p, q=q)
    m = 0.5 * (p + q)
    nats = 0.5 * (_divergence(p, m) + _divergence(q, m))
    return reduced("js_divergence", nats, sample_weight, reduction)


def mutual_information(
    joint: Operand, *, sample_weight: Operand | None = None, reduction: str = "mean"
) -> Tensor:
    """KL(joint || product of its marginals), for tables p(x, y) on the last two axes (A-049).

    >>> cr.nn.losses.mutual_information(cr.asarray([[0.5, 0.0], [0.0, 0.5]]))
    Tensor(0.6931472, dtype=float32)
    """
    (p,) = _probabilities("mutual_information", joint=joint)
    if p.ndim < 2:
        raise ShapeError(
            "mutual_information",
            f"the joint table has shape {list(p.shape)}",
            "x and y have an axis each",
            "reshape it to (..., values of x, values of y)",
        )
    independent = sum(p, axis=-1, keepdims=True) * sum(p, axis=-2, keepdims=True)
    flat = (*p.shape[:-2], p.shape[-2] * p.shape[-1])
    nats = _divergence(reshape_to(p, flat), reshape_to(independent, flat))
    return reduced("mutual_information", nats, sample_weight, reduction)


def _probabilities(loss: str, **given: Any) -> list[Tensor]:
    tensors = matched(loss, **given)
    for name, p in zip(given, tensors, strict=True):
        require(
            p._value is None or not (p.numpy() < 0).any(),
            loss,
            f"{name} holds negative numbers",
            "it takes probabilities",
            "pass softmax(logits)",
        )
    return tensors


def _held(p: Tensor, x: Tensor) -> Tensor:
    """x where p is not 0; elsewhere 1, whose logarithm and its derivative harm no sum."""
    return where(p > 0, x, 1)


def _expected(p: Tensor, x: Tensor) -> Tensor:
    return sum(p * x, axis=-1)


def _divergence(p: Tensor, q: Tensor) -> Tensor:
    return _expected(p, log(_held(p, p) / _held(p, q)))
