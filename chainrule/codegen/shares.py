"""Shares of rows: how finely a loop can be cut where each thread keeps its own rows through all
turns. Receives kernels whose first axes go through so many rows each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from chainrule.codegen.emit import units_of
from chainrule.codegen.tiling import Choice, tiling
from chainrule.codegen.transpose import turned
from chainrule.ir.machine import Machine
from chainrule.ir.plan import Block, Kernel


def row_blocks(body: Block, machine: Machine, choices: Mapping[Kernel, Choice]) -> int:
    """Into how many blocks of rows, each of which one thread can keep, all kernels of a loop fall;
    1 if threads have to meet.
    """
    kernels = [item for item in body.items if isinstance(item, Kernel)] if body.rows else []
    blocks = [_blocks(kernel, machine, choices.get(kernel)) for kernel in kernels]
    return math.gcd(body.rows, *blocks) or 1


def _blocks(kernel: Kernel, machine: Machine, choice: Choice | None) -> int:
    """Into how many equal parts along the first axis the units fall, one behind the other."""
    if kernel.hero is not None:
        return _tiled(kernel, machine, choice)
    return 1 if turned(kernel, machine.vector_bytes) else _walked(kernel, machine)


def _tiled(kernel: Kernel, machine: Machine, choice: Choice | None) -> int:
    tiles, axis = tiling(kernel, machine, choice), kernel.axes[0]
    if tiles.group or tiles.shared or not (tiles.columns_first or tiles.column_blocks == 1):
        return 1
    if tiles.free:
        return axis.size if tiles.free[0] == axis else 1
    return tiles.row_blocks if tiles.down == axis and axis.size % tiles.rows == 0 else 1


def _walked(kernel: Kernel, machine: Machine) -> int:
    units, vector, lanes = units_of(kernel, machine.vector_bytes)
    axis = kernel.axes[0]
    if units.axes:
        return axis.size if units.axes[0] == axis else 1
    return axis.size // lanes if vector == axis and axis.size % lanes == 0 else 1
