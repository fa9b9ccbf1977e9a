"""What all metrics share: receives the formula of one; hands on a function of all rows at once, and
the state that computes the same over batches.

A metric is a formula of a few statistics, such as the confusion matrix, and statistics of two sets
of rows join to those of both: so each formula stands once, for all rows and for batches.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np

from chainrule.dtypes import float64
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.creation import ones, zeros
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import broadcast_to
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.lift import Operand, cast, lift, reshape_to
from chainrule.frontend.stateful import Buffer, Stateful
from chainrule.frontend.tensor import Tensor

Statistics = tuple[Tensor, ...]


def added(some: Iterable[Tensor], others: Iterable[Tensor]) -> Statistics:
    return tuple(x + y for x, y in zip(some, others, strict=True))


class Kind(NamedTuple):
    """Statistics of rows: those of no rows, those of (prediction, target, weights), and how two
    sets of rows join. The keywords of the first two are options of the metric.
    """

    start: Callable[..., Statistics]
    of: Callable[..., Statistics]
    join: Callable[[Statistics, Statistics], Statistics] = added


class Metric(Protocol):
    """A figure of predictions beside targets: a formula of statistics of a kind."""

    kind: Kind
    formula: Callable[..., Any]

    def __call__(
        self,
        prediction: Any,
        target: Any,
        *,
        sample_weight: Any = None,
        **options: Any,
    ) -> Any: ...

    def streaming(self, **options: Any) -> Streaming: ...


class Streaming(Stateful):
    """A metric over batches: equal to the metric of all their rows at once, whatever their sizes.

    `update` and `reset` assign boxes, so they run in compiled steps and epochs that the state is
    passed to. Rows of weight 0, such as the padding of a last batch, are left out whatever they
    hold. Made by `metric.streaming(**options)`; sums are float64.

    >>> state = cr.metrics.f1.streaming(classes=2)
    >>> state.update(np.asarray([0, 1]), np.asarray([0, 1]))
    >>> state.update(np.asarray([1, 0]), np.asarray([0, 7]), np.asarray([1, 0]))
    >>> state.value()
    Tensor(0.66666667, dtype=float64)
    """

    def __init__(self, metric: Metric, **options: Any) -> None:
        kind = metric.kind
        _check_options(metric, options, kind.of, kind.start, metric.formula)
        self.metric, self.options = metric, options
        self.state = [Buffer(start) for start in self._start()]

    @property
    def __name__(self) -> str:
        """The metric's, under which a training records its figures."""
        return name_of(self.metric)

    def update(self, prediction: Operand, target: Operand, weights: Operand | None = None) -> None:
        """Take a batch in; `weights` are `sample_weight` of the metric."""
        target = unpadded(target, weights)
        of = self.metric.kind.of
        found = of(prediction, target, weights, **known_options(of, self.options))
        self._assign(self.metric.kind.join(tuple(self.state), found))

    def merge(self, other: Streaming) -> None:
        """Take in the rows that another state of this metric has seen."""
        self._assign(self.metric.kind.join(tuple(self.state), tuple(other.state)))

    def value(self) -> Any:
        """The metric of all rows so far."""
        formula = self.metric.formula
        return formula(*self.state, **known_options(formula, self.options))

    def reset(self) -> None:
        """Forget all rows."""
        self._assign(self._start())

    def _start(self) -> Statistics:
        start = self.metric.kind.start
        return start(**known_options(start, self.options))

    def _assign(self, statistics: Statistics) -> None:
        for box, statistic in zip(self.state, statistics, strict=True):
            box.assign(statistic)


def metric(
    kind: Kind, like: Callable[..., Any] | None = None
) -> Callable[[Callable[..., Any]], Metric]:
    """Makes a metric of a formula of statistics, with its name and docstring or those of `like`."""

    def decorated(formula: Callable[..., Any]) -> Metric:
        named = like or formula

        @functools.wraps(named)
        def whole(
            prediction: Any, target: Any, *, sample_weight: Any = None, **options: Any
        ) -> Any:
            _check_options(named, options, kind.of, formula)
            if not np.size(target):
                raise ArgumentError(
                    name_of(named), "there are no rows", "a metric is of one at least", "pass some"
                )
            target = unpadded(target, sample_weight)
            found = kind.of(prediction, target, sample_weight, **known_options(kind.of, options))
            return formula(*found, **known_options(formula, options))

        found: Any = whole
        found.kind, found.formula = kind, formula
        found.streaming = functools.partial(Streaming, found)
        found.__signature__ = _signature(kind.of, formula)
        return found

    return decorated


