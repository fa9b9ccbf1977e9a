"""Few channels: several places beside each other share a vector. Receives a graph; hands on an
equal one.

The lanes of a contraction's tiles run along the last letter of its result: the channels, of a
convolution and of its gradients. Where they fill a small part of a vector, `count` neighbouring
places are taken together. Their windows are one, a little longer than that of a single place, in
which each has a part of its own. The rest of the window is multiplied by zeros, so the graphs are
equal for finite numbers: an infinity or a NaN reaches all places that share its window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import add
from typing import NamedTuple

from chainrule.ir.contraction import Contraction, Dimension
from chainrule.ir.node import Node, make, permute, reshape
from chainrule.ir.rewrite import Rules

rules = Rules()

VECTOR = 64  # Bytes.
MOST = 8  # So many places are tried.
GAIN = 1.25  # So many times as many lanes must be of use.


class Window(NamedTuple):
    """Dimension `axis` of the left operand: slope * place + pitch * letter + offset."""

    axis: int
    place: int
    letter: int
    slope: int
    pitch: int

    def extent(self, spec: Contraction, count: int) -> int:
        """Of the window of `count` places."""
        return spec.sizes[self.letter] + abs(self.slope // self.pitch) * (count - 1)

    def starts(self, count: int) -> list[int]:
        """Where in it the windows of the single places begin."""
        step = self.slope // self.pitch
        return [step * n if step > 0 else -step * (count - 1 - n) for n in range(count)]

    def counted(self, spec: Contraction, count: int) -> tuple[Dimension, ...]:
        """The left operand's dimensions, with places in steps of `count`."""
        before = self.slope * (count - 1) if self.slope * self.pitch < 0 else 0
        terms = ((self.place, self.slope * count), (self.letter, self.pitch))
        new = Dimension(terms, spec.left[self.axis].offset + before)
        return (*spec.left[: self.axis], new, *spec.left[self.axis + 1 :])


@rules("contract")
def places_of_results(node: Node) -> Node | None:
    """A convolution: each column is a channel of one of the places, its weights between zeros."""
    for x, w, spec in _either_way(node):
        place, channel = spec.output[-2:]
        found = _window(spec, place, {*spec.summed} & {*_alone(spec.right)})
        count = _count(spec, found, place, node.dtype.itemsize) if found else 1
        if found is None or count == 1 or count * w.size > x.size:
            continue  # Weights are few, and soon turned.
        letter, extent = _alone(spec.right)[found.letter], found.extent(spec, count)
        parts = [_between(w, letter, start, extent) for start in found.starts(count)]
        last = _alone(spec.right)[channel]
        apart = [reshape(y, (*y.shape[:-1], 1, y.shape[-1])) for y in _turned(parts, last)]
        columns = make("concat", *apart, axis=w.rank - 1)
        columns = reshape(columns, (*columns.shape[:-2], count * w.shape[last]))
        right = (*spec.right[:last], *spec.right[last + 1 :], spec.right[last])
        sizes = _resized(spec, found, count)
        new = Contraction(sizes, found.counted(spec, count), right, spec.output)
        return reshape(make("contract", x, columns, spec=new), node.shape)
    return None


