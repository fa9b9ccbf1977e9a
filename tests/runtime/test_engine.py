"""Barrier, worker pool and launcher: right results for any number of threads, whatever happens."""

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
from runtime import programs

from chainrule.codegen import llvm, threads
from chainrule.errors import ArgumentError

TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(("count", "phases"), [(1, 1000), (2, 10_000), (3, 3000), (4, 3000)])
def test_barrier_lets_nobody_through_early(engine, meet, count, phases):
    engine.set_threads(count)
    assert programs.Meeting(engine, phases, meet).run() == 0


def test_barrier_between_sleeping_threads(engine, meet):
    """With far more threads than cores nearly every wait ends in sleep."""
    engine.set_threads(16)
    assert programs.Meeting(engine, 300, meet).run() == 0


def test_where_threads_cannot_sleep_on_a_word_they_yield(engine, monkeypatch):
    monkeypatch.setattr(threads, "_FUTEX_CALL", {})
    assert "sched_yield" in threads.barrier_ir(llvm.host())
    engine.set_threads(3)
    meeting = programs.Meeting(engine, 200, programs.load(programs.MEET))
    for pause in (0, 0.001, 0.01):
        time.sleep(pause)
        assert meeting.run() == 0


def test_many_short_runs(engine, meet):
    engine.set_threads(2)
    meeting = programs.Meeting(engine, 1, meet)
    assert sum(meeting.run() for _ in range(5000)) == 0


def test_runs_between_which_the_workers_fall_asleep(engine, meet):
    engine.set_threads(3)
    meeting = programs.Meeting(engine, 2, meet)
    for pause in np.linspace(0, 2e-3, 50):
        time.sleep(pause)
        assert meeting.run() == 0


@pytest.mark.parametrize("count", [2, 3, 4])
def test_brief_runs_between_others_on_whoever_is_awake(engine, meet, count):
    engine.set_threads(count)
    brief = programs.Meeting(engine, 2, meet, brief=True)
    ordered, smaller = programs.Meeting(engine, 1, meet), programs.Meeting(engine, 1, meet)
    for turn in range(3000):
        assert brief.run() == 0
        if turn % 7 == 0:
            assert ordered.run() == 0
        if turn % 50 == 0:
            engine.set_threads(2 + turn // 50 % (count - 1))
            assert smaller.run() == 0
            time.sleep(turn % 300 * 1e-5)


def test_brief_runs_in_a_row_are_shared_before_long(engine, meet):
    engine.set_threads(2)
    brief = programs.Meeting(engine, 50, meet, brief=True)
    deadline = time.monotonic() + 10
    while brief.arrays[0][1] != 50 and time.monotonic() < deadline:
        assert brief.run() == 0
    assert brief.arrays[0][:3].tolist() == [50, 50, 0]


def test_brief_runs_have_the_same_result_with_and_without_others(engine, total):
    engine.set_threads(4)
    sums = programs.Sums(engine, total, brief=True)
    assert len({sums.run() for _ in range(2000)}) == 1


def test_results_do_not_depend_on_the_number_of_threads(engine, total):
    sums = programs.Sums(engine, total)
    expected = np.cumsum(sums.arrays[0], axis=1, dtype=np.float32)[:, -1]
    results = set()
    for count in (1, 2, 3, 4, 1, 7):
        engine.set_threads(count)
        results.add(sums.run())
        np.testing.assert_array_equal(sums.arrays[1], expected)
    assert len(results) == 1


def test_a_limit_holds_whatever_the_engine_offers(engine, meet):
    engine.set_threads(4)
    arrays = np.full(4, -1), np.zeros(1, np.int64), np.array([3])
    engine.launcher(meet, programs.slots(*arrays), limit=2)()
    assert arrays[0].tolist() == [3, 3, -1, -1]


def test_one_thread_starts_no_pool(engine, meet):
    engine.set_threads(1)
    before = threading.active_count()
    assert programs.Meeting(engine, 10, meet).run() == 0
    assert threading.active_count() == before


def test_close_ends_the_workers_and_later_runs_are_alone(engine, meet):
    engine.set_threads(3)
    meeting = programs.Meeting(engine, 10, meet)
    before = threading.active_count()
    assert meeting.run() == 0
    assert threading.active_count() == before + 2
    engine.close()
    assert threading.active_count() == before
    assert meeting.run() == 0


def test_an_idle_pool_uses_no_processor_time(engine, meet):
    engine.set_threads(2)
    assert programs.Meeting(engine, 10, meet).run() == 0
    time.sleep(0.02)
    start = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - start < 0.1  # a spinning worker would use 0.3 s


def test_python_threads_may_run_programs_at_the_same_time(engine, total):
    engine.set_threads(2)
    everyone = [programs.Sums(engine, total, brief=number == 1) for number in range(3)]
    expected = everyone[0].run()
    wrong = []

    def work(sums):
        wrong.extend(1 for _ in range(200) if sums.run() != expected)

    workers = [threading.Thread(target=work, args=(sums,)) for sums in everyone]
    for worker in workers:
        worker.start()
    for count in (3, 2, 4) * 5:  # while the pool is replaced
        engine.set_threads(count)
    for worker in workers:
        worker.join()
    assert not wrong


def test_a_launcher_keeps_its_program_and_slots(engine):
    program = programs.load(programs.MEET)
    alive = weakref.ref(program)
    meeting = programs.Meeting(engine, 1, program)
    del program
    gc.collect()
    assert meeting.run() == 0
    assert alive() is not None
    del meeting
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("count", [0, -1])
def test_no_threads_is_an_error(engine, count):
    with pytest.raises(ArgumentError, match=r"^\[threads\] .* threads cannot run; ask for 1$"):
        engine.set_threads(count)


def python(code: str, **environment: str) -> subprocess.CompletedProcess:
    """Runs code in a new process, after two threads have run a program in it."""
    start = (
        "import os, signal, sys, threading, time\n"
        "from runtime import programs\n"
        "engine = programs.new_engine(); engine.set_threads(2)\n"
        "meet = programs.load(programs.MEET)\n"
        "def run(phases): return programs.Meeting(engine, phases, meet).run()\n"
        "assert run(10) == 0\n"
    )
    path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    environment = {**os.environ, "PYTHONPATH": path, **environment}
    return subprocess.run(
        [sys.executable, "-c", start + code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_a_process_ends_with_live_workers_and_without_a_compiler():
    run = python("print('done')", PATH="")
    assert (run.returncode, run.stdout, run.stderr) == (0, "done\n", "")


def test_a_process_ends_while_a_program_runs_in_another_thread():
    run = python(
        "threading.Thread(target=run, args=(10**12,), daemon=True).start()\n"
        "time.sleep(0.05); print('done')"
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "done\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_starts_its_own_workers():
    run = python(
        "child = os.fork()\n"
        "assert run(100) == 0\n"
        "if child: assert os.waitpid(child, 0)[1] == 0\n"
        "assert threading.active_count() == 2",
        PYTHONWARNINGS="ignore",  # newer Pythons warn of any fork with threads
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_an_interrupt_comes_after_the_run_and_breaks_nothing():
    run = python(
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # Background jobs ignore it.
        "timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)); timer.start()\n"
        "try:\n"
        "    while True: run(1000)\n"
        "except KeyboardInterrupt: print(run(100))"
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "0\n", "")
