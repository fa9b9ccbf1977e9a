"""Losses: receive (prediction, target), hand on one number, or with `reduction="none"` many.

Nothing broadcasts here: a target stretched to a prediction's shape would train on nonsense.
"""

from __future__ import annotations

from typing import Any

from chainrule.errors import ArgumentError, DTypeError, ShapeError
from chainrule.frontend.functions import network
from chainrule.frontend.functions.creation import iota
from chainrule.frontend.functions.elementwise import abs, square
from chainrule.frontend.functions.indexing import take
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.reductions import mean, sum
from chainrule.frontend.lift import Operand, cast, lift, lifted
from chainrule.frontend.tensor import Tensor


def check_labels(labels: Operand, classes: int) -> None:
    """Raise IndexingError for labels outside 0 .. classes - 1.

    `cross_entropy` does so itself, but cannot in compiled functions, where values are unknown.

    >>> cr.nn.losses.check_labels(np.asarray([0, 2]), 3)
    """
    network.check_labels(lift(labels, "check_labels"), classes, "check_labels")


def cross_entropy(
    logits: Operand,
    target: Operand,
    *,
    class_weights: Operand | None = None,
    sample_weights: Operand | None = None,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-log softmax(logits)[label], for logits (..., classes) and labels (...).

    Instead of labels the target may hold probabilities (..., classes): -sum(p * log softmax).
    Smoothing takes the share `label_smoothing` of each target and spreads it evenly over all
    classes. The mean is weighted: sum(weight * loss) / sum(weight), where the weight of an example
    is its sample weight times its label's class weight, and 0 where the label is `ignore_index`. As
    in PyTorch, the class weights of probabilities do not enter the denominator. Raises for labels
    out of range where their values are known.

    >>> cr.nn.losses.cross_entropy(cr.asarray([[2.0, 0.0], [0.0, 2.0]]), cr.asarray([0, 1]))
    Tensor(0.12692805, dtype=float32)
    """
    z, y = _classes("cross_entropy", logits, target)
    if ignore_index is not None and y.dtype.is_integer:
        kept = y != ignore_index
        y, kept = where(kept, y, 0), cast(kept, z.dtype)
        sample_weights = kept if sample_weights is None else kept * sample_weights
    losses, label_weights = _surprise(z, y, class_weights, label_smoothing)
    return _reduced("cross_entropy", losses, sample_weights, reduction, label_weights)


def _surprise(
    z: Tensor, y: Tensor, class_weights: Any, smoothing: float
) -> tuple[Tensor, Tensor | None]:
    """The loss of each example, and the weight of its label."""
    _check_smoothing("cross_entropy", smoothing)
    classes = z.shape[-1]
    terms = -network.log_softmax(z)
    of_class = None if class_weights is None else _class_weights(class_weights, z)
    if of_class is not None:
        terms = terms * of_class
    if y.dtype.is_integer:
        network.check_labels(y, classes, "cross_entropy")
        # Not a product with 0 and 1: an excluded class may have the logit -inf.
        loss = sum(where(y[..., None] == iota(classes), terms, 0), axis=-1)
    else:
        loss = sum(terms * y, axis=-1)
    if smoothing:
        loss = (1 - smoothing) * loss + smoothing / classes * sum(terms, axis=-1)
    return loss, take(of_class, y) if of_class is not None and y.dtype.is_integer else None


def _class_weights(given: Any, z: Tensor) -> Tensor:
    weights = lift(given, "cross_entropy", wide=True)
    if weights.shape != z.shape[-1:]:
        raise ShapeError(
            "cross_entropy",
            f"class_weights has shape {list(weights.shape)}",
            f"logits of shape {list(z.shape)} tell {z.shape[-1]} classes apart",
            f"pass one weight for each, shape [{z.shape[-1]}]",
        )
    return cast(weights, z.dtype)


def binary_cross_entropy(
    logits: Operand,
    target: Operand,
    *,
    positive_weight: float | Tensor = 1.0,
    sample_weights: Operand | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """-w y log sigmoid(z) - (1 - y) log sigmoid(-z), for logits z and targets y from 0 to 1.

    `positive_weight` is w. Smoothing moves each target by the share `label_smoothing` towards 1/2.

    >>> cr.nn.losses.binary_cross_entropy(cr.asarray([0.0, 100.0]), cr.asarray([1, 1]))
    Tensor(0.3465736, dtype=float32)
    """
    z, y = _pair("binary_cross_entropy", logits, target)
    _check_smoothing("binary_cross_entropy", label_smoothing)
    if label_smoothing:
        y = y * (1 - label_smoothing) + 0.5 * label_smoothing
    positive = z > 0
    # -log sigmoid(z) = relu(-z) + small and -log sigmoid(-z) = relu(z) + small, where
    # small = log(1 + exp(-|z|)): exact in both tails, and smooth at 0.
    large = where(positive, (1 - y) * z, -positive_weight * (y * z))
    small = network.softplus(where(positive, -z, z)) * (1 + (positive_weight - 1) * y)
    return _reduced("binary_cross_entropy", large + small, sample_weights, reduction)


def mse(
    prediction: Operand,
    target: Operand,
    *,
    sample_weights: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """(prediction - target)**2.

    >>> cr.nn.losses.mse(cr.asarray([1.0, 2.0]), cr.asarray([1.0, 4.0]))
    Tensor(2., dtype=float32)
    """
    x, y = _pair("mse", prediction, target)
    return _reduced("mse", square(x - y), sample_weights, reduction)


def mae(
    prediction: Operand,
    target: Operand,
    *,
    sample_weights: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """|prediction - target|.

    >>> cr.nn.losses.mae(cr.asarray([1.0, 2.0]), cr.asarray([1.0, 4.0]))
    Tensor(1., dtype=float32)
    """
    x, y = _pair("mae", prediction, target)
    return _reduced("mae", abs(x - y), sample_weights, reduction)


def huber(
    prediction: Operand,
    target: Operand,
    *,
    delta: float = 1.0,
    sample_weights: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """error**2 / 2 up to |error| = delta, and delta * (|error| - delta / 2) beyond (Huber 1964).

    >>> cr.nn.losses.huber(cr.asarray([1.0, 5.0]), cr.asarray([1.5, 2.0]), reduction="none")
    Tensor([0.125, 2.5  ], dtype=float32)
    """
    if not delta > 0:
        raise ArgumentError(
            "huber",
            f"delta is {delta}",
            "it is the error where the square ends",
            "choose delta > 0",
        )
    x, y = _pair("huber", prediction, target)
    error = abs(x - y)
    losses = where(error <= delta, 0.5 * square(error), delta * (error - 0.5 * delta))
    return _reduced("huber", losses, sample_weights, reduction)


# ---- What all of them share ----


def _prediction(loss: str, given: Tensor, target: Tensor) -> Tensor:
    if given.dtype.is_float:
        return given
    raise DTypeError(
        loss,
        f"the prediction is {given.dtype.name}{list(given.shape)}, the target {target.dtype.name}"
        f"{list(target.shape)}",
        "predictions are floats; losses take (prediction, target)",
        "exchange the two arguments",
    )


def _pair(loss: str, prediction: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Prediction and target of one shape and dtype."""
    x, y = (lift(given, loss) for given in lifted(loss, (prediction, target)))
    x = _prediction(loss, x, y)
    if x.shape == y.shape:
        return x, cast(y, x.dtype)
    raise ShapeError(
        loss, f"the prediction has shape {list(x.shape)}, the target {list(y.shape)}", *_cure(x, y)
    )


def _cure(x: Tensor, y: Tensor) -> tuple[str, str]:
    """Why prediction and target do not match, and what to do."""
    if x.shape == (*y.shape, 1):
        return (
            "broadcasting would pair each with all others",
            "write prediction[..., 0], or target[..., None]",
        )
    if y.shape == (*x.shape, 1):
        return (
            "broadcasting would pair each with all others",
            "write target[..., 0], or prediction[..., None]",
        )
    return (
        "each prediction needs its own target",
        "check the last layer's outputs and the columns of the target",
    )


def _classes(loss: str, logits: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Logits with labels, one axis less, or with probabilities of the same shape."""
    z, y = (lift(given, loss) for given in lifted(loss, (logits, target)))
    z = _prediction(loss, z, y)
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
    if y.shape == z.shape[:-1] and not y.dtype.is_integer:
        raise DTypeError(
            loss,
            f"labels are {y.dtype.name}",
            "labels count classes from 0; probabilities have an axis for the classes",
            "write target.astype(cr.int64)",
        )
    if y.shape == z.shape[:-1]:
        return z, y
    if y.shape == (*z.shape[:-1], 1):
        raise ShapeError(
            loss, given, "labels have one axis less than logits", "write target[..., 0]"
        )
    raise ShapeError(
        loss,
        given,
        f"labels need shape {list(z.shape[:-1])}, probabilities {list(z.shape)}",
        "put classes on the last axis of the logits, or use binary_cross_entropy for single ones",
    )


def _check_smoothing(loss: str, smoothing: float) -> None:
    if not 0 <= smoothing <= 1:
        raise ArgumentError(
            loss,
            f"label_smoothing is {smoothing}",
            "it is a share",
            "choose 0 <= label_smoothing <= 1",
        )


def _weights(loss: str, given: Any, like: Tensor) -> Tensor:
    weights = lift(given, loss, wide=True)
    if weights.shape != like.shape:
        raise ShapeError(
            loss,
            f"sample_weights has shape {list(weights.shape)}, the losses {list(like.shape)}",
            "each example has its own weight",
            "pass one number for each",
        )
    return cast(weights, like.dtype)


def _reduced(
    loss: str,
    losses: Tensor,
    sample_weights: Any,
    reduction: str,
    label_weights: Tensor | None = None,
) -> Tensor:
    """The mean, the sum or the losses themselves, which contain the label weights already."""
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(loss, f"reduction={reduction!r}", 'only "mean", "sum" and "none" exist')
    total = label_weights
    if sample_weights is not None:
        weights = _weights(loss, sample_weights, losses)
        losses = losses * weights
        total = weights if total is None else total * weights
    if reduction == "none":
        return losses
    if reduction == "sum":
        return sum(losses)
    return mean(losses) if total is None else sum(losses) / sum(total)
