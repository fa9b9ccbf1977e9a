"""The index of a CSV file: receives its path; hands on where its rows begin, the types of its
columns, and any run of rows as a frame.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from chainrule.data.read import empty, separator_of
from chainrule.deferred import polars as pl
from chainrule.errors import DataError

BLOCK = 1 << 24
MARK = (
    1024  # A place is kept for so many rows: 8 bytes each would be much for a table of few columns.
)
INFERRED_FROM = 10_000
NEWLINE, QUOTE = ord("\n"), ord('"')


class CsvIndex:
    """Where the rows of a file begin. `rows` counts them, `schema` tells their types: numbers are
    float64, and whole numbers too unless they are the target's.
    """

    def __init__(self, path: Path, target: str | None) -> None:
        if not path.exists():
            raise DataError("data", f"there is no file '{path}'", "", "check the path")
        self.path = path
        with path.open("rb") as file:
            header = file.readline()
            self.first = file.tell()
        self.end = _without_blank_lines(path)
        text = header.decode("utf-8-sig")
        self.separator = separator_of(text)
        self.names = [
            name.strip() for name in next(csv.reader([text], delimiter=self.separator), [])
        ]
        self.marks, self.rows = self._scan()
        self.schema = self._schema(target)

    def _scan(self) -> tuple[np.ndarray, int]:
        """(where each MARK-th row begins, the number of rows)."""
        if self.end <= self.first:
            raise empty(self.path.name)
        marks, rows = [np.array([self.first])], 0
        for ends in self._line_ends():
            marks.append(ends[(-rows - 1) % MARK :: MARK] + 1)
            rows += len(ends)
        return np.concatenate(marks), rows + 1  # The last line has no break behind it.

    def _line_ends(self) -> Iterator[np.ndarray]:
        """Where rows end, block by block."""
        place, odd = self.first, 0
        with self.path.open("rb") as file:
            file.seek(place)
            while block := file.read(min(BLOCK, self.end - place)):
                ends, odd = _ends(block, odd)
                yield ends + place
                place += len(block)

    def _schema(self, target: str | None) -> dict[str, pl.DataType]:
        """Types from the first rows. Whole numbers may have fractions further down."""
        found = self._parsed(self._bytes(0, min(INFERRED_FROM, self.rows)), None).schema
        return {
            name: pl.Float64()
            if kind.is_numeric() and (name != target or kind.is_float())
            else kind
            for name, kind in zip(self.names, found.dtypes())
        }

    def frame(self, start: int, length: int, schema: dict[str, pl.DataType]) -> pl.DataFrame:
        """Rows from `start` on. Raises DataError that names the row of a cell of another type."""
        content = self._bytes(start, length)
        try:
            frame = self._parsed(content, schema)
        except pl.exceptions.PolarsError as error:
            raise self._fault(content, start, schema) or DataError(
                f"{self.path.name}, rows {start + 1:,} to {start + length:,}",
                "cannot be read as CSV",
                str(error).partition("\n")[0],
                "check these rows",
            ) from None
        return frame

    def _parsed(self, content: bytes, schema: dict[str, pl.DataType] | None) -> pl.DataFrame:
        kinds = {} if schema is None else {"schema": schema}
        return pl.read_csv(
            content,
            has_header=False,
            new_columns=self.names if schema is None else None,
            separator=self.separator,
            infer_schema_length=INFERRED_FROM,
            **kinds,
        )

    def _fault(
        self, content: bytes, start: int, schema: dict[str, pl.DataType]
    ) -> DataError | None:
        """The first cell that is not of its column's type."""
        texts = self._parsed(content, dict.fromkeys(schema, pl.String()))
        for column, kind in zip(texts.get_columns(), schema.values()):
            bad = (column.is_not_null() & column.cast(kind, strict=False).is_null()).arg_true()
            if len(bad):
                return DataError(
                    f"{self.path.name}, row {start + bad[0] + 1:,}",
                    f"column '{column.name}' holds '{column[bad[0]]}'",
                    f"in the first rows it holds {kind}",
                    "correct this cell, or leave it empty",
                )
        return None

    def _bytes(self, start: int, length: int) -> bytes:
        """The text of rows `start` to `start + length`."""
        mark, skip = divmod(start, MARK)
        after = -(-(start + length) // MARK)
        stop = int(self.marks[after]) if after < len(self.marks) else self.end
        with self.path.open("rb") as file:
            file.seek(int(self.marks[mark]))
            content = file.read(stop - int(self.marks[mark]))
        ends = _ends(content)[0]
        begin = int(ends[skip - 1]) + 1 if skip else 0
        end = int(ends[skip + length - 1]) + 1 if skip + length <= len(ends) else len(content)
        return content[begin:end]


def _without_blank_lines(path: Path) -> int:
    """Where a file ends, without the line breaks at its end."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - BLOCK))
        tail = file.read()
    return size - len(tail) + len(tail.rstrip(b"\r\n"))


def _ends(content: bytes, odd: int = 0) -> tuple[np.ndarray, int]:
    """(the line breaks outside quotes, whether the end is within quotes): those within quotes
    belong to their cell.
    """
    found = np.frombuffer(content, np.uint8)
    ends, quotes = np.flatnonzero(found == NEWLINE), np.flatnonzero(found == QUOTE)
    before = np.searchsorted(quotes, ends) + odd
    return ends[before % 2 == 0], (odd + len(quotes)) % 2
