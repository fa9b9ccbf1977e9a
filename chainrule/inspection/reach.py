"""Which places of an input each place of a graph's nodes depends on: receives nodes, hands on
intervals that move with the place. Receptive fields are read from them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from chainrule.errors import TraceError
from chainrule.ir.closure import dependents
from chainrule.ir.contraction import Dimension
from chainrule.ir.interpret import evaluate
from chainrule.ir.node import Node, topological


class Reach(NamedTuple):
    """The element at index i depends on places low + steps . i to high + steps . i of an input,
    along one of its axes, with what lies in the padding.

    Steps are fractions where places were inserted, as by a transposed convolution.
    """

    steps: tuple[Fraction, ...]
    low: Fraction
    high: Fraction

    def size(self, extent: int) -> int:
        """How many places an element sees; where all see the same, of those that the input has."""
        if any(self.steps):
            return math.floor(self.high - self.low) + 1
        return math.floor(min(self.high, Fraction(extent - 1)) - max(self.low, Fraction())) + 1

    def over(self, shape: Sequence[int], axes: Iterable[int]) -> Reach:
        """What all elements along some axes see together; these axes go."""
        gone = set(axes)
        spans = [self.steps[axis] * (shape[axis] - 1) for axis in gone if shape[axis]]
        return Reach(
            tuple(step for axis, step in enumerate(self.steps) if axis not in gone),
            self.low + sum(min(span, Fraction()) for span in spans),
            self.high + sum(max(span, Fraction()) for span in spans),
        )

    def moving(self, steps: Iterable[Fraction], by: Fraction = Fraction()) -> Reach:
        """With other steps, and the interval moved."""
        return Reach(tuple(steps), self.low + by, self.high + by)


def reaches(outputs: Sequence[Node], source: Node, axis: int) -> dict[Node, Reach]:
    """The reach along one axis of `source`, of all nodes under `outputs` that depend on it.

    What is not known to keep places in order, such as a sort or a loop, sees all that its operands
    see anywhere.
    """
    steps = (Fraction(place == axis) for place in range(source.rank))
    found = {source: Reach(tuple(steps), Fraction(), Fraction())}
    inside = dependents(outputs, [source])
    for node in topological(outputs):
        if node in inside and node not in found:
            known = _known(node, found)
            found[node] = known if known is not None else _anywhere(node, found)
    return found


def _known(node: Node, found: dict[Node, Reach]) -> Reach | None:
    rule = _RULES.get(node.op.name)
    if rule is not None:
        return rule(node, found[node.inputs[0]]) if node.inputs[0] in found else None
    if node.op.name == "contract":
        return _contract(node, found)
    if node.op.name == "concat":
        return _concat(node, found)
    if node.op.family != "elementwise":
        return None
    return _joined([found[child] for child in node.inputs if child in found], node.shape)


def _anywhere(node: Node, found: dict[Node, Reach]) -> Reach:
    """All that any element of the operands sees."""
    operands = [(found[child], child.shape or ()) for child in node.inputs if child in found]
    seen = [reach.over(shape, range(len(reach.steps))) for reach, shape in operands]
    return _joined(seen, ()).moving([Fraction()] * len(node.shape or ()))


def _joined(several: list[Reach], shape: Sequence[int]) -> Reach:
    """What several see together, with the steps of the one that makes this least."""

    def moving_with(steps: tuple[Fraction, ...]) -> Reach:
        drifts = [r.moving(a - b for a, b in zip(r.steps, steps, strict=True)) for r in several]
        fixed = [drift.over(shape, range(len(steps))) for drift in drifts]
        return Reach(steps, min(r.low for r in fixed), max(r.high for r in fixed))

    candidates = map(moving_with, dict.fromkeys(reach.steps for reach in several))
    return min(candidates, key=lambda reach: reach.high - reach.low)


# ---- Primitives with several operands ----


def _contract(node: Node, found: dict[Node, Reach]) -> Reach:
    spec = node.attributes["spec"]
    sides = zip(node.inputs, (spec.left, spec.right), strict=True)
    several = [_by_letter(found[x], side, len(spec.sizes)) for x, side in sides if x in found]
    whole = _joined(several, spec.sizes).over(spec.sizes, spec.summed)
    place = {letter: number for number, letter in enumerate(sorted(spec.output))}
    return whole.moving(whole.steps[place[letter]] for letter in spec.output)


def _by_letter(x: Reach, dimensions: Sequence[Dimension], letters: int) -> Reach:
    """The reach of an operand, with the letters of a contraction for its axes."""
    steps, shift = [Fraction()] * letters, Fraction()
    for step, dimension in zip(x.steps, dimensions, strict=True):
        for letter, coefficient in dimension.terms:
            steps[letter] += step * coefficient / dimension.divisor
        shift += step * dimension.offset / dimension.divisor
    return x.moving(steps, shift)


def _concat(node: Node, found: dict[Node, Reach]) -> Reach:
    axis, start, several = node.attributes["axis"], 0, []
    for part in node.inputs:
        if part in found:
            reach = found[part]
            several.append(reach.moving(reach.steps, -reach.steps[axis] * start))
        start += part.shape[axis]
    return _joined(several, node.shape)


# ---- Primitives with one: None where places do not stay in order ----


def _reshape(node: Node, x: Reach) -> Reach | None:
    """Axes that fill the same part of the flat order become each other, with one step for all."""
    if not node.size:
        return None
    old, new = node.inputs[0].shape, node.shape
    parts = sorted(set(_strides(old)) & set(_strides(new)))
    held = [bisect_right(parts, stride) for stride in _strides(old)]
    steps: dict[int, Fraction] = {}
    for part in set(held):
        axes = [axis for axis, number in enumerate(held) if number == part and old[axis] > 1]
        steps[part], x = _evened(x, old, axes)
    moves = (steps.get(bisect_right(parts, stride), 0) * stride for stride in _strides(new))
    return x.moving(Fraction(move * (size > 1)) for move, size in zip(moves, new, strict=True))


def _evened(x: Reach, shape: Sequence[int], axes: list[int]) -> tuple[Fraction, Reach]:
    """One step for the flat order of some axes, and the reach with what strays from it."""
    strides = _strides(shape)
    options = {}
    for step in {x.steps[axis] / strides[axis] for axis in axes} or {Fraction()}:
        strays = x.moving(s - step * n for s, n in zip(x.steps, strides, strict=True))
        options[step] = strays.over(shape, axes)
    step, seen = min(options.items(), key=lambda option: option[1].high - option[1].low)
    return step, Reach(x.steps, seen.low, seen.high)


def _strides(shape: Sequence[int]) -> list[int]:
    """How far apart in memory neighbours along each axis are."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def _slice(node: Node, x: Reach) -> Reach:
    start, step = node.attributes["start"], node.attributes["step"]
    moved = sum((s * a for s, a in zip(x.steps, start, strict=True)), Fraction())
    return x.moving((s * b for s, b in zip(x.steps, step, strict=True)), moved)


