"""What all optimizers share. Receives parameters and gradients; hands the parameters new values."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

from chainrule.dtypes import DType, float64, int64
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.lift import cast, lift, unboxed
from chainrule.frontend.stateful import Buffer, listed
from chainrule.frontend.tensor import OPERANDS, Tensor
from chainrule.optim.beside import Beside, by_path
from chainrule.optim.hyperparameters import (
    Groups,
    Hyperparameters,
    Rate,
    at_step,
    grouped,
    overrides,
)

Factors = tuple[Any, ...]


class Optimizer(Beside):
    """Changes the parameters of a module, or of a dict or list of them, against their gradients.

    `learning_rate` is a number, which may be set at any time, or a schedule: a function from the
    number of steps taken to the rate, made of cr functions. Weight decay is coupled (weight_decay *
    x is added to the gradient) or decoupled (x shrinks by the factor 1 - rate * weight_decay).

    `groups` has parameters with other numbers: a dict from selections, as `Module.freeze` takes
    them, to overrides of any hyperparameter, of which later ones win (A-074). Later layers learn
    faster than the pre-trained ones here, and biases do not decay:

    >>> model = cr.nn.Sequential(cr.nn.Linear(4, 8), cr.tanh, cr.nn.Linear(8, 2))
    >>> groups = {"layers.0": {"learning_rate": 1e-5}, "*.bias": {"weight_decay": 0.0}}
    >>> optimizer = cr.optim.AdamW(model, 1e-3, weight_decay=0.1, groups=groups)
    >>> optimizer.groups[0].learning_rate = 1e-4

    A subclass defines `new_value`, one parameter's step, and `factors`, the numbers that this needs
    and that are the same for all parameters of a group.
    """

    decoupled = False
    looks_around = False  # Whether `update` takes what `step` does, and asks it again.

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate,
        weight_decay: float = 0.0,
        groups: Groups = None,
        **others: Any,
    ) -> None:
        super().__init__(parameters)
        owner = type(self).__name__
        numbers = {"learning_rate": learning_rate, "weight_decay": weight_decay, **others}
        self.steps = Buffer(asarray(0, dtype=int64))
        self.hyperparameters = Hyperparameters(owner, numbers)
        self.groups = overrides(owner, groups, numbers)
        self.members = grouped(owner, groups, self.parameters)

    def __setattr__(self, name: str, value: Any) -> None:
        # Around another optimizer, the hyperparameters are those of that one.
        own = vars(self).get("hyperparameters")
        misplaced = own is not None and name in own.names() and name != "learning_rate"
        if misplaced and own.owner == type(self).__name__:
            raise ArgumentError(
                f"{type(self).__name__}.{name}",
                "it would have no effect here",
                "hyperparameters lie together",
                f"write .hyperparameters.{name} = {value}",
            )
        super().__setattr__(name, value)

    def factors(self, now: SimpleNamespace, step: Tensor) -> Factors:
        """Numbers that all parameters of a group need in this step, from its hyperparameters.

        `step` counts from 1. Tensors among them are float64, and are cast for each parameter.
        """
        return (now.learning_rate,)

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        """The new value of the parameter x with gradient g; its moments are assigned on the way."""
        raise NotImplementedError

    def update(self, grads: Any) -> Any:
        """One step. `grads` has the paths of the parameters; those without a gradient stay.

        Raises ArgumentError for a gradient of an unknown parameter, ShapeError for another shape.
        """
        self.walk()  # Boxes have their names now, should one of them be part of an error.
        given = dict(by_path(grads))
        self._check(given)
        step = cast(self.steps + 1, float64)
        of_group = cache(lambda members: self._numbers(members, step))
        for path, g in given.items():
            x = self.parameters[path]
            now, factors = of_group(self.members[path])
            casted = tuple([_number(factor, x.dtype) for factor in factors])
            kept, g = self.decayed(x, cast(lift(g), x.dtype), now)
            x.assign(self.new_value(path, kept, g, casted))
        self.steps.assign(self.steps + 1)

    def step(self, evaluate: Callable[[], tuple[Any, Any]]) -> Any:
        """One step, whatever this optimizer's `update` takes. `evaluate()` returns (value,
        gradients), as `cr.value_and_grad` does, at what the parameters hold when it is called.
        Returns the value before the step.

        >>> x = cr.nn.Parameter([3.0])
        >>> gradient = cr.value_and_grad(lambda p: p[0][0] ** 2)
        >>> float(cr.optim.SAM(cr.optim.SGD([x], 0.1)).step(lambda: gradient([x])))
        9.0
        """
        if self.looks_around:
            return self.update(evaluate)
        value, gradients = evaluate()
        self.update(gradients)
        return value

    def decayed(self, x: Tensor, g: Tensor, now: SimpleNamespace) -> tuple[Tensor, Tensor]:
        """Parameter and gradient after weight decay."""
        if isinstance(now.weight_decay, (int, float)) and not now.weight_decay:
            return x, g
        if not self.decoupled:
            return x, g + _number(now.weight_decay, x.dtype) * x
        # The factor is close to 1, where float32 would round it.
        return x * cast(1 - now.learning_rate * now.weight_decay, x.dtype), g

    @property
    def learning_rate(self) -> Any:
        """The rate of the next step, where no group overrides it."""
        return unboxed(self.now().learning_rate)

    @learning_rate.setter
    def learning_rate(self, rate: Rate) -> None:
        self.hyperparameters.learning_rate = rate

    def now(self, members: tuple[int, ...] = ()) -> SimpleNamespace:
        """The hyperparameters of the next step for parameters in these groups."""
        parts = [self.hyperparameters, *[self.groups[number] for number in members]]
        return at_step(parts, cast(self.steps, float64))

    def _numbers(self, members: tuple[int, ...], step: Tensor) -> tuple[SimpleNamespace, Factors]:
        now = self.now(members)
        return now, self.factors(now, step)

    def _check(self, given: dict[str, Any]) -> None:
        where = f"{type(self).__name__}.update"
        for path, g in given.items():
            if not isinstance(g, OPERANDS):
                raise ArgumentError(
                    where,
                    f"got a {type(g).__name__}",
                    "gradients are tensors by path",
                    "pass what cr.grad returns for the parameters",
                )
            if path not in self.parameters:
                raise ArgumentError(
                    where,
                    f"got a gradient for {path or 'one tensor'}",
                    f"this optimizer has {listed(self.parameters)}",
                    "pass the second result of value_and_grad; after unfreezing, make a new one",
                )
            if lift(g).shape != self.parameters[path].shape:
                raise ShapeError(
                    where,
                    f"the gradient of {path} has shape {list(lift(g).shape)}",
                    f"the parameter has {list(self.parameters[path].shape)}",
                )


def _number(factor: Any, kind: DType) -> Any:
    """A factor in the dtype of a parameter; Python's numbers fit all."""
    return cast(factor, kind) if isinstance(factor, Tensor) else factor
