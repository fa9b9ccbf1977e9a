"""What a check is. Receives a component and a way to draw arguments; hands on a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr
from chainrule.transforms.checking import GradientCheck
from chainrule.transforms.numerical import wide_floats


class Check(NamedTuple):
    """A component under its public name, a function to differentiate, and its random arguments.

    `arguments` draws float64 arrays, integer arrays and modules, of a new random shape for each
    state of the generator, away from kinks and ties.
    """

    name: str
    function: Callable[..., Any]
    arguments: Callable[[np.random.Generator], tuple]

    def draw(self, seed: int) -> tuple:
        """The arguments of one seed; modules are made of float64 where `config.float64` is set."""
        cr.random.seed(seed)
        return self.arguments(np.random.default_rng(seed))


class Verdict(NamedTuple):
    """What finite differences say of the derivatives of one component."""

    name: str
    result: GradientCheck


def verdicts(checks: Iterable[Check], seed: int = 0) -> Iterator[Verdict]:
    """Check first and second derivatives of each component, both modes, in float64."""
    for check in checks:
        yield Verdict(check.name, _result(check, seed))


def _result(check: Check, seed: int) -> GradientCheck:
    """What cannot be computed counts as wrong, with its error as a note."""
    try:
        with wide_floats():
            return cr.check_grad(check.function, *check.draw(seed), tolerance=np.inf)
    except cr.ChainruleError as error:
        return GradientCheck(np.inf, np.inf, (str(error),))
