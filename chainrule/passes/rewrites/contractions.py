"""Rules for contractions: views of operands go into the letters, mere products become products."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from chainrule.ir.contraction import Contraction, Dimension
from chainrule.ir.node import Node, broadcast_to, constant, make, permute, reduce_sum, reshape
from chainrule.ir.rewrite import Rules
from chainrule.passes.rewrites.values import scalar, stretched

rules = Rules()


class Operand(NamedTuple):
    node: Node
    dimensions: tuple[Dimension, ...]

    def without(self, axes: Iterable[int]) -> Operand:
        """Without these axes, of extent 1."""
        kept = [axis for axis in range(self.node.rank) if axis not in axes]
        shape = [self.node.shape[axis] for axis in kept]
        return Operand(reshape(self.node, shape), tuple(self.dimensions[axis] for axis in kept))

    @property
    def letters(self) -> tuple[int | None, ...]:
        return tuple(dimension.letter for dimension in self.dimensions)


def _operands(node: Node) -> tuple[Operand, Operand]:
    spec = node.attributes["spec"]
    return Operand(node.inputs[0], spec.left), Operand(node.inputs[1], spec.right)


def _contract(sizes: tuple[int, ...], output: Iterable[int], left: Operand, right: Operand) -> Node:
    """The contraction with its letters in order of appearance: equal ones are equal nodes."""
    terms = [term for x in (left, right) for dimension in x.dimensions for term in dimension.terms]
    order = list(dict.fromkeys([*output, *[letter for letter, _ in terms]]))
    number = {letter: place for place, letter in enumerate(order)}

    def renumbered(dimension: Dimension) -> Dimension:
        return dimension._replace(terms=tuple((number[a], b) for a, b in dimension.terms))

    spec = Contraction(
        tuple(sizes[letter] for letter in order),
        tuple(map(renumbered, left.dimensions)),
        tuple(map(renumbered, right.dimensions)),
        tuple(number[letter] for letter in output),
    )
    return make("contract", left.node, right.node, spec=spec)


@rules("contract")
def canonical_letters(node: Node) -> Node | None:
    spec = node.attributes["spec"]
    terms = [term for dimension in spec.left + spec.right for term in dimension.terms]
    order = dict.fromkeys([*spec.output, *[letter for letter, _ in terms]])
    if [*order] == [*range(len(spec.sizes))]:
        return None
    return _contract(spec.sizes, spec.output, *_operands(node))


@rules("contract")
def contract_permuted(node: Node) -> Node | None:
    """Reading a permuted operand is reading the operand with its letters permuted."""
    spec, changed, operands = node.attributes["spec"], False, []
    for x, dimensions in _operands(node):
        if x.op.name == "permute":
            axes, changed = x.attributes["axes"], True
            order = [axes.index(axis) for axis in range(len(axes))]
            operands.append(Operand(x.inputs[0], tuple(dimensions[axis] for axis in order)))
        else:
            operands.append(Operand(x, dimensions))
    return _contract(spec.sizes, spec.output, *operands) if changed else None


@rules("contract")
def drop_unit_letters(node: Node) -> Node | None:
    """Letters of extent 1 are always 0. A 1 x 1 convolution becomes a plain contraction."""
    spec, operands = node.attributes["spec"], _operands(node)
    unit = {letter for letter, size in enumerate(spec.sizes) if size == 1}
    while unit:
        blocked = {letter for x in operands for letter in _needed(x, unit, spec)}
        if not blocked:
            break
        unit -= blocked
    if not unit:
        return None
    output = [letter for letter in spec.output if letter not in unit]
    left, right = (_without_letters(x, unit) for x in operands)
    return reshape(_contract(spec.sizes, output, left, right), node.shape)


def _needed(x: Operand, unit: set[int], spec: Contraction) -> set[int]:
    """Letters of `unit` without which a dimension would no longer be described."""
    needed = set()
    for dimension, extent in zip(x.dimensions, x.node.shape, strict=True):
        here = {letter for letter, _ in dimension.terms} & unit
        less = _reduced(dimension, unit)
        fits = less.letter is None or spec.sizes[less.letter] == extent
        if here and not (fits if less.terms else extent == 1 and less.offset == 0):
            needed |= here
    return needed


def _reduced(dimension: Dimension, unit: set[int]) -> Dimension:
    return dimension._replace(terms=tuple(term for term in dimension.terms if term[0] not in unit))


def _without_letters(x: Operand, unit: set[int]) -> Operand:
    less = Operand(x.node, tuple(_reduced(dimension, unit) for dimension in x.dimensions))
    return less.without([axis for axis, d in enumerate(less.dimensions) if not d.terms])


@rules("contract")
def contract_stretched(node: Node) -> Node | None:
    """An operand that only repeats along a letter of the result does not need the letter."""
    spec, changed, operands = node.attributes["spec"], False, []
    for x in _operands(node):
        axes = [axis for axis in stretched(x.node) if x.letters[axis] in spec.output]
        if axes:
            shape = [1 if axis in axes else n for axis, n in enumerate(x.node.shape)]
            x = x._replace(node=broadcast_to(x.node.inputs[0], shape)).without(axes)
            changed = True
        operands.append(x)
    terms = [term for x in operands for dimension in x.dimensions for term in dimension.terms]
    there = {letter for letter, _ in terms}
    if not changed and there.issuperset(spec.output):
        return None
    less = _contract(spec.sizes, [letter for letter in spec.output if letter in there], *operands)
    shape = [spec.sizes[letter] if letter in there else 1 for letter in spec.output]
    return broadcast_to(reshape(less, shape), node.shape)


@rules("contract")
def sum_before_contract(node: Node) -> Node | None:
    """Letters that only one operand has, and not the result, are summed out first, as the
    definition does: an infinite factor times a sum is not the sum of its products.
    """
    spec, changed, operands = node.attributes["spec"], False, _operands(node)
    letters = [[a for d in x.dimensions for a, _ in d.terms] for x in operands]
    summed = []
    for x, mine, others in zip(operands, letters, reversed(letters), strict=True):
        alone = list(dict.fromkeys(a for a in mine if a not in (*others, *spec.output)))
        if alone:
            ones = broadcast_to(constant(1, node.dtype), [spec.sizes[a] for a in alone])
            weights = Operand(ones, tuple(Dimension(((a, 1),)) for a in alone))
            rest = list(dict.fromkeys(a for a in mine if a not in alone))
            x = Operand(
                _contract(spec.sizes, rest, x, weights),
                tuple(Dimension(((a, 1),)) for a in rest),
            )
            changed = True
        summed.append(x)
    return _contract(spec.sizes, spec.output, *summed) if changed else None


def _spread(x: Operand, order: list[int], spec: Contraction) -> Node:
    """A plain operand with one axis for each letter of `order`."""
    present = [letter for letter in order if letter in x.letters]
    arranged = permute(x.node, [x.letters.index(letter) for letter in present])
    units = reshape(arranged, [spec.sizes[a] if a in present else 1 for a in order])
    return broadcast_to(units, [spec.sizes[letter] for letter in order])


@rules("contract")
def product_without_sum(node: Node) -> Node | None:
    """Nothing to sum, or one operand constant: a product that fuses with its neighbours."""
    spec, operands = node.attributes["spec"], _operands(node)
    values = [scalar(x.node) for x in operands]
    if (spec.summed and values == [None, None]) or not spec.is_plain:
        return None
    if any(len(set(x.letters)) < len(x.letters) for x in operands):
        return None
    order = [*spec.output, *spec.summed]
    product = make("multiply", *[_spread(x, order, spec) for x in operands])
    return reduce_sum(product, range(len(spec.output), len(order)))
