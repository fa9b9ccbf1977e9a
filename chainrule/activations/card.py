"""Cards of activation functions: receive a name; hand on its properties as a record and a table."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.activations.curve import CENTRED, Curve, Interval, Properties
from chainrule.activations.facts import FACTS, Facts
from chainrule.activations.registry import Activation, curve_of, get
from chainrule.frontend.functions.activation import relu
from chainrule.frontend.tensor import Tensor
from chainrule.jit import jit
from chainrule.transforms.derivatives import vjp

SHAPE = (128, 128)  # Of what the cost is measured on.


@dataclass(frozen=True)
class Card:
    """What is known of an activation function; as a string, a table (A-030).

    `properties` are computed from the function: its range, where it is saturated (the derivative is
    at most a tenth of its largest, and fades) and sensitive (it is more), the largest derivative,
    the mean output for standard normal z, extremes, and where value (`jumps`), first (`kinks`) and
    second derivative (`bends`) are not continuous. `facts` are what cannot be computed: paired
    loss, usage, pros and cons. Functions of an axis are examined along the `curve`.

    >>> sigmoid = cr.activations.card("sigmoid")
    >>> str(sigmoid.properties.range), sigmoid.zero_centred, sigmoid.smooth
    ('(0, 1)', False, True)
    """

    name: str
    curve: str
    properties: Properties
    facts: Facts

    @property
    def zero_centred(self) -> bool:
        return abs(self.properties.mean) <= CENTRED

    @property
    def smooth(self) -> bool:
        """Whether value and first derivative are continuous; `bends` may remain."""
        return not self.properties.jumps and not self.properties.kinks

    @functools.cached_property
    def cost(self) -> float:
        """The time of the compiled function with its derivative, in that of relu; measured once."""
        return _seconds(get(self.name)) / _seconds(relu)

    def __str__(self) -> str:
        found, facts = self.properties, self.facts
        lines = {
            "function": self.curve,
            "range": str(found.range),
            "saturated": _regions(found.saturated),
            "sensitive": _regions(found.sensitive),
            "largest derivative": f"{found.peak.value:.4g} at {_regions(found.peak.places)}",
            "zero-centred": f"{_yes(self.zero_centred)}, mean {_number(found.mean)} of normal z",
            "monotonic": _yes(found.monotonic)
            + "".join(f", extreme {value:.4g} at z = {z:.4g}" for z, value in found.extremes),
            "smooth": _smoothness(found),
            "cost": f"{self.cost:.1f} x relu",
            "paired loss": facts.loss,
            "usage": facts.usage,
            "pros": facts.pros,
            "cons": facts.cons,
        }
        width = max(map(len, lines))
        return "\n".join(f"{label:<{width}}  {text}" for label, text in lines.items())

    def plot(self) -> Any:
        """A matplotlib figure of the function and its derivative, saturated regions shaded.

        Needs matplotlib, which the extra `chainrule[fit]` installs.
        """
        from matplotlib.figure import Figure

        curve, z = Curve(curve_of(self.name)[1]), np.linspace(-6, 6, 601)
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        axes.plot(z, curve.value(z), label=self.curve)
        axes.plot(z, curve.slope(z), linestyle="--", label="derivative")
        for low, high in self.properties.saturated:
            axes.axvspan(max(low, z[0]), min(high, z[-1]), color="0.93")
        axes.set(xlabel="z", xlim=(z[0], z[-1]))
        axes.grid(color="0.9")
        axes.legend(frameon=False)
        return figure


@functools.cache
def card(name: str) -> Card:
    """The card of the activation function of this name. Raises ArgumentError with similar names.

    >>> cr.activations.card("tanh").properties.peak.value
    1.0
    """
    known = get(name).__name__
    text, function = curve_of(known)
    return Card(known, text, Curve(function).properties(), FACTS[known])


@functools.cache
def _seconds(function: Activation) -> float:
    """The time that the function takes with its derivative, compiled, without Python's share."""

    def both(x: Tensor) -> tuple:
        value, pull = vjp(function, x)
        return value, pull(value)

    x = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    return jit(both).explain(x).seconds


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def _number(value: float) -> str:
    """Short, and without the rounding error of a bisection that ends at 0."""
    return f"{round(value, 4) + 0:.4g}"


def _regions(intervals: tuple[Interval, ...]) -> str:
    return ", ".join(map(_region, intervals)) or "nowhere"


def _region(interval: Interval) -> str:
    low, high = map(_number, interval)
    if low == high:
        return f"z -> {low}" if np.isinf(interval.low) else f"z = {low}"
    if np.isinf(interval).all():
        return "all z"
    if np.isinf(interval.low):
        return f"z < {high}"
    return f"z > {low}" if np.isinf(interval.high) else f"{low} < z < {high}"


def _smoothness(found: Properties) -> str:
    """The lowest derivative that is not continuous, and where."""
    kinds = {"no, jumps": found.jumps, "no, kinks": found.kinks,
             "once, second derivative jumps": found.bends}  # fmt: skip
    for text, places in kinds.items():
        if places:
            return f"{text} at z = {', '.join(map(_number, places))}"
    return "yes"
