"""Brief programs on the worker pool, as LLVM IR text that `threads` appends to the pool's.

Waiting until threads wake up takes longer than a program of a few microseconds. So it is offered to
those that are awake: who answers in time takes part, and nobody waits for the others.
"""

# A worker that runs answers within 200 ns; one that has lost its core is not worth more of these.
OFFER_TURNS = 100

# The ticket at 96: the word of the offer that is open (none: 0) in its lower half, how many have
# joined in its upper half. At 16 stands how many offers in a row found nobody: after the first of
# them the workers are woken for those that follow, after 24 there are none until the 32nd.
OFFERS = """
; The number of a worker among those that join the offer `word`, and theirs with the caller; 0 and 0
; if it is closed already.
define internal {i64, i64} @join(ptr %pool, i32 %word) {
entry:
  %ticket = getelementptr i8, ptr %pool, i64 96
  br label %look
look:
  %seen = load atomic i64, ptr %ticket acquire, align 8
  %open = trunc i64 %seen to i32
  %same = icmp eq i32 %open, %word
  br i1 %same, label %try, label %late
try:
  %more = add i64 %seen, 4294967296
  %taken = cmpxchg ptr %ticket, i64 %seen, i64 %more acq_rel monotonic
  %in = extractvalue {i64, i1} %taken, 1
  br i1 %in, label %stay, label %look
stay:
  PAUSE
  %now = load atomic i64, ptr %ticket acquire, align 8
  %still = trunc i64 %now to i32
  %waits = icmp eq i32 %still, %word
  br i1 %waits, label %stay, label %start
start:
  %number = lshr i64 %more, 32
  %joined = lshr i64 %now, 32
  %threads = add i64 %joined, 1
  %one = insertvalue {i64, i64} poison, i64 %number, 0
  %both = insertvalue {i64, i64} %one, i64 %threads, 1
  ret {i64, i64} %both
late:
  ret {i64, i64} zeroinitializer
}

define internal i1 @asleep(ptr %pool, i64 %threads) {
entry:
  br label %check
check:
  %thread = phi i64 [1, %entry], [%thread.next, %look]
  %more = icmp ult i64 %thread, %threads
  br i1 %more, label %look, label %end
look:
  %box = call ptr @mailbox(ptr %pool, i64 %thread)
  %sleepers.at = getelementptr i8, ptr %box, i64 4
  %sleepers = load atomic i32, ptr %sleepers.at monotonic, align 4
  %any = icmp ne i32 %sleepers, 0
  %thread.next = add i64 %thread, 1
  br i1 %any, label %end, label %check
end:
  ret i1 %more
}

; Offers a program; returns how many have joined. Sleepers are woken, but not waited for.
define internal i64 @offer(ptr %pool, ptr %program, ptr %slots, i64 %threads, i1 %asleep) {
entry:
  %ticket = getelementptr i8, ptr %pool, i64 96
  %most = sub i64 %threads, 1
  %limit = select i1 %asleep, i64 0, i64 OFFER_TURNS
  call void @publish(ptr %pool, ptr %program, ptr %slots, i64 %threads, i32 1)
  br label %look
look:
  %turn = phi i64 [0, %entry], [%turn.next, %pause]
  %seen = load atomic i64, ptr %ticket monotonic, align 8
  %joined = lshr i64 %seen, 32
  %all = icmp eq i64 %joined, %most
  %over = icmp eq i64 %turn, %limit
  %enough = or i1 %all, %over
  br i1 %enough, label %close, label %pause
pause:
  PAUSE
  %turn.next = add i64 %turn, 1
  br label %look
close:
  %last = atomicrmw and ptr %ticket, i64 -4294967296 acq_rel
  %number = lshr i64 %last, 32
  ret i64 %number
}

; Runs a program on this thread and those of `threads` that are awake.
define void @pool_offer(ptr %pool, ptr %program, ptr %slots, i64 %threads) {
  %taken = cmpxchg ptr %pool, i64 0, i64 1 acquire monotonic
  %free = extractvalue {i64, i1} %taken, 1
  br i1 %free, label %look, label %apart
look:
  %missed.at = getelementptr i8, ptr %pool, i64 16
  %missed = load i64, ptr %missed.at
  %phase = and i64 %missed, 31
  %first = icmp eq i64 %phase, 0
  %hopeful = icmp ult i64 %phase, 24
  %asleep = call i1 @asleep(ptr %pool, i64 %threads)
  %awake = xor i1 %asleep, true
  %promising = and i1 %hopeful, %awake
  %offers = or i1 %first, %promising
  br i1 %offers, label %try, label %alone
try:
  %joined = call i64 @offer(ptr %pool, ptr %program, ptr %slots, i64 %threads, i1 %asleep)
  %any = icmp ne i64 %joined, 0
  br i1 %any, label %together, label %alone
together:
  store i64 0, ptr %missed.at
  %all = add i64 %joined, 1
  call i1 @take_part(ptr %pool, i64 0, i64 %all, ptr null, i64 0)
  store atomic i64 0, ptr %pool release, align 8
  ret void
alone:
  %missed.next = add i64 %missed, 1
  store i64 %missed.next, ptr %missed.at
  store atomic i64 0, ptr %pool release, align 8
  br label %apart
apart:
  call void %program(i64 0, i64 1, ptr %slots, ptr null)
  ret void
}
"""
