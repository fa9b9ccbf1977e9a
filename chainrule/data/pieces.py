"""Pieces: receives the name of a file or of a shipped data set; hands on its rows as tables of
bounded size, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from chainrule.data.read import PARQUET, TEXT, Table, read, scan, unreadable
from chainrule.deferred import polars as pl

WHOLE = 1 << 25  # Bytes of a file that is one piece.
ROWS, CELLS = 65_536, 1 << 22  # The most of a piece.


class Pieces:
    """A table in pieces: a small one whole, as `read` has it, and of a file of any size a few
    thousand rows at a time. `rows` counts them all.

    >>> from chainrule.data.pieces import Pieces
    >>> pieces = Pieces("iris")
    >>> pieces.rows, [table.frame.height for table in pieces]
    (150, [150])
    """

    def __init__(self, source: str | Path) -> None:
        self.path = Path(source)
        is_table = self.path.suffix.lower() in TEXT + PARQUET and self.path.is_file()
        if is_table and self.path.stat().st_size > WHOLE:
            self.whole, self.frame = None, scan(self.path)
            self.rows = self._counted()
        else:
            self.whole = read(source)
            self.rows = self.whole.frame.height

    def __iter__(self) -> Iterator[Table]:
        if self.whole is not None:
            yield self.whole
            return
        start = 0
        columns = len(self.frame.collect_schema())
        size = max(1, min(ROWS, CELLS // columns))
        try:
            for frame in self.frame.collect_batches(chunk_size=size, maintain_order=True):
                yield Table(self.path.name, frame, "", start=start)
                start += frame.height
        except (OSError, pl.exceptions.PolarsError) as error:
            raise unreadable(self.path, error) from None

    def _counted(self) -> int:
        try:
            return self.frame.select(pl.len()).collect().item()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise unreadable(self.path, error) from None
