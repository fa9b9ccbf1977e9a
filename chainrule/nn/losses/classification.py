"""Losses of classifiers: receive logits with labels or probabilities; hand on one number, or with
`reduction="none"` one for each example.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.errors import DTypeError, ShapeError
from chainrule.frontend.functions import network
from chainrule.frontend.functions.activation import log_softmax, relu, sigmoid, softplus
from chainrule.frontend.functions.creation import iota
from chainrule.frontend.functions.elementary import expm1
from chainrule.frontend.functions.elementwise import square
from chainrule.frontend.functions.indexing import take
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.reductions import mean, sum
from chainrule.frontend.lift import Operand, cast, lift
from chainrule.frontend.tensor import Tensor
from chainrule.nn.losses.reduction import labelled, matched, reduced, require


def check_labels(labels: Operand, classes: int) -> None:
    """Raise IndexingError for labels outside 0 .. classes - 1.

    The losses do so themselves; in compiled functions, where values are unknown, they are NaN.

    >>> cr.nn.losses.check_labels(np.asarray([0, 2]), 3)
    """
    network.check_labels(lift(labels, "check_labels"), classes, "check_labels")


def cross_entropy(
    logits: Operand,
    target: Operand,
    *,
    class_weights: Operand | None = None,
    sample_weight: Operand | None = None,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-log softmax(logits)[label], for logits (..., classes) and labels (...).

    Instead of labels the target may hold probabilities (..., classes): -sum(p * log softmax).
    Smoothing takes the share `label_smoothing` of each target and spreads it evenly over all
    classes: (1 - e) p + e / classes. The mean is weighted: sum(weight * loss) / sum(weight), where
    the weight of an example is its sample weight times its label's class weight, and 0 where the
    label is `ignore_index`. As in PyTorch, the class weights of probabilities do not enter the
    denominator. Its gradient is softmax(logits) - target. Raises IndexingError for labels of no
    class; in compiled functions, where values are not known, the loss of such a label is NaN and
    its gradient 0. (A-031, A-032, A-033, A-036, A-037, A-039, A-116, B-022)

    >>> cr.nn.losses.cross_entropy(cr.asarray([[2.0, 0.0], [0.0, 2.0]]), cr.asarray([0, 1]))
    Tensor(0.12692805, dtype=float32)
    """
    z, y = labelled("cross_entropy", logits, target)
    _check_smoothing("cross_entropy", label_smoothing)
    if ignore_index is not None and y.dtype.is_integer:
        kept = y != ignore_index
        y, kept = where(kept, y, 0), cast(kept, z.dtype)
        sample_weight = kept if sample_weight is None else kept * sample_weight
    terms, label_weights = _terms("cross_entropy", log_softmax(z), y, class_weights)
    loss = _of_target("cross_entropy", terms, y)
    if label_smoothing:
        loss = (1 - label_smoothing) * loss + label_smoothing / z.shape[-1] * sum(terms, axis=-1)
    return reduced("cross_entropy", loss, sample_weight, reduction, label_weights)