def averaged(rows: Callable[..., Tensor], finish: Callable[[Tensor], Tensor] | None = None) -> Any:
    """Makes a metric of a function of (prediction, target) that gives each row its value: their
    weighted mean, sum(weight * value) / sum(weight), or `finish` of it.

    Any loss becomes one, to be told over batches of unequal sizes; what has a `reduction` is called
    with "none". Raises ShapeError for a function that does not give each row its value.

    >>> state = cr.metrics.averaged(cr.nn.losses.huber).streaming()
    >>> state.update(cr.asarray([1.0, 2.0]), cr.asarray([1.0, 1.0]))
    >>> state.update(cr.asarray([5.0]), cr.asarray([5.0]))
    >>> state.value()
    Tensor(0.16666667, dtype=float64)
    """

    reduced = "reduction" in inspect.signature(rows).parameters
    each = functools.partial(rows, reduction="none") if reduced else rows

    @functools.wraps(rows)
    def statistics(prediction: Any, target: Any, weights: Any, **options: Any) -> Statistics:
        values = each(prediction, target, **options)
        if values.shape[:1] != np.shape(target)[:1]:
            raise ShapeError(
                name_of(rows),
                f"it gave {list(values.shape)} for targets {list(np.shape(target))}",
                "a metric is the mean of one value a row",
                "return those, not their mean",
            )
        weights = weights_of(name_of(rows), weights, values.shape)
        # Padding may hold anything, even what makes a value infinite.
        kept = where(weights == 0, 0, cast(values, float64))
        return sum(kept * weights), sum(weights)

    def mean(total: Tensor, weight: Tensor) -> Tensor:
        return total / weight if finish is None else finish(total / weight)

    return metric(Kind(lambda: (empty(), empty()), statistics), rows)(mean)


def wide(x: Any, where_used: str) -> Tensor:
    """An operand in float64: metrics lose no digits that the predictions have."""
    return cast(lift(x, where_used, wide=True), float64)


def weights_of(where_used: str, given: Any, shape: tuple[int, ...]) -> Tensor:
    """Weights for values of a shape: given for each, or for each row of several; else ones."""
    if given is None:
        return ones(shape, dtype=float64)
    weights = wide(given, where_used)
    if weights.shape != shape[: weights.ndim]:
        raise ShapeError(
            where_used,
            f"sample_weight has shape {list(weights.shape)}, the rows {list(shape)}",
            "each row has its own weight",
            "pass one number for each",
        )
    rest = (1,) * (len(shape) - weights.ndim)
    return broadcast_to(reshape_to(weights, (*weights.shape, *rest)), shape)


def unpadded(target: Any, weights: Any) -> Tensor:
    """Targets with 0 where the weight is 0: padding may hold labels of no class."""
    y = lift(target, "metrics", wide=True)
    return y if weights is None else where(weights_of("metrics", weights, y.shape) == 0, 0, y)


def ratio(top: Tensor, bottom: Tensor) -> Tensor:
    """top / bottom, and 0 where that is undefined, as in scikit-learn."""
    return where(bottom == 0, 0, top / where(bottom == 0, 1, bottom))


def empty(*shape: int) -> Tensor:
    """The sum of no rows."""
    return zeros(shape, dtype=float64)


def name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", "metric")


@functools.cache
def keywords(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The options of a function: its keywords but those that every metric takes or sets."""
    given = inspect.signature(function).parameters.items()
    options = {name: p for name, p in given if p.kind is inspect.Parameter.KEYWORD_ONLY}
    return {name: p for name, p in options.items() if name not in ("sample_weight", "reduction")}


def known_options(function: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """The options that a function takes."""
    return {name: options[name] for name in keywords(function) if name in options}


def _check_options(
    named: Callable[..., Any], options: dict[str, Any], *takers: Callable[..., Any]
) -> None:
    known = [name for taker in takers for name in keywords(taker)]
    if unknown := [name for name in options if name not in known]:
        raise ArgumentError(
            name_of(named),
            f"it has no option {', '.join(unknown)}",
            f"its options are {', '.join(dict.fromkeys(known)) or 'none'}",
            "check the spelling",
        )


def _signature(*functions: Callable[..., Any]) -> inspect.Signature:
    """(prediction, target, *, sample_weight=None, ...) and the options of functions."""

    def whole(prediction: Any, target: Any, *, sample_weight: Any = None) -> None: ...

    own = inspect.signature(whole)
    options = {name: p for function in functions for name, p in keywords(function).items()}
    return own.replace(parameters=[*own.parameters.values(), *options.values()])
