"""Windows: operands of tiled contractions are padded so that every window lies inside. Receives a
graph; hands on an equal one.

A tile reads its operands without asking whether a place exists. So an operand that windows reach
beyond is copied once with zeros around it. Where windows advance by fractions (the input gradient
of a convolution of stride s), only every s-th letter of the kernel meets an element: such a
contraction is split into s phases, one for each rest of the place in the result, whose windows
advance by ones. What cannot be split reads an operand with zeros between its elements.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import permutations
from typing import NamedTuple

from chainrule.ir.contraction import Contraction, Dimension
from chainrule.ir.node import Node, constant, make, reshape, topological
from chainrule.ir.rewrite import Rules, rewrite, transform
from chainrule.passes.rewrites.views import pad_with_same

rules = Rules()


class Fraction(NamedTuple):
    """A dimension (place + slope * letter + offset) / divisor, `place` being a letter of the result
    and `letter` one that the other operand has as a dimension.
    """

    side: int
    axis: int
    place: int
    letter: int
    partner: int  # The dimension of the other operand.


@rules("contract")
def split_phases(node: Node) -> Node | None:
    """The results for every rest of a place, interleaved."""
    spec: Contraction = node.attributes["spec"]
    found = _fraction(spec) if spec.is_tiled else None
    if found is None:
        return None
    divisor = _sides(spec)[found.side][found.axis].divisor
    count = -(-spec.sizes[found.place] // divisor)
    parts = [_phase(node, found, rest, count) for rest in range(divisor)]
    along = spec.output.index(found.place)
    apart = [reshape(x, (*x.shape[: along + 1], 1, *x.shape[along + 1 :])) for x in parts]
    shape = (*node.shape[:along], count * divisor, *node.shape[along + 1 :])
    return _cut(reshape(make("concat", *apart, axis=along + 1), shape), along, 0, node.shape[along])


def _sides(spec: Contraction) -> tuple[tuple[Dimension, ...], tuple[Dimension, ...]]:
    return spec.left, spec.right


def _fraction(spec: Contraction) -> Fraction | None:
    sides = _sides(spec)
    everywhere = Counter(letter for side in sides for d in side for letter, _ in d.terms)
    for side, dimensions in enumerate(sides):
        partners = {d.letter: axis for axis, d in enumerate(sides[1 - side])}
        for axis, dimension in enumerate(dimensions):
            if dimension.divisor == 1 or len(dimension.terms) != 2:
                continue
            for (place, one), (letter, _) in permutations(dimension.terms):
                simple = one == 1 and everywhere[place] == 1 and place in spec.output
                if simple and everywhere[letter] == 2 and letter in partners:
                    return Fraction(side, axis, place, letter, partners[letter])
    return None


def _phase(node: Node, found: Fraction, rest: int, count: int) -> Node:
    """The results at the places rest, rest + divisor, ...: `count` of them."""
    spec: Contraction = node.attributes["spec"]
    operands, sides = list(node.inputs), [list(side) for side in _sides(spec)]
    terms, offset, divisor = sides[found.side][found.axis]
    slope, extent = dict(terms)[found.letter], spec.sizes[found.letter]
    # These letters leave no rest: every `step`-th, if there is any.
    step = divisor // math.gcd(slope, divisor)
    hits = [k for k in range(min(step, extent)) if (rest + slope * k + offset) % divisor == 0]
    sizes = list(spec.sizes)
    sizes[found.place] = count
    if not hits:
        return constant(0, node.dtype, tuple(sizes[letter] for letter in spec.output))
    first = hits[0]
    partner = operands[1 - found.side]
    operands[1 - found.side] = _every(partner, found.partner, first, step)
    sizes[found.letter] = operands[1 - found.side].shape[found.partner]
    sides[found.side][found.axis] = Dimension(
        ((found.place, 1), (found.letter, slope * step // divisor)),
        (rest + slope * first + offset) // divisor,
    )
    new = spec._replace(sizes=tuple(sizes), left=tuple(sides[0]), right=tuple(sides[1]))
    return make("contract", *operands, spec=new)


def _every(x: Node, axis: int, first: int, step: int) -> Node:
    """Every `step`-th element along an axis."""
    start = (*[0] * axis, first, *[0] * (x.rank - axis - 1))
    steps = (*[1] * axis, step, *[1] * (x.rank - axis - 1))
    return make("slice", x, start=start, stop=x.shape, step=steps)


@rules("contract")
def pad_operands(node: Node) -> Node | None:
    """Both operands padded, their dimensions moved along."""
    spec: Contraction = node.attributes["spec"]
    if not spec.is_tiled or spec.is_plain:
        return None
    left, left_dimensions = _padded(node.inputs[0], spec.left, spec.sizes)
    right, right_dimensions = _padded(node.inputs[1], spec.right, spec.sizes)
    if (left, right) == node.inputs:
        return None
    inside = spec._replace(left=left_dimensions, right=right_dimensions)
    return make("contract", left, right, spec=inside)


def pad_windows(outputs: list[Node]) -> list[Node]:
    """All rules, and what is padded by them is stored padded only."""
    return _read_inside(rewrite(outputs, rules))


def _read_inside(outputs: list[Node]) -> list[Node]:
    """What is computed, and padded for tiles, is stored padded only: who else reads it reads there.

    Before: both lie in memory. After: one.
    """
    pads: dict[Node, Node] = {}
    for node in topological(outputs):
        if node.op.name == "contract" and node.attributes["spec"].is_tiled:
            for x in node.inputs:
                if x.op.name == "pad" and _stored_inside(x):
                    pads.setdefault(x.inputs[0], x)
    for node in outputs:
        pads.pop(node, None)
    padded: dict[Node, Node] = {}

    def step(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if node in padded:
            return padded[node]
        if node not in pads:
            return None
        pad = pads[node]
        padded[pad] = make("pad", make(node.op.name, *inputs, **node.attributes), **pad.attributes)
        low = pad.attributes["low"]
        stop = tuple(start + extent for start, extent in zip(low, node.shape, strict=True))
        return make("slice", padded[pad], start=low, stop=stop, step=(1,) * node.rank)

    return transform(outputs, step) if pads else outputs


def _stored_inside(pad: Node) -> bool:
    """Whether a padded array is little larger than what is padded, and that is computed."""
    (x,) = pad.inputs
    return x.op.family in ("elementwise", "contraction") and 2 * pad.size <= 3 * x.size


def _padded(
    x: Node, dimensions: tuple[Dimension, ...], sizes: tuple[int, ...]
) -> tuple[Node, tuple[Dimension, ...]]:
    """The operand with exactly the places that its letters reach."""
    moved = []
    for axis, dimension in enumerate(dimensions):
        least, most = _bounds(dimension, sizes)
        x = _cut(_spaced(x, axis, dimension.divisor), axis, least, most + 1)
        moved.append(Dimension(dimension.terms, dimension.offset - least))
    return x, tuple(moved)


def _cut(x: Node, axis: int, start: int, stop: int) -> Node:
    """The places from `start` to `stop` along an axis, zero where `x` has none."""
    extent, wanted = x.shape[axis], stop - start
    shape = (*x.shape[:axis], wanted, *x.shape[axis + 1 :])
    first, last = max(0, start), min(extent, stop)
    if first >= last:
        return constant(0, x.dtype, shape)
    zeros = [0] * x.rank
    if (first, last) != (0, extent):
        begin = (*zeros[:axis], first, *zeros[axis + 1 :])
        end = (*x.shape[:axis], last, *x.shape[axis + 1 :])
        x = make("slice", x, start=begin, stop=end, step=(1,) * x.rank)
    if last - first == wanted:
        return x
    low = (*zeros[:axis], first - start, *zeros[axis + 1 :])
    high = (*zeros[:axis], stop - last, *zeros[axis + 1 :])
    padded = make("pad", x, low=low, high=high, value=0)
    return pad_with_same(padded) or padded


def _spaced(x: Node, axis: int, divisor: int) -> Node:
    """Each element followed by divisor - 1 zeros along an axis."""
    if divisor == 1:
        return x
    apart = reshape(x, (*x.shape[: axis + 1], 1, *x.shape[axis + 1 :]))
    zeros = [0] * apart.rank
    after = (*zeros[: axis + 1], divisor - 1, *zeros[axis + 2 :])
    spaced = make("pad", apart, low=tuple(zeros), high=after, value=0)
    return reshape(spaced, (*x.shape[:axis], x.shape[axis] * divisor, *x.shape[axis + 1 :]))


def _bounds(dimension: Dimension, sizes: tuple[int, ...]) -> tuple[int, int]:
    """The least and the greatest place that the letters reach, before any division."""
    reach = [coefficient * (sizes[letter] - 1) for letter, coefficient in dimension.terms]
    return (
        dimension.offset + sum(min(r, 0) for r in reach),
        dimension.offset + sum(max(r, 0) for r in reach),
    )
