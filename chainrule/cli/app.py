"""The verbs: `fit` trains on a table, `predict` applies a run, `check` checks derivatives. Receive
options; hand on to `chainrule.train` and `chainrule.checks`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import polars as pl
import typer
from typer.core import TyperGroup

import chainrule as cr
from chainrule import bench, train
from chainrule.bench.streaming import streaming
from chainrule.bench.training import training
from chainrule.bench.training import write as write_training
from chainrule.checks import chosen, verdicts
from chainrule.cli import options
from chainrule.cli.bench_screen import BenchScreen
from chainrule.cli.screen import CheckScreen, FitScreen, Screen
from chainrule.data import audit as data_audit
from chainrule.data import read
from chainrule.data.auditing.finding import ERROR
from chainrule.data.target import choose_name
from chainrule.errors import ChainruleError, DataError
from chainrule.train.files import check_free

WRITERS = {".csv": "write_csv", ".parquet": "write_parquet"}
INTERRUPTED = 130  # What shells report for a command that Ctrl-C ended.


class Commands(TyperGroup):
    """Any error is one line on standard error, without a traceback."""

    def main(self, *arguments: Any, **keywords: Any) -> Any:
        keywords["standalone_mode"] = False
        code = 0
        try:
            code = super().main(*arguments, **keywords) or 0
        except ChainruleError as error:
            _fail(str(error), 2)
        except typer.TyperException as error:
            reason = error.format_message().rstrip(".")
            _fail(f"[chainrule] {reason}; see chainrule --help", error.exit_code)
        except OSError as error:
            _fail(f"[chainrule] {error.filename}: {(error.strerror or str(error)).lower()}", 2)
        if code == INTERRUPTED:
            _fail("[chainrule] interrupted; nothing was written", code)
        sys.exit(code)


def _fail(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(code)


app = typer.Typer(cls=Commands, add_completion=False, rich_markup_mode=None)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"chainrule {cr.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def chainrule(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Train a network on your table, and apply it."""
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def fit(
    data: options.Data = "digits",
    target: options.TargetColumn = None,
    output: options.RunOutput = None,
    task: options.TaskName = None,
    drop: options.Drop = None,
    seed: options.Seed = 0,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
) -> None:
    """Train a network on a table, and write a run folder.

    It is compared with two baselines on rows that nothing was fitted or chosen on. Ctrl-C ends
    training early: the best network so far is kept, reported and written.
    """
    if output is not None:
        check_free(output)
    screen = FitScreen()
    with screen:
        run = train.fit(
            data,
            target,
            task=task and task.value,
            drop=drop or (),
            seed=seed,
            watcher=screen,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
        )
    folder = train.save(run, output)
    screen.written(run, folder)


@app.command()
def predict(
    run: options.RunFolder,
    data: options.NewData,
    output: options.PredictionFile,
    force: options.Force = False,
) -> None:
    """Apply a run to a table.

    The rows are written with a column `prediction`, and for classes a column `probability_<class>`
    each.
    """
    _check_output(output, force)
    found, table = train.load(run), read(data)
    result = found.predictions(table)
    screen = Screen()
    for notice in found.notices(table):
        screen.line(f"notice: {notice}", style="yellow")
    _write(result, output)
    screen.line(f"{result.height:,} predictions written to {output}")


@app.command()
def audit(data: options.Data = "digits", target: options.TargetColumn = None) -> None:
    """Look for faults in a table before training on it.

    Duplicates, columns that tell the target, wrong labels, skew, outliers, two units in one column:
    each with what follows from it, and what helps. Ends with code 1 where one is an error.
    """
    table = read(data)
    found = data_audit(table, choose_name(table, target)[0])
    Screen().audited(found)
    if any(finding.severity == ERROR for finding in found):
        raise typer.Exit(1)


@app.command()
def check(names: options.CheckNames = None, seed: options.CheckSeed = 0) -> None:
    """Compare derivatives with finite differences.

    Every loss, activation and layer is checked in float64: relative errors of first and second
    derivatives below 1e-7 are perfect, below 1e-5 acceptable, below 1e-3 suspicious. Ends with code
    1 where one is worse than acceptable.
    """
    families = chosen(names or ())
    with CheckScreen(families) as screen:
        for family, checks in families.items():
            screen.heading(family)
            for verdict in verdicts(checks, seed):
                screen.told(verdict)
    screen.summed_up()
    if screen.failures:
        raise typer.Exit(1)


@app.command(name="bench")
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


def _write(result: pl.DataFrame, output: Path) -> None:
    """Write beside the final place, then rename: an interruption leaves no half file."""
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        getattr(result, WRITERS[output.suffix.lower()])(unfinished)
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)


def _check_output(output: Path, force: bool) -> None:
    if output.suffix.lower() not in WRITERS:
        raise DataError(
            "predict",
            f"cannot write '{output}'",
            "predictions are written as CSV or Parquet",
            "choose a name that ends in .csv or .parquet",
        )
    if not output.parent.is_dir():
        raise DataError(
            "predict",
            f"there is no folder '{output.parent}'",
            "the output would lie there",
            "make it first",
        )
    if output.exists() and not force:
        raise DataError(
            "predict",
            f"the file '{output}' already exists",
            "it would be lost",
            "choose another name, or pass --force",
        )
