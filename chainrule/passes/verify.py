"""Checks on lowered and scheduled blocks after every pass. Raises VerificationError: a defect of
the compiler.
"""

from __future__ import annotations

import math
from typing import Any

from chainrule.errors import VerificationError
from chainrule.ir.index import Index
from chainrule.ir.plan import Barrier, Buffer, Expr, Kernel, Program, Reduce
from chainrule.passes.dependencies import bodies, touched


def verify_block(name: str, work: Any) -> None:
    """Every place is written before it is read and no store can leave its array; at the end all
    memory is placed.
    """
    block = work.block if isinstance(work, Program) else work
    _verify_items(name, block, set())
    if isinstance(work, Program):
        _verify_memory(block, work.arena_bytes)


def _verify_items(name: str, block: Any, written: set[Buffer]) -> None:
    for item in block.items:
        if isinstance(item, Barrier):
            continue
        reads, writes = touched(item)
        for buffer in filter(lambda buffer: buffer.nbytes, reads):
            known = buffer.kind != "temporary" or buffer in written or buffer in writes
            _require(known, name, f"{buffer} is read before it is written", item)
        written |= writes
        if isinstance(item, Kernel):
            for kernel in (item, *item.beside):
                _verify_kernel(name, kernel)
        for inner in bodies(item):
            _verify_items(name, inner, written)
            written |= {new.buffer for _, new in inner.updates}


def _verify_kernel(name: str, kernel: Kernel) -> None:
    numbers = {s.number for s in kernel.statements if isinstance(s, Reduce)}
    for store in kernel.stores:
        _require(
            _inside(store.index, math.prod(store.place.shape)),
            name,
            f"{store.place.buffer} is left",
            kernel,
        )
        _require(
            store.value.dtype is store.place.dtype,
            name,
            f"{store.place.buffer} gets another dtype",
            kernel,
        )
        extra = store.index.axes() - set(kernel.axes)
        _require(not extra, name, f"{store.place.buffer} is stored at foreign axes {extra}", kernel)
    for expr in kernel.expressions():
        _require(
            expr.op != "reduced" or expr.data in numbers, name, "a reduction is missing", kernel
        )
        _require(
            expr.op != "load" or _load_inside(expr), name, f"a load leaves {expr.data}", kernel
        )


def _load_inside(expr: Expr) -> bool:
    load = expr.data
    return bool(expr.args or load.conditions) or _inside(load.index, math.prod(load.place.shape))


def _inside(index: Index, size: int) -> bool:
    low, high = index.bounds()
    return low >= 0 and high < max(size, 1)


def _verify_memory(block: Any, arena_bytes: int) -> None:
    for buffer in block.temporaries:
        inside = 0 <= buffer.offset <= arena_bytes - buffer.nbytes or not buffer.nbytes
        _require(inside, "memory", f"{buffer} has no place in the arena", block)
    for item in block.items:
        for inner in bodies(item):
            _verify_memory(inner, arena_bytes)


def _require(holds: bool, name: str, what: str, where: Any) -> None:
    if not holds:
        raise VerificationError(
            name, what, f"in {where!r}", "this is a defect of chainrule: please report it"
        )
