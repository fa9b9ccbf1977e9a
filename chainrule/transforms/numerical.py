"""Numerical differentiation. Receives functions; hands on differences of their values, to users and
to `check_grad`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

import numpy as np

from chainrule.config import config
from chainrule.errors import ArgumentError, TraceError
from chainrule.frontend import trace
from chainrule.frontend.lift import lift
from chainrule.frontend.nesting import Stand, standing
from chainrule.frontend.tensor import OPERANDS, Tensor, concrete
from chainrule.transforms.derivatives import differentiated, numbers_of

Choose = Callable[[Any], Stand | None]


def numerical_gradient(
    f: Callable, argnums: int | Sequence[int] = 0, step: float | None = None
) -> Callable:
    """The gradient of `f`, whose result is one number, from values alone: (f(x + h) - f(x - h)) /
    (2 h) for each element, two evaluations each (B-008).

    Its arguments, result and dtypes are those of `cr.grad`. By default h = eps^(1/3) max(1, |x|),
    6e-6 in float64 and 5e-3 in float32, where truncation, about h^2, and rounding, about eps / h,
    balance: relative errors measured on exp(x) sin(x) are 1e-11 and 1e-5. The step 1e-7 of many
    texts is limited by rounding instead: 3e-10, and in float32 no digit is right. Raises
    ArgumentError for a step that rounding swallows.

    >>> cr.numerical_gradient(lambda x: cr.sum(x**3), step=0.5)(cr.asarray([1.0, 2.0]))
    Tensor([ 3.25, 12.25], dtype=float32)
    """

    @wraps(f, updated=())
    def derivative(*arguments: Any, **keywords: Any) -> Any:
        check_outside("numerical_gradient")
        numbers = numbers_of(argnums, arguments)
        with trace.level("grad"), differentiated(arguments, numbers) as inputs:
            point = [concrete(stand.tensor) for stand in inputs.stands]

        def value(point: Sequence[np.ndarray]) -> float:
            chooser, places = _chooser(iter(point)), set(numbers)
            with probe(arguments, chooser, places) as (_, changed):
                return float(lift(f(*changed, **keywords)))

        found = [_differences(value, point, place, step) for place in range(len(point))]
        trees = inputs.trees(found)
        return trees[0] if isinstance(argnums, int) else trees

    return derivative


def _chooser(values: Iterator[np.ndarray]) -> Choose:
    """The next of `values` for each leaf that holds floats."""

    def choose(leaf: Any) -> Stand | None:
        if not isinstance(leaf, OPERANDS) or not lift(leaf).dtype.is_float:
            return None
        tensor = Tensor(next(values))
        return Stand(tensor, trace.leaf(tensor._value))

    return choose


def _differences(
    value: Callable, point: list[np.ndarray], place: int, step: float | None
) -> Tensor:
    """The slope of `value` along each element of array number `place`."""
    x = point[place]
    slopes = np.empty_like(x)
    for index in np.ndindex(x.shape):
        h = step or np.cbrt(np.finfo(x.dtype).eps) * max(1.0, abs(x[index]))
        high, low = x.copy(), x.copy()
        high[index] += h
        low[index] -= h
        if not low[index] < high[index]:
            raise ArgumentError(
                "numerical_gradient",
                f"a step of {h:g} does not change {x[index]} in {x.dtype}",
                "it is lost in rounding",
                "leave out step=, or use float64",
            )
        ahead, behind = (value([*point[:place], y, *point[place + 1 :]]) for y in (high, low))
        slopes[index] = (ahead - behind) / (float(high[index]) - float(low[index]))
    return Tensor(slopes)


# ---- What check_grad shares ----


def check_outside(where: str) -> None:
    """Raise TraceError inside a transform."""
    if trace.state.level is not None:
        raise TraceError(
            where,
            "it was called inside a transform",
            "it needs values to step away from",
            "call it outside",
        )


@contextmanager
def wide_floats() -> Iterator[None]:
    """Floats that a function makes itself are float64 too."""
    before, config.float64 = config.float64, True
    try:
        yield
    finally:
        config.float64 = before


@contextmanager
def probe(
    arguments: Sequence[Any], choose: Choose, places: set[int] | None = None
) -> Iterator[tuple[trace.Session, list]]:
    """A level for one evaluation: `choose` replaces leaves of the arguments, or of those at
    `places`. State that the function changes is as before afterwards, since it is run many times.
    """
    with trace.level("grad", differentiates=True) as (session, _), ExitStack() as stack:
        changed = list(arguments)
        for place in range(len(arguments)) if places is None else sorted(places):
            stand = standing(arguments[place], choose, keep_values=True)
            changed[place] = stack.enter_context(stand)[0]
        yield session, changed
    for box, before in session.assigned.items():
        box._value = before


def slope(function: Callable[[float], float], step: float = 0.005, orders: int = 9) -> float:
    """The derivative at 0: central differences at halving steps, extrapolated to step 0 (Ridders
    1982). A larger first step would leave the domain of more functions.
    """
    best, error = 0.0, np.inf
    previous: list[float] = []
    for order in range(orders):
        h = step / 2**order
        row = [(function(h) - function(-h)) / (2 * h)]
        for place, coarse in enumerate(previous):
            factor = 4.0 ** (place + 1)
            row.append((factor * row[place] - coarse) / (factor - 1))
            change = max(abs(row[-1] - row[-2]), abs(row[-1] - coarse))
            if change <= error:
                best, error = row[-1], change
        previous = row
    return best


def has_kink(function: Callable[[float], float], step: float = 1e-3) -> bool:
    """Whether the slopes to both sides of 0 differ: in a smooth function that difference shrinks
    with the step.
    """
    middle = function(0.0)

    def jump(h: float) -> float:
        return abs(function(h) - 2 * middle + function(-h)) / h

    narrow = jump(step / 16)
    return narrow > 1e-6 * max(1.0, abs(middle)) and narrow > jump(step) / 4


def relative_error(a: float, n: float) -> float:
    """|a - n| / (|a| + |n|), where derivatives below 1e-5 are measured against that size; infinite
    where one is not finite.
    """
    error = abs(a - n) / max(abs(a) + abs(n), 1e-5)
    return error if np.isfinite(error) else np.inf
