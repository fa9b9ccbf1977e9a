"""Matrix products and their kin: from operands to tensors by contractions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.apply import apply
from chainrule.frontend.functions.manipulation import cut, moveaxis, roll
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.lift import (
    Operand,
    axis_of,
    broadcast_shape,
    lift,
    promoted,
    reshape_to,
    unboxed,
)
from chainrule.frontend.tensor import Tensor, method
from chainrule.ir.contraction import plain


def contract(
    x: Tensor, y: Tensor, letters_x: Sequence[int], letters_y: Sequence[int], output: Sequence[int]
) -> Tensor:
    """One contraction; an operand loses the letters in which its extent of 1 is stretched."""
    sizes: dict[int, int] = {}
    for letters, tensor in ((letters_x, x), (letters_y, y)):
        for letter, extent in zip(letters, tensor.shape, strict=True):
            sizes[letter] = extent if sizes.get(letter, 1) == 1 else sizes[letter]
    x, letters_x = _without_stretched(x, letters_x, sizes)
    y, letters_y = _without_stretched(y, letters_y, sizes)
    spec = plain(sizes, tuple(letters_x), tuple(letters_y), tuple(output))
    return apply("contract", x, y, spec=spec)


def _without_stretched(
    x: Tensor, letters: Sequence[int], sizes: dict[int, int]
) -> tuple[Tensor, list[int]]:
    stays = [axis for axis, letter in enumerate(letters) if x.shape[axis] == sizes[letter]]
    return reshape_to(x, tuple(x.shape[axis] for axis in stays)), [letters[axis] for axis in stays]


@method
def matmul(x1: Operand, x2: Operand, /) -> Tensor:
    """The matrix product of the last two axes, stacks broadcast; a vector counts as a row on the
    left, a column on
    the right, and its axis goes. (..., m, k) and (..., k, n) give (..., m, n). Raises ShapeError.
    (A-265)

    >>> cr.matmul(cr.asarray([[1, 2], [3, 4]]), cr.asarray([1, 1]))
    Tensor([3, 7], dtype=int64)
    """
    x, y = promoted("matmul", x1, x2)
    if not x.ndim or not y.ndim:
        raise ShapeError(
            "matmul",
            f"{list(x.shape)} @ {list(y.shape)}",
            "a number without axes is no matrix",
            "use * to scale",
        )
    shared_y = 0 if y.ndim == 1 else y.ndim - 2
    if x.shape[-1] != y.shape[shared_y]:
        raise ShapeError(
            "matmul",
            f"{list(x.shape)} @ {list(y.shape)}",
            f"the last axis of the left has {x.shape[-1]} elements, "
            f"axis {shared_y - y.ndim} of the right {y.shape[shared_y]}",
            "they must be equal; .mT transposes",
        )
    broadcast_shape("matmul", [x.shape[:-2], y.shape[:-2]])
    # Letters: 0 is summed, 1 the rows, 2 the columns, 3 and up the stacks counted from the last.
    stack_x, stack_y = _stack(x), _stack(y)
    rows, columns = [1] * (x.ndim > 1), [2] * (y.ndim > 1)
    stack = max(stack_x, stack_y, key=len)
    return contract(x, y, [*stack_x, *rows, 0], [*stack_y, 0, *columns], [*stack, *rows, *columns])


def _stack(x: Tensor) -> list[int]:
    return list(range(x.ndim, 2, -1))


def vecdot(x1: Operand, x2: Operand, /, *, axis: int = -1) -> Tensor:
    """The inner product along an axis; the other axes broadcast.

    >>> cr.vecdot(cr.asarray([[1, 2], [3, 4]]), cr.asarray([1, 1]))
    Tensor([3, 7], dtype=int64)
    """
    x, y = promoted("vecdot", x1, x2)
    x, y = (moveaxis(z, axis_of(axis, z.ndim, "vecdot"), -1) for z in (x, y))
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(
            "vecdot",
            f"axis {axis} has {x.shape[-1]} and {y.shape[-1]} elements",
            "they must be equal",
        )
    broadcast_shape("vecdot", [x.shape[:-1], y.shape[:-1]])
    stack_x, stack_y = list(range(x.ndim - 1, 0, -1)), list(range(y.ndim - 1, 0, -1))
    return contract(x, y, [*stack_x, 0], [*stack_y, 0], max(stack_x, stack_y, key=len))


def tensordot(x1: Operand, x2: Operand, /, *, axes: Any = 2) -> Tensor:
    """Sums of products over the last `axes` axes of x1 and the first of x2, or over two lists.

    >>> cr.tensordot(cr.ones((2, 3)), cr.ones((3, 4)), axes=1).shape
    (2, 4)
    """
    x, y = promoted("tensordot", x1, x2)
    if isinstance(axes, int):
        if not 0 <= axes <= min(x.ndim, y.ndim):
            raise ArgumentError(
                "tensordot",
                f"axes={axes} of {list(x.shape)} and {list(y.shape)}",
                "there are fewer",
            )
        axes = (range(x.ndim - axes, x.ndim), range(axes))
    left = [axis_of(axis, x.ndim, "tensordot") for axis in axes[0]]
    right = [axis_of(axis, y.ndim, "tensordot") for axis in axes[1]]
    if [x.shape[axis] for axis in left] != [y.shape[axis] for axis in right]:
        raise ShapeError(
            "tensordot",
            f"axes {left} of {list(x.shape)} and {right} of {list(y.shape)}",
            "their extents differ",
        )
    letters_x = list(range(x.ndim))
    letters_y = [
        left[right.index(axis)] if axis in right else x.ndim + axis for axis in range(y.ndim)
    ]
    output = [i for i in letters_x if i not in left] + [i for i in letters_y if i >= x.ndim]
    return apply(
        "contract",
        x,
        y,
        spec=plain(
            _sizes(x, letters_x) | _sizes(y, letters_y),
            tuple(letters_x),
            tuple(letters_y),
            tuple(output),
        ),
    )


def _sizes(x: Tensor, letters: Sequence[int]) -> dict[int, int]:
    return dict(zip(letters, x.shape, strict=True))


def outer(x1: Operand, x2: Operand, /) -> Tensor:
    """All products of an element of x1 (m,) and one of x2 (n,): (m, n). Raises ShapeError.

    >>> cr.linalg.outer(cr.asarray([1, 2]), cr.asarray([3, 4]))
    Tensor([[3, 4],
            [6, 8]], dtype=int64)
    """
    x, y = promoted("outer", x1, x2)
    if x.ndim != 1 or y.ndim != 1:
        raise ShapeError(
            "outer",
            f"of {list(x.shape)} and {list(y.shape)}",
            "both must be vectors",
            "cr.einsum multiplies along any axes",
        )
    return reshape_to(x, (x.size, 1)) * y


def cross(x1: Operand, x2: Operand, /, *, axis: int = -1) -> Tensor:
    """The vector product along an axis of 3 elements; the other axes broadcast. Raises ShapeError.

    >>> cr.linalg.cross(cr.asarray([1, 0, 0]), cr.asarray([0, 1, 0]))
    Tensor([0, 0, 1], dtype=int64)
    """
    x, y = promoted("cross", x1, x2)
    for each in (x, y):
        extent = each.shape[axis_of(axis, each.ndim, "cross")]
        if extent != 3:
            raise ShapeError(
                "cross", f"axis {axis} of {list(each.shape)} has {extent} elements", "3 are needed"
            )
    # Element i is x[i+1] y[i+2] - x[i+2] y[i+1].
    x, y = roll(x, -1, axis=axis), roll(y, -1, axis=axis)
    return x * roll(y, -1, axis=axis) - roll(x, -1, axis=axis) * y


def diagonal(x: Operand, /, *, offset: int = 0) -> Tensor:
    """The elements (..., i, i + offset) of each matrix. Raises ShapeError for a vector.

    >>> cr.linalg.diagonal(cr.asarray([[1, 2], [3, 4]]))
    Tensor([1, 4], dtype=int64)
    """
    x = unboxed(lift(x, "diagonal"))
    if x.ndim < 2:
        raise ShapeError("diagonal", f"of {list(x.shape)}", "a matrix has two axes")
    *stack, m, n = x.shape
    size = max(0, min(m + min(offset, 0), n - max(offset, 0)))
    start = offset if offset > 0 else -offset * n
    # From one element to the next is a row and a column.
    first, stop = (start, start + (size - 1) * (n + 1) + 1) if size else (0, 0)
    return cut(reshape_to(x, (*stack, m * n)), x.ndim - 2, first, stop, n + 1)


def trace(x: Operand, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sum of the elements (..., i, i + offset) of each matrix.

    >>> cr.linalg.trace(cr.asarray([[1, 2], [3, 4]]))
    Tensor(5, dtype=int64)
    """
    return sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


