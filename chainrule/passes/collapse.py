"""Collapsing loops: neighbouring axes that every access walks as one become one axis. Receives
fused blocks.
"""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.ir import index as ix
from chainrule.ir.index import Axis, Index
from chainrule.ir.plan import Block, Kernel, Reduce, Store
from chainrule.ir.stages import indices, rewrite
from chainrule.passes.dependencies import bodies


def collapse(block: Block) -> Block:
    """Before: one loop for each dimension. After: as few loops as the accesses allow."""
    for item in block.items:
        for inner in bodies(item):
            collapse(inner)
        if isinstance(item, Kernel) and item.special is None and item.hero is None:
            _collapse_kernel(item)
        if isinstance(item, Kernel):
            for kernel in item.beside:
                _collapse_kernel(kernel)
    return block


def _collapse_kernel(kernel: Kernel) -> None:
    number = 0
    while number + 1 < len(kernel.axes):
        slow, fast = kernel.axes[number : number + 2]
        if not _walked_as_one(kernel, slow, fast):
            number += 1
            continue
        joined = Axis(slow.number, slow.size * fast.size)
        kernel.statements = _renamed(kernel.statements, {fast: ix.of_axis(joined), slow: ix.ZERO})
        inner = {joined} if slow in kernel.inner else set()
        kernel.axes = kernel.axes[:number] + (joined,) + kernel.axes[number + 2 :]
        kernel.inner = kernel.inner - {slow, fast} | inner


def _renamed(statements: list, replacements: dict[Axis, Index]) -> list:
    return rewrite(statements, index=lambda index: index.substitute(replacements))


def _walked_as_one(kernel: Kernel, slow: Axis, fast: Axis) -> bool:
    """Whether in every index the slow axis counts exactly the rounds of the fast one."""
    if (slow in kernel.inner) != (fast in kernel.inner):
        return False
    if (
        any(isinstance(s, Reduce) and s.kind in ("argmax", "argmin") for s in kernel.statements)
        and slow in kernel.inner
    ):
        return False
    for index in _all_indices(kernel):
        a, b = index.coefficient(slow), index.coefficient(fast)
        if a is None or b is None or a != b * fast.size:
            return False
    return True


def _all_indices(kernel: Kernel) -> Iterator[Index]:
    for expr in kernel.expressions():
        yield from indices(expr)
    for statement in kernel.statements:
        if isinstance(statement, Store):
            yield statement.index
