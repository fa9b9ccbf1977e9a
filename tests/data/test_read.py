"""Reading tables: what comes out, and what is said of tables that cannot be read."""

import numpy as np
import polars as pl
import pytest
from sklearn import datasets

from chainrule.data import SHIPPED, read
from chainrule.data.read import scan
from chainrule.errors import DataError

LOADERS = {
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast-cancer": datasets.load_breast_cancer,
    "diabetes": lambda: datasets.load_diabetes(scaled=False),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_set_has_scikit_learns_values(name):
    table, original = read(name), LOADERS[name]()
    np.testing.assert_array_equal(table.frame.drop("target").to_numpy(), original.data)
    assert table.target == "target"
    assert table.frame.columns == [*map(str, original.feature_names), "target"]


def test_shipped_classes_have_their_names():
    original = datasets.load_iris()
    expected = original.target_names[original.target].tolist()
    assert read("iris").frame["target"].to_list() == expected


def test_hash_follows_content():
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    assert read(frame).sha256 == read(frame.clone()).sha256
    assert read(frame).sha256 != read(frame.with_columns(a=pl.lit(3))).sha256


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.csv", "a,b\n1,x\n2,\n"),
        ("semicolons.csv", "a;b\n1;x\n2;\n"),
        ("tabs.tsv", "a\tb\n1\tx\n2\t\n"),
        ("marked.csv", "\ufeffa,b\n1,x\n2,\n"),
        ("spaced.csv", " a , b\n1,x\n2,\n"),
        ("quoted.csv", '"a","b"\n"1","x"\n"2",\n'),
        ("windows.csv", "a,b\r\n1,x\r\n2,\r\n"),
    ],
)
def test_text_keeps_its_cells(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content.encode())
    table = read(path)
    assert table.frame.to_dict(as_series=False) == {"a": ["1", "2"], "b": ["x", None]}
    assert table.name == name


def test_parquet_keeps_its_types(tmp_path):
    frame = pl.DataFrame({"a": [1.5, None], "b": [True, False]})
    frame.write_parquet(tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet").frame.equals(frame)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "empty.csv",
            b"",
            "[empty.csv] the table has no rows; there is nothing to learn from; "
            "check how it was saved",
        ),
        (
            "header.csv",
            b"a,b\n",
            "[header.csv] the table has no rows; there is nothing to learn from; "
            "check how it was saved",
        ),
        (
            "twice.csv",
            b"a,b,a\n1,2,3\n",
            "[twice.csv] 2 columns are called 'a'; a column is known by its name; "
            "rename all but one",
        ),
        (
            "ragged.csv",
            b"a,b\n1,2\n3,4,5\n",
            "[ragged.csv] cannot be read as CSV; line 3 has 3 cells, the header 2; remove what is "
            "too much, or put quotes around text that holds separators",
        ),
        (
            "latin.csv",
            "name,b\n1,\u00fc\n".encode("latin-1"),
            "[latin.csv] cannot be read as CSV; it is not UTF-8 text; save it as UTF-8",
        ),
        (
            "table.xlsx",
            b"PK",
            "[table.xlsx] is neither a CSV nor a Parquet file; the ending of its name says what "
            "it holds; save the table as .csv, .tsv or .parquet",
        ),
    ],
)
def test_unreadable_table_is_an_error(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == message


def test_damaged_parquet_is_an_error(tmp_path):
    path = tmp_path / "damaged.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(DataError, match=r"^\[damaged.parquet\] cannot be read as Parquet; .+; "):
        read(path)


def test_missing_file_suggests_its_neighbour(tmp_path):
    (tmp_path / "titanic.csv").write_text("a\n1\n")
    with pytest.raises(DataError) as caught:
        read(tmp_path / "titanik.csv")
    path = tmp_path / "titanik.csv"
    assert str(caught.value) == f"[data] there is no file '{path}'; did you mean 'titanic.csv'?"


def test_missing_file_of_another_kind_suggests_no_table(tmp_path):
    (tmp_path / "houses.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match="there is no file .*houses.xlsx'; check the path$"):
        read(tmp_path / "houses.xlsx")
    with pytest.raises(DataError, match="did you mean 'houses.csv'"):
        read(tmp_path / "houses")


def test_numbers_between_semicolons_may_have_commas(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b;c\n1,5;x,y;-2\n ,25;1,2,3;7,0e1\n")
    frame = read(path).frame
    assert frame["a"].str.strip_chars().to_list() == ["1.5", ".25"]
    assert frame["b"].to_list() == ["x,y", "1,2,3"] and frame["c"].to_list() == ["-2", "7,0e1"]
    assert scan(path).collect().equals(frame)
    path.write_text('a,b\n"1,5",2\n')
    assert read(path).frame["a"].to_list() == ["1,5"]


def test_a_page_of_the_web_is_no_file():
    with pytest.raises(DataError, match="download it first$"):
        read("https://example.com/t.csv")