def _pad(node: Node, x: Reach) -> Reach:
    low = node.attributes["low"]
    return x.moving(x.steps, -sum((s * a for s, a in zip(x.steps, low, strict=True)), Fraction()))


def _flip(node: Node, x: Reach) -> Reach:
    axes = node.attributes["axes"]
    moved = sum((x.steps[axis] * (node.shape[axis] - 1) for axis in axes), Fraction())
    return x.moving((-s if axis in axes else s for axis, s in enumerate(x.steps)), moved)


def _broadcast(node: Node, x: Reach) -> Reach:
    sizes = zip(x.steps, node.inputs[0].shape, node.shape, strict=True)
    return x.moving(step if before == after else Fraction() for step, before, after in sizes)


def _reduce(node: Node, x: Reach) -> Reach:
    axes = node.attributes.get("axes", (node.attributes.get("axis"),))
    return x.over(node.inputs[0].shape, axes)


def _gather(node: Node, x: Reach) -> Reach | None:
    """Rows at places that are known: how far they stray from a straight line."""
    source, indices = node.inputs
    if len(indices.shape) != 1 or not indices.size:
        return None
    try:
        (places,) = evaluate([indices])
    except TraceError:
        return None
    strays = places * indices.size - np.arange(indices.size) * source.shape[0]
    ends = [x.steps[0] * Fraction(int(end), indices.size) for end in (strays.min(), strays.max())]
    steps = (x.steps[0] * source.shape[0] / indices.size, *x.steps[1:])
    return Reach(steps, x.low + min(ends), x.high + max(ends))


def _same(node: Node, x: Reach) -> Reach:
    return x


_RULES: dict[str, Callable[[Node, Reach], Reach | None]] = {
    "reshape": _reshape,
    "permute": lambda node, x: x.moving(x.steps[axis] for axis in node.attributes["axes"]),
    "slice": _slice,
    "pad": _pad,
    "flip": _flip,
    "broadcast": _broadcast,
    "gather": _gather,
    "mark": _same,
    "stop_gradient": _same,
    "after": _same,
    **dict.fromkeys(("sum", "prod", "max", "min", "argmax", "argmin"), _reduce),
}
