"""Files that are whole at every moment: receives a path; hands on one to write to in its stead."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written(path: Path, keep: Path | None = None) -> Iterator[Path]:
    """`with written(path) as new:` write a file there; it then takes the place of `path` at once,
    and is on the disk. What was there before goes to `keep`.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield new
        _to_disk(new)
        if keep is not None and path.exists():
            os.replace(path, keep)
        os.replace(new, path)
        _to_disk(path.parent)
    finally:
        new.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
