"""Checkpoints: receives the state of a training; keeps it in a folder, whole at every moment."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, DataError
from chainrule.nn import weights
from chainrule.train.saving import written

FORMAT = 1
LAST, BEFORE = "checkpoint.safetensors", "checkpoint-before.safetensors"
STATE = "__state__"  # The entry that holds what is no array, as JSON in bytes.


class Checkpoints:
    """The checkpoints of a run in `folder`: the last one, and the one before it.

    A file is written beside its place, forced to the disk, and renamed: whoever looks, at any
    moment and after any crash, finds a whole one. Raises ArgumentError where there is a checkpoint
    already and `resume` is not set: a run is neither overwritten nor continued by mistake.
    """

    def __init__(self, folder: Path, seconds: float, resume: bool) -> None:
        self.folder, self.seconds, self.saved = folder, seconds, time.monotonic()
        if not resume and any((folder / name).exists() for name in (LAST, BEFORE)):
            raise ArgumentError(
                "fit",
                f"the folder '{folder}' holds a run",
                "it would be overwritten",
                "pass resume=True to go on with it, or another folder",
            )
        folder.mkdir(parents=True, exist_ok=True)
        for unfinished in folder.glob(f".{LAST}.*"):  # Of a process that was killed.
            unfinished.unlink(missing_ok=True)

    def due(self) -> bool:
        """Whether the last one is old enough."""
        return time.monotonic() - self.saved >= self.seconds

    def save(self, state: Any) -> None:
        """Write a state: dicts and lists of numbers, texts and arrays."""
        arrays: dict[str, np.ndarray] = {}
        text = json.dumps({"format": FORMAT, "state": _packed(state, arrays)}).encode()
        arrays[STATE] = np.frombuffer(text, np.uint8)
        with written(self.folder / LAST, keep=self.folder / BEFORE) as path:
            weights.save(arrays, path)
        self.saved = time.monotonic()

    def load(self) -> Any:
        """The last state, or the one before where that file is damaged; None where there is none.
        Raises DataError where none can be read.
        """
        paths = [path for name in (LAST, BEFORE) if (path := self.folder / name).exists()]
        for path in paths:
            try:
                return _loaded(path)
            except (ValueError, KeyError, TypeError) as error:
                reason = error
        if not paths:
            return None
        raise DataError(
            "fit",
            f"the checkpoints in '{self.folder}' cannot be read",
            f"{type(reason).__name__}: {reason}",
            "train anew in another folder",
        )


def _loaded(path: Path) -> Any:
    arrays = weights.load(path)
    found = json.loads(arrays.pop(STATE).tobytes())
    if found["format"] != FORMAT:
        raise ValueError(f"format {found['format']}, this version reads {FORMAT}")
    return _unpacked(found["state"], arrays)


def _packed(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """A value for JSON; arrays go aside, under their number."""
    if isinstance(value, dict):
        return {"dict": {name: _packed(inner, arrays) for name, inner in value.items()}}
    if isinstance(value, (list, tuple)):
        return [_packed(inner, arrays) for inner in value]
    if isinstance(value, (np.ndarray, np.generic)):
        name = str(len(arrays))
        arrays[name] = np.asarray(value)
        return {"array": name}
    return value


def _unpacked(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_unpacked(inner, arrays) for inner in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    return {name: _unpacked(inner, arrays) for name, inner in value["dict"].items()}
