"""The two verbs: `fit` trains on a table, `predict` applies a run. Receive options; hand on to
`chainrule.train`.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import chainrule as cr
from chainrule import train
from chainrule.cli.screen import FitScreen, Screen
from chainrule.data import SHIPPED, read
from chainrule.errors import ChainruleError, DataError
from chainrule.train.files import check_free

WRITERS = {".csv": "write_csv", ".parquet": "write_parquet"}
INTERRUPTED = 130  # What shells report for a command that Ctrl-C ended.


class Commands(TyperGroup):
    """Any error is one line on standard error, without a traceback."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        options["standalone_mode"] = False
        try:
            code = super().main(*arguments, **options)
        except ChainruleError as error:
            message, code = str(error), 2
        except typer.TyperException as error:
            message = error.format_message().rstrip(".")
            message, code = f"[chainrule] {message}; see chainrule --help", error.exit_code
        else:
            if code == INTERRUPTED:
                message = "[chainrule] interrupted; nothing was written"
            else:
                sys.exit(code or 0)
        print(message, file=sys.stderr)
        sys.exit(code)


class Task(StrEnum):
    classification = "classification"
    regression = "regression"


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
    data: Annotated[
        str,
        typer.Argument(help=f"A CSV or Parquet file, or a shipped data set: {', '.join(SHIPPED)}."),
    ] = "digits",
    target: Annotated[
        str | None,
        typer.Option(
            help="The column to predict. [default: target, label, class or y, else the last]"
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="A new folder for the run. [default: runs/<data>-<number>]"
        ),
    ] = None,
    task: Annotated[
        Task | None,
        typer.Option(help="What to do with the target. [default: found from its values]"),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(help="A column to leave out. May be given several times.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="The same seed gives the same run, bit for bit.")
    ] = 0,
    epochs: Annotated[
        int | None, typer.Option(help="At most so many passes over the rows.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The rate of the first step.")] = None,
) -> None:
    """Train a network on a table, compare it with two baselines, and write a run folder.

    Ctrl-C ends training early: the best network so far is kept, reported and written.
    """
    if output is not None:
        check_free(output)
    screen = FitScreen()
    wanted = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    with screen:
        run = train.fit(
            data,
            target,
            task=task.value if task else None,
            drop=drop or (),
            seed=seed,
            watcher=screen,
            **wanted,
        )
    folder = train.save(run, output)
    screen.written(run, folder)


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(help="A run folder that `chainrule fit` wrote.")],
    data: Annotated[
        str, typer.Argument(help="A CSV or Parquet file with the columns of the training.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write, .csv or .parquet.")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace the output file if it exists.")
    ] = False,
) -> None:
    """Apply a run to a table: write its rows with predictions, and probabilities of classes."""
    _check_output(output, force)
    found, table = train.load(run), read(data)
    result = found.predictions(table)
    screen = Screen()
    for notice in found.notices(table):
        screen.line(f"notice: {notice}", style="yellow")
    # Written beside its place, then renamed: an interruption leaves no half file.
    unfinished = output.with_name(f".{output.name}.unfinished")
    getattr(result, WRITERS[output.suffix.lower()])(unfinished)
    unfinished.replace(output)
    screen.line(f"{result.height:,} predictions written to {output}")


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
