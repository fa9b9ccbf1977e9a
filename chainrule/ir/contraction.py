"""The contraction's description: which letter indexes which operand dimension; its check and NumPy
definition.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from chainrule.errors import ShapeError

TILED = 512  # Contractions with fewer products than that are not worth a tile.


class Dimension(NamedTuple):
    """How the letters index one dimension of an operand: (sum of coefficient * letter + offset) /
    divisor.

    Places that fall outside the operand, or where the division leaves a rest, count as zero. That
    covers windows: a convolution reads `h * stride + k * dilation - padding`, its gradient `(i +
    padding - k * dilation) / stride`.
    """

    terms: tuple[tuple[int, int], ...]  # (letter, coefficient)
    offset: int = 0
    divisor: int = 1

    @property
    def letter(self) -> int | None:
        """The letter, if it alone indexes this dimension."""
        plain = (
            len(self.terms) == 1
            and self.terms[0][1] == 1
            and self.offset == 0
            and self.divisor == 1
        )
        return self.terms[0][0] if plain else None


class Contraction(NamedTuple):
    """out[output letters] = sum over the other letters of left[left dimensions] * right[right
    dimensions].

    Letters are the numbers 0 .. len(sizes) - 1, with their extents in `sizes`.
    """

    sizes: tuple[int, ...]
    left: tuple[Dimension, ...]
    right: tuple[Dimension, ...]
    output: tuple[int, ...]

    @property
    def is_plain(self) -> bool:
        """True without windows: every dimension is indexed by one letter."""
        return all(dimension.letter is not None for dimension in self.left + self.right)

    @property
    def summed(self) -> tuple[int, ...]:
        return tuple(letter for letter in range(len(self.sizes)) if letter not in self.output)

    @property
    def is_tiled(self) -> bool:
        """Whether register tiles pay: there is enough to do, and lanes run along the last letter of
        the result, through one operand or (depthwise convolution) through both.
        """
        if not self.output or not self.summed or math.prod(self.sizes) < TILED:
            return False
        return _has(self.left, self.output[-1]) or _has(self.right, self.output[-1])

    def check(self, left: tuple[int, ...], right: tuple[int, ...]) -> None:
        """Raise ShapeError where an operand's extents contradict the letters."""
        for name, dimensions, shape in (("left", self.left, left), ("right", self.right, right)):
            if len(dimensions) != len(shape):
                raise ShapeError(
                    "contract",
                    f"the {name} operand has shape {list(shape)}",
                    f"{len(dimensions)} dimensions are described",
                )
            for axis, (dimension, extent) in enumerate(zip(dimensions, shape, strict=True)):
                letter = dimension.letter
                if letter is not None and self.sizes[letter] != extent:
                    raise ShapeError(
                        "contract",
                        f"axis {axis} of the {name} operand {list(shape)} has {extent} elements",
                        f"its partner has {self.sizes[letter]}",
                    )


def _has(dimensions: tuple[Dimension, ...], letter: int) -> bool:
    return any(letter == term for dimension in dimensions for term, _ in dimension.terms)


def plain(
    sizes: dict[int, int], left: tuple[int, ...], right: tuple[int, ...], output: tuple[int, ...]
) -> Contraction:
    """A contraction without windows, its letters renumbered in order of appearance."""
    order = list(dict.fromkeys((*output, *left, *right)))
    number = {letter: place for place, letter in enumerate(order)}
    return Contraction(
        tuple(sizes[letter] for letter in order),
        tuple(Dimension(((number[letter], 1),)) for letter in left),
        tuple(Dimension(((number[letter], 1),)) for letter in right),
        tuple(number[letter] for letter in output),
    )


def _spread(
    x: np.ndarray, dimensions: tuple[Dimension, ...], sizes: tuple[int, ...]
) -> tuple[np.ndarray, list[int]]:
    """An operand with one axis a letter, windows gathered, and the letters of its axes."""
    letters = sorted({letter for dimension in dimensions for letter, _ in dimension.terms})
    place = {letter: axis for axis, letter in enumerate(letters)}
    extents = [sizes[letter] for letter in letters]
    valid = np.ones(extents, bool)
    indices = []
    for dimension, size in zip(dimensions, x.shape, strict=True):
        position = np.full((1,) * len(letters), dimension.offset)
        for letter, coefficient in dimension.terms:
            shape = [-1 if axis == place[letter] else 1 for axis in range(len(letters))]
            position = position + coefficient * np.arange(sizes[letter]).reshape(shape)
        quotient, rest = np.divmod(position, dimension.divisor)
        valid = valid & (rest == 0) & (quotient >= 0) & (quotient < size)
        indices.append(np.broadcast_to(np.clip(quotient, 0, max(size - 1, 0)), extents))
    if x.size == 0:
        return np.zeros(extents, x.dtype), letters
    return np.where(valid, x[tuple(indices)], np.zeros((), x.dtype)), letters


def contract_numpy(left: np.ndarray, right: np.ndarray, spec: Contraction) -> np.ndarray:
    """The definition: spread both operands over their letters, then a batched matrix product."""
    a, letters_a = (
        _spread(left, spec.left, spec.sizes) if not spec.is_plain else _diagonal(left, spec.left)
    )
    b, letters_b = (
        _spread(right, spec.right, spec.sizes)
        if not spec.is_plain
        else _diagonal(right, spec.right)
    )
    output = set(spec.output)
    a, letters_a = _sum_alone(a, letters_a, output | set(letters_b))
    b, letters_b = _sum_alone(b, letters_b, output | set(letters_a))
    shared = [letter for letter in letters_a if letter in letters_b]
    batch = [letter for letter in shared if letter in output]
    summed = [letter for letter in shared if letter not in output]
    rows = [letter for letter in letters_a if letter not in shared]
    columns = [letter for letter in letters_b if letter not in shared]

    def arrange(x: np.ndarray, letters: list[int], *groups: list[int]) -> np.ndarray:
        order = [letters.index(letter) for group in groups for letter in group]
        return x.transpose(order).reshape(
            [math.prod(spec.sizes[i] for i in group) for group in groups]
        )

    product = arrange(a, letters_a, batch, rows, summed) @ arrange(
        b, letters_b, batch, summed, columns
    )
    have = batch + rows + columns
    missing = [letter for letter in spec.output if letter not in have]
    product = product.reshape([spec.sizes[letter] for letter in have] + [1] * len(missing))
    out = product.transpose([(have + missing).index(letter) for letter in spec.output])
    return np.asarray(
        np.broadcast_to(out, [spec.sizes[letter] for letter in spec.output]), order="C"
    )


def _diagonal(x: np.ndarray, dimensions: tuple[Dimension, ...]) -> tuple[np.ndarray, list[int]]:
    """An operand with plain letters; a repeated letter becomes its diagonal."""
    letters = [dimension.terms[0][0] for dimension in dimensions]
    unique = list(dict.fromkeys(letters))
    return (x if len(unique) == len(letters) else np.einsum(x, letters, unique)), unique


def _sum_alone(x: np.ndarray, letters: list[int], needed: set[int]) -> tuple[np.ndarray, list[int]]:
    """Sum out letters that neither the result nor the other operand has."""
    axes = tuple(axis for axis, letter in enumerate(letters) if letter not in needed)
    if not axes:
        return x, letters
    return x.sum(axis=axes, dtype=x.dtype), [letter for letter in letters if letter in needed]
