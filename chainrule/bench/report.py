"""What was measured: receives entries; hands on ratios, shares, a file of JSON and a picture."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import chainrule as cr
from chainrule.bench.rounds import Entry, Plan
from chainrule.bench.workloads import Workload
from chainrule.compiler import engine
from chainrule.inspection.limits import DTYPES, MOVES, Rate, bandwidth, levels, peak, processor

# Of Okabe and Ito's palette, which colour-blind readers tell apart; ours first.
COLORS = ("#D55E00", "#0072B2", "#56B4E9", "#009E73", "#CC79A7")


class Spread(NamedTuple):
    """A median and the quartiles around it."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    if len(values) < 2:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


@dataclass
class Result:
    """A workload with the entries of chainrule, which comes first, and of its peers."""

    workload: Workload
    entries: list[Entry]

    @property
    def ours(self) -> Entry:
        return self.entries[0]

    @property
    def peers(self) -> list[Entry]:
        """Those that could run it."""
        return [entry for entry in self.entries[1:] if not entry.error]

    @property
    def best_peer(self) -> Entry | None:
        return min(self.peers, key=lambda entry: entry.seconds, default=None)

    @property
    def speedup(self) -> Spread | None:
        """How many times faster we are than the fastest peer of each round."""
        if not self.peers:
            return None
        fastest = [min(times) for times in zip(*[entry.times for entry in self.peers])]
        return spread([peer / own for peer, own in zip(fastest, self.ours.times, strict=True)])

    def share_of_peak(self, entry: Entry) -> float:
        """The work of our program, done in this entry's time, beside what the processors can do."""
        facts = self.ours.facts
        return facts["flops"] / entry.seconds / facts["peak_flops"]

    @property
    def share_of_roofline(self) -> float:
        """The least time for the kernels of our program beside its time."""
        return self.ours.facts["least_seconds"] / self.ours.seconds

    @property
    def slowdown(self) -> float | None:
        """How many times longer a step takes beside busy neighbours."""
        busy = self.ours.busy
        return statistics.median(busy) / self.ours.seconds if busy else None

    @property
    def disturbed(self) -> float:
        """The largest share of the processors that others used in a round that counts."""
        return max(share for entry in self.entries for share in entry.others or [0.0])

    def record(self) -> dict[str, Any]:
        """All of it, for JSON."""
        best = self.best_peer
        return {
            **asdict(self.workload),
            "best_peer": best and best.contender,
            "speedup": self.speedup and self.speedup._asdict(),
            "share_of_peak": self.share_of_peak(self.ours),
            "share_of_roofline": self.share_of_roofline,
            "slowdown": self.slowdown,
            "disturbed": self.disturbed,
            "entries": [_entry(entry) for entry in self.entries],
        }


def _entry(entry: Entry) -> dict[str, Any]:
    figures = {} if entry.error else {
        "seconds": spread(entry.times)._asdict(), "compilation": entry.compilation
    }  # fmt: skip
    return {**asdict(entry), **figures}


def geometric_mean(results: Sequence[Result]) -> float | None:
    """Of the medians by which we are faster; None where no peer ran."""
    found = [result.speedup.median for result in results if result.speedup is not None]
    return math.exp(statistics.fmean(map(math.log, found))) if found else None


@dataclass
class Report:
    """Results, and where and how they were measured."""

    plan: Plan
    results: list[Result] = field(default_factory=list)

    def groups(self) -> Iterator[tuple[str, list[Result]]]:
        """Results by the group of their workload."""
        for name in dict.fromkeys(result.workload.group for result in self.results):
            yield name, [result for result in self.results if result.workload.group == name]

    def record(self) -> dict[str, Any]:
        return {
            "machine": machine(),
            "plan": asdict(self.plan),
            "workloads": [result.record() for result in self.results],
            "geometric_means": {name: geometric_mean(found) for name, found in self.groups()},
        }

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(self.record(), indent=1) + "\n", encoding="utf-8")

    def draw(self, path: Path) -> None:
        """A picture: for each workload a bar a contender, as long as its step takes, log scale."""
        from matplotlib.figure import Figure

        names = list(dict.fromkeys(e.contender for r in self.results for e in r.entries))
        height = 0.8 / len(names)
        figure = Figure(figsize=(9, 1.5 + 0.9 * len(self.results)), layout="constrained")
        axes = figure.subplots()
        for number, name in enumerate(names):
            bars = [
                (place + (number - (len(names) - 1) / 2) * height, spread(entry.times))
                for place, result in enumerate(self.results)
                for entry in result.entries
                if entry.contender == name and not entry.error
            ]
            axes.barh(
                [place for place, _ in bars],
                [1000 * times.median for _, times in bars],
                height,
                xerr=[
                    [1000 * (times.median - times.low) for _, times in bars],
                    [1000 * (times.high - times.median) for _, times in bars],
                ],
                color=COLORS[number % len(COLORS)],
                label=name,
            )
        axes.set_yticks(range(len(self.results)), [r.workload.title for r in self.results])
        axes.invert_yaxis()
        axes.set(xscale="log", xlabel="milliseconds a step, median and quartiles")
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
        axes.legend(frameon=False)
        figure.savefig(path, dpi=100)


# ---- The machine ----


def machine() -> dict[str, Any]:
    """Where it was measured: processor, threads, system, versions, and the load."""
    return {
        "processor": processor(),
        "threads": engine.threads,
        "system": platform.platform(),
        "python": platform.python_version(),
        "chainrule": cr.__version__,
        "time": time.strftime("%Y-%m-%d %H:%M:%S"),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


class Limit(NamedTuple):
    """A limit of this machine: operations or bytes a second on so many threads."""

    name: str
    threads: int
    unit: str
    rate: Rate


def limits(anew: bool = True) -> Iterator[Limit]:
    """All limits of this machine, measured now; later programs find them on disk."""
    for threads in sorted({1, engine.threads}):
        for dtype in DTYPES:
            yield Limit(dtype.name, threads, "GFLOP/s", peak(dtype, threads, anew))
        for level in levels():
            for move in MOVES:
                rate = bandwidth(level, move, threads, anew)
                yield Limit(f"{level.name} {move}", threads, "GB/s", rate)


def write_limits(found: Sequence[Limit], path: Path) -> None:
    """All of them as JSON."""
    rows = [{**limit._asdict(), "rate": limit.rate._asdict()} for limit in found]
    path.write_text(json.dumps({"machine": machine(), "limits": rows}, indent=1) + "\n", "utf-8")
