"""The screen of `chainrule bench`: receives results and limits; prints them as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chainrule.bench import Entry, Limit, Plan, Report, Result, geometric_mean, machine, spread
from chainrule.bench.streaming import Streamed
from chainrule.bench.training import Trained
from chainrule.bench.workloads import Workload
from chainrule.cli.screens.base import ProgressScreen
from chainrule.inspection.explain import short_text, time_text
from chainrule.words import counted

DISTURBED = 0.1  # From such a share of the processors on, used by others, a notice is given.


class BenchScreen(ProgressScreen):
    """Tells of workloads as they are done, and sums up."""

    def where(self) -> None:
        """What it is measured on."""
        facts = machine()
        self.line(f"{facts['processor']}, {counted(facts['threads'], 'thread')}", style="bold")
        self.line(f"{facts['system']}, Python {facts['python']}, load {facts['load']:.1f}")

    def how(self, plan: Plan, count: int) -> None:
        self.line(
            f"{counted(plan.rounds, 'round')} of {plan.seconds:g} s a contender, in turns, each in "
            "a process of its own; a step as median (quartiles)"
        )
        self.open_progress(count, "starting")

    def begun(self, workload: Workload) -> None:
        """What is measured now: it may take minutes, and somebody may end it."""
        self.heading(workload.title)

    def measured(self, result: Result) -> None:
        """One workload."""
        header = ("", "step", "quartiles", "first", "compiling", "memory", "of peak", "setting")
        rows = [_row(entry, result) for entry in result.entries if not entry.error]
        self.table(header, rows)
        for entry in result.entries:
            if entry.error:
                self.line(f"  {entry.contender}: {entry.error}", style="yellow")
        for line in _told(result):
            self.line(f"  {line}")
        for notice in _notices(result):
            self.line(f"  notice: {notice}", style="yellow")
        self.advance(result.workload.title)

    def summed_up(self, report: Report) -> None:
        """Ours beside the best peer, a workload a row, and the mean of each group."""
        self.close_progress()
        for group, results in report.groups():
            mean = geometric_mean(results)
            if mean is None:
                continue
            self.heading(f"{group}: {mean:.2f} times as fast as the best peer, geometric mean")
            header = ("", "chainrule", "best peer", "", "times", "quartiles", "roofline")
            self.table(header, [_summary(result) for result in results if result.peers])
            doubtful = [r.workload.name for r in results if r.disturbed >= DISTURBED]
            if doubtful:
                text = f"other processes disturbed {', '.join(doubtful)}: measure these again"
                self.line(f"  notice: {text}", style="yellow")

    def limits(self, found: Iterable[Limit]) -> None:
        """What the machine can do at most."""
        rows = [_limit(limit) for limit in found]
        self.table(("", "threads", "best", "median", "quartiles", ""), rows)

    def trained(self, found: Iterable[Trained]) -> None:
        """What a step takes by hand and with the trainer."""
        cells = [
            (row.title, f"{row.by_hand * 1e6:.2f} us", f"{row.trainer * 1e6:.2f} us",
             f"{row.overhead:+.1%}")
            for row in found
        ]  # fmt: skip
        self.table(("", "by hand", "trainer", "more"), cells)

    def streamed(self, found: Streamed) -> None:
        """What an epoch over a file took."""
        self.fact("file", f"{short_text(found.file)}B, {found.rows:,} rows")
        self.fact(
            "epoch", f"{found.seconds:.1f} s, {found.rows / found.seconds:,.0f} rows a second"
        )
        self.fact("memory", f"{short_text(found.memory)}B at most")
        shares = ", ".join(f"{share:.1%}" for share in found.waits)
        self.fact("waiting", f"{found.waited / found.seconds:.1%} of the time; by tenths: {shares}")
        once = "every row once" if found.once else "rows were lost or came twice"
        self.fact("interrupted", f"and gone on with after a third: {once}")


def _row(entry: Entry, result: Result) -> tuple[str, ...]:
    times, facts = spread(entry.times), entry.facts
    return (
        f"{entry.contender} {entry.version}",
        time_text(times.median),
        f"{time_text(times.low)} .. {time_text(times.high)}",
        time_text(facts["first"]),
        time_text(entry.compilation),
        f"{short_text(facts['memory'])}B",
        f"{result.share_of_peak(entry):.0%}",
        _setting(entry),
    )


def _setting(entry: Entry) -> str:
    """The setting that was best, in words."""
    words = {
        "threads": f"threads {entry.setting.get('threads')}",
        "channels_last": "channels last",
        "at_once": "no dispatch thread",
        "unroll": f"unrolled by {entry.setting.get('unroll')}",
    }
    return ", ".join(
        words[name] for name, value in entry.setting.items() if value and name in words
    )


def _told(result: Result) -> Iterable[str]:
    facts, speedup = result.ours.facts, result.speedup
    if speedup is not None:
        yield (
            f"{speedup.median:.2f} times as fast as the best peer of each round "
            f"({speedup.low:.2f} .. {speedup.high:.2f})"
        )
    yield (
        f"{counted(facts['kernels'], 'kernel')}, {short_text(facts['flops'])}flop, "
        f"{short_text(facts['bytes'])}B moved: {result.share_of_roofline:.0%} of the roofline"
    )
    yield (
        f"{short_text(facts['least_bytes'])}B are inputs, state and results, the rest passes from "
        "kernel to kernel"
    )
    yield (
        f"the call itself {time_text(facts['overhead'])}; first step from the disk cache "
        f"{time_text(facts['cached'])}; a step uses {short_text(facts['used_bytes'])}B of memory, "
        f"{short_text(facts['planned_bytes'])}B planned"
    )
    if result.slowdown is not None:
        yield f"beside busy neighbours {result.slowdown:.2f} times as long"


def _notices(result: Result) -> Iterable[str]:
    for entry in result.entries:
        if not entry.agrees:
            yield f"the first results of {entry.contender} differ from ours"
    if result.disturbed >= DISTURBED:
        yield f"other processes used up to {result.disturbed:.0%} of the processors"


def _summary(result: Result) -> tuple[str, ...]:
    best, speedup = result.best_peer, result.speedup
    assert best is not None and speedup is not None
    return (
        result.workload.title,
        time_text(result.ours.seconds),
        time_text(best.seconds),
        best.contender,
        f"{speedup.median:.2f}",
        f"{speedup.low:.2f} .. {speedup.high:.2f}",
        f"{result.share_of_roofline:.0%}",
    )


def _limit(limit: Limit) -> Sequence[str]:
    best, median, low, high = (f"{rate / 1e9:.1f}" for rate in limit.rate)
    return limit.name, str(limit.threads), best, median, f"{low} .. {high}", limit.unit
