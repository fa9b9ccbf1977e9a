"""What all optimizers share. Receives parameters and gradients; hands the parameters new values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from chainrule import tree
from chainrule.dtypes import float64, int64
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.creation import asarray, zeros
from chainrule.frontend.lift import cast, lift
from chainrule.frontend.stateful import Buffer, Stateful, listed
from chainrule.frontend.tensor import OPERANDS, Box, Tensor

Rate = float | Tensor | Callable[[Any], Any]
Choice = Callable[[str, Box], bool] | None
Factors = tuple[Tensor, ...]


class Optimizer(Stateful):
    """Changes the parameters of a module, or of a dict or list of them, against their gradients.

    `learning_rate` is a number, which may be set at any time, or a schedule: a function from the
    number of steps taken to the rate, made of cr functions. `decay_where(path, parameter)` says
    which parameters decay (all, if it is None). A subclass defines `new_value`, one parameter's
    step, and `factors`, the numbers that this needs from the rate and the step alone.
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate,
        weight_decay: float = 0.0,
        decay_where: Choice = None,
    ) -> None:
        leaves, structure = tree.flatten(parameters)
        self.parameters = dict(_paths(tree.unflatten(structure, leaves)))
        _check_parameters(type(self).__name__, self.parameters)
        self.weight_decay, self.decay_where = weight_decay, decay_where
        self.steps = Buffer(asarray(0, dtype=int64))
        self.rate = Buffer(asarray(0.0, dtype=float64))
        self.learning_rate = learning_rate

    def factors(self, rate: Tensor, step: Tensor) -> Factors:
        """Numbers that all parameters need in this step; `step` counts from 1. All are float64."""
        return (rate,)

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        """The new value of the parameter x with gradient g; its moments are assigned on the way."""
        raise NotImplementedError

    def update(self, grads: Any) -> None:
        """One step. `grads` has the paths of the parameters; those without a gradient stay.

        Raises ArgumentError for a gradient of an unknown parameter, ShapeError for another shape.
        """
        self.walk()  # Boxes have their names now, should one of them be part of an error.
        given = dict(_paths(grads))
        self._check(given)
        rate = asarray(self.learning_rate, dtype=float64)
        factors = self.factors(rate, cast(self.steps + 1, float64))
        for path, g in given.items():
            x = self.parameters[path]
            casted = tuple([cast(factor, x.dtype) for factor in factors])
            x.assign(self.new_value(path, x, cast(lift(g), x.dtype), casted))
        self.steps.assign(self.steps + 1)

    @property
    def learning_rate(self) -> Any:
        """The rate of the next step."""
        return self.rate + 0 if self.schedule is None else self.schedule(self.steps + 0)

    @learning_rate.setter
    def learning_rate(self, rate: Rate) -> None:
        self.schedule = rate if callable(rate) else None
        if callable(rate):
            return
        if isinstance(rate, (int, float)) and not 0 <= rate < float("inf"):
            raise ArgumentError(
                type(self).__name__,
                f"learning_rate is {rate}",
                "it scales each step",
                "choose a number that is not negative",
            )
        # A box, not a setting: a new rate needs no new program.
        self.rate.assign(asarray(rate, dtype=float64))

    def zeros(self) -> dict[str, Buffer]:
        """A buffer of zeros for each parameter."""
        return {path: Buffer(zeros(x.shape, dtype=x.dtype)) for path, x in self.parameters.items()}

    def decays(self, path: str) -> bool:
        """Whether weight decay applies to a parameter."""
        chosen = self.decay_where is None or self.decay_where(path, self.parameters[path])
        return bool(self.weight_decay) and chosen

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

    def _name(self, box: Box, path: str) -> None:
        # Parameters keep the name that their module gave them.
        if not path.startswith("parameters."):
            super()._name(box, path)

    def _state(self) -> dict[str, Box]:
        return {p: box for p, box in self.named_boxes().items() if not p.startswith("parameters.")}


def _paths(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(path, leaf) for all leaves of nested containers; None is no leaf."""
    if isinstance(value, dict):
        items: Any = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        if value is not None:
            yield prefix, value
        return
    for name, inner in items:
        yield from _paths(inner, f"{prefix}.{name}" if prefix else str(name))


def _check_parameters(where: str, parameters: dict[str, Any]) -> None:
    if not parameters:
        raise ArgumentError(
            where,
            "there is no parameter to train",
            "all are frozen, or the module holds none",
            "unfreeze some, and hold modules and nn.Parameter in attributes",
        )
    for path, parameter in parameters.items():
        if not isinstance(parameter, Box):
            raise ArgumentError(
                where,
                f"{path or 'the argument'} is a {type(parameter).__name__}",
                "an optimizer assigns new values",
                "pass a module, or a dict or list of nn.Parameter",
            )
