"""Windows: operands of tiled contractions are padded so that every window lies inside. Receives a
graph; hands on an equal one.

A tile reads its operands without asking whether a place exists. So an operand that windows reach
beyond is copied once with zeros around it, and with zeros between its elements where the windows
advance by fractions (the input gradient of a strided convolution).
"""

from __future__ import annotations

from chainrule.ir.contraction import Contraction, Dimension
from chainrule.ir.node import Node, constant, make, reshape
from chainrule.ir.rewrite import Rules

rules = Rules()


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
    shape = [*x.shape[:axis], wanted, *x.shape[axis + 1 :]]
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
    return make("pad", x, low=low, high=high, value=0)


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