@rules("contract")
def places_of_terms(node: Node) -> Node | None:
    """The gradient of weights: for each of the places a sum of its own, moved by its window."""
    for x, y, spec in _either_way(node):
        channel = spec.output[-1]
        columns = _alone(spec.right)
        # Those that lie beside the channels in memory come first: they need no copy.
        for place in [letter for letter in reversed(columns) if letter in spec.summed]:
            found = _window(spec, place, {*spec.output} - {*columns})
            count = _count(spec, found, place, node.dtype.itemsize) if found else 1
            if found is None or count == 1:
                continue
            (together,) = _turned([y], columns[place], columns[channel])
            shape = (*together.shape[:-2], together.shape[-2] // count, count * together.shape[-1])
            others = [d for d in spec.right if d.letter not in (place, channel)]
            right = (*others, spec.right[columns[place]], spec.right[columns[channel]])
            sizes = _resized(spec, found, count)
            new = Contraction(sizes, found.counted(spec, count), right, spec.output)
            sums = make("contract", x, reshape(together, shape), spec=new)
            axis, width = spec.output.index(found.letter), spec.sizes[channel]
            starts = enumerate(found.starts(count))
            parts = [_part(sums, {axis: start, -1: n * width}, node.shape) for n, start in starts]
            return reduce(add, parts)
    return None


def _either_way(node: Node) -> Iterator[tuple[Node, Node, Contraction]]:
    """The operands, in an order in which only the second one has the channels, if these are few."""
    spec: Contraction = node.attributes["spec"]
    lanes = VECTOR // node.dtype.itemsize
    few = len(spec.output) > 1 and spec.sizes[spec.output[-1]] * GAIN <= lanes
    if not (few and spec.is_tiled and node.dtype.is_float and not node.dtype.is_narrow):
        return
    left, right = node.inputs
    turned = spec._replace(left=spec.right, right=spec.left)
    for x, y, way in ((left, right, spec), (right, left, turned)):
        found = [d for d in (*way.left, *way.right) if spec.output[-1] in dict(d.terms)]
        if len(found) == 1 and found[0].letter is not None and found[0] in way.right:
            yield x, y, way


def _alone(dimensions: Iterable[Dimension]) -> dict[int, int]:
    """Letter -> axis, of the dimensions that one letter alone indexes."""
    return {d.letter: axis for axis, d in enumerate(dimensions) if d.letter is not None}


def _window(spec: Contraction, place: int, letters: set[int]) -> Window | None:
    """The one dimension that has the place, beside one of the letters, which occurs there only."""
    dimensions = [d for d in spec.left if place in dict(d.terms)]
    if len(dimensions) != 1 or len(dimensions[0].terms) != 2 or dimensions[0].divisor != 1:
        return None
    slopes = dict(dimensions[0].terms)
    (letter,) = slopes.keys() - {place} or {place}
    once = sum(letter in dict(d.terms) for d in spec.left) == 1
    if letter not in letters or not once or slopes[place] % slopes[letter]:
        return None
    axis = spec.left.index(dimensions[0])
    return Window(axis, place, letter, slopes[place], slopes[letter])


def _count(spec: Contraction, window: Window, place: int, size: int) -> int:
    """How many places make most of the lanes, if that is worth it."""
    width, lanes = spec.sizes[spec.output[-1]], VECTOR // size

    def useful(count: int) -> float:
        vectors = -(-width * count // lanes)
        return width * count / vectors * spec.sizes[window.letter] / window.extent(spec, count)

    counts = [n for n in range(1, MOST + 1) if spec.sizes[place] % n == 0]
    best = max(counts, key=useful)
    return best if useful(best) >= GAIN * useful(1) else 1


def _resized(spec: Contraction, window: Window, count: int) -> tuple[int, ...]:
    sizes = list(spec.sizes)
    sizes[window.place] //= count
    sizes[window.letter] = window.extent(spec, count)
    sizes[spec.output[-1]] *= count
    return tuple(sizes)


def _turned(nodes: Iterable[Node], *last: int) -> list[Node]:
    """With these axes last."""
    return [
        permute(x, [axis for axis in range(x.rank) if axis not in last] + [*last]) for x in nodes
    ]


def _between(x: Node, axis: int, start: int, extent: int) -> Node:
    """Zeros along an axis, but `x` from `start` on."""
    low = [start if n == axis else 0 for n in range(x.rank)]
    high = [extent - start - x.shape[axis] if n == axis else 0 for n in range(x.rank)]
    return make("pad", x, low=tuple(low), high=tuple(high), value=0)


def _part(x: Node, starts: dict[int, int], shape: tuple[int, ...]) -> Node:
    """A part of this shape, which begins at 0 along all other axes."""
    start = tuple(starts.get(n, starts.get(n - x.rank, 0)) for n in range(x.rank))
    stop = tuple(first + extent for first, extent in zip(start, shape, strict=True))
    return make("slice", x, start=start, stop=stop, step=(1,) * x.rank)
