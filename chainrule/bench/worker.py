"""A contender's own process: receives requests as lines of JSON; hands back answers likewise.

Threads, caches and memory of one contender so cannot disturb another; while it waits it is idle.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from chainrule.bench.memory import allocated, forget_peak, most_allocated
from chainrule.bench.workloads import named

CHECKED = 3  # Steps whose losses are compared.
FEWEST = 2  # Calls of a sample at least.


def serve(imported: float) -> None:
    """Answer requests until there are no more; `imported` is how long chainrule took to load."""
    answers = _private_output()
    held: dict[str, Any] = {"import": imported}
    for line in sys.stdin:
        request = json.loads(line)
        answer = ANSWERS[request.pop("do")](held, **request)
        print(json.dumps(answer), file=answers, flush=True)


def _private_output() -> Any:
    """Standard output for answers alone; what libraries print there goes to standard error."""
    own = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return own


def _start(
    held: dict,
    workload: str,
    precision: str,
    module: str,
    setting: dict,
    weights: str,
    writes: bool,
) -> dict:
    """Load the framework, build the network and run its first steps."""
    start = time.perf_counter()
    framework = import_module(module)
    imported = held["import"] if writes else time.perf_counter() - start
    held["memory"] = allocated()
    arrays = None if writes else list(np.load(weights).values())
    start = time.perf_counter()
    held["session"] = session = framework.Session(named(workload, precision), setting, arrays)
    built = time.perf_counter() - start
    if writes:
        np.savez(weights, *session.weights())
    first, results = _timed(session.run)
    found = [results, *[session.run() for _ in range(CHECKED - 1)]]
    forget_peak()
    return {
        "version": session.version,
        "import": imported,
        "first": built + first,
        "call": first,
        "results": np.stack(found).ravel()[:1000].astype(float).tolist(),
    }


def _sample(held: dict, seconds: float) -> dict:
    """The median call and the quickest, after one that warms the caches, and the processors' time
    in all.
    """
    run, times = held["session"].run, []
    before, end = time.process_time(), time.perf_counter() + seconds
    run()
    while len(times) < FEWEST or time.perf_counter() < end:
        times.append(_timed(run)[0])
    processor = time.process_time() - before
    return {"median": float(np.median(times)), "least": min(times), "processor": processor}


def _facts(held: dict) -> dict:
    """What the steps needed beyond the loaded libraries, and what the contender tells of itself."""
    session, memory = held["session"], most_allocated() - held["memory"]
    return {"memory": memory, **(session.facts() if hasattr(session, "facts") else {})}


ANSWERS: dict[str, Callable] = {"start": _start, "sample": _sample, "facts": _facts}


def _timed(run: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, np.array(result)
