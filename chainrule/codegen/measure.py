"""Native code that measures, as LLVM IR text: marks in a program, and multiply-adds.

`explain` puts marks into a program and compares what they find with what the machine can do.
"""

from chainrule.codegen import squares
from chainrule.codegen.builder import Function
from chainrule.codegen.elementwise import compute_type
from chainrule.codegen.module import Module
from chainrule.codegen.values import I64, PTR, Type, Value, constant
from chainrule.dtypes import DType, bfloat16
from chainrule.ir.machine import Machine

CHAINS = 12  # Independent sums: enough to hide the latency, and all in registers.
TURNS = 20_000

# A thread's row begins with the time of its last mark, 0 before the first.
_MARK = """
declare i32 @clock_gettime(i32, ptr)

define internal void @mark(ptr %row, i64 %entry) noinline {
  %at = alloca [2 x i64], align 16
  call i32 @clock_gettime(i32 CLOCK, ptr %at)
  %seconds = load i64, ptr %at, align 8
  %fraction.at = getelementptr i64, ptr %at, i64 1
  %fraction = load i64, ptr %fraction.at, align 8
  %billions = mul i64 %seconds, 1000000000
  %now = add i64 %billions, %fraction
  %last = load i64, ptr %row, align 8
  %first = icmp eq i64 %last, 0
  %since = sub i64 %now, %last
  %passed = select i1 %first, i64 0, i64 %since
  %time.at = getelementptr i64, ptr %row, i64 %entry
  %time = load i64, ptr %time.at, align 8
  %time.next = add i64 %time, %passed
  store i64 %time.next, ptr %time.at, align 8
  %count.at = getelementptr i64, ptr %time.at, i64 1
  %count = load i64, ptr %count.at, align 8
  %count.next = add i64 %count, 1
  store i64 %count.next, ptr %count.at, align 8
  store i64 %now, ptr %row, align 8
  ret void
}
"""


def mark_ir(machine: Machine) -> str:
    """`mark(row, entry)`: row[entry] gains the nanoseconds since the last mark, the next one 1."""
    return _MARK.replace("CLOCK", "6" if machine.system == "darwin" else "1")


def peak_ir(machine: Machine, dtype: DType) -> str:
    """A program in which each thread does `peak_flops` operations in registers, between two marks:
    multiply-adds, or sums of pairs or squares where products of such floats are made of these.

    Its slots are the rows of marks, 8 entries each, and a vector of results for each thread.
    """
    names = [(I64, "thread"), (I64, "threads"), (PTR, "slots"), (PTR, "barrier")]
    f = Function("program", [(kind, name, "") for kind, name in names])
    thread, _, slots, _ = f.parameters
    marks, out = (f.load(f.gep(slots, slot, "ptr"), PTR, 8) for slot in range(2))
    row = f.gep(marks, f.mul(thread, 8), "i64")
    emit = _squares if _multiplies_squares(machine, dtype) else _chains
    total = emit(f, machine, dtype, row)
    f.store(total, f.gep(out, f.mul(thread, total.type.lanes), total.type.scalar), 4)
    f.ret()
    module = Module(machine.vector_bytes * 8)
    module.add(f)
    return str(module)


def _chains(f: Function, machine: Machine, dtype: DType, row: Value) -> Value:
    """The sum of chains of vectors."""
    type = _vector(machine, dtype)
    pairs = constant(Type("bfloat", 2 * type.lanes), 0.5) if _pairs(machine, dtype) else None
    f.call_void("mark", row, constant(I64, 1))
    with f.loop(0, TURNS, 1, [constant(type, number) for number in range(CHAINS)]) as loop:
        if pairs is None:
            loop.carry(*[f.fma(chain, 0.5, 0.25) for chain in loop.carried])
        else:
            loop.carry(*[f.add_pairs(chain, pairs, pairs) for chain in loop.carried])
    f.call_void("mark", row, constant(I64, 3))
    total: Value = loop.carried[0]
    for chain in loop.carried[1:]:
        total = f.fadd(total, chain)
    return total


def _squares(f: Function, machine: Machine, dtype: DType, row: Value) -> Value:
    """The first row of squares, whose sums all registers but those of operands hold."""
    type = _vector(machine, dtype)
    memory = f.alloca(type, squares.SIDE)
    with squares.squares(f):
        for register in range(8):
            squares.clear(f, register)
        f.call_void("mark", row, constant(I64, 1))
        with f.loop(0, TURNS):
            for register in range(squares.ROWS):
                squares.add_products(f, register, squares.ROWS, squares.COLUMNS)
        f.call_void("mark", row, constant(I64, 3))
        squares.store(f, 0, memory, squares.LINE)
    return f.load(memory, type, squares.LINE)


def peak_flops(machine: Machine, dtype: DType) -> int:
    """Operations that each thread of that program does."""
    if _multiplies_squares(machine, dtype):
        return 2 * TURNS * squares.ROWS * squares.SIDE**2 * 2 * squares.SIDE
    together = 2 if _pairs(machine, dtype) else 1
    return 2 * together * TURNS * CHAINS * _vector(machine, dtype).lanes


def _vector(machine: Machine, dtype: DType) -> Type:
    return Type(compute_type(dtype), machine.vector_bytes // dtype.arithmetic.itemsize)


def _pairs(machine: Machine, dtype: DType) -> bool:
    return dtype is bfloat16 and machine.adds_pairs


def _multiplies_squares(machine: Machine, dtype: DType) -> bool:
    return dtype is bfloat16 and machine.multiplies_squares
