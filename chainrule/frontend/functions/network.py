"""Functions of labels, probabilities and gradients: from operands to tensors."""

from __future__ import annotations

from typing import Any

from chainrule import dtypes, tree
from chainrule.dtypes import default_float, int64
from chainrule.errors import DTypeError, IndexingError
from chainrule.frontend.apply import apply
from chainrule.frontend.functions.creation import iota
from chainrule.frontend.functions.elementary import log, log1p
from chainrule.frontend.functions.elementwise import abs
from chainrule.frontend.functions.logic import where
from chainrule.frontend.lift import Operand, axis_of, cast, floating, in_float32, lift, reshape_to
from chainrule.frontend.tensor import Tensor


def stop_gradient(x: Any, /) -> Any:
    """x, or each leaf of a tree, as a constant of every derivative.

    >>> cr.stop_gradient(cr.asarray([1.0]))
    Tensor([1.], dtype=float32)
    """
    return tree.map(lambda leaf: apply("stop_gradient", lift(leaf, "stop_gradient")), x)


@in_float32
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
