"""What steers an optimizer: receives numbers for all parameters and for groups of them, hands on
those that hold for one parameter at one step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from types import SimpleNamespace
from typing import Any

from chainrule.dtypes import float64
from chainrule.errors import ArgumentError
from chainrule.frontend.box import Box
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.stateful import Buffer, Selection, Stateful, chooses, listed
from chainrule.frontend.tensor import Tensor

Rate = float | Tensor | Callable[[Any], Any]
Groups = Mapping[Selection, Mapping[str, Any]] | None

VARYING = ("learning_rate", "momentum", "betas")
SHARES = ("momentum", "betas", "alpha", "rho")


class Hyperparameters(Stateful):
    """The numbers of an optimizer, or those that one of its groups overrides, as attributes.

    Any may be set at any time. Learning rate, momentum and betas lie in boxes, so that a new number
    needs no new program, and may be schedules: functions from the steps taken, a float64, to it.

    >>> optimizer = cr.optim.SGD(cr.nn.Linear(2, 1), 0.1, momentum=0.9)
    >>> optimizer.hyperparameters.momentum = 0.5
    """

    owner: str

    def __init__(self, owner: str, values: Mapping[str, Any]) -> None:
        vars(self).update(dict.fromkeys(values), owner=owner)
        for name, value in values.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in vars(self):
            raise ArgumentError(
                self.owner, f"{name} is set", f"what can be set is {listed(self.names())}"
            )
        value = tuple(value) if isinstance(value, list) else value
        _check(self.owner, name, value)
        super().__setattr__(name, _held(name, value, vars(self)[name]))

    def names(self) -> list[str]:
        """What can be set."""
        return [name for name in vars(self) if name not in ("owner", "_walk")]


def at_step(parts: list[Hyperparameters], steps: Tensor) -> SimpleNamespace:
    """All numbers after so many steps; later parts override earlier ones."""
    merged = {name: vars(part)[name] for part in parts for name in part.names()}
    return SimpleNamespace(**{name: _current(value, steps) for name, value in merged.items()})


def vectors(path: str, parameter: Box) -> bool:
    """Selects parameters with fewer than two axes: biases, and the scales of norms (A-121).

    >>> linear = cr.nn.Linear(2, 1)
    >>> linear.freeze(cr.optim.vectors)
    >>> list(linear.trainable())
    ['weight']
    """
    return parameter.ndim < 2


def undecayed(*selections: Selection) -> dict[Selection, dict[str, float]]:
    """Parameter groups without weight decay: vectors, if no other selections are given (B-057).

    >>> optimizer = cr.optim.AdamW(cr.nn.Linear(2, 1), groups=cr.optim.undecayed())
    """
    return {selection: {"weight_decay": 0.0} for selection in selections or (vectors,)}


def grouped(owner: str, groups: Groups, parameters: Mapping[str, Any]) -> dict[str, tuple]:
    """For each path of a parameter the numbers of the groups that it is in.

    Raises ArgumentError for a pattern that chooses none; functions may.
    """
    members: dict[str, tuple] = dict.fromkeys(parameters, ())
    for number, selection in enumerate(groups or ()):
        chosen = [path for path, x in parameters.items() if chooses(selection, path, x)]
        if isinstance(selection, str) and not chosen:
            raise ArgumentError(
                owner,
                f"the group {selection!r} has no parameter",
                f"there are {listed(parameters)}; frozen ones are in no group",
                'choose a path, the path of a module, or a pattern such as "*.bias"',
            )
        for path in chosen:
            members[path] += (number,)
    return members


def overrides(owner: str, groups: Groups, known: Mapping[str, Any]) -> list[Hyperparameters]:
    """The numbers of each group. Raises ArgumentError for names that the optimizer lacks."""
    for selection, values in (groups or {}).items():
        if unknown := [name for name in values if name not in known]:
            raise ArgumentError(
                owner,
                f"the group {selection!r} sets {listed(unknown)}",
                f"there are {listed(known)}",
            )
    return [Hyperparameters(owner, values) for values in (groups or {}).values()]


def _check(owner: str, name: str, value: Any) -> None:
    if callable(value) and name not in VARYING:
        raise ArgumentError(
            owner, f"{name} is a function", f"schedules may drive {', '.join(VARYING)}"
        )
    end = 1 if name in SHARES else inf
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, (int, float)) and not 0 <= number < end:
            raise ArgumentError(
                owner,
                f"{name} is {value}",
                "it is the share that a mean keeps" if end == 1 else "it scales each step",
                "choose numbers of at least 0 and below 1"
                if end == 1
                else "choose a number that is not negative",
            )


def _held(name: str, value: Any, old: Any) -> Any:
    """A number that varies in its box, everything else as it is."""
    if isinstance(value, tuple):
        before = old if isinstance(old, tuple) else (None,) * len(value)
        return tuple([_held(name, *pair) for pair in zip(value, before, strict=True)])
    if callable(value) or name not in VARYING:
        return value
    if isinstance(old, Buffer):
        old.assign(asarray(value, dtype=float64))
        return old
    return Buffer(asarray(value, dtype=float64))


def _current(value: Any, steps: Tensor) -> Any:
    if isinstance(value, tuple):
        return tuple([_current(part, steps) for part in value])
    return asarray(value(steps), dtype=float64) if callable(value) else value
