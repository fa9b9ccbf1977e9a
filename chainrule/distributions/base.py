"""What all distributions share: receives parameters and points; hands on checked tensors."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

import numpy as np

from chainrule import tree
from chainrule.dtypes import DType, float64
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.elementary import log, log1p
from chainrule.frontend.functions.elementwise import sqrt
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.lift import (
    Operand,
    broadcast_shape,
    cast,
    floating,
    lift,
    promoted_floats,
    shape_of,
    spread,
    unboxed,
)
from chainrule.frontend.tensor import Tensor


class Distribution:
    """A distribution of numbers or vectors for each element of a batch, the shape of its
    parameters.

    It is a tree of its parameters, so functions that are differentiated, compiled or mapped take
    and return it. Parameters are checked where their values are known. Gradients flow through
    samples unless a class says otherwise. Integers count in the dtype of the parameters; samples
    of discrete distributions are int64.

    >>> step = cr.jit(lambda d, x: cr.distributions.Normal(d.loc + x, d.scale))
    >>> step(cr.distributions.Normal(0.0, 1.0), cr.asarray(2.0)).loc
    Tensor(2., dtype=float32)
    """

    # Attributes that are options, no parameters.
    options: ClassVar[tuple[str, ...]] = ()
    # A point that every such distribution supports: it stands in for those that it does not.
    inside: ClassVar[float] = 0.0

    @property
    def dtype(self) -> DType:
        """The dtype of the parameters."""
        return tree.leaves(self)[0].dtype

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The shape of independent distributions: that of the parameters, broadcast."""
        return tree.leaves(self)[0].shape

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one draw: () for numbers."""
        return ()

    def sample(self, shape: Any = (), *, key: Tensor | None = None) -> Tensor:
        """Draws of shape (*shape, *batch_shape, *event_shape)."""
        return self._draw((*shape_of(shape), *self.batch_shape, *self.event_shape), key)

    def log_prob(self, x: Operand) -> Tensor:
        """The logarithm of the density or of the probability at x; -inf outside the support."""
        x = self._lifted(x)
        supported = self._supports(x)
        if supported is None:
            return self._log_density(x)
        return where(supported, self._log_density(where(supported, x, self.inside)), -np.inf)

    def entropy(self) -> Tensor:
        """-E[log_prob(x)], in nats."""
        self._no_form("entropy", "average -log_prob over samples")

    @property
    def mean(self) -> Tensor:
        self._no_form("mean")

    @property
    def variance(self) -> Tensor:
        self._no_form("variance")

    @property
    def std(self) -> Tensor:
        """sqrt(variance)."""
        return sqrt(self.variance)

    @property
    def mode(self) -> Tensor:
        """The point of the highest density; NaN where there is no single one."""
        self._no_form("mode")

    def cdf(self, x: Operand) -> Tensor:
        """The probability of at most x."""
        self._no_form("cdf")

    def icdf(self, p: Operand) -> Tensor:
        """The x with cdf(x) = p, for p from 0 to 1."""
        self._no_form("icdf")

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        raise NotImplementedError

    def _supports(self, x: Tensor) -> Tensor | None:
        """Where the density is not 0; None for everywhere."""
        return None

    def _log_density(self, x: Tensor) -> Tensor:
        """`log_prob` on the support."""
        raise NotImplementedError

    def _lifted(self, x: Any) -> Tensor:
        """A point as floats, integers in the dtype of the parameters."""
        x = lift(x, type(self).__name__, wide=self.dtype is float64)
        return x if x.dtype.is_float else cast(x, self.dtype)

    def _no_form(self, what: str, instead: str = "estimate it from samples") -> NoReturn:
        raise ArgumentError(
            f"{type(self).__name__}.{what}", "there is no closed form here", "", instead
        )

    def __repr__(self) -> str:
        inside = ", ".join(f"{name.lstrip('_')}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__}({inside})"


def _flatten(given: Distribution) -> tuple[tuple, tuple]:
    held = vars(given)
    names = tuple(name for name in held if name not in given.options)
    options = tuple((name, held[name]) for name in given.options)
    return tuple(held[name] for name in names), (type(given), names, options)


def _unflatten(context: tuple, children: list) -> Distribution:
    """Without the constructor: leaves need not be tensors."""
    kind, names, options = context
    made = object.__new__(kind)
    vars(made).update(zip(names, children, strict=True))
    vars(made).update(options)
    return made


tree.register(Distribution, _flatten, _unflatten)


def parameters(where: str, *given: Any) -> list[Tensor]:
    """Parameters as floats of one dtype and one shape; they keep the values that boxes have now."""
    tensors = promoted_floats(where, *given)
    shape = broadcast_shape(where, [tensor.shape for tensor in tensors])
    return [unboxed(spread(tensor, shape)) for tensor in tensors]


def vectors(where: str, given: Any) -> Tensor:
    """One vector of parameters for each element of a batch. Raises ShapeError for a number."""
    tensor = unboxed(floating(given, where))
    if not tensor.ndim:
        raise ShapeError(where, "got a single number", "the last axis holds the vector")
    return tensor


def either(where_used: str, probs: Operand | None, logits: Operand | None) -> Operand:
    """That of both which was given. Raises ArgumentError for none and for two."""
    if (probs is None) == (logits is None):
        given = "neither" if probs is None else "both"
        raise ArgumentError(
            where_used, f"got {given} of probs and logits", "each follows from the other"
        )
    return logits if probs is None else probs


def positive(where_used: str, **given: Tensor) -> None:
    """Raise ArgumentError for parameters that are not positive, where their values are known."""
    for name, x in given.items():
        if x._value is not None and not (x.numpy() > 0).all():
            _refuse(where_used, name, x, "it must be positive")


def within(where_used: str, low: float, high: float, **given: Tensor) -> None:
    """Raise ArgumentError for parameters outside [low, high], where their values are known."""
    for name, x in given.items():
        if x._value is not None and not ((x.numpy() >= low) & (x.numpy() <= high)).all():
            _refuse(where_used, name, x, f"it lies between {low} and {high}")


def _refuse(where_used: str, name: str, x: Tensor, why: str) -> None:
    raise ArgumentError(where_used, f"{name} is {x.tolist()}", why)


def whole(x: Tensor) -> Tensor:
    """Where x is one of 0, 1, 2, ..."""
    return (x >= 0) & (x == x // 1)


def xlogy(x: Tensor, y: Tensor) -> Tensor:
    """x log y, which is 0 for x = 0."""
    return x * log(where(x == 0, 1, y))


def xlog1py(x: Tensor, y: Tensor) -> Tensor:
    """x log(1 + y), which is 0 for x = 0."""
    return x * log1p(where(x == 0, 0, y))


def average(where_used: str, x: Operand, weights: Operand | None) -> Tensor:
    """The mean over axis 0, of examples, weighted if asked."""
    x = floating(x, where_used)
    w = cast(lift(1.0 if weights is None else weights, where_used), x.dtype)
    if w.ndim and w.shape != x.shape[:1]:
        raise ShapeError(
            where_used,
            f"weights have shape {list(w.shape)}, x {list(x.shape)}",
            "each example along axis 0 has one weight",
        )
    w = spread(w, x.shape[:1])
    return sum(x * w.reshape((-1,) + (1,) * (x.ndim - 1)), axis=0) / sum(w)
