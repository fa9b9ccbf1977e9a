"""Splitting: long sums with few results are made in parts, whose sums are added. Receives a graph;
hands on an equal one.

A sum over a batch of images has one result a channel: too few for the threads, which share results.
So each image is summed for itself first. A contraction with a small result (the weight gradient of
a convolution) walks its operands once for each tile: in parts, they lie in the cache meanwhile.
The parts follow from the shapes alone, so the number of threads changes no bit.
"""

from __future__ import annotations

from collections import Counter

from chainrule.ir.contraction import Contraction, Dimension
from chainrule.ir.node import Node, make, reduce_sum, reshape
from chainrule.ir.rewrite import Rules

rules = Rules()

LANES = 16  # So many neighbouring results are one unit of work.
UNITS = 64  # So many units are enough for all threads.
TILE = 128  # About so many results are one tile.
LONG = 1 << 15  # A sum of no more elements is not worth a second kernel.
PARTS = 1024  # At most.
SHORT = 16  # So many terms a part at least.
CACHED_BYTES = 1 << 19  # Of a part of both operands.
# Of a part of the columns, if the rows are few and lie in the cache as a whole.
FEW_ROWS, COLUMN_BYTES = 256, 1 << 21


@rules("sum")
def split_sum(node: Node) -> Node | None:
    """The parts are the places of the first axis that is summed, or pieces of a long one."""
    (x,), axes = node.inputs, node.attributes["axes"]
    units = node.size // (1 if x.rank - 1 in axes else LANES)
    if x.size <= LONG or units >= UNITS or not _keeps_parts(node):
        return None
    axis = min(axes)
    terms = x.size // node.size if node.size else 0
    parts = _divisor(x.shape[axis], min(PARTS, terms // SHORT))
    if parts < 2:
        return None
    apart = _apart(x, axis, parts)
    others = [axis + 1, *[other + 1 for other in axes if other != axis]]
    return reduce_sum(reduce_sum(apart, others), [axis])


@rules("contract")
def split_contraction(node: Node) -> Node | None:
    """The parts are pieces of a letter that both operands have as a dimension."""
    spec: Contraction = node.attributes["spec"]
    read = sum(x.size for x in node.inputs) * node.dtype.itemsize
    made = node.size * node.dtype.itemsize
    places = [{d.letter: axis for axis, d in enumerate(side)} for side in (spec.left, spec.right)]
    both = [a for a in range(len(spec.sizes)) if all(a in place for place in places)]
    uses = Counter(a for d in spec.left + spec.right for a, _ in d.terms)
    # A letter that takes part in a window as well would have to be split there, too.
    letter = next((a for a in both if a not in spec.output and uses[a] == 2), None)
    if not spec.is_tiled or read <= CACHED_BYTES or letter is None or not _keeps_parts(node):
        return None
    if spec.output[0] in both or (spec.is_plain and node.size >= TILE * UNITS):
        return None  # Without windows nothing is walked twice that panels do not hold.
    few = TILE * UNITS <= node.size <= FEW_ROWS * node.shape[-1]
    rows, columns = sorted(x.size * node.dtype.itemsize for x in node.inputs)
    large = few and rows <= CACHED_BYTES and columns > COLUMN_BYTES
    least = -(-read // (COLUMN_BYTES if large else CACHED_BYTES))
    parts = _divisor(spec.sizes[letter], 2 * least)
    if parts < 2 or 2 * parts * made > read:
        return None
    number = len(spec.sizes)
    sizes = list(spec.sizes)
    sizes[letter] //= parts
    left, right = (
        (*side[: place[letter]], Dimension(((number, 1),)), *side[place[letter] :])
        for side, place in zip((spec.left, spec.right), places, strict=True)
    )
    new = Contraction((*sizes, parts), left, right, (number, *spec.output))
    operands = [_apart(x, p[letter], parts) for x, p in zip(node.inputs, places, strict=True)]
    return reduce_sum(make("contract", *operands, spec=new), [0])


def _keeps_parts(node: Node) -> bool:
    """Whether what is stored of a part is as exact as what is summed up."""
    return node.dtype.is_float and node.dtype.itemsize >= 4


def _divisor(extent: int, most: int) -> int:
    """The greatest divisor of an extent that is not above `most`."""
    return max((d for d in range(1, min(extent, most) + 1) if extent % d == 0), default=1)


def _apart(x: Node, axis: int, parts: int) -> Node:
    """An axis as two: which part, and where in it."""
    shape = (*x.shape[:axis], parts, x.shape[axis] // parts, *x.shape[axis + 1 :])
    return reshape(x, shape)
