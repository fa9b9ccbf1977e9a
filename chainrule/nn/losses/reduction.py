"""What all losses share: receives predictions, targets and weights; hands on checked tensors of one
shape, and the mean, the sum or the losses themselves.

Nothing broadcasts: a target stretched to a prediction's shape would train on nonsense.
"""

from __future__ import annotations

from typing import Any

from chainrule.errors import ArgumentError, DTypeError, ShapeError
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.reductions import mean, sum
from chainrule.frontend.lift import cast, lift, lifted, widened
from chainrule.frontend.tensor import Tensor


def require(holds: bool, loss: str, what: str, why: str, instead: str) -> None:
    """Raise ArgumentError about an option."""
    if not holds:
        raise ArgumentError(loss, what, why, instead)


def matched(loss: str, **given: Any) -> list[Tensor]:
    """Tensors of one shape, in the dtype of the first, which holds floats. Losses of 16-bit floats
    are float32.
    """
    names = list(given)
    first, *others = (widened(lift(x, loss)) for x in lifted(loss, tuple(given.values())))
    for name, other in zip(names[1:], others, strict=True):
        _check_float(loss, names[0], first, name, other)
        if first.shape != other.shape:
            raise ShapeError(
                loss,
                f"the {names[0]} has shape {list(first.shape)}, the {name} {list(other.shape)}",
                *_cure(names[0], first, name, other),
            )
    return [first, *(cast(other, first.dtype) for other in others)]


def _check_float(loss: str, name: str, x: Tensor, other: str, y: Tensor) -> None:
    if not x.dtype.is_float:
        raise DTypeError(
            loss,
            f"the {name} is {x.dtype.name}{list(x.shape)}, the {other} {y.dtype.name}"
            f"{list(y.shape)}",
            f"the {name} comes first, and holds floats",
            "exchange the arguments, or cast it to a float",
        )


def _cure(name: str, x: Tensor, other: str, y: Tensor) -> tuple[str, str]:
    """Why two shapes do not match, and what to do."""
    pairs = "broadcasting would pair each with all others"
    if x.shape == (*y.shape, 1):
        return pairs, f"write {name}[..., 0], or {other}[..., None]"
    if y.shape == (*x.shape, 1):
        return pairs, f"write {other}[..., 0], or {name}[..., None]"
    return (
        f"each {name} needs its own {other}",
        "check the layers or the columns that they come from",
    )


def labelled(loss: str, logits: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Logits with labels, one axis less, or with probabilities of the same shape."""
    z, y = (widened(lift(given, loss)) for given in lifted(loss, (logits, target)))
    _check_float(loss, "prediction", z, "target", y)
    given = f"logits have shape {list(z.shape)}, labels {list(y.shape)}"
    if z.shape[-1:] in ((), (1,)):
        raise ShapeError(
            loss,
            given,
            "logits have one number for each class, at least two",
            "use binary_cross_entropy for single logits",
        )
    # Integers beside logits without a batch are labels of single logits, not one distribution.
    if y.shape == z.shape and (y.dtype.is_float or z.ndim > 1):
        return z, cast(y, z.dtype)
    if y.shape == (*z.shape[:-1], 1):
        raise ShapeError(
            loss, given, "labels have one axis less than logits", "write target[..., 0]"
        )
    if y.shape != z.shape[:-1]:
        raise ShapeError(
            loss,
            given,
            f"labels need shape {list(z.shape[:-1])}, probabilities {list(z.shape)}",
            "put classes on the last axis of the logits, or use binary_cross_entropy for single "
            "ones",
        )
    if not y.dtype.is_integer:
        raise DTypeError(
            loss,
            f"labels are {y.dtype.name}",
            "labels count classes from 0; probabilities have an axis for the classes",
            "write target.astype(cr.int64)",
        )
    return z, y


def reduced(
    loss: str,
    losses: Tensor,
    sample_weight: Any,
    reduction: str,
    label_weights: Tensor | None = None,
) -> Tensor:
    """The mean, the sum or the losses themselves, which contain the label weights already."""
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(loss, f"reduction={reduction!r}", 'only "mean", "sum" and "none" exist')
    total = label_weights
    if sample_weight is not None:
        weights = _weights(loss, sample_weight, losses)
        # Padding may hold anything, even what makes the loss infinite.
        losses = where(weights == 0, 0, losses * weights)
        total = weights if total is None else total * weights
    if reduction == "none":
        return losses
    if reduction == "sum":
        return sum(losses)
    return mean(losses) if total is None else sum(losses) / sum(total)


def _weights(loss: str, given: Any, like: Tensor) -> Tensor:
    weights = lift(given, loss, wide=True)
    if weights.shape != like.shape:
        raise ShapeError(
            loss,
            f"sample_weight has shape {list(weights.shape)}, the losses {list(like.shape)}",
            "each example has its own weight",
            "pass one number for each",
        )
    return cast(weights, like.dtype)
