"""Runs compiled programs: receives loaded code and its slots, and shares each run among workers.

The workers are Python threads that stay in one native call. They start with the first run on
several threads, spin for a moment after each run and then sleep, so an idle pool costs nothing.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, Protocol

from chainrule.errors import ArgumentError
from chainrule.events import Events
from chainrule.runtime.cpus import default_threads

# ctypes lets go of the interpreter lock during these calls, which costs 20 ns. A `_Call` takes
# prepared ctypes objects: converting Python integers by argument types would take twice as long.
_Call = ctypes.CFUNCTYPE(None)
_Stop = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_int64)
_Bytes = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)

_LINE = 64  # bytes of a cache line: the pool's block starts at one
_EXIT_PATIENCE = 0.2  # seconds that the end of the process waits for a program in another thread


# A native function of four arguments, and these.
Prepared = tuple[Callable[..., None], tuple[Any, ...]]


class Native(Protocol):
    """Loaded object code."""

    def address(self, name: str) -> int: ...


class _Pool:
    """The caller's thread and `threads - 1` workers, which keep the pool alive until `stop`."""

    def __init__(self, native: Native, threads: int):
        self.threads = threads
        self._native = native  # or its code would go while workers execute it
        size = _Bytes(native.address("pool_bytes"))(threads)
        self._memory = (ctypes.c_char * (size + _LINE))()
        start = ctypes.addressof(self._memory)
        self.block = ctypes.c_void_p(start + -start % _LINE)
        self.run = _Call(native.address("pool_run"))
        self.offer = _Call(native.address("pool_offer"))
        self._workers = [self._start(index) for index in range(1, threads)]

    def _start(self, index: int) -> threading.Thread:
        name = f"chainrule-{index}"
        thread = threading.Thread(target=self._work, args=(index,), name=name, daemon=True)
        thread.start()
        return thread

    def _work(self, index: int) -> None:
        _Call(self._native.address("pool_worker"))(self.block, ctypes.c_int64(index))

    def stop(self, patience: float = 0.0) -> bool:
        """End the workers; False if the pool is still at work for another thread by then."""
        stop = _Stop(self._native.address("pool_stop"))
        deadline = time.monotonic() + patience
        while self._workers and not stop(self.block, self.threads):
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.001)
        while self._workers:
            self._workers.pop().join()
        return True


class Engine:
    """The worker pool of the process; `load_pool` loads its native code when it is first needed."""

    def __init__(self, load_pool: Callable[[], Native]):
        self._load_pool = functools.cache(load_pool)
        self._threads: int | None = None
        self._pool: _Pool | None = None
        self._growing = threading.Lock()
        _engines.add(self)

    @property
    def threads(self) -> int:
        """How many threads a program may use. Results do not depend on it."""
        if self._threads is None:
            self._threads = default_threads()
        return self._threads

    def set_threads(self, threads: int) -> None:
        """From the next run on. More threads than cores work, but slower."""
        if threads < 1:
            raise ArgumentError("threads", f"{threads} threads cannot run", instead="ask for 1")
        self._threads = threads
        Events.count += 1

    def launcher(
        self, program: Native, slots: ctypes.Array, limit: int | None = None, brief: bool = False
    ) -> Launcher:
        """What runs `program` on `slots`, with at most `limit` threads; it keeps both alive.

        A `brief` one is shared only with workers that are awake.
        """
        return Launcher(self, program, slots, limit, brief)

    def pool(self, threads: int) -> _Pool:
        """A pool of at least so many threads, or a smaller one that is at work just now."""
        with self._growing:
            if self._pool is None or (self._pool.threads < threads and self._pool.stop()):
                self._pool = _Pool(self._load_pool(), threads)
                Events.count += 1
            return self._pool

    def close(self) -> None:
        """End the workers; whatever runs later runs on its caller's thread."""
        self._threads = 1
        Events.count += 1
        if self._pool is not None:
            self._pool.stop(_EXIT_PATIENCE)

    def forget_pool(self) -> None:
        """In a forked child, where the workers do not exist."""
        self._pool = None
        self._growing = threading.Lock()
        Events.count += 1


class Launcher:
    """Runs one program on one array of slots; called without arguments, once for each run."""

    __slots__ = ("_engine", "_program", "_slots", "_limit", "_brief", "_for", "_prepared")

    def __init__(
        self, engine: Engine, program: Native, slots: ctypes.Array, limit: int | None, brief: bool
    ):
        self._engine, self._program, self._slots = engine, program, slots
        self._limit, self._brief = limit, brief
        self._for: tuple[_Pool | None, int] | None = None

    def __call__(self) -> None:
        call, arguments = self.prepared()
        call(*arguments)

    def prepared(self) -> Prepared:
        """What a run calls, with what; the same object while the engine is the same."""
        engine = self._engine
        threads, pool = engine.threads, engine._pool
        if self._limit is not None and threads > self._limit:
            threads = self._limit
        if threads == 1:
            pool = None
        elif pool is None or pool.threads < threads:
            pool = engine.pool(threads)
            threads = min(threads, pool.threads)
        if self._for != (pool, threads):
            self._prepared, self._for = self._prepare(pool, threads), (pool, threads)
        return self._prepared

    def _prepare(self, pool: _Pool | None, threads: int) -> Prepared:
        block = ctypes.c_void_p(ctypes.addressof(self._slots))
        program = self._program.address("program")
        if pool is None:
            alone = ctypes.c_int64(0), ctypes.c_int64(1), block, ctypes.c_void_p()
            return _Call(program), alone
        run = pool.offer if self._brief else pool.run
        return run, (pool.block, ctypes.c_void_p(program), block, ctypes.c_int64(threads))


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for engine in _engines:
        engine.close()


def _forget_pools() -> None:
    for engine in _engines:
        engine.forget_pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pools)
