"""What the rules ask about nodes: scalars seen through views, and how reshaped axes correspond."""

from __future__ import annotations

from functools import lru_cache

from chainrule.ir.node import Node


def scalar(node: Node) -> bool | int | float | None:
    """The value that every element of `node` is known to have."""
    while node.op.name == "broadcast" or node.op.name == "reshape":
        node = node.inputs[0]
    return node.attributes["value"] if node.op.name == "constant" else None


def stretched(node: Node) -> tuple[int, ...]:
    """The axes along which all elements of `node` are equal because a broadcast repeats them."""
    if node.op.name != "broadcast":
        return ()
    before = node.inputs[0].shape
    return tuple(axis for axis, n in enumerate(node.shape) if n != before[axis])


Groups = tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]


@lru_cache(4096)
def reshape_groups(source: tuple[int, ...], target: tuple[int, ...]) -> Groups:
    """The smallest runs of axes that a reshape turns into each other; axes of extent 1 are in none.

    (2, 3, 1, 4) to (6, 2, 2): ((0, 1) to (0,)), ((3,) to (1, 2)). There must be no extent of 0.
    """
    left = [axis for axis, n in enumerate(source) if n != 1]
    right = [axis for axis, n in enumerate(target) if n != 1]
    groups, i, j = [], 0, 0
    while i < len(left):
        start, other, a, b = i, j, source[left[i]], target[right[j]]
        i, j = i + 1, j + 1
        while a != b:
            if a < b:
                a, i = a * source[left[i]], i + 1
            else:
                b, j = b * target[right[j]], j + 1
        groups.append((tuple(left[start:i]), tuple(right[other:j])))
    return tuple(groups)
