"""check_grad: receives a function; compares its derivatives with finite differences, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import tree
from chainrule.autodiff.forward import tangents
from chainrule.autodiff.reverse import gradients
from chainrule.dtypes import float32, float64
from chainrule.errors import ArgumentError, DTypeError, GradientError
from chainrule.frontend import trace
from chainrule.frontend.box import node_of
from chainrule.frontend.lift import lift
from chainrule.frontend.nesting import Stand, flat_nodes
from chainrule.frontend.tensor import OPERANDS, Tensor, concrete
from chainrule.ir.closure import dependents
from chainrule.ir.interpret import evaluate
from chainrule.ir.node import Array, Node, buffer, cast, constant, mark, reduce_sum
from chainrule.transforms.numerical import (
    check_outside,
    has_kink,
    probe,
    relative_error,
    slope,
    wide_floats,
)

Arrays = list[np.ndarray]


KINK = "the point lies on a kink or a tie, where the slopes to both sides differ"
NARROW = "part of the function computes in float32, whose rounding shows in the differences"


class GradientCheck(NamedTuple):
    """The worst relative errors |a - n| / (|a| + |n|) of first and second derivatives (None: not
    checked), and notes on what makes them say little.
    """

    first: float
    second: float | None
    notes: tuple[str, ...] = ()

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
            "; ".join(self.notes)
            or f"derivatives and finite differences should agree to {tolerance:.0e}",
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
    """Compare the derivatives of `f`, both modes, with central differences along random directions
    (B-009).

    The error is |a - n| / max(|a| + |n|, 1e-5), as a ratio of tiny slopes means nothing. Everything
    runs in float64, whatever the dtype of the arguments. Raises GradientError above `tolerance`.
    Above 1e-3 not every verdict is a bug: at relu(0) or among ties all answers are right, and
    differences in float32 are rough; `notes` of the result tell of both.

    >>> cr.check_grad(lambda x: cr.sum(cr.sin(x)), cr.asarray([0.5, 1.0])).verdict
    'perfect'
    """
    check_outside("check_grad")
    if order not in (1, 2):
        raise ArgumentError(
            "check_grad",
            f"order={order}",
            "first and second derivatives can be checked",
            "use 1 or 2",
        )
    with wide_floats():
        problem = _Problem(f, arguments, np.random.default_rng(seed))
        checks = [problem.check(order) for _ in range(directions)]
    result = GradientCheck(
        max(check.first for check in checks),
        max(check.second for check in checks) if order == 2 else None,
        tuple(dict.fromkeys(note for check in checks for note in check.notes)),
    )
    result.require(tolerance)
    return result


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
        self.narrow = False  # Whether a step between the point and the result is float32.

    def check(self, order: int) -> GradientCheck:
        v, w = self._direction(), self._direction()
        self.weights = []

        def value(t: float) -> float:
            return self.measure(self._moved(v, t))[0]

        def slope_along_v(t: float) -> float:
            return self.measure(self._moved(w, t), v)[1]

        (_, reverse, forward, *second) = self.measure(self.point, v, w if order == 2 else None)
        expected = slope(value)
        error = max(relative_error(reverse, expected), relative_error(forward, expected))
        if order == 1:
            return GradientCheck(error, None, self._notes(has_kink(value)))
        notes = self._notes(has_kink(value) or has_kink(slope_along_v))
        return GradientCheck(error, relative_error(second[0], slope(slope_along_v)), notes)

    def _notes(self, kink: bool) -> tuple[str, ...]:
        if self.narrow:
            return (NARROW,)
        return (KINK,) if kink else ()

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
        marks: list[Node] = []
        with probe(self.arguments, _chooser(iter(point), marks)) as (session, inputs):
            outputs, _ = flat_nodes(self.f(*inputs), "check_grad")
            value = self._projected(
                [cast(node, float64) for node in outputs if node.dtype.is_float], marks
            )
            numbers = [value]
            if v is not None:
                numbers.append(_dot(gradients([value], [constant(1, float64)], marks), v))
                (forward,) = tangents([value], dict(zip(marks, map(_leaf, v), strict=True)))
                numbers.append(forward if forward is not None else constant(0, float64))
            if w is not None:
                numbers.append(_dot(gradients([numbers[1]], [constant(1, float64)], marks), w))
            return [float(number) for number in evaluate(numbers, session.values)]

    def _projected(self, outputs: list[Node], marks: list[Node]) -> Node:
        if not self.weights:
            self.weights = [self.random.normal(size=node.shape) for node in outputs]
            self.narrow = any(node.dtype is float32 for node in dependents(outputs, marks))
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
