"""The native side of threading, as LLVM IR text: the barrier of a program, and the worker pool.

Nothing here depends on a program: `jit` appends `barrier_ir` to each module and hands one loaded
`pool_ir` to the engine. All waiting is for a word to change, with a count of sleepers beside it.
"""

import re

from chainrule.codegen.offers import OFFER_TURNS, OFFERS
from chainrule.ir.machine import Machine

# A turn of spinning takes 10 to 40 ns, by processor. Shares of a kernel end up to some 10 us apart,
# and a thread that was asleep comes that much late: giving up sooner makes sleeping a habit.
# Whoever is later than about 50 us has lost its core; spinning on would only keep it away longer.
BARRIER_TURNS = 2000
# A training loop comes back to Python between two steps: workers stay awake for about 50 us.
POOL_TURNS = 2000
# Where spinning has failed, as it must while two threads share a core, it is cut to a 32nd, but for
# one wait in so many that finds out whether that is still so.
PROBE = 8

_PAUSE = {
    "x86_64": "call void @llvm.x86.sse2.pause()",
    # `yield` does nothing on most ARM cores; `isb` takes about as long as `pause` elsewhere.
    "aarch64": "call void @llvm.aarch64.isb(i32 15)",
}
_FUTEX_CALL = {"x86_64": 202, "aarch64": 98}

# futex(word, FUTEX_WAIT_PRIVATE, old, no timeout) returns at once if the word has changed already.
_FUTEX = """
declare i64 @syscall(i64, ...)

define internal void @sleep(ptr %word, i32 %old, i64 %turn) {
  call i64 (i64, ...) @syscall(i64 FUTEX, ptr %word, i32 128, i32 %old, ptr null)
  ret void
}

define internal void @wake(ptr %word) {
  call i64 (i64, ...) @syscall(i64 FUTEX, ptr %word, i32 129, i32 2147483647)
  ret void
}
"""

_YIELD = """
declare i32 @sched_yield()
declare i32 @usleep(i32)

define internal void @sleep(ptr %word, i32 %old, i64 %turn) {
  %brief = icmp ult i64 %turn, 1000
  br i1 %brief, label %yield, label %nap
yield:
  call i32 @sched_yield()
  ret void
nap:
  call i32 @usleep(i32 100)
  ret void
}

define internal void @wake(ptr %word) {
  ret void
}
"""

# A sleeper that wakes is often put on its waker's core. Two threads that meet at barriers would
# then take turns there for a long time, each asleep when the scheduler looks: a step on two threads
# takes longer than on one. So a worker that finds itself on its caller's core leaves it.
_PLACE = """
declare i32 @sched_getcpu()
declare i32 @sched_getaffinity(i32, i64, ptr)
declare i32 @sched_setaffinity(i32, i64, ptr)

define internal i32 @core() {
  %core = call i32 @sched_getcpu()
  ret i32 %core
}

; Fills in the cores that this thread may use; returns their number.
define internal i64 @allowed(ptr %mask) {
  store <16 x i64> zeroinitializer, ptr %mask, align 64
  call i32 @sched_getaffinity(i32 0, i64 128, ptr %mask)
  %words = load <16 x i64>, ptr %mask, align 64
  %counts = call <16 x i64> @llvm.ctpop(<16 x i64> %words)
  %count = call i64 @llvm.vector.reduce.add(<16 x i64> %counts)
  ret i64 %count
}

define internal void @leave(ptr %mask, i32 %core) {
  %other = alloca <16 x i64>, align 64
  %words = load <16 x i64>, ptr %mask, align 64
  store <16 x i64> %words, ptr %other, align 64
  %number = lshr i32 %core, 6
  %low = and i32 %core, 63
  %shift = zext i32 %low to i64
  %bit = shl i64 1, %shift
  %keep = xor i64 %bit, -1
  %at = getelementptr i64, ptr %other, i32 %number
  %word = load i64, ptr %at, align 8
  %less = and i64 %word, %keep
  store i64 %less, ptr %at, align 8
  call i32 @sched_setaffinity(i32 0, i64 128, ptr %other)
  ret void
}
"""

_ANYWHERE = """
define internal i32 @core() {
  ret i32 -1
}

define internal i64 @allowed(ptr %mask) {
  ret i64 0
}

define internal void @leave(ptr %mask, i32 %core) {
  ret void
}
"""

