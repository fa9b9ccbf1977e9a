"""Several aims at once: receives losses, or a teacher beside the labels; hands on one loss."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.errors import ShapeError
from chainrule.frontend.functions.activation import log_softmax
from chainrule.frontend.functions.elementary import exp
from chainrule.frontend.functions.manipulation import stack
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.lift import Operand, lift
from chainrule.frontend.tensor import Tensor
from chainrule.nn.losses.classification import cross_entropy
from chainrule.nn.losses.reduction import matched, reduced, require


def distillation(
    student: Operand,
    teacher: Operand,
    labels: Operand | None = None,
    *,
    temperature: float = 2.0,
    soft_share: float = 0.25,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """T**2 KL(softmax(teacher / T) || softmax(student / T)), mixed with the labels' cross-entropy.

    The first counts `soft_share`, the second the rest; without labels the first stands alone. T**2
    keeps its gradient as large at every temperature (Hinton et al. 2015). The defaults are those
    of PyTorch's tutorial. Both logits are (..., classes). (A-057)

    >>> z = cr.asarray([[2.0, 0.0]])
    >>> cr.nn.losses.distillation(z, z)
    Tensor(0., dtype=float32)
    """
    z, t = matched("distillation", student=student, teacher=teacher)
    require(
        temperature > 0,
        "distillation",
        f"temperature is {temperature}",
        "logits are divided by it",
        "choose temperature > 0",
    )
    require(
        0 <= soft_share <= 1,
        "distillation",
        f"soft_share is {soft_share}",
        "labels count the rest",
        "choose 0 <= soft_share <= 1",
    )
    log_p = log_softmax(t / temperature)
    log_ratio = log_p - log_softmax(z / temperature)
    losses = temperature**2 * sum(exp(log_p) * log_ratio, axis=-1)
    if labels is not None:
        hard = cross_entropy(z, labels, reduction="none")
        losses = soft_share * losses + (1 - soft_share) * hard
    return reduced("distillation", losses, sample_weight, reduction)


def weighted_tasks(losses: Sequence[Operand] | Operand, weights: Operand) -> Tensor:
    """sum(weight * loss) over the scalar losses of several tasks (A-059).

    >>> cr.nn.losses.weighted_tasks([cr.asarray(2.0), cr.asarray(3.0)], cr.asarray([1.0, 0.5]))
    Tensor(3.5, dtype=float32)
    """
    values, weights = _tasks("weighted_tasks", losses, weights=weights)
    return sum(values * weights)


def uncertainty_weighted_tasks(
    losses: Sequence[Operand] | Operand, log_variances: Operand
) -> Tensor:
    """sum(exp(-s) * loss + s) / 2, for one trained log-variance s a task (Kendall et al. 2018).

    Noisy tasks get a large s, and so count less; s starts well at 0. (A-059)

    >>> losses = [cr.asarray(2.0), cr.asarray(4.0)]
    >>> cr.nn.losses.uncertainty_weighted_tasks(losses, cr.asarray([0.0, 0.0]))
    Tensor(3., dtype=float32)
    """
    values, s = _tasks("uncertainty_weighted_tasks", losses, log_variances=log_variances)
    return 0.5 * sum(exp(-s) * values + s)


def _tasks(loss: str, losses: Sequence[Operand] | Operand, **each: Operand) -> list[Tensor]:
    """The losses as one vector, and one number for each of them."""
    if isinstance(losses, (list, tuple)):
        losses = stack(losses)
    values = lift(losses, loss)
    if values.ndim != 1:
        raise ShapeError(
            loss,
            f"the losses have shape {list(values.shape)}",
            "each task has one number",
            "reduce each to its mean first",
        )
    return matched(loss, losses=values, **each)
