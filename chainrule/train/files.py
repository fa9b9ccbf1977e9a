"""The run folder: receives a run; writes it whole or not at all, and reads it back. Nothing in it
is executable.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any

from chainrule.errors import DataError
from chainrule.train.curve import draw
from chainrule.train.fitting import FORMAT
from chainrule.train.kinds import named
from chainrule.train.report import page
from chainrule.train.run import Run

MODEL, RECORD = "model.safetensors", "run.json"
CURVE, REPORT = "loss.png", "report.html"
RUNS = Path("runs")


def check_free(folder: Path) -> None:
    """Raises DataError where the folder already exists: a run is never overwritten."""
    if os.path.lexists(folder):
        raise DataError(
            "fit",
            f"the run folder '{folder}' already exists",
            "a run is never overwritten",
            "choose another with --output",
        )


def save(run: Run, folder: str | Path | None = None) -> Path:
    """Write a run to a new folder; without one, to `runs/<name of the data>-<number>`. Raises
    DataError if it exists.

    >>> run = cr.train.fit("iris", epochs=1)
    >>> cr.train.save(run, "flowers").name
    'flowers'
    """
    if folder is None:
        return _save_numbered(run)
    folder = Path(folder)
    check_free(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Made beside its final place, then renamed: whoever sees the folder sees all of it.
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    unfinished.mkdir()
    try:
        _write(run, unfinished)
        os.rename(unfinished, folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return folder


def _save_numbered(run: Run) -> Path:
    stem = Path(run.record["data"]["name"]).stem
    folders = (RUNS / f"{stem}-{number}" for number in itertools.count(1))
    return save(run, next(folder for folder in folders if not os.path.lexists(folder)))


def _write(run: Run, folder: Path) -> None:
    _write_json(run.record, folder / RECORD)
    for name, content in run.contents().items():
        _write_json(content, folder / name)
    run.model.save_weights(folder / MODEL)
    # safetensors lets only the owner read; a run may be read by whoever may read its other files.
    shutil.copymode(folder / RECORD, folder / MODEL)
    draw(run.record, folder / CURVE)
    if run.evidence is not None:
        (folder / REPORT).write_text(page(run.evidence.report(run)), encoding="utf-8")


def _write_json(content: Any, path: Path) -> None:
    path.write_text(
        json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )


def load(folder: str | Path) -> Run:
    """Read a run folder. Raises DataError where it is none, damaged, or of a later version.

    >>> folder = cr.train.save(cr.train.fit("iris", epochs=1), "irises")
    >>> cr.train.load(folder).target.classes
    ('setosa', 'versicolor', 'virginica')
    """
    folder = Path(folder)
    _check_there(folder, RECORD, MODEL)
    try:
        return _loaded(folder)
    except DataError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            "run",
            f"the run folder '{folder}' is damaged",
            f"{type(error).__name__}: {error}",
            "train anew with chainrule fit",
        ) from None


def _loaded(folder: Path) -> Run:
    record = _read_json(folder / RECORD)
    if record["format"] != FORMAT:
        raise ValueError(f"format {record['format']}, this version reads {FORMAT}")
    kind = named(record["kind"]).run
    _check_there(folder, *kind.files)
    run = kind.restored(record, {name: _read_json(folder / name) for name in kind.files})
    run.model.load_weights(folder / MODEL)
    return run


def _check_there(folder: Path, *names: str) -> None:
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        what = f"has no {missing[0]}" if folder.is_dir() else "does not exist"
        what, cure = f"the run folder '{folder}' {what}", "check the path"
        if folder.is_file():
            what, cure = f"'{folder}' is no run folder", "name the run first, then the data"
        raise DataError("run", what, "`chainrule fit` writes run folders", cure)


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