def nll(
    log_probabilities: Operand,
    target: Operand,
    *,
    class_weights: Operand | None = None,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-log_probabilities[label]: the cross-entropy of what `log_softmax` has made.

    Shapes, probabilities as targets, weights and errors are those of `cross_entropy`, which is
    the shorter way from logits. (A-031, A-032)

    >>> cr.nn.losses.nll(cr.log(cr.asarray([[0.25, 0.75]])), cr.asarray([1]))
    Tensor(0.2876821, dtype=float32)
    """
    log_p, y = labelled("nll", log_probabilities, target)
    terms, label_weights = _terms("nll", log_p, y, class_weights)
    return reduced("nll", _of_target("nll", terms, y), sample_weight, reduction, label_weights)


def _terms(loss: str, log_p: Tensor, y: Tensor, class_weights: Any) -> tuple[Tensor, Tensor | None]:
    """What each class would cost, and the weight of each label."""
    if class_weights is None:
        return -log_p, None
    weights = lift(class_weights, loss, wide=True)
    if weights.shape != log_p.shape[-1:]:
        raise ShapeError(
            loss,
            f"class_weights has shape {list(weights.shape)}",
            f"logits of shape {list(log_p.shape)} tell {log_p.shape[-1]} classes apart",
            f"pass one weight for each, shape [{log_p.shape[-1]}]",
        )
    weights = cast(weights, log_p.dtype)
    return -log_p * weights, take(weights, y) if y.dtype.is_integer else None


def _of_target(loss: str, terms: Tensor, y: Tensor) -> Tensor:
    """The term of each label, or the mean of the terms by probability."""
    if not y.dtype.is_integer:
        return sum(terms * y, axis=-1)
    classes = terms.shape[-1]
    network.check_labels(y, classes, loss)
    # Not a product with 0 and 1: an excluded class may have the logit -inf.
    own = sum(where(y[..., None] == iota(classes), terms, 0), axis=-1)
    # Added, not chosen: so the gradient has no part in it.
    return own + where((y < 0) | (y >= classes), math.nan, 0)


def binary_cross_entropy(
    logits: Operand,
    target: Operand,
    *,
    positive_weight: Operand = 1.0,
    sample_weight: Operand | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """-w y log sigmoid(z) - (1 - y) log sigmoid(-z), for logits z and targets y from 0 to 1.

    Several labels of one example, each with its own sigmoid, lie on the last axis.
    `positive_weight` is w: one number, or one for each of them. Smoothing moves each target by the
    share `label_smoothing` towards 1/2. The gradient is sigmoid(z) - y. (A-034, A-035, B-022)

    >>> cr.nn.losses.binary_cross_entropy(cr.asarray([0.0, 100.0]), cr.asarray([1, 1]))
    Tensor(0.3465736, dtype=float32)
    """
    z, y = matched("binary_cross_entropy", prediction=logits, target=target)
    _check_smoothing("binary_cross_entropy", label_smoothing)
    w = _positive_weight(positive_weight, z)
    if label_smoothing:
        y = y * (1 - label_smoothing) + 0.5 * label_smoothing
    positive = z > 0
    # -log sigmoid(z) = relu(-z) + small and -log sigmoid(-z) = relu(z) + small, where
    # small = log(1 + exp(-|z|)): exact in both tails, and smooth at 0.
    large = where(positive, (1 - y) * z, -w * (y * z))
    small = softplus(where(positive, -z, z)) * (1 + (w - 1) * y)
    return reduced("binary_cross_entropy", large + small, sample_weight, reduction)


def _positive_weight(given: Operand, z: Tensor) -> Tensor:
    weight = lift(given, "binary_cross_entropy", wide=True)
    if weight.shape not in ((), z.shape[-1:]):
        raise ShapeError(
            "binary_cross_entropy",
            f"positive_weight has shape {list(weight.shape)}, the logits {list(z.shape)}",
            "labels lie on the last axis",
            "pass one number, or one for each label",
        )
    return cast(weight, z.dtype)


def focal(
    logits: Operand,
    labels: Operand,
    *,
    gamma: float = 2.0,
    class_weights: Operand | None = None,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(1 - p)**gamma * log p for p = softmax(logits)[label] (Lin et al. 2017, gamma = 2).

    Shapes and means are those of `cross_entropy`, which it equals at gamma = 0. The class weights
    are alpha_t of the paper. (A-038)

    >>> cr.nn.losses.focal(cr.asarray([[2.0, 0.0], [0.0, 2.0]]), cr.asarray([0, 1]))
    Tensor(0.00180356, dtype=float32)
    """
    z, y = labelled("focal", logits, labels)
    _check_hard("focal", y)
    log_p = log_softmax(z)
    terms, label_weights = _terms("focal", log_p, y, class_weights)
    focus = _focus("focal", _of_target("focal", -log_p, y), gamma)
    losses = _of_target("focal", terms, y) * focus
    return reduced("focal", losses, sample_weight, reduction, label_weights)


def binary_focal(
    logits: Operand,
    target: Operand,
    *,
    gamma: float = 2.0,
    alpha: float | None = 0.25,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-alpha_t (1 - p)**gamma log p, where p is sigmoid(z) for target 1, sigmoid(-z) for target 0.

    alpha_t is alpha for target 1 and 1 - alpha for target 0 (`None`: 1 for both). The defaults are
    those of Lin et al. 2017. An alpha below 1/2 weighs positives down: it suits gamma = 2, and is
    no remedy of its own for rare positives. (A-038)

    >>> cr.nn.losses.binary_focal(cr.asarray([0.0, 4.0]), cr.asarray([0, 1]), reduction="none")
    Tensor([1.299651e-01, 1.467893e-06], dtype=float32)
    """
    z, y = matched("binary_focal", prediction=logits, target=target)
    surprise = binary_cross_entropy(z, y, reduction="none")
    losses = surprise * _focus("binary_focal", surprise, gamma)
    if alpha is not None:
        losses = losses * (alpha * y + (1 - alpha) * (1 - y))
    return reduced("binary_focal", losses, sample_weight, reduction)


def _focus(loss: str, surprise: Tensor, gamma: float) -> Tensor:
    """(1 - p)**gamma for surprise = -log p."""
    require(gamma >= 0, loss, f"gamma is {gamma}", "it weighs easy ones down", "choose gamma >= 0")
    # At surprise 0, where the loss is 0 anyway, a power of 0 need not have a derivative.
    return where(surprise > 0, -expm1(-surprise), 1) ** gamma


def hinge(
    scores: Operand,
    target: Operand,
    *,
    margin: float = 1.0,
    squared: bool = False,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin - target * score), or its square, for targets -1 and 1.

    Raises ArgumentError for other targets where their values are known. (A-046)

    >>> cr.nn.losses.hinge(cr.asarray([0.5, 3.0]), cr.asarray([1, 1]), reduction="none")
    Tensor([0.5, 0. ], dtype=float32)
    """
    s, y = matched("hinge", prediction=scores, target=target)
    require(
        y._value is None or bool(np.isin(y.numpy(), (-1, 1)).all()),
        "hinge",
        "targets are other than -1 and 1",
        "they are the wanted signs of the scores",
        "write 2 * target - 1 for targets 0 and 1",
    )
    return reduced("hinge", _hinged(margin - y * s, squared), sample_weight, reduction)


def multiclass_hinge(
    scores: Operand,
    labels: Operand,
    *,
    margin: float = 1.0,
    squared: bool = False,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes of max(0, margin - score[label] + score[class]), or of its squares.

    The label's own class counts 0 (Weston and Watkins 1999, with PyTorch's division by the number
    of classes). Scores are (..., classes), labels (...). (A-046)

    >>> cr.nn.losses.multiclass_hinge(cr.asarray([[3.0, 2.5, 0.0, 1.0]]), cr.asarray([0]))
    Tensor(0.125, dtype=float32)
    """
    s, y = labelled("multiclass_hinge", scores, labels)
    _check_hard("multiclass_hinge", y)
    own = _of_target("multiclass_hinge", s, y)[..., None]
    others = y[..., None] != iota(s.shape[-1])
    lacking = where(others, _hinged(margin - own + s, squared), 0)
    return reduced("multiclass_hinge", mean(lacking, axis=-1), sample_weight, reduction)


def _hinged(lacking: Tensor, squared: bool) -> Tensor:
    return square(relu(lacking)) if squared else relu(lacking)


def _check_hard(loss: str, y: Tensor) -> None:
    if not y.dtype.is_integer:
        raise DTypeError(
            loss,
            f"the target is {y.dtype.name}{list(y.shape)}",
            "only one class of each example can be the right one",
            "pass integer labels, or use cross_entropy",
        )


def _check_smoothing(loss: str, smoothing: float) -> None:
    require(
        0 <= smoothing <= 1,
        loss,
        f"label_smoothing is {smoothing}",
        "it is a share",
        "choose 0 <= label_smoothing <= 1",
    )


def dice(
    logits: Operand,
    target: Operand,
    *,
    smooth: float = 1.0,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - (2 sum(p * y) + smooth) / (sum(p) + sum(y) + smooth) for p = sigmoid(logits): overlap.

    The sums run over all axes but the first, which counts the examples; `smooth` keeps empty masks
    from dividing 0 by 0.

    >>> cr.nn.losses.dice(cr.asarray([[50.0, -50.0]]), cr.asarray([[1, 1]]))
    Tensor(0.25, dtype=float32)
    """
    z, y = matched("dice", prediction=logits, target=target)
    if z.ndim < 2:
        raise ShapeError(
            "dice",
            f"logits have shape {list(z.shape)}",
            "the first axis counts examples, the others their places",
            "write logits[None] and target[None] for a single example",
        )
    p, places = sigmoid(z), tuple(range(1, z.ndim))
    both, either = sum(p * y, axis=places), sum(p + y, axis=places)
    losses = 1 - (2 * both + smooth) / (either + smooth)
    return reduced("dice", losses, sample_weight, reduction)
