"""Reading: receives the name of a file or of a shipped data set; hands on a table whose cells are
still as written.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.deferred import polars as pl
from chainrule.errors import DataError
from chainrule.words import suggestion

SHIPPED = ("digits", "iris", "wine", "breast-cancer", "diabetes")
TEXT, PARQUET = (".csv", ".tsv"), (".parquet", ".pq")
SEPARATORS = ",;\t|"
DECIMAL_COMMA = r"^(\s*[+-]?\d*),(\d+\s*)$"


@dataclass(frozen=True)
class Table:
    """A frame with the name that messages call it by, the hash of its content, and its target where
    that is known. A piece of a file says how many rows `start` before it.

    >>> from chainrule import data
    >>> table = data.read("iris")
    >>> table.name, table.frame.shape, table.target
    ('iris', (150, 5), 'target')
    """

    name: str
    frame: pl.DataFrame
    sha256: str
    target: str | None = None
    start: int = 0

    @property
    def stem(self) -> str:
        return Path(self.name).stem


def read(source: str | Path | pl.DataFrame) -> Table:
    """A CSV or Parquet file, a polars frame, or a data set that ships with scikit-learn. Raises
    DataError.

    >>> from pathlib import Path
    >>> from chainrule import data
    >>> _ = Path("flats.csv").write_text("rooms,rent\\n2,500\\n3,700\\n")
    >>> data.read("flats.csv").frame["rent"].to_list()
    ['500', '700']
    """
    if isinstance(source, pl.DataFrame):
        return _checked(Table("table", source, _hash(source.write_json().encode())))
    if str(source) in SHIPPED:
        return _shipped(str(source))
    path = Path(source)
    if not path.exists():
        raise no_such(path)
    if path.suffix.lower() not in TEXT + PARQUET or path.is_dir():
        raise DataError(
            path.name or str(path),
            "is a folder, no table" if path.is_dir() else "is neither a CSV nor a Parquet file",
            "the ending of its name says what it holds",
            "save the table as .csv, .tsv or .parquet",
        )
    return _checked(_read_file(path))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def no_such(path: Path) -> DataError:
    endings = (path.suffix.lower(),) if path.suffix else TEXT + PARQUET
    files = [file.name for file in path.parent.glob("*") if file.suffix.lower() in endings]
    close = suggestion(path.name, [*files, *SHIPPED])
    why = "" if close or path.suffix else f"shipped data sets are {', '.join(SHIPPED)}"
    cure = "download it first" if path.parts[:1] in (("http:",), ("https:",)) else "check the path"
    return DataError("data", f"there is no file '{path}'", why, close or cure)


def _read_file(path: Path) -> Table:
    is_text = path.suffix.lower() in TEXT
    try:
        frame = _read_text(path) if is_text else pl.read_parquet(path)
        return Table(path.name, frame, _hash(path.read_bytes()))
    except pl.exceptions.NoDataError:
        raise empty(path.name) from None
    except (OSError, UnicodeDecodeError, csv.Error, pl.exceptions.PolarsError) as error:
        raise unreadable(path, error) from None


def scan(path: Path) -> pl.LazyFrame:
    """A file of which nothing but the header is read yet, with cells as `read` has them."""
    try:
        if path.suffix.lower() not in TEXT:
            return pl.scan_parquet(path)
        names, separator = _header(path)
        frame = pl.scan_csv(path, infer_schema=False, separator=separator)
        frame = frame.rename(dict(zip(frame.collect_schema().names(), names, strict=True)))
        return _pointed(frame, separator)
    except (OSError, UnicodeDecodeError, csv.Error, pl.exceptions.PolarsError) as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> DataError:
    """What to say of a file that cannot be read."""
    is_text = path.suffix.lower() in TEXT
    what = f"cannot be read as {'CSV' if is_text else 'Parquet'}"
    reason, cure = str(error).strip().partition("\n")[0].rstrip("."), "check it, and save it anew"
    if isinstance(error, OSError):
        reason, cure = (error.strerror or reason).lower(), "check the file and your rights to it"
    elif is_text and "utf" in reason.lower():
        reason, cure = "it is not UTF-8 text", "save it as UTF-8"
    elif is_text and (line := _ragged_line(path)):
        reason, cure = (
            line,
            "remove what is too much, or put quotes around text that holds separators",
        )
    return DataError(path.name, what, reason, cure)


def _ragged_line(path: Path) -> str:
    """Where a row has more cells than the header; empty where none has."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, delimiter=separator_of(file.readline()))
        file.seek(0)
        width = len(next(rows))
        for row in rows:
            if len(row) > width:
                return f"line {rows.line_num} has {len(row)} cells, the header {width}"
    return ""


def separator_of(header: str) -> str:
    return max(SEPARATORS, key=header.count)


def _read_text(path: Path) -> pl.DataFrame:
    """All cells as text: types are found later, column by column, so that errors can name rows."""
    names, separator = _header(path)
    frame = pl.read_csv(path, infer_schema=False, separator=separator)
    return _pointed(frame.rename(dict(zip(frame.columns, names, strict=True))), separator)


def _pointed(frame: Any, separator: str) -> Any:
    """A frame in which 2,5 is 2.5: whoever separates cells by semicolons may write numbers so."""
    if separator != ";":
        return frame
    return frame.with_columns(pl.all().str.replace(DECIMAL_COMMA, "${1}.${2}"))


def _header(path: Path) -> tuple[list[str], str]:
    """(the names of the columns, what separates cells)."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        line = file.readline()
    separator = separator_of(line)
    names = [name.strip() for name in next(csv.reader([line], delimiter=separator), [])]
    _check_names(path.name, names)
    return names, separator


def _check_names(where: str, names: list[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        count = names.count(repeated[0])
        raise DataError(
            where,
            f"{count} columns are called '{repeated[0]}'",
            "a column is known by its name",
            "rename all but one",
        )


def empty(where: str) -> DataError:
    return DataError(
        where, "the table has no rows", "there is nothing to learn from", "check how it was saved"
    )


def _checked(table: Table) -> Table:
    if not table.frame.width or not table.frame.height:
        raise empty(table.name)
    return table


def _shipped(name: str) -> Table:
    from sklearn import datasets

    load: Any = getattr(datasets, "load_" + name.replace("-", "_"))
    found = load(scaled=False) if name == "diabetes" else load()
    columns = {
        str(column): found.data[:, place] for place, column in enumerate(found.feature_names)
    }
    names = getattr(found, "target_names", None)
    target = found.target if names is None or names.dtype.kind != "U" else names[found.target]
    frame = pl.DataFrame({**columns, "target": target.tolist()})
    return Table(name, frame, _hash(frame.write_json().encode()), "target")
