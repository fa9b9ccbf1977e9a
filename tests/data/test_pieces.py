"""Tables in pieces: the same rows as the whole table, and the same words where there is a fault."""

import polars as pl
import pytest

from chainrule.data import pieces, read
from chainrule.data.pieces import Pieces
from chainrule.errors import DataError

FRAME = pl.DataFrame({"a": range(250), "b c": ["x", 'y, "z"', None, "ü", ""] * 50})


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pieces, "ROWS", 100)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet"])
@pytest.mark.parametrize("whole", [0, 1 << 25])
def test_pieces_are_the_table(name, whole, monkeypatch):
    monkeypatch.setattr(pieces, "WHOLE", whole)
    if name == "t.parquet":
        FRAME.write_parquet(name)
    else:
        FRAME.write_csv(name, separator="," if name == "t.csv" else "\t")
    found = Pieces(name)
    tables = list(found)
    assert found.rows == 250
    assert [table.start for table in tables] == ([0] if whole else [0, 100, 200])
    assert pl.concat([table.frame for table in tables]).equals(read(name).frame)
    assert {table.name for table in tables} == {name}


def test_wide_tables_have_fewer_rows_a_piece(monkeypatch):
    monkeypatch.setattr(pieces, "WHOLE", 0)
    monkeypatch.setattr(pieces, "CELLS", 100)
    FRAME.write_parquet("t.parquet")
    assert max(table.frame.height for table in Pieces("t.parquet")) == 50


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,a\n1,2\n", "2 columns are called 'a'"),
        (b"a,b\n1,2\n" * 3 + b"1,2,3\n", "line 7 has 3 cells, the header 2"),
        (b"a,b\n1,\xff\n", "it is not UTF-8 text"),
    ],
)
def test_faults_are_told_as_of_whole_tables(content, message, monkeypatch, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    errors = []
    for whole in (0, 1 << 25):
        monkeypatch.setattr(pieces, "WHOLE", whole)
        with pytest.raises(DataError, match=message) as found:
            list(Pieces(path))
        errors.append(str(found.value))
    assert errors[0] == errors[1]
