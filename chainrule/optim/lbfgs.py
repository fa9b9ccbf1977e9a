"""L-BFGS: receives a function of value and gradient, hands on parameters moved along directions
that know the curvature along the last moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, TraceError
from chainrule.frontend import trace
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.stateful import Buffer
from chainrule.frontend.tensor import Tensor
from chainrule.jit import jit
from chainrule.optim.base import Optimizer
from chainrule.optim.beside import by_path
from chainrule.optim.hyperparameters import Rate
from chainrule.optim.line_search import Point, strong_wolfe
from chainrule.transforms import value_and_grad

Evaluate = Callable[[], tuple[Any, Any]]

CURVED = 1e-10  # A move is remembered if its product with the change of the gradient is above.


class LBFGS(Optimizer):
    """x + t d, where d = -H g and H is the inverse Hessian that the last moves suggest.

    H comes from up to `history` moves and the changes of the gradient that they made (the two-loop
    recursion, Nocedal & Wright 2006, algorithm 7.4). t is the learning rate, in the first step
    rate * min(1, 1 / sum(abs(g))); with line_search="strong_wolfe" it is the first that is tried.
    These are PyTorch's formulas, with a history of 10 for its 100. Steps are chosen by values, so
    they run outside `cr.jit`, and need the same data each time: compile what they evaluate.

    >>> x = cr.nn.Parameter([3.0])
    >>> optimizer, gradient = cr.optim.LBFGS([x]), cr.jit(cr.value_and_grad(lambda p: p[0][0] ** 2))
    >>> [round(float(optimizer.update(lambda: gradient([x]))), 3) for _ in range(4)]
    [9.0, 4.0, 0.0, 0.0]
    """

    looks_around = True

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 1.0,
        history: int = 10,
        line_search: str | None = None,
    ) -> None:
        super().__init__(parameters, learning_rate)
        if history < 1:
            raise ArgumentError(
                "LBFGS", f"history is {history}", "it counts moves to remember", "choose 10"
            )
        if line_search not in (None, "strong_wolfe"):
            raise ArgumentError(
                "LBFGS", f"line_search is {line_search!r}", 'there are None and "strong_wolfe"'
            )
        self.line_search = line_search
        nothing = Tensor(self._vector({}))
        self.moves = [Buffer(nothing) for _ in range(history)]
        self.responses = [Buffer(nothing) for _ in range(history)]
        self.move, self.gradient = Buffer(nothing), Buffer(nothing)
        self.remembered = Buffer(asarray(0))

    def update(self, evaluate: Evaluate) -> Any:
        """One step. `evaluate()` returns (value, gradients), as `cr.value_and_grad` does, at what
        the parameters hold when it is called. Returns the value before the step.

        Raises TraceError inside `cr.jit` and other transforms.
        """
        if trace.state.level is not None:
            raise TraceError(
                "LBFGS.update",
                "called inside a transform",
                "it chooses its steps by values, which are not known there",
                "compile what it evaluates instead: cr.jit(cr.value_and_grad(loss))",
            )
        value, gradients = evaluate()
        self._advance(evaluate, Point(0.0, float(value), 0.0, self._gradient(gradients)))
        return value

    def minimize(
        self, loss: Callable, *arguments: Any, steps: int = 100, tolerance: float = 1e-7
    ) -> float:
        """Up to `steps` steps on `loss(*arguments)`, which is compiled; returns the last value.

        Ends earlier where no element of the gradient is above `tolerance`, or no step leads down.

        >>> x = cr.nn.Parameter([-1.2, 1.0])
        >>> optimizer = cr.optim.LBFGS([x], line_search="strong_wolfe")
        >>> optimizer.minimize(lambda: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2) < 1e-8
        True
        """
        compiled, trainable = jit(_value_and_gradients), self.trainable()

        def evaluate() -> tuple[Tensor, Any]:
            return compiled(loss, trainable, arguments)

        here = self._point(evaluate)
        for _ in range(steps):
            if np.abs(here.gradient).max() <= tolerance:
                break
            there = self._advance(evaluate, here)
            if there is not None and there.value >= here.value:
                break
            here = there or self._point(evaluate)
        return here.value

    # ---- One step ----

    def _advance(self, evaluate: Evaluate, here: Point) -> Point | None:
        """Moves the parameters on; the point where they are now, if the line search was there."""
        length, there = self.learning_rate.item(), None
        if self.steps.item():
            self._remember(here.gradient - self.gradient.numpy())
        else:
            length /= max(1.0, float(np.abs(here.gradient).sum()))
        start, direction = self._vector(self.parameters), self._direction(here.gradient)
        here = Point(0.0, here.value, float(here.gradient @ direction), here.gradient)
        if self.line_search and here.slope < 0:

            def line(length: float) -> Point:
                self._place(start + length * direction)
                return self._point(evaluate, length, direction)

            there = strong_wolfe(line, here, length, float(np.abs(direction).max()))
            length = there.length
        self._place(start + length * direction)
        self.move.assign(Tensor(length * direction))
        self.gradient.assign(Tensor(here.gradient))
        self.steps.assign(self.steps + 1)
        return there

    def _remember(self, change: np.ndarray) -> None:
        if change @ self.move.numpy() > CURVED:
            place = int(self.remembered) % len(self.moves)
            self.moves[place].assign(self.move + 0)
            self.responses[place].assign(Tensor(change))
            self.remembered.assign(self.remembered + 1)

    def _direction(self, gradient: np.ndarray) -> np.ndarray:
        """-H g by the two-loop recursion."""
        count, held = int(self.remembered), len(self.moves)
        recent = [number % held for number in range(max(count - held, 0), count)]
        pairs = [(self.moves[n].numpy(), self.responses[n].numpy()) for n in recent]
        d, shares = -gradient, []
        for s, y in reversed(pairs):
            shares.append((s @ d) / (y @ s))
            d = d - shares[-1] * y
        if pairs:
            s, y = pairs[-1]
            d = d * ((y @ s) / (y @ y))
        for (s, y), share in zip(pairs, reversed(shares), strict=True):
            d = d + (share - (y @ d) / (y @ s)) * s
        return d

    # ---- Between parameters and vectors ----

    def _point(self, evaluate: Evaluate, length: float = 0.0, direction: Any = None) -> Point:
        """What is found at the present parameters; a value that is not finite counts as high."""
        value, gradients = evaluate()
        height, gradient = float(value), self._gradient(gradients)
        slope = 0.0 if direction is None else float(gradient @ direction)
        return Point(length, height if height == height else float("inf"), slope, gradient)

    def _gradient(self, gradients: Any) -> np.ndarray:
        given = dict(by_path(gradients))
        self._check(given)
        return self._vector(given)

    def _vector(self, values: Mapping[str, Any]) -> np.ndarray:
        """Values of parameters as one vector, with 0 where there is none."""
        return np.concatenate(
            [
                np.asarray(values.get(path, np.zeros(x.shape, x.dtype.numpy))).ravel()
                for path, x in self.parameters.items()
            ]
        )

    def _place(self, vector: np.ndarray) -> None:
        """Gives the parameters the values of a vector."""
        end = 0
        for x in self.parameters.values():
            start, end = end, end + x.size
            x.assign(Tensor(vector[start:end].reshape(x.shape).astype(x.dtype.numpy)))


def _value_and_gradients(loss: Callable, trainable: Any, arguments: tuple) -> tuple[Any, Any]:
    return value_and_grad(lambda _: loss(*arguments))(trainable)