# Beside a word stand the number of its sleepers and that of waits in a row that had to sleep.
# `wait` counts itself as a sleeper before it looks again, `change` looks for sleepers after it has
# stored: in the one order of sequentially consistent operations, one of the two sees the other.
_WAIT = """
define internal void @wait(ptr %word, i32 %old, i64 %turns) noinline {
entry:
  %sleepers = getelementptr i8, ptr %word, i64 4
  %failures.at = getelementptr i8, ptr %word, i64 8
  %failures = load atomic i32, ptr %failures.at monotonic, align 4
  %since = urem i32 %failures, PROBE
  %hopeful = icmp eq i32 %since, 0
  %fewer = lshr i64 %turns, 5
  %limit = select i1 %hopeful, i64 %turns, i64 %fewer
  br label %look
look:
  %turn = phi i64 [0, %entry], [%turn.next, %pause]
  %seen = load atomic i32, ptr %word acquire, align 4
  %changed = icmp ne i32 %seen, %old
  br i1 %changed, label %met, label %pause
pause:
  PAUSE
  %turn.next = add i64 %turn, 1
  %spin = icmp ult i64 %turn.next, %limit
  br i1 %spin, label %look, label %bed
met:
  %failed = icmp ne i32 %failures, 0
  br i1 %failed, label %forgive, label %done
forgive:
  store atomic i32 0, ptr %failures.at monotonic, align 4
  ret void
done:
  ret void
bed:
  %failures.next = add i32 %failures, 1
  store atomic i32 %failures.next, ptr %failures.at monotonic, align 4
  atomicrmw add ptr %sleepers, i32 1 seq_cst
  br label %check
check:
  %nap = phi i64 [0, %bed], [%nap.next, %sleep]
  %now = load atomic i32, ptr %word seq_cst, align 4
  %over = icmp ne i32 %now, %old
  br i1 %over, label %up, label %sleep
sleep:
  call void @sleep(ptr %word, i32 %old, i64 %nap)
  %nap.next = add i64 %nap, 1
  br label %check
up:
  atomicrmw sub ptr %sleepers, i32 1 monotonic
  ret void
}

define internal void @change(ptr %word, i32 %new) {
  store atomic i32 %new, ptr %word seq_cst, align 4
  %sleepers = getelementptr i8, ptr %word, i64 4
  %asleep = load atomic i32, ptr %sleepers seq_cst, align 4
  %any = icmp ne i32 %asleep, 0
  br i1 %any, label %wake, label %done
wake:
  call void @wake(ptr %word)
  ret void
done:
  ret void
}
"""

# The generation is read before arriving: it cannot change until this thread has arrived.
_BARRIER = """
define internal void @barrier(ptr %state, i64 %threads) noinline {
  %alone = icmp eq i64 %threads, 1
  br i1 %alone, label %done, label %arrive
arrive:
  %generation = getelementptr i8, ptr %state, i64 64
  %old = load atomic i32, ptr %generation monotonic, align 4
  %before = atomicrmw add ptr %state, i64 1 acq_rel
  %arrived = add i64 %before, 1
  %last = icmp eq i64 %arrived, %threads
  br i1 %last, label %open, label %stay
open:
  store atomic i64 0, ptr %state monotonic, align 8
  %new = add i32 %old, 1
  call void @change(ptr %generation, i32 %new)
  ret void
stay:
  call void @wait(ptr %generation, i32 %old, i64 BARRIER_TURNS)
  ret void
done:
  ret void
}
"""

