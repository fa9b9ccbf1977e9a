"""What commands write: receives a table or a text, and a path; writes it whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from chainrule.errors import DataError
from chainrule.train.saving import written

PICTURES = (".png", ".svg")
WRITERS = {".csv": "write_csv", ".parquet": "write_parquet"}


def write(result: pl.DataFrame, output: Path) -> None:
    """Write a table."""
    with written(output) as unfinished:
        getattr(result, WRITERS[output.suffix.lower()])(unfinished)


def write_text(text: str, output: Path) -> None:
    """Write a text."""
    with written(output) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


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
