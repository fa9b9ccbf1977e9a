"""Newton's method: receives a loss, hands its parameters steps that know its curvature."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from chainrule import tree
from chainrule.control import while_loop
from chainrule.errors import ArgumentError
from chainrule.frontend.functions.creation import asarray, zeros_like
from chainrule.frontend.functions.elementwise import add
from chainrule.frontend.functions.logic import logical_and, where
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.lift import cast
from chainrule.frontend.tensor import Tensor
from chainrule.optim.base import Optimizer
from chainrule.optim.hyperparameters import Rate
from chainrule.transforms import hvp, value_and_grad

Values = dict[str, Tensor]


class Newton(Optimizer):
    """x - rate * (H + damping I)^-1 g, with the Hessian H of the loss by all parameters (A-073).

    The system is solved by conjugate gradients, which need products H v alone (Martens 2010), of
    the cost of some gradients each: at most `iterations`, fewer where the residual has shrunk by
    `tolerance`. Where H is found to curve down they end; the first direction is then that of
    steepest descent. With damping 0 one step leads to the minimum of a quadratic function.

    >>> x = cr.nn.Parameter([1.0, 2.0])
    >>> newton = cr.optim.Newton([x])
    >>> value = newton.update(lambda: (x[0] - 3) ** 2 + 10 * (x[0] - x[1]) ** 2)
    >>> [round(element, 4) for element in x.tolist()]
    [3.0, 3.0]
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 1.0,
        damping: float = 0.0,
        iterations: int = 100,
        tolerance: float = 1e-8,
    ) -> None:
        super().__init__(parameters, learning_rate)
        if not damping >= 0 or iterations < 1:
            raise ArgumentError(
                "Newton",
                f"damping is {damping}, iterations are {iterations}",
                "damping makes steps shorter, each iteration makes them better",
                "choose damping >= 0 and iterations >= 1",
            )
        self.damping, self.iterations, self.tolerance = damping, iterations, tolerance

    def update(self, loss: Callable, *arguments: Any) -> Tensor:
        """One step on `loss(*arguments)`, a number that depends on the parameters. Returns the
        loss before it.
        """
        held = self.trainable()
        value, gradients = value_and_grad(lambda _: loss(*arguments))(held)

        def curvature(direction: Values) -> Values:
            product = hvp(lambda _: loss(*arguments), held, direction)
            return _moved(product, self.damping, direction)

        step = self._solved(curvature, gradients)
        rate = asarray(self.learning_rate)
        for path, x in held.items():
            x.assign(x - cast(rate, x.dtype) * step[path])
        self.steps.assign(self.steps + 1)
        return value

    def step(self, evaluate: Callable) -> Any:
        """Raises ArgumentError: values and gradients do not tell the curvature."""
        raise ArgumentError(
            "Newton.step",
            "called with a function of value and gradients",
            "the curvature comes from the loss itself",
            "write a loop of newton.update(loss, model, x, y)",
        )

    def _solved(self, curvature: Callable[[Values], Values], target: Values) -> Values:
        """Conjugate gradients (Hestenes & Stiefel 1952) from 0 until curvature(x) is `target`."""
        small = self.tolerance**2 * _product(target, target)

        def goes_on(state: tuple) -> Tensor:
            turn, _, _, _, rest = state
            return logical_and(turn < self.iterations, rest > small)

        def turn(state: tuple) -> tuple:
            count, x, residual, direction, rest = state
            image = curvature(direction)
            bend = _product(direction, image)
            up = bend > 0
            length = where(up, rest / where(up, bend, 1), where(count == 0, 1, 0))
            x = _moved(x, length, direction)
            residual = _moved(residual, -length, image)
            shorter = where(up, _product(residual, residual), 0)
            return count + 1, x, residual, _moved(residual, shorter / rest, direction), shorter

        start = tree.map(zeros_like, target)
        state = asarray(0), start, target, target, _product(target, target)
        return while_loop(goes_on, turn, state)[1]


def _product(a: Values, b: Values) -> Tensor:
    """The inner product of all values as one vector."""
    return reduce(add, [sum(a[path] * b[path]) for path in a])


def _moved(x: Values, length: Any, direction: Values) -> Values:
    """x + length * direction, in the dtypes of x."""
    return {
        path: value + cast(asarray(length), value.dtype) * direction[path]
        for path, value in x.items()
    }
