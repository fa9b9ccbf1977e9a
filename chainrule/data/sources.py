"""Sources: receive files, folders or iterables; hand on chunks of rows as trees of arrays, to
whoever streams them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data.csv_index import CsvIndex
from chainrule.deferred import Image
from chainrule.deferred import polars as pl
from chainrule.errors import ArgumentError, DataError
from chainrule.words import listed

CHUNK = 65_536
Paths = str | Path | Sequence[str | Path]
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")


class Source(ABC):
    """Rows in chunks that can be read in any order. `lengths` holds the rows of each chunk, None
    where they are unknown before they are read; `buffer` is how many rows are shuffled together
    unless the loader says otherwise.

    >>> from chainrule.data import Source, StreamLoader
    >>> class Squares(Source):
    ...     lengths = np.asarray([3, 3])
    ...     def read(self, chunk):
    ...         x = np.arange(3 * chunk, 3 * chunk + 3)
    ...         return x, x**2
    ...     def where(self, chunk):
    ...         return f"squares, chunk {chunk}"
    >>> [y.tolist() for x, y in StreamLoader(Squares(), batch_size=4, shuffle=False)]
    [[0, 1, 4, 9], [16, 25]]
    """

    lengths: np.ndarray | None
    buffer = CHUNK

    @abstractmethod
    def read(self, chunk: int) -> Any:
        """The rows of a chunk: a tree of arrays. Called from several threads."""

    @abstractmethod
    def where(self, chunk: int) -> str:
        """What errors call a chunk."""


class TableSource(Source):
    """What tables in files have in common: columns become `x`, float32 [rows, columns], and the
    target `y`, int64 or float32; without a target, x alone.

    `transform`, from a polars frame of any rows to a tree of arrays with a row for each, replaces
    this. Raises DataError where a column is not of numbers, or a cell is empty.
    """

    def __init__(
        self,
        paths: Paths,
        target: str | None = None,
        columns: Sequence[str] | None = None,
        transform: Callable[[pl.DataFrame], Any] | None = None,
        chunk: int = CHUNK,
    ) -> None:
        self.paths = [Path(path) for path in _listed(paths)]
        self.target, self.transform = target, transform
        schema = self._open()
        self.features = [name for name in columns or schema if name != target]
        self._check(schema)
        self.places = [
            (file, start, min(chunk, rows - start))
            for file, rows in enumerate(self._rows())
            for start in range(0, rows, chunk)
        ]
        self.lengths = np.array([length for *_, length in self.places], np.int64)

    @abstractmethod
    def _open(self) -> dict[str, pl.DataType]:
        """The columns that all files have."""

    @abstractmethod
    def _rows(self) -> Iterable[int]:
        """How many rows each file has."""

    @abstractmethod
    def _frame(self, file: int, start: int, length: int, columns: list[str]) -> pl.DataFrame:
        """Some rows of a file."""

    def where(self, chunk: int) -> str:
        file, start, length = self.places[chunk]
        return f"{self.paths[file].name}, rows {start + 1:,} to {start + length:,}"

    def read(self, chunk: int) -> Any:
        return self.arrays(self.frame(chunk))

    def frame(self, chunk: int) -> pl.DataFrame:
        """The rows of a chunk as they are in the file."""
        wanted = self.features + [self.target] * (self.target is not None)
        frame = self._frame(*self.places[chunk], wanted)
        if self.transform is None:
            self._check_empty(frame, chunk)
        return frame

    def arrays(self, rows: pl.DataFrame) -> Any:
        """What is handed on of some rows."""
        if self.transform is not None:
            return self.transform(rows)
        x = rows.select(pl.col(self.features).cast(pl.Float32)).to_numpy(order="c")
        return x if self.target is None else (x, _target(rows[self.target]))

    def _check(self, schema: dict[str, pl.DataType]) -> None:
        name = self.paths[0].name
        wanted = self.features + [self.target] * (self.target is not None)
        unknown = [column for column in wanted if column not in schema]
        if unknown:
            raise DataError(
                name,
                f"there is no column '{unknown[0]}'",
                f"the columns are {listed(list(schema))}",
                "name columns of the file",
            )
        other = [
            column
            for column in wanted
            if not (schema[column].is_numeric() or schema[column] == pl.Boolean)
        ]
        if other and self.transform is None:
            raise DataError(
                name,
                f"column '{other[0]}' holds {schema[other[0]]}",
                "a network reads numbers",
                "pass transform=, which makes arrays of a frame, or leave it out of columns=",
            )

    def _check_empty(self, frame: pl.DataFrame, chunk: int) -> None:
        counts = frame.null_count().row(0)
        for column, count in zip(frame.get_columns(), counts):
            if count:
                file, start, _ = self.places[chunk]
                raise DataError(
                    f"{self.paths[file].name}, row {start + column.is_null().arg_true()[0] + 1:,}",
                    f"column '{column.name}' has no value",
                    "every loss behind it would be NaN",
                    "fill it in with transform=, a Preprocessing for instance",
                )


class ParquetSource(TableSource):
    """Parquet files. polars reads the rows that are asked for, and no more: files of any size do.

    >>> import polars as pl
    >>> from chainrule.data import ParquetSource, StreamLoader
    >>> pl.DataFrame({"a": range(6), "b": range(6)}).write_parquet("numbers.parquet")
    >>> loader = StreamLoader(ParquetSource("numbers.parquet", target="b"), batch_size=4)
    >>> [(x.shape, y.shape) for x, y in loader]
    [((4, 1), (4,)), ((2, 1), (2,))]
    """

    def _open(self) -> dict[str, pl.DataType]:
        self.scans = [_opened(path) for path in self.paths]
        schemas = [dict(scan.collect_schema()) for scan in self.scans]
        for path, schema in zip(self.paths, schemas):
            if schema != schemas[0]:
                raise _unlike(path, self.paths[0])
        return schemas[0]

    def _rows(self) -> Iterable[int]:
        return [scan.select(pl.len()).collect().item() for scan in self.scans]

    def _frame(self, file: int, start: int, length: int, columns: list[str]) -> pl.DataFrame:
        parts = np.array_split(columns, min(len(columns), pl.thread_pool_size()))
        scans = [self.scans[file].select(part.tolist()).slice(start, length) for part in parts]
        # What the parts have in common would be read for all of them, by one thread.
        apart = pl.QueryOptFlags(comm_subplan_elim=False)
        return pl.concat(pl.collect_all(scans, optimizations=apart), how="horizontal")


class CsvSource(TableSource):
    """CSV files with a header. They are read once to find where rows begin, and types are found in
    the first rows. A cell of another type is an error that names its row.

    >>> from pathlib import Path
    >>> from chainrule.data import CsvSource
    >>> _ = Path("numbers.csv").write_text("a,b,y\\n1,0.5,0\\n2,0.25,1\\n")
    >>> x, y = CsvSource("numbers.csv", target="y").read(0)
    >>> x.tolist(), y.tolist()
    ([[1.0, 0.5], [2.0, 0.25]], [0, 1])
    """

    def _open(self) -> dict[str, pl.DataType]:
        self.indices = [CsvIndex(path, self.target) for path in self.paths]
        for index in self.indices:
            if index.names != self.indices[0].names:
                raise _unlike(index.path, self.paths[0])
        return self.indices[0].schema

    def _rows(self) -> Iterable[int]:
        return [index.rows for index in self.indices]

    def _frame(self, file: int, start: int, length: int, columns: list[str]) -> pl.DataFrame:
        schema = self.indices[0].schema
        return self.indices[file].frame(start, length, schema).select(columns)


class ImageFolder(Source):
    """Images in folders, one a class: `(image uint8 [rows, height, width, 3], class int64)`.

    `size` is (height, width), to which all are resized; `classes` are the names of the folders, in
    order. `transform` takes one image and returns an array. Needs Pillow. Raises DataError for a
    folder without images, and for a file that is none.

    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from chainrule.data import ImageFolder
    >>> Path("images/cat").mkdir(parents=True)
    >>> Image.new("RGB", (40, 30)).save("images/cat/1.png")
    >>> image, label = ImageFolder("images", size=(16, 16)).read(0)
    >>> image.shape, label.tolist()
    ((1, 16, 16, 3), [0])
    """

    buffer = 1024

    def __init__(
        self,
        folder: str | Path,
        size: tuple[int, int],
        transform: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self.size, self.transform = size, transform
        files = sorted(p for p in Path(folder).glob("*/*") if p.suffix.lower() in IMAGES)
        if not files:
            raise DataError(
                str(folder),
                "there are no images in its folders",
                f"they end in {listed(IMAGES)}",
                "put the images of each class into a folder of its own",
            )
        self.classes = sorted({file.parent.name for file in files})
        number = {name: place for place, name in enumerate(self.classes)}
        self.files = [(file, number[file.parent.name]) for file in files]
        self.lengths = np.ones(len(files), np.int64)

    def where(self, chunk: int) -> str:
        return str(self.files[chunk][0])

    def read(self, chunk: int) -> tuple[np.ndarray, np.ndarray]:
        path, label = self.files[chunk]
        try:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB").resize(self.size[::-1]))
        except (OSError, Image.UnidentifiedImageError) as error:
            raise DataError(
                str(path), "cannot be read as an image", str(error), "save it anew, or remove it"
            ) from error
        return (pixels if self.transform is None else self.transform(pixels))[None], np.array(
            [label]
        )


class IterableSource(Source):
    """Rows from `make()`, which returns a new iterator each epoch: each row is a tree of numbers
    and arrays.

    Rows are pulled by one thread. To go on exactly, `make` has to give the same rows each time.

    >>> from chainrule.data import IterableSource, StreamLoader
    >>> source = IterableSource(lambda: ((n, n % 2) for n in range(4)))
    >>> [x.tolist() for x, y in StreamLoader(source, batch_size=2, shuffle=False)]
    [[0, 1], [2, 3]]
    """

    lengths = None
    buffer = 1024

    def __init__(self, make: Callable[[], Iterable[Any]], name: str = "iterable") -> None:
        if not callable(make):
            raise ArgumentError(
                "IterableSource",
                f"it is given a {type(make).__name__}",
                "each epoch walks through the rows anew",
                "pass a function that returns an iterator, such as lambda: iter(rows)",
            )
        self.make, self.name = make, name

    def where(self, chunk: int) -> str:
        return f"{self.name}, row {chunk + 1:,}"

    def read(self, chunk: int) -> Any:
        raise TypeError("an iterable is pulled from, row by row")


def _listed(paths: Paths) -> Sequence[str | Path]:
    return [paths] if isinstance(paths, (str, Path)) else paths


def _opened(path: Path) -> pl.LazyFrame:
    if not path.exists():
        raise DataError("data", f"there is no file '{path}'", "", "check the path")
    try:
        frame = pl.scan_parquet(path)
        frame.collect_schema()
    except pl.exceptions.PolarsError as error:
        raise DataError(
            path.name, "cannot be read as Parquet", str(error), "check it, and save it anew"
        ) from None
    return frame


def _unlike(path: Path, first: Path) -> DataError:
    return DataError(
        path.name,
        f"its columns differ from those of {first.name}",
        "files of one source are one table",
        "give them the same columns of the same types",
    )


def _target(column: pl.Series) -> np.ndarray:
    whole = column.dtype.is_integer()
    return column.cast(pl.Int64 if whole else pl.Float32).to_numpy()
