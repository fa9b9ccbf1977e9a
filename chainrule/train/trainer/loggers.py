"""Loggers: receive the row of each epoch; append it to files that others read meanwhile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.train.saving import written
from chainrule.train.trainer.callbacks import Callback
from chainrule.train.trainer.history import Row
from chainrule.train.trainer.training import Training

LOG = "log.jsonl"


class JsonLines(Callback):
    """One line of JSON an epoch, in `path`. A resumed run begins with the epochs that are done, and
    drops lines of later ones. `fit(folder=...)` has one without asking.

    >>> from pathlib import Path
    >>> callback = cr.train.JsonLines(Path("log.jsonl"))
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def fit_start(self, trainer: Training) -> None:
        lines = [_line(row) for row in trainer.history.epochs]
        with written(self.path) as new:
            new.write_text("".join(lines), encoding="utf-8")

    def epoch_end(self, trainer: Training) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line(trainer.row))


def _line(row: Row) -> str:
    return json.dumps(row) + "\n"


class TensorBoard(Callback):
    """The numbers of each epoch as event files in `folder`, for `tensorboard --logdir`.

    Tags are the names in the row, steps its epochs. A resumed run hides what came after its
    checkpoint. Needs the package tensorboardX: `pip install 'chainrule[tensorboard]'`; raises
    ArgumentError without it.

    >>> callback = cr.train.TensorBoard("runs/one")  # doctest: +SKIP
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder, self.make = Path(folder), _writer()

    def fit_start(self, trainer: Training) -> None:
        first = len(trainer.history.epochs) + 1
        # Files are named by the second, and what is resumed at once must not replace the first.
        self.writer = self.make(
            str(self.folder),
            purge_step=first if trainer.resumed else None,
            filename_suffix=f".{first:06d}",
        )

    def epoch_end(self, trainer: Training) -> None:
        for name, value in trainer.row.items():
            if isinstance(value, (int, float)) and name != "epoch":
                self.writer.add_scalar(name, value, trainer.row["epoch"])
        self.writer.flush()

    def fit_end(self, trainer: Training) -> None:
        self.writer.close()


def _writer() -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise ArgumentError(
            "TensorBoard",
            "the package tensorboardX is not installed",
            "it writes the event files",
            "pip install 'chainrule[tensorboard]'",
        ) from None
    return SummaryWriter
