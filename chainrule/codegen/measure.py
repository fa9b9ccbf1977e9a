"""Native code that measures, as LLVM IR text: marks in a program, and multiply-adds.

`explain` puts marks into a program and compares what they find with what the machine can do.
"""

from chainrule.codegen.builder import Function, Module
from chainrule.codegen.values import BITS, I64, PTR, Type, Value, constant
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


def peak_ir(vector_bytes: int, scalar: str) -> str:
    """A program in which each thread does `peak_flops` operations in registers, between two marks.

    Its slots are the rows of marks, 8 entries each, and a vector of results for each thread.
    """
    lanes = vector_bytes * 8 // BITS[scalar]
    type = Type(scalar, lanes)
    names = [(I64, "thread"), (I64, "threads"), (PTR, "slots"), (PTR, "barrier")]
    f = Function("program", [(kind, name, "") for kind, name in names])
    thread, _, slots, _ = f.parameters
    marks, out = (f.load(f.gep(slots, slot, "ptr"), PTR, 8) for slot in range(2))
    row = f.gep(marks, f.mul(thread, 8), "i64")
    f.call_void("mark", row, constant(I64, 1))
    with f.loop(0, TURNS, 1, [constant(type, number) for number in range(CHAINS)]) as loop:
        loop.carry(*[f.fma(chain, 0.5, 0.25) for chain in loop.carried])
    f.call_void("mark", row, constant(I64, 3))
    total: Value = loop.carried[0]
    for chain in loop.carried[1:]:
        total = f.fadd(total, chain)
    f.store(total, f.gep(out, f.mul(thread, lanes), scalar), 4)
    f.ret()
    module = Module(vector_bytes * 8)
    module.add(f)
    return str(module)


def peak_flops(vector_bytes: int, scalar: str) -> int:
    """Operations that each thread of that program does."""
    return 2 * TURNS * CHAINS * (vector_bytes * 8 // BITS[scalar])
