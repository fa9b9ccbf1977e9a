"""Small programs in LLVM IR text, and an engine, for the tests of the runtime."""

import ctypes

import numpy as np

from chainrule.codegen import llvm, threads
from chainrule.runtime.engine import Engine

# slots: cells (one int64 a thread), faults, phases. Each thread writes the phase into its cell,
# meets the others, counts every cell that is not of this phase, and meets them again.
MEET = """
define void @program(i64 %thread, i64 %threads, ptr %slots, ptr %state) {
entry:
  %cells = load ptr, ptr %slots
  %faults.at = getelementptr ptr, ptr %slots, i64 1
  %faults = load ptr, ptr %faults.at
  %phases.at = getelementptr ptr, ptr %slots, i64 2
  %phases.cell = load ptr, ptr %phases.at
  %phases = load i64, ptr %phases.cell
  %mine = getelementptr i64, ptr %cells, i64 %thread
  br label %phase
phase:
  %p = phi i64 [1, %entry], [%p.next, %after]
  store i64 %p, ptr %mine
  call void @barrier(ptr %state, i64 %threads)
  br label %check
check:
  %t = phi i64 [0, %phase], [%t.next, %good]
  %cell = getelementptr i64, ptr %cells, i64 %t
  %value = load i64, ptr %cell
  %same = icmp eq i64 %value, %p
  br i1 %same, label %good, label %bad
bad:
  atomicrmw add ptr %faults, i64 1 monotonic
  br label %good
good:
  %t.next = add i64 %t, 1
  %more.cells = icmp ult i64 %t.next, %threads
  br i1 %more.cells, label %check, label %after
after:
  call void @barrier(ptr %state, i64 %threads)
  %p.next = add i64 %p, 1
  %more = icmp ule i64 %p.next, %phases
  br i1 %more, label %phase, label %end
end:
  ret void
}
"""

# slots: a float32 matrix of 64 by 1000, its row sums, their total. Rows are split among the
# threads; thread 0 adds the row sums up after the barrier.
SUM = """
define float @total(ptr %x, i64 %n) {
entry:
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%i.next, %loop]
  %sum = phi float [0.0, %entry], [%sum.next, %loop]
  %at = getelementptr float, ptr %x, i64 %i
  %value = load float, ptr %at
  %sum.next = fadd float %sum, %value
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, %n
  br i1 %more, label %loop, label %end
end:
  ret float %sum.next
}

define void @program(i64 %thread, i64 %threads, ptr %slots, ptr %state) {
entry:
  %x = load ptr, ptr %slots
  %sums.at = getelementptr ptr, ptr %slots, i64 1
  %sums = load ptr, ptr %sums.at
  %total.at = getelementptr ptr, ptr %slots, i64 2
  %total = load ptr, ptr %total.at
  br label %rows
rows:
  %row = phi i64 [%thread, %entry], [%row.next, %body]
  %more = icmp ult i64 %row, 64
  br i1 %more, label %body, label %meet
body:
  %offset = mul i64 %row, 1000
  %start = getelementptr float, ptr %x, i64 %offset
  %sum = call float @total(ptr %start, i64 1000)
  %to = getelementptr float, ptr %sums, i64 %row
  store float %sum, ptr %to
  %row.next = add i64 %row, %threads
  br label %rows
meet:
  call void @barrier(ptr %state, i64 %threads)
  %first = icmp eq i64 %thread, 0
  br i1 %first, label %last, label %end
last:
  %all = call float @total(ptr %sums, i64 64)
  store float %all, ptr %total
  br label %end
end:
  ret void
}
"""


def new_engine() -> Engine:
    return Engine(lambda: llvm.LoadedObject(llvm.compile_ir(threads.pool_ir(llvm.host()))))


def load(text: str) -> llvm.LoadedObject:
    return llvm.LoadedObject(llvm.compile_ir(text + threads.barrier_ir(llvm.host())))


def slots(*arrays: np.ndarray) -> ctypes.Array:
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))


class Meeting:
    """`MEET` with its arrays: `run()` returns how often a thread was not where it should be."""

    def __init__(
        self, engine: Engine, phases: int, program: llvm.LoadedObject, brief: bool = False
    ):
        self.arrays = np.zeros(64, np.int64), np.zeros(1, np.int64), np.array([phases])
        self.launch = engine.launcher(program, slots(*self.arrays), brief=brief)

    def run(self) -> int:
        self.arrays[1][0] = 0
        self.launch()
        return int(self.arrays[1][0])


class Sums:
    """`SUM` with its arrays: `run()` returns the total and the row sums as bytes."""

    def __init__(self, engine: Engine, program: llvm.LoadedObject, brief: bool = False):
        x = np.random.default_rng(0).normal(size=(64, 1000)).astype(np.float32)
        self.arrays = x, np.zeros(64, np.float32), np.zeros(1, np.float32)
        self.launch = engine.launcher(program, slots(*self.arrays), brief=brief)

    def run(self) -> bytes:
        self.arrays[1][:] = self.arrays[2][:] = 0
        self.launch()
        return self.arrays[2].tobytes() + self.arrays[1].tobytes()
