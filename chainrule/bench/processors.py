"""What the processors do: receives the system's own count; says when the machine is quiet."""

from __future__ import annotations

import os
import time
from pathlib import Path

PAUSE = 0.1  # Seconds in which threads that wait for more work give up and sleep.
QUIET = 0.1  # The share of the processors that others may use where it is quiet.
_IDLE = (3, 4)  # Columns of the system's count: idle, and waiting for a disk.


def busy_seconds() -> float | None:
    """Seconds that all processors together have worked since the machine started, if known."""
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    except OSError:
        return None
    columns = [int(number) for number in line.split()[1:9]]
    idle = sum(columns[number] for number in _IDLE)
    return (sum(columns) - idle) / os.sysconf("SC_CLK_TCK")


class Watch:
    """The share of the processors that is used from its making on."""

    def __init__(self) -> None:
        self.before, self.start = busy_seconds(), time.perf_counter()

    def others(self, own: float = 0.0) -> float:
        """What other processes used, from 0 to 1, where `own` are seconds of our own; 0 if it is
        not known.
        """
        now, processors = busy_seconds(), os.cpu_count() or 1
        if now is None or self.before is None:
            return 0.0
        seconds = (time.perf_counter() - self.start) * processors
        return min(1.0, max(0.0, (now - self.before - own) / seconds))


def settle(patience: float) -> None:
    """Wait until the machine is quiet, for a pause at least, and for `patience` seconds at most."""
    end = time.perf_counter() + patience
    while True:
        watch = Watch()
        time.sleep(PAUSE)
        if watch.others() < QUIET or time.perf_counter() > end:
            return
