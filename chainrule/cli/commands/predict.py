"""`chainrule predict`: applies a run to a table or images, or lets a model of text write on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from chainrule import train
from chainrule.cli import options
from chainrule.cli.output import check_output, write
from chainrule.cli.screens.base import ProgressScreen, Screen
from chainrule.data.pieces import Pieces
from chainrule.data.texts import decoded
from chainrule.train.kinds import call
from chainrule.train.tables.run import Watch
from chainrule.words import counted


def predict(
    run: options.RunFolder,
    data: options.NewData = None,
    output: options.PredictionFile = None,
    force: options.Force = None,
    prompt: options.Prompt = None,
    length: options.Length = None,
    temperature: options.Temperature = None,
    top_k: options.TopK = None,
    top_p: options.TopP = None,
    seed: options.DrawSeed = None,
) -> None:
    """Apply a run to new data of its kind.

    The rows of a table are written with a column `prediction`, and for classes a column
    `probability_<class>` each; images have a row each, with their path. A text is continued on the
    screen, from a file or a --prompt.
    """
    if output is not None:
        check_output(output, bool(force))
    found = train.load(run)
    call(
        "predict",
        PREDICT,
        found.kind,
        found,
        data=data,
        output=output,
        prompt=prompt,
        length=length,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
    )


def _of_table(run: train.TableRun, *, data: str, output: Path) -> None:
    pieces, watch = Pieces(data), Watch(run)

    def predicted() -> Iterator[pl.DataFrame]:
        for table in pieces:
            yield run.predictions(table, watch)
            screen.pass_by(table.frame.height)

    with ProgressScreen() as screen:
        screen.open_progress(pieces.rows, "rows")
        write(predicted(), output)
    for notice in watch.notices():
        screen.line(f"notice: {notice}", style="yellow")
    screen.line(f"{counted(pieces.rows, 'prediction')} written to {output}")


def _of_text(
    run: train.TextRun,
    *,
    data: str | None = None,
    prompt: str | None = None,
    length: int = 500,
    temperature: float = 0.8,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> None:
    start = (decoded(Path(data)) if data is not None else "") + (prompt or "")
    print(start, end="")
    drawn = run.drawn(start, length, seed, temperature=temperature, top_k=top_k, top_p=top_p)
    for characters in drawn:
        print(characters, end="", flush=True)
    print()


def _of_images(run: train.ImageRun, *, data: str, output: Path) -> None:
    result, unreadable = run.predictions(data)
    screen = Screen()
    for file, reason in unreadable.items():
        screen.line(f"left out: {file}: {reason}", style="yellow")
    write([result], output)
    screen.line(f"{counted(result.height, 'prediction')} written to {output}")


PREDICT: dict[str, Callable[..., None]] = {
    "table": _of_table,
    "text": _of_text,
    "images": _of_images,
}
