"""The derivative of a contraction is a contraction. Receives the node and its cotangent from the
table of rules.

out[o] = sum over s of left[f(o, s)] right[h(o, s)] gives d left[i] = sum over the letters with f(o,
s) = i of g[o] right[h(o, s)]. So each dimension f of the operand is solved for one of its letters,
the pivot: that letter is replaced by an expression in the new letter i and the others, in every
dimension of the other operand and of g.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from chainrule.ir.contraction import Contraction, Dimension
from chainrule.ir.node import Node, broadcast_to, make, reshape


def contraction_cotangent(node: Node, g: Node, side: int) -> Node:
    """The cotangent of operand `side` (0 left, 1 right) of a contraction."""
    system = _System(node, side)
    for axis in sorted(range(len(system.mine)), key=lambda axis: system.mine[axis].letter is None):
        system.solve(axis)
    other = broadcast_to(
        reshape(node.inputs[1 - side], (*node.inputs[1 - side].shape, *[1] * len(system.extra))),
        (*node.inputs[1 - side].shape, *system.extra),
    )
    pairs = [(g, system.result), (other, system.theirs)]
    return _contract(pairs if side == 0 else pairs[::-1], system.wanted, system.sizes)


class _System:
    """The dimensions of both operands and of the cotangent while the operand's letters are being
    replaced.
    """

    def __init__(self, node: Node, side: int) -> None:
        spec, shape = node.attributes["spec"], node.inputs[side].shape
        self.mine: list[Dimension] = list((spec.left, spec.right)[side])
        self.theirs: list[Dimension] = list((spec.right, spec.left)[side])
        self.result = [Dimension(((letter, 1),)) for letter in spec.output]
        self.old = set(range(len(spec.sizes)))
        self.wanted = tuple(range(len(spec.sizes), len(spec.sizes) + len(shape)))
        self.sizes = dict(enumerate((*spec.sizes, *shape)))
        self.extra: list[int] = []  # Extents of axes that the other operand is broadcast along.

    def solve(self, axis: int) -> None:
        """Replace one letter of this dimension of the operand by an expression in the axis's new
        letter.
        """
        dimension, letter = self.mine[axis], self.wanted[axis]
        pivot = dimension.letter
        if pivot not in self.old:
            pivot = self._pivot(dimension)
            if (
                pivot is None
            ):  # No letter left: a letter of extent 1 makes the equation a condition.
                pivot = len(self.sizes)
                self.sizes[pivot] = 1
                dimension = dimension._replace(terms=(*dimension.terms, (pivot, 1)))
            if not self._bounded(pivot):
                self.extra.append(self.sizes[pivot])
                self.theirs.append(Dimension(((pivot, 1),)))
        self.old.discard(pivot)
        for group in (self.mine, self.theirs, self.result):
            group[:] = [_replace(other, pivot, dimension, letter) for other in group]

    def _pivot(self, dimension: Dimension) -> int | None:
        """The old letter to replace: one whose range an operand bounds, and the largest, to save
        its loop.
        """
        letters = [letter for letter, _ in dimension.terms if letter in self.old]
        return max(
            letters,
            key=lambda letter: (self._bounded(letter), self.sizes[letter], -letter),
            default=None,
        )

    def _bounded(self, letter: int) -> bool:
        """Whether an operand has zeros outside of the letter's range."""
        return any(dimension.letter == letter for dimension in self.theirs + self.result)


def _replace(dimension: Dimension, pivot: int, equation: Dimension, letter: int) -> Dimension:
    """`dimension` after solving `equation = letter` for `pivot`."""
    terms, solved = dict(dimension.terms), dict(equation.terms)
    factor, slope = terms.pop(pivot, 0), solved.pop(pivot)
    if not factor:
        return dimension
    combined = {other: slope * coefficient for other, coefficient in terms.items()}
    for other, coefficient in solved.items():
        combined[other] = combined.get(other, 0) - factor * coefficient
    combined[letter] = combined.get(letter, 0) + factor * equation.divisor
    return _reduced(
        combined, slope * dimension.offset - factor * equation.offset, slope * dimension.divisor
    )


def _reduced(terms: dict[int, int], offset: int, divisor: int) -> Dimension:
    """The fraction in lowest terms, its divisor positive."""
    common = math.gcd(*terms.values(), offset, divisor) * (1 if divisor > 0 else -1)
    return Dimension(
        tuple(
            (letter, coefficient // common) for letter, coefficient in terms.items() if coefficient
        ),
        offset // common,
        divisor // common,
    )


def _contract(
    operands: list[tuple[Node, list[Dimension]]], wanted: tuple[int, ...], sizes: dict[int, int]
) -> Node:
    """The contraction with these letters; wanted letters that no operand has are broadcast
    afterwards.
    """
    (left, first), (right, second) = (
        (node, [_window(d, n, sizes) for d, n in zip(dimensions, node.shape, strict=True)])
        for node, dimensions in operands
    )
    seen = dict.fromkeys(letter for dimension in first + second for letter, _ in dimension.terms)
    output = [letter for letter in wanted if letter in seen]
    order = list(dict.fromkeys((*output, *seen)))
    number = {letter: place for place, letter in enumerate(order)}
    spec = Contraction(
        tuple(sizes[letter] for letter in order),
        _renumbered(first, number),
        _renumbered(second, number),
        tuple(number[letter] for letter in output),
    )
    product = make("contract", left, right, spec=spec)
    shape = [sizes[letter] if letter in seen else 1 for letter in wanted]
    return broadcast_to(reshape(product, shape), [sizes[letter] for letter in wanted])


def _window(dimension: Dimension, extent: int, sizes: dict[int, int]) -> Dimension:
    """A letter alone that runs further than the operand: a letter of extent 1 beside it makes it a
    window.
    """
    if dimension.letter is None or sizes[dimension.letter] == extent:
        return dimension
    unit = len(sizes)
    sizes[unit] = 1
    return dimension._replace(terms=(*dimension.terms, (unit, 1)))


def _renumbered(dimensions: Iterable[Dimension], number: dict[int, int]) -> tuple[Dimension, ...]:
    return tuple(
        dimension._replace(
            terms=tuple((number[letter], coefficient) for letter, coefficient in dimension.terms)
        )
        for dimension in dimensions
    )
