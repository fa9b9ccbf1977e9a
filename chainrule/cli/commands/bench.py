"""`chainrule bench`: measures steps beside peers, and what the machine can do."""

from __future__ import annotations

from pathlib import Path

from chainrule import bench
from chainrule.bench.streaming import streaming
from chainrule.bench.training import training
from chainrule.bench.training import write as write_training
from chainrule.cli import options
from chainrule.cli.screens.bench import BenchScreen


def measure(
    names: options.BenchNames = None,
    peers: options.BenchPeers = None,
    rounds: options.BenchRounds = 10,
    seconds: options.BenchSeconds = 0.3,
    patience: options.BenchPatience = 1.0,
    busy: options.BenchBusy = False,
    precision: options.BenchPrecision = "float32",
    gigabytes: options.Gigabytes = 4.0,
    json: options.JsonFile = None,
    plot: options.PlotFile = None,
) -> None:
    """Measure training steps beside PyTorch and JAX.

    Workloads are those of a group (small, large, inference) or single ones: lenet, gpt. With the
    name `machine` it measures the peak arithmetic and the bandwidths of this machine instead, with
    `streaming` how training from a Parquet file of --gigabytes keeps its memory, and its pace, with
    `trainer` what the trainer adds to a loop by hand.
    """
    screen = BenchScreen()
    screen.where()
    if names == ["machine"]:
        limits = list(bench.limits())
        screen.limits(limits)
        if json is not None:
            bench.write_limits(limits, json)
        return
    if names == ["streaming"]:
        _measure_streaming(screen, gigabytes, json)
        return
    if names == ["trainer"]:
        rows = training(rounds)
        screen.trained(rows)
        if json is not None:
            write_training(rows, json)
        return
    workloads, contenders = (
        bench.chosen(names or ["small"], precision),
        bench.find_peers(_named(peers)),
    )
    report = bench.Report(bench.Plan(rounds, seconds, patience, busy))
    with screen:
        screen.how(report.plan, len(workloads))
        for workload in workloads:
            screen.begun(workload)
            entries = bench.measure(workload, contenders, report.plan)
            report.results.append(bench.Result(workload, entries))
            screen.measured(report.results[-1])
            if json is not None:
                report.write(json)
        screen.summed_up(report)
    if plot is not None:
        report.draw(plot)


def _measure_streaming(screen: BenchScreen, gigabytes: float, json: Path | None) -> None:
    found = streaming(gigabytes)
    screen.streamed(found)
    if json is not None:
        found.write(json)


def _named(peers: str | None) -> list[str] | None:
    """The names in a list with commas; "none" is no name."""
    return None if peers is None else [name for name in peers.split(",") if name != "none"]
