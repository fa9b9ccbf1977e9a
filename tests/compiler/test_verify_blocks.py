"""The check of blocks finds what a broken pass could leave behind."""

import pytest

from chainrule.dtypes import float32, int64
from chainrule.errors import VerificationError
from chainrule.ir import index as ix
from chainrule.ir.index import Axis
from chainrule.ir.plan import Block, Buffer, Expr, Kernel, Load, Place, Program, Store
from chainrule.passes.verify import verify_block


def broken(change):
    """A block with one kernel t = x * 2 and one kernel out = t + 1, after `change`."""
    axis = Axis(0, 8)
    index = ix.of_axis(axis)
    x, t, out = (Buffer(name, (8,), float32, kind, slot) for name, kind, slot in (
        ("x", "input", 0), ("t", "temporary", -1), ("out", "output", 1)))  # fmt: skip

    def kernel(source, target):
        load = Expr("load", (), float32, Load(Place(source, (8,)), index))
        value = Expr("negative", (load,), float32)
        return Kernel((axis,), statements=[Store(Place(target, (8,)), index, value)])

    t.offset = 0
    block = Block([kernel(x, t), kernel(t, out)], [t], serial=True)
    change(block, index)
    return Program(block, [x, out], 64)


def test_the_block_before_changes_is_sound():
    verify_block("test", broken(lambda block, index: None))


def _drop_first(block, index):
    del block.items[0]


def _exchange(block, index):
    block.items.reverse()


def _store_outside(block, index):
    kernel = block.items[0]
    kernel.statements[0] = kernel.statements[0]._replace(index=index + 1)


def _load_outside(block, index):
    (load,) = block.items[0].loads()
    load.data = load.data._replace(index=index * 2)


def _other_dtype(block, index):
    block.items[0].statements[0].value.dtype = int64


def _foreign_axis(block, index):
    kernel = block.items[0]
    kernel.statements[0] = kernel.statements[0]._replace(index=ix.of_axis(Axis(7, 8)))


def _missing_reduction(block, index):
    kernel = block.items[0]
    kernel.statements[0] = kernel.statements[0]._replace(value=Expr("reduced", (), float32, 3))


def _no_memory(block, index):
    block.temporaries[0].offset = 48


CHANGES = [_drop_first, _exchange, _store_outside, _load_outside, _other_dtype, _foreign_axis,
           _missing_reduction, _no_memory]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_verify_catches(change):
    with pytest.raises(VerificationError):
        verify_block("test", broken(change))
