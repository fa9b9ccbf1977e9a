"""The journal of a search: receives trials as they end; keeps them in a file, a line each, so that
a search goes on after any crash.

The first line says what is searched. A line that a crash cut off is dropped, and the trial made
anew.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from chainrule.errors import DataError

DONE, PRUNED, FAILED = "done", "pruned", "failed"


@dataclass(frozen=True)
class Trial:
    """One recipe that was tried: its point in the space, the changes of the default recipe that it
    stands for, and its `loss`, the score or its negative, such that less is better (None unless it
    is done). By the figures of `steps` hopeless ones are known.
    """

    number: int
    stage: str
    point: Mapping[str, Any]
    changes: Mapping[str, Any]
    state: str
    loss: float | None
    steps: Mapping[int, float]
    seconds: float


class Journal:
    """Trials in memory and, with a path, in a file that nobody else writes at the same time."""

    def __init__(self, path: Path | None, settings: Mapping[str, Any]) -> None:
        self.trials: list[Trial] = []
        self.confirmed: list[dict[str, Any]] = []
        self.file: TextIO | None = None
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("a+", encoding="utf-8")
        self._lock(path)
        self._read(path, settings)

    def _lock(self, path: Path) -> None:
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.file.close()
            raise DataError(
                "search",
                f"another search is writing '{path}'",
                "a trial would be made twice",
                "wait for it, or choose another --output",
            ) from None

    def _read(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.file.seek(0)
        text = self.file.read()
        whole = text[: text.rfind("\n") + 1]
        if len(whole) < len(text):
            self.file.truncate(len(whole.encode()))
        try:
            lines = [json.loads(line) for line in whole.splitlines()]
            if lines:
                _check_same(path, lines[0]["settings"], _plain(settings))
            else:
                self._append({"settings": settings})
            for line in lines[1:]:
                self._take(line)
        except (ValueError, KeyError, TypeError) as error:
            self.close()
            if isinstance(error, DataError):
                raise
            raise DataError(
                "search",
                f"the journal '{path}' is damaged",
                f"{type(error).__name__}: {error}",
                "choose another --output",
            ) from None

    def _take(self, line: Mapping[str, Any]) -> None:
        if "confirmed" in line:
            self.confirmed.append(line["confirmed"])
        else:
            steps = {int(step): value for step, value in line["steps"].items()}
            self.trials.append(Trial(**{**line, "steps": steps}))

    def add(self, trial: Trial) -> None:
        self.trials.append(trial)
        self._append(asdict(trial))

    def confirm(self, best: Trial, default: float, found: float) -> None:
        """The losses of the default and of the best trial on one more fold made anew."""
        self.confirmed.append({"trial": best.number, "default": default, "found": found})
        self._append({"confirmed": self.confirmed[-1]})

    def confirmations(self, best: Trial) -> list[tuple[float, float]]:
        """(loss of the default, loss of the trial) on each of these folds so far."""
        return [(c["default"], c["found"]) for c in self.confirmed if c["trial"] == best.number]

    def _append(self, line: Mapping[str, Any]) -> None:
        """On the disk before the next trial begins."""
        if self.file is not None:
            self.file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self.file.flush()
            os.fsync(self.file.fileno())

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


def _plain(settings: Mapping[str, Any]) -> Any:
    """As JSON gives them back."""
    return json.loads(json.dumps(settings))


def _check_same(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            raise DataError(
                "search",
                f"'{path.parent}' holds a search with {name} {before.get(name)}, not "
                f"{now.get(name)}",
                "trials of the two would not compare",
                "choose another --output, or the same settings",
            )
