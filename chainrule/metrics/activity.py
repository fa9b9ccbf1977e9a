"""What passes through a network: receives a model and its arguments; hands on mean, variance and
the share of dead units of each module's result.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from chainrule.dtypes import float64
from chainrule.frontend.functions.reductions import all, mean, var
from chainrule.frontend.lift import Operand, cast, lift
from chainrule.frontend.tensor import Tensor
from chainrule.nn.calls import observed
from chainrule.nn.module import Module


class Activity(NamedTuple):
    """Mean and variance of a module's results, and the share of its units that are always 0."""

    mean: Tensor
    variance: Tensor
    dead: Tensor


def dead_units(x: Operand) -> Tensor:
    """The share of units, places of the last axis, that are 0 in all rows of x: behind a relu no
    gradient reaches their weights. (A-239)

    >>> cr.metrics.dead_units(cr.relu(cr.asarray([[1.0, -1.0], [2.0, -3.0]])))
    Tensor(0.5, dtype=float64)
    """
    x = lift(x, "dead_units", wide=True)
    silent = all(x == 0, axis=tuple(range(x.ndim - 1)))
    return mean(cast(silent, float64))


def activity(model: Module, *arguments: Any) -> dict[str, Activity]:
    """Mean, variance and dead share of each module's result, by path, in the order of the calls:
    variances that shrink or grow from layer to layer, or dead units, tell of a bad start. Only
    modules are seen: write nn.ReLU() where cr.relu would do. (A-239)

    >>> model = cr.nn.Sequential(cr.nn.Linear(2, 3), cr.nn.ReLU())
    >>> model[0].bias.assign(cr.asarray([-100.0, 100.0, 100.0]))
    >>> found = cr.metrics.activity(model, cr.ones((5, 2)))
    >>> float(found["layers.1"].dead)
    0.3333333333333333
    """
    places, found = model.walk().places, {}

    def note(module: Any, result: Any) -> Any:
        if isinstance(result, Tensor) and result.dtype.is_float and result.ndim:
            found[places[id(module)]] = Activity(mean(result), var(result), dead_units(result))
        return result

    with observed(note):
        model(*arguments)
    return found
