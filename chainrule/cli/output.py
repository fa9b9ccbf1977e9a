"""What commands write: receives a table or a text, and a path; writes it whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from chainrule.errors import DataError
from chainrule.train.saving import written

PICTURES = (".png", ".svg")


def write(frames: Iterable[pl.DataFrame], output: Path) -> None:
    """Write frames of the same columns, one after the other, as one table."""
    with written(output) as unfinished:
        WRITERS[output.suffix.lower()](iter(frames), unfinished)


def write_text(text: str, output: Path) -> None:
    """Write a text."""
    with written(output) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def _write_csv(frames: Iterator[pl.DataFrame], path: Path) -> None:
    with path.open("wb") as file:
        for number, frame in enumerate(frames):
            frame.write_csv(file, include_header=number == 0)


def _write_parquet(frames: Iterator[pl.DataFrame], path: Path) -> None:
    """polars appends to no file, but takes rows from a source as they come."""
    first = next(frames)

    def rows(*wishes: Any) -> Iterator[pl.DataFrame]:
        yield first
        yield from frames

    try:
        register_io_source(rows, schema=first.schema).sink_parquet(path)
    except pl.exceptions.ComputeError as error:
        reason = str(error)
        if "IO error" not in reason:
            raise
        raise DataError(
            "predict",
            "the Parquet file cannot be written",
            reason.rpartition("IO error: ")[2].lower(),
            "make room on the disk, or write elsewhere",
        ) from None


WRITERS: dict[str, Callable] = {".csv": _write_csv, ".parquet": _write_parquet}


def check_output(output: Path, force: bool) -> None:
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


def check_file(path: Path | None, endings: Sequence[str]) -> None:
    """Raises DataError, before any work is done, where a file could not be written."""
    if path is None:
        return
    if path.suffix.lower() not in endings:
        raise DataError(
            "chainrule",
            f"cannot write '{path}'",
            f"the name ends in none of {', '.join(endings)}",
            "choose another name",
        )
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"lies in no folder: '{path.parent}' is none"
        raise DataError("chainrule", f"'{path}' {what}", "", "choose another name, or make it")