def einsum(subscripts: str, /, *tensors: Operand) -> Tensor:
    """Sums of products named by letters: "bij,bjk->bik" multiplies stacks of matrices.

    A letter missing after `->` is summed; a repeated one takes the diagonal; `...` stands for
    broadcast axes. Without `->`
    the letters that occur once remain, in alphabetical order. Pairs are contracted cheapest first.

    >>> cr.einsum("ij,j->i", cr.asarray([[1, 2], [3, 4]]), cr.asarray([1, 1]))
    Tensor([3, 7], dtype=int64)
    """
    parts = promoted("einsum", *tensors)
    inputs, output = _parse(subscripts, [part.ndim for part in parts])
    work = list(zip(inputs, parts, strict=True))
    _check_extents(subscripts, work)
    one = reshape_to(promoted("einsum", 1, parts[0])[0], ())
    while len(work) > 1:
        i, j = min(
            ((i, j) for j in range(len(work)) for i in range(j)),
            key=lambda pair: _cost(work, pair, output),
        )
        (letters_x, x), (letters_y, y) = work[i], work[j]
        work = [item for place, item in enumerate(work) if place not in (i, j)]
        needed = set(output).union(*[letters for letters, _ in work])
        result = [letter for letter in dict.fromkeys((*letters_x, *letters_y)) if letter in needed]
        if not work:
            result = output
        work.append((result, contract(x, y, letters_x, letters_y, result)))
    letters, x = work[0]
    return x if letters == output and len(parts) > 1 else contract(x, one, letters, [], output)


