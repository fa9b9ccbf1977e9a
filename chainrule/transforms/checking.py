"""check_grad: receives a function; compares its derivatives with finite differences, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np

from chainrule import tree
from chainrule.autodiff.forward import tangents
from chainrule.autodiff.reverse import gradients
from chainrule.config import config
from chainrule.dtypes import float64
from chainrule.errors import ArgumentError, DTypeError, GradientError, TraceError
from chainrule.frontend import trace
from chainrule.frontend.lift import lift
from chainrule.frontend.nesting import Stand, flat_nodes, standing
from chainrule.frontend.tensor import OPERANDS, Tensor, concrete, node_of
from chainrule.ir.interpret import evaluate
from chainrule.ir.node import Array, Node, buffer, cast, constant, mark, reduce_sum

Arrays = list[np.ndarray]


class GradientCheck(NamedTuple):
    """The worst relative errors |a - n| / (|a| + |n|) of first and second derivatives (None: not
    checked).
    """

    first: float
    second: float | None

    @property
    def verdict(self) -> str:
        """Below 1e-7 perfect, 1e-5 acceptable, 1e-3 suspicious, above wrong."""
        worst = max(self.first, self.second or 0.0)
        limits = ((1e-7, "perfect"), (1e-5, "acceptable"), (1e-3, "suspicious"))
        return next((word for limit, word in limits if worst < limit), "wrong")

    def require(self, tolerance: float) -> None:
        """Raise GradientError where an error lies above `tolerance`."""
        if max(self.first, self.second or 0.0) <= tolerance:
            return
        second = f", {self.second:.1e} in second" if self.second is not None else ""
        raise GradientError(
            "check_grad",
            f"relative errors are {self.first:.1e} in first order{second}",
            f"derivatives and finite differences should agree to {tolerance:.0e}",
            "move the point away from kinks and ties, and check the rules of custom gradients",
        )


def check_grad(
    f: Callable,
    *arguments: Any,
    order: int = 2,
    directions: int = 2,
    tolerance: float = 1e-5,
    seed: int = 0,
) -> GradientCheck:
    """Compare the derivatives of `f`, both modes, with central differences along random directions.

    Everything runs in float64, whatever the dtype of the arguments. Raises GradientError above
    `tolerance`. Choose a point away from kinks: at relu(0) or among ties both answers are right.

    >>> cr.check_grad(lambda x: cr.sum(cr.sin(x)), cr.asarray([0.5, 1.0])).verdict
    'perfect'
    """
    if trace.state.level is not None:
        raise TraceError(
            "check_grad",
            "it was called inside a transform",
            "it needs values to step away from",
            "call it outside",
        )
    if order not in (1, 2):
        raise ArgumentError(
            "check_grad",
            f"order={order}",
            "first and second derivatives can be checked",
            "use 1 or 2",
        )
    with _wide_floats():
        problem = _Problem(f, arguments, np.random.default_rng(seed))
        checks = [problem.check(order) for _ in range(directions)]
    result = GradientCheck(
        max(check.first for check in checks),
        max(check.second for check in checks) if order == 2 else None,
    )
    result.require(tolerance)
    return result


@contextmanager
def _wide_floats() -> Iterator[None]:
    """Floats that the function makes itself are float64 too."""
    before, config.float64 = config.float64, True
    try:
        yield
    finally:
        config.float64 = before


class _Problem:
    """u . f(x + t v): one number of one number, for random u and v."""

    def __init__(self, f: Callable, arguments: Sequence[Any], random: np.random.Generator) -> None:
        self.f, self.arguments, self.random = f, arguments, random
        leaves = [
            lift(leaf, "check_grad", wide=True)
            for leaf in tree.leaves(arguments)
            if isinstance(leaf, OPERANDS)
        ]
        self.point = [concrete(x).astype(np.float64) for x in leaves if x.dtype.is_float]
        if not self.point:
            raise DTypeError(
                "check_grad",
                "the arguments hold no floats",
                "only floats have derivatives",
                "pass floats",
            )
        self.weights: Arrays = []

    def check(self, order: int) -> GradientCheck:
        v, w = self._direction(), self._direction()
        self.weights = []
        (_, reverse, forward, *second) = self.measure(self.point, v, w if order == 2 else None)
        first = _slope(lambda t: self.measure(self._moved(v, t))[0])
        error = max(_relative_error(reverse, first), _relative_error(forward, first))
        if order == 1:
            return GradientCheck(error, None)
        expected = _slope(lambda t: self.measure(self._moved(w, t), v)[1])
        return GradientCheck(error, _relative_error(second[0], expected))

    def _direction(self) -> Arrays:
        return [self.random.normal(size=array.shape) for array in self.point]

    def _moved(self, direction: Arrays, t: float) -> Arrays:
        return [x + t * step for x, step in zip(self.point, direction, strict=True)]

    def measure(
        self, point: Arrays, v: Arrays | None = None, w: Arrays | None = None
    ) -> list[float]:
        """The value at a point; with `v` the slope along it in both modes, with `w` that slope's
        slope.
        """
        with trace.level("grad", differentiates=True) as (session, _), ExitStack() as stack:
            marks: list[Node] = []
            choose = _chooser(iter(point), marks)
            inputs = [
                stack.enter_context(standing(x, choose, keep_values=True))[0]
                for x in self.arguments
            ]
            outputs, _ = flat_nodes(self.f(*inputs), "check_grad")
            value = self._projected(
                [cast(node, float64) for node in outputs if node.dtype.is_float]
            )
            numbers = [value]
            if v is not None:
                numbers.append(_dot(gradients([value], [constant(1, float64)], marks), v))
                (slope,) = tangents([value], dict(zip(marks, map(_leaf, v), strict=True)))
                numbers.append(slope if slope is not None else constant(0, float64))
            if w is not None:
                numbers.append(_dot(gradients([numbers[1]], [constant(1, float64)], marks), w))
            results = [float(number) for number in evaluate(numbers, session.values)]
        # The function is run many times: state that it changed starts each time as it was.
        for box, before in session.assigned.items():
            box._value = before
        return results

    def _projected(self, outputs: list[Node]) -> Node:
        if not self.weights:
            self.weights = [self.random.normal(size=node.shape) for node in outputs]
        return _dot(outputs, self.weights)


def _chooser(values: Iterator[np.ndarray], marks: list[Node]) -> Callable[[Any], Stand | None]:
    """Marks on float64 leaves with these values, noted in `marks`."""

    def choose(leaf: Any) -> Stand | None:
        if not isinstance(leaf, OPERANDS) or not lift(leaf, "check_grad", wide=True).dtype.is_float:
            return None
        tensor = Tensor(next(values))
        marks.append(mark(node_of(tensor)))
        trace.state.session.values[marks[-1]] = tensor._value
        return Stand(tensor, marks[-1])

    return choose


def _leaf(array: np.ndarray) -> Node:
    return buffer(Array(array))


def _dot(nodes: Sequence[Node | None], arrays: Arrays) -> Node:
    """The sum of all products, None counting as zero."""
    result = constant(0, float64)
    for node, array in zip(nodes, arrays, strict=True):
        if node is not None:
            result = result + reduce_sum(node * _leaf(array), range(node.rank))
    return result


def _slope(function: Callable[[float], float], step: float = 0.02, orders: int = 9) -> float:
    """The derivative at 0: central differences at halving steps, extrapolated to step 0 (Ridders
    1982).
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


def _relative_error(a: float, n: float) -> float:
    """|a - n| / (|a| + |n|), where derivatives below 1e-5 are measured against that size."""
    return abs(a - n) / max(abs(a) + abs(n), 1e-5)
