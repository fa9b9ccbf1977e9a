"""Emission of products of squares of bfloat16 (AMX): receives where the rows, columns and sums of a
tile lie. A square is a register of 16 rows of 64 bytes.

Registers 0 to 3 hold sums, 4 and 5 rows, 6 and 7 columns. A square of rows has 32 terms of each, a
square of columns 16 pairs of terms, as panels have them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chainrule.codegen.builder import Function
from chainrule.codegen.values import I64, Type, Value, constant

SIDE = 16  # Rows of a square; pairs of terms of each; sums of a row.
LINE = 64  # Bytes of each row.
MOST_ROWS, MOST_VECTORS = 2 * SIDE, 2  # Of a tile, whose sums stay in registers.
ROWS, COLUMNS = 4, 6  # The first register of each.
I8 = Type("i8")
# A kind of registers, then the length of the rows of each in two bytes, then how many they are.
SHAPE = [1, *[0] * 15, *[LINE, 0] * 8, *[0] * 16, *[SIDE] * 8, *[0] * 8]


@contextmanager
def squares(f: Function) -> Iterator[None]:
    """Within it the registers are whole squares; after it what a system keeps of a thread is small
    again.
    """
    f.call_void("llvm.x86.ldtilecfg", f.table("i8", SHAPE))
    yield
    f.call_void("llvm.x86.tilerelease")


def clear(f: Function, register: int) -> None:
    f.call_void("llvm.x86.tilezero", constant(I8, register))


def load(f: Function, register: int, pointer: Value, stride: int) -> None:
    """Rows lie `stride` bytes apart."""
    f.call_void("llvm.x86.tileloadd64", constant(I8, register), pointer, constant(I64, stride))


def store(f: Function, register: int, pointer: Value, stride: int) -> None:
    f.call_void("llvm.x86.tilestored64", constant(I8, register), pointer, constant(I64, stride))


def add_products(f: Function, sums: int, rows: int, columns: int) -> None:
    """sums[m, n] += sum over k of rows[m, 2 k] * columns[k, 2 n] + rows[m, 2 k + 1] *
    columns[k, 2 n + 1].
    """
    registers = [constant(I8, register) for register in (sums, rows, columns)]
    f.call_void("llvm.x86.tdpbf16ps", *registers)