def _cost(work: list, pair: tuple[int, int], output: list[int]) -> int:
    """Elements of the result of contracting this pair."""
    rest = [letters for place, (letters, _) in enumerate(work) if place not in pair]
    needed = set(output).union(*rest)
    sizes: dict[int, int] = {}
    for place in pair:
        for letter, extent in zip(work[place][0], work[place][1].shape, strict=True):
            sizes[letter] = max(extent, sizes.get(letter, 1))
    return math.prod(extent for letter, extent in sizes.items() if letter in needed)


def _parse(subscripts: str, ranks: list[int]) -> tuple[list[list[int]], list[int]]:
    """The letters of each operand and of the result, as numbers; those of `...` are negative."""
    text = subscripts.replace(" ", "")
    before, arrow, after = text.partition("->")
    terms = before.split(",")
    if len(terms) != len(ranks):
        raise ArgumentError(
            "einsum", f"{subscripts!r} names {len(terms)} operands, {len(ranks)} were given"
        )
    inputs = [_letters(term, rank, subscripts) for term, rank in zip(terms, ranks, strict=True)]
    free = sorted({letter for letters in inputs for letter in letters if letter < 0})
    if arrow:
        head, dots, tail = after.partition("...")
        output = [*map(ord, head), *(free if dots else []), *map(ord, tail)]
    else:
        flat = [letter for letters in inputs for letter in letters if letter > 0]
        output = free + sorted(letter for letter in set(flat) if flat.count(letter) == 1)
    known = {letter for letters in inputs for letter in letters}
    if not set(output) <= known or len(set(output)) != len(output):
        raise ArgumentError(
            "einsum", f"{subscripts!r} names a result letter twice, or one that no operand has"
        )
    return inputs, output


def _letters(term: str, rank: int, subscripts: str) -> list[int]:
    head, dots, tail = term.partition("...")
    missing = rank - len(head) - len(tail)
    if missing < 0 or missing and not dots or not (head + tail).isalpha() and head + tail:
        raise ArgumentError(
            "einsum",
            f"{term!r} of {subscripts!r} does not fit an operand with {rank} axes",
            "each axis needs one letter, or ... for several",
        )
    return [*map(ord, head), *range(-missing, 0), *map(ord, tail)]


def _check_extents(subscripts: str, work: list[tuple[list[int], Tensor]]) -> None:
    sizes: dict[int, int] = {}
    for letters, x in work:
        for letter, extent in zip(letters, x.shape, strict=True):
            known = sizes.setdefault(letter, extent)
            if known != extent and not (letter < 0 and 1 in (known, extent)):
                name = chr(letter) if letter > 0 else "..."
                raise ShapeError(
                    "einsum",
                    f"letter {name} of {subscripts!r} has {known} and {extent} elements",
                    "one letter has one extent",
                )
            sizes[letter] = max(known, extent)
