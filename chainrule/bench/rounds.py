"""One workload measured: receives contenders; hands on their times, taken in turns so that all see
the same state of the machine, and what each of them needs.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainrule.bench import ours
from chainrule.bench.contenders import OURS, Broken, Contender, Process, Setting
from chainrule.bench.processors import QUIET, Watch, settle
from chainrule.bench.workloads import Workload

TRIAL, TRIALS = 0.1, 3  # Seconds for which a setting is tried, and how often.
ATTEMPTS = 3  # So many times the rounds are taken at most, where others disturb some.
# How far results of the first steps may lie apart, of the largest.
TOLERANCE, TOLERANCE_MIXED = 0.01, 0.05
NEIGHBOURS = 2


@dataclass(frozen=True)
class Plan:
    """How to measure: so many rounds, samples of so many seconds, and for how long to wait for the
    machine to be quiet before each. With `busy` as many rounds again beside busy neighbours.
    """

    rounds: int = 10
    seconds: float = 0.3
    patience: float = 2.0
    busy: bool = False


@dataclass
class Entry:
    """A contender on a workload. `times` are the median seconds of a step in each round, `busy` the
    same beside neighbours, `others` what share of the processors other processes used meanwhile.

    `facts` is what `worker` and `ours` tell; `error` says why there are no times.
    """

    contender: str
    version: str = ""
    setting: Setting = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    agrees: bool = True
    error: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """The median step."""
        return statistics.median(self.times)

    @property
    def compilation(self) -> float:
        """What the first call takes more than others."""
        return max(0.0, self.facts["call"] - self.seconds)


def measure(workload: Workload, peers: Sequence[Contender], plan: Plan) -> list[Entry]:
    """Entries of chainrule and of its peers, in this order. Raises Broken if ours cannot run."""
    with tempfile.TemporaryDirectory(prefix="chainrule-bench-") as folder, ExitStack() as stack:
        start = _Start(workload, Path(folder), stack, plan)
        rivals = [contender for contender in peers if contender.settings(workload)]
        found = [start.ours(), *[start.peer(contender) for contender in rivals]]
        alive = [(entry, process) for entry, process in found if process is not None]
        _take_turns(alive, plan)
        for entry, process in alive:
            entry.facts |= process.ask("facts")
    entries = [entry for entry, _ in found]
    entries[0].facts |= ours.described(workload)
    for entry in entries[1:]:
        entry.agrees = _agree(entry, entries[0], TOLERANCE_MIXED if workload.mixed else TOLERANCE)
    return entries


def _agree(entry: Entry, reference: Entry, tolerance: float = TOLERANCE) -> bool:
    """Whether the first results are the same but for rounding."""
    if entry.error:
        return True
    results, expected = (np.array(e.facts["results"]) for e in (entry, reference))
    return bool(np.max(abs(results - expected)) <= tolerance * np.max(abs(expected)))


# ---- Starting ----


@dataclass(frozen=True)
class _Start:
    """Starts processes for one workload; `stack` ends them."""

    workload: Workload
    folder: Path
    stack: ExitStack
    plan: Plan

    def ours(self) -> tuple[Entry, Process]:
        """Started twice: compiled anew, and from the cache on disk."""
        cold, process = self._started(OURS, {}, "0")
        process.close()
        entry, process = self._started(OURS, {}, "0")
        entry.facts["cached"] = entry.facts["first"]
        entry.facts |= {name: cold.facts[name] for name in ("first", "call")}
        return entry, process

    def peer(self, contender: Contender) -> tuple[Entry, Process | None]:
        """With the fastest of its settings, each in a process of its own, tried in turns."""
        found: list[tuple[Entry, Process]] = []
        error = ""
        for number, setting in enumerate(contender.settings(self.workload)):
            try:
                found.append(self._started(contender, setting, str(number)))
            except Broken as failure:
                error = str(failure)
        if not found:
            return Entry(contender.name, error=error), None
        processes = [process for _, process in found]
        trials = _rounds(processes, TRIALS, TRIAL, self.plan.patience, ATTEMPTS)
        best = found.pop(int(np.argmin([min(s.least for s in one) for one in zip(*trials)])))
        for _, process in found:
            process.close()
        return best

    def _started(self, contender: Contender, setting: Setting, name: str) -> tuple[Entry, Process]:
        """A process that has done its first steps. Raises Broken."""
        folder = self.folder / contender.name / name
        process = self.stack.enter_context(Process(contender, setting, folder))
        facts = process.ask(
            "start",
            workload=self.workload.name,
            precision=self.workload.precision,
            module=contender.module,
            setting=setting,
            weights=str(self.folder / "weights.npz"),
            writes=contender is OURS,
        )
        return Entry(contender.name, facts.pop("version"), setting, facts=facts), process


# ---- Taking turns ----


class Sample(NamedTuple):
    """Seconds of the usual and of the quickest call, and what share of the processors others used
    meanwhile.
    """

    median: float
    least: float
    others: float


def _take_turns(alive: Sequence[tuple[Entry, Process]], plan: Plan) -> None:
    processes = [process for _, process in alive]
    rounds = _rounds(processes, plan.rounds, plan.seconds, plan.patience, ATTEMPTS)
    for (entry, _), samples in zip(alive, zip(*rounds), strict=True):
        entry.times = [sample.median for sample in samples]
        entry.others = [sample.others for sample in samples]
    if plan.busy:
        with _neighbours():
            rounds = _rounds(processes, plan.rounds, plan.seconds, 0.0, 1)
        for (entry, _), samples in zip(alive, zip(*rounds), strict=True):
            entry.busy = [sample.median for sample in samples]


def _rounds(
    processes: Sequence[Process], count: int, seconds: float, patience: float, attempts: int
) -> list[list[Sample]]:
    """A sample of each process in so many rounds: the quietest of as many as it takes until enough
    were quiet, or of `attempts` times as many.
    """
    rounds: list[list[Sample]] = []
    while len(rounds) < count or (
        len(rounds) < attempts * count
        and sum(_others(samples) < QUIET for samples in rounds) < count
    ):
        rounds.append(_round(processes, len(rounds) % len(processes), seconds, patience))
    return sorted(rounds, key=_others)[:count]


def _round(
    processes: Sequence[Process], first: int, seconds: float, patience: float
) -> list[Sample]:
    """Another one is first each time, as what runs before another may matter."""
    found = {}
    for number in (*range(first, len(processes)), *range(first)):
        settle(patience)
        watch = Watch()
        answer = processes[number].ask("sample", seconds=seconds)
        others = watch.others(answer["processor"])
        found[number] = Sample(answer["median"], answer["least"], others)
    return [found[number] for number in range(len(processes))]


def _others(samples: Sequence[Sample]) -> float:
    return max(sample.others for sample in samples)


@contextmanager
def _neighbours() -> Iterator[None]:
    """Processes that keep the processors busy."""
    command = [sys.executable, "-c", "while True: pass"]
    running = [subprocess.Popen(command) for _ in range(NEIGHBOURS)]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
            process.wait()