# The block: busy flag, the last word at 8; the job at 64 (null: stop) with the caller's core at 88;
# the barrier at 128; mailboxes from 256. A worker reads the job only after its own mailbox has
# changed, so a smaller job leaves the others asleep, and the closing barrier keeps the job in place
# until all have done it. Words in mailboxes are new each time: odd for what may be declined.
_POOL = """
define i64 @pool_bytes(i64 %threads) {
  %boxes = mul i64 %threads, 64
  %bytes = add i64 %boxes, 256
  ret i64 %bytes
}

define internal ptr @mailbox(ptr %pool, i64 %thread) alwaysinline {
  %from = mul i64 %thread, 64
  %offset = add i64 %from, 256
  %box = getelementptr i8, ptr %pool, i64 %offset
  ret ptr %box
}

; `cores` is the number of cores in `mask`: nobody leaves where there are fewer than threads.
define internal i1 @take_part(ptr %pool, i64 %thread, i64 %threads, ptr %mask, i64 %cores) {
  %job = getelementptr i8, ptr %pool, i64 64
  %slots.at = getelementptr i8, ptr %pool, i64 72
  %state = getelementptr i8, ptr %pool, i64 128
  %program = load ptr, ptr %job
  %slots = load ptr, ptr %slots.at
  %stop = icmp eq ptr %program, null
  br i1 %stop, label %end, label %look
look:
  %roomy = icmp ule i64 %threads, %cores
  br i1 %roomy, label %compare, label %run
compare:
  %core.at = getelementptr i8, ptr %pool, i64 88
  %caller = load i32, ptr %core.at
  %here = call i32 @core()
  %same = icmp eq i32 %here, %caller
  br i1 %same, label %aside, label %run
aside:
  call void @leave(ptr %mask, i32 %here)
  br label %run
run:
  call void %program(i64 %thread, i64 %threads, ptr %slots, ptr %state)
  call void @barrier(ptr %state, i64 %threads)
  ret i1 true
end:
  ret i1 false
}

define void @pool_worker(ptr %pool, i64 %thread) {
entry:
  %mask = alloca <16 x i64>, align 64
  %cores = call i64 @allowed(ptr %mask)
  %box = call ptr @mailbox(ptr %pool, i64 %thread)
  br label %next
next:
  %old = phi i32 [0, %entry], [%new, %work], [%new, %declined]
  call void @wait(ptr %box, i32 %old, i64 POOL_TURNS)
  %new = load atomic i32, ptr %box acquire, align 4
  %offered = trunc i32 %new to i1
  br i1 %offered, label %offer, label %order
order:
  %threads.at = getelementptr i8, ptr %pool, i64 80
  %threads = load i64, ptr %threads.at
  br label %work
offer:
  %joined = call {i64, i64} @join(ptr %pool, i32 %new)
  %number = extractvalue {i64, i64} %joined, 0
  %together = extractvalue {i64, i64} %joined, 1
  %late = icmp eq i64 %number, 0
  br i1 %late, label %declined, label %work
declined:
  ; More will follow: they are worth being awake for.
  %failures.at = getelementptr i8, ptr %box, i64 8
  store atomic i32 0, ptr %failures.at monotonic, align 4
  br label %next
work:
  %place = phi i64 [%thread, %order], [%number, %offer]
  %count = phi i64 [%threads, %order], [%together, %offer]
  %more = call i1 @take_part(ptr %pool, i64 %place, i64 %count, ptr %mask, i64 %cores)
  br i1 %more, label %next, label %end
end:
  ret void
}

define internal void @publish(
    ptr %pool, ptr %program, ptr %slots, i64 %threads, i32 %offered
) {
entry:
  %last.at = getelementptr i8, ptr %pool, i64 8
  %last = load i32, ptr %last.at
  %next = add i32 %last, 2
  store i32 %next, ptr %last.at
  %word = or i32 %next, %offered
  %ticket = getelementptr i8, ptr %pool, i64 96
  %open = zext i32 %word to i64
  store atomic i64 %open, ptr %ticket monotonic, align 8
  %job = getelementptr i8, ptr %pool, i64 64
  %slots.at = getelementptr i8, ptr %pool, i64 72
  %threads.at = getelementptr i8, ptr %pool, i64 80
  store ptr %program, ptr %job
  store ptr %slots, ptr %slots.at
  store i64 %threads, ptr %threads.at
  %core.at = getelementptr i8, ptr %pool, i64 88
  %core = call i32 @core()
  store i32 %core, ptr %core.at
  br label %check
check:
  %thread = phi i64 [1, %entry], [%thread.next, %post]
  %more = icmp ult i64 %thread, %threads
  br i1 %more, label %post, label %end
post:
  %box = call ptr @mailbox(ptr %pool, i64 %thread)
  call void @change(ptr %box, i32 %word)
  %thread.next = add i64 %thread, 1
  br label %check
end:
  ret void
}

; Runs a program on `threads` threads, or on this one alone if the pool is at work for another.
define void @pool_run(ptr %pool, ptr %program, ptr %slots, i64 %threads) {
  %taken = cmpxchg ptr %pool, i64 0, i64 1 acquire monotonic
  %free = extractvalue {i64, i1} %taken, 1
  br i1 %free, label %together, label %alone
together:
  call void @publish(ptr %pool, ptr %program, ptr %slots, i64 %threads, i32 0)
  call i1 @take_part(ptr %pool, i64 0, i64 %threads, ptr null, i64 0)
  store atomic i64 0, ptr %pool release, align 8
  ret void
alone:
  call void %program(i64 0, i64 1, ptr %slots, ptr null)
  ret void
}

; Ends the workers for good and says so, unless the pool is at work: then nothing happens.
define i1 @pool_stop(ptr %pool, i64 %threads) {
  %taken = cmpxchg ptr %pool, i64 0, i64 1 acquire monotonic
  %free = extractvalue {i64, i1} %taken, 1
  br i1 %free, label %stop, label %end
stop:
  call void @publish(ptr %pool, ptr null, ptr null, i64 %threads, i32 0)
  br label %end
end:
  ret i1 %free
}
"""


def _native(machine: Machine, *parts: str) -> str:
    """The parts with what they call on this machine."""
    futex = _FUTEX_CALL.get(machine.architecture) if machine.system == "linux" else None
    text = "".join([_YIELD if futex is None else _FUTEX, _WAIT, *parts])
    values = {
        "FUTEX": futex,
        "PAUSE": _PAUSE.get(machine.architecture, ""),
        "BARRIER_TURNS": BARRIER_TURNS,
        "POOL_TURNS": POOL_TURNS,
        "PROBE": PROBE,
        "OFFER_TURNS": OFFER_TURNS,
    }
    return re.sub(r"\b[A-Z_]{5,}\b", lambda name: str(values[name[0]]), text)


def barrier_ir(machine: Machine) -> str:
    """`void @barrier(ptr state, i64 threads)`: returns when `threads` threads have called it.

    `state` is the last argument of the program. What a thread wrote before, all see after.
    """
    return _native(machine, _BARRIER)


def pool_ir(machine: Machine) -> str:
    """`pool_bytes`, `pool_worker`, `pool_run`, `pool_offer` and `pool_stop`, for
    `chainrule.runtime.engine`.
    """
    place = _PLACE if machine.system == "linux" else _ANYWHERE
    return _native(machine, place, _BARRIER, _POOL, OFFERS)
