"""Sources: files against what was written into them, and what errors say."""

import csv

import numpy as np
import polars as pl
import pytest
from PIL import Image

from chainrule.data import CsvSource, ImageFolder, ParquetSource, StreamLoader
from chainrule.data.csv_index import MARK
from chainrule.errors import DataError

ROWS = 3 * MARK + 5
FRAME = pl.DataFrame(
    {
        "a": np.arange(ROWS),
        "b": np.random.default_rng(0).normal(size=ROWS),
        "y": np.arange(ROWS) % 3,
    }
)


def rows_of(source):
    """Everything a source reads, in order: x, y."""
    chunks = [source.read(chunk) for chunk in range(len(source.lengths))]
    assert [len(x) for x, _ in chunks] == source.lengths.tolist()
    return tuple(np.concatenate(arrays) for arrays in zip(*chunks))


def written(tmp_path, ending, frame=FRAME):
    path = tmp_path / f"table{ending}"
    frame.write_csv(path) if ending == ".csv" else frame.write_parquet(path, row_group_size=700)
    return path


KINDS = pytest.mark.parametrize(("kind", "ending"), [(CsvSource, ".csv"), (ParquetSource, ".pq")])


@KINDS
@pytest.mark.parametrize("chunk", [1, 999, MARK, 10**6])
def test_tables_are_read_as_written(tmp_path, kind, ending, chunk):
    frame = FRAME.head(50) if chunk == 1 else FRAME
    x, y = rows_of(kind(written(tmp_path, ending, frame), target="y", chunk=chunk))
    np.testing.assert_array_equal(x, frame[["a", "b"]].to_numpy().astype(np.float32))
    assert x.dtype == np.float32 and y.dtype == np.int64
    np.testing.assert_array_equal(y, frame["y"].to_numpy())


@KINDS
def test_several_files_are_one_table(tmp_path, kind, ending):
    paths = []
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        paths.append(written(tmp_path / str(number), ending, FRAME[number * 100 :][:100]))
    x, _ = rows_of(kind(paths, target="y", chunk=64))
    assert x[:, 0].tolist() == list(range(300))


@KINDS
def test_streams_of_tables_go_on_exactly(tmp_path, kind, ending):
    def stream():
        source = kind(written(tmp_path, ending), columns=["a"], chunk=100)
        return StreamLoader(source, batch_size=64, buffer=500, seed=2)

    whole = [batch[:, 0].astype(int).tolist() for batch in stream()]
    assert sorted(sum(whole, [])) == list(range(ROWS))
    started, again = stream(), stream()
    for number, _ in enumerate(started, 1):
        if number == 20:
            break
    again.load_state_dict(started.state_dict())
    assert [batch[:, 0].astype(int).tolist() for batch in again] == whole[20:]


@KINDS
def test_a_transform_makes_the_arrays(tmp_path, kind, ending):
    source = kind(
        written(tmp_path, ending), transform=lambda frame: {"sum": frame["a"] + frame["y"]}
    )
    assert source.read(0)["sum"][5] == 5 + 2


@KINDS
def test_empty_cells_are_named(tmp_path, kind, ending):
    frame = pl.DataFrame({"a": [1.0, 2.0, 3.0, None], "b": [1.0, 2.0, 3.0, 4.0]})
    source = kind(written(tmp_path, ending, frame), chunk=2)
    with pytest.raises(DataError, match=r"row 4\] column 'a' has no value"):
        source.read(1)


@KINDS
def test_text_needs_a_transform(tmp_path, kind, ending):
    path = written(tmp_path, ending, pl.DataFrame({"a": ["x", "z"], "b": [1, 2]}))
    with pytest.raises(DataError, match="column 'a' holds String; a network reads numbers"):
        kind(path)
    assert kind(path, columns=["b"]).read(0).tolist() == [[1.0], [2.0]]


@KINDS
def test_unknown_columns_and_files_are_refused(tmp_path, kind, ending):
    path = written(tmp_path, ending)
    with pytest.raises(DataError, match="there is no column 'z'"):
        kind(path, target="z")
    with pytest.raises(DataError, match="there is no file"):
        kind(tmp_path / "nowhere")
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(DataError, match="its columns differ"):
        kind([path, written(other, ending, FRAME.drop("a"))])


def test_what_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        ParquetSource(tmp_path / "a.parquet")


def test_csv_with_line_breaks_and_quotes_in_cells(tmp_path):
    texts = ["plain", "two\nlines", 'a "quoted"\n"word"', ";,", ""] * 300
    with (tmp_path / "a.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["n", "text"])
        writer.writerows(enumerate(texts))
    source = CsvSource(tmp_path / "a.csv", transform=lambda frame: frame, chunk=7)
    frames = [source.read(chunk) for chunk in range(len(source.lengths))]
    frame = pl.concat(frames)
    assert frame["text"].fill_null("").to_list() == texts
    assert frame["n"].to_list() == list(range(1500))


@pytest.mark.parametrize(
    "text", ["a;b\n1;2\n3;4", "a;b\r\n1;2\r\n3;4\r\n", "\ufeffa;b\n1;2\n3;4\n\n"]
)
def test_csv_in_other_manners(tmp_path, text):
    (tmp_path / "a.csv").write_text(text, newline="")
    x, y = rows_of(CsvSource(tmp_path / "a.csv", target="b"))
    assert (x.tolist(), y.tolist()) == ([[1.0], [3.0]], [2, 4])


def test_csv_cells_of_another_type_are_named(tmp_path):
    lines = [f"{i},{i}" for i in range(20_000)]
    lines[15_000] = "many,1"
    (tmp_path / "a.csv").write_text("\n".join(["a,b", *lines]))
    source = CsvSource(tmp_path / "a.csv", chunk=4000)
    assert source.read(2).shape == (4000, 2)
    with pytest.raises(DataError, match=r"a.csv, row 15,001\] column 'a' holds 'many'"):
        source.read(3)


def test_whole_numbers_may_have_fractions_further_down(tmp_path):
    lines = [str(i) for i in range(12_000)] + ["0.5"]
    (tmp_path / "a.csv").write_text("\n".join(["a", *lines]))
    assert CsvSource(tmp_path / "a.csv", chunk=12_000).read(1).tolist() == [[0.5]]


def test_csv_without_rows_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n\n")
    with pytest.raises(DataError, match="no rows"):
        CsvSource(tmp_path / "a.csv")


@pytest.fixture
def folder(tmp_path):
    for label, name in enumerate(["cat", "dog"]):
        (tmp_path / name).mkdir()
        for number in range(5):
            pixels = np.full((6, 8, 3), 50 * label + number, np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_images_come_with_their_folder_as_class(folder):
    source = ImageFolder(folder, size=(3, 4))
    images, labels = next(iter(StreamLoader(source, batch_size=10)))
    assert images.shape == (10, 3, 4, 3) and images.dtype == np.uint8
    assert source.classes == ["cat", "dog"] and labels.sum() == 5
    assert set(images[:, 0, 0, 0].tolist()) == {0, 1, 2, 3, 4, 50, 51, 52, 53, 54}
    np.testing.assert_array_equal(images[:, 0, 0, 0] >= 50, labels == 1)


def test_images_can_be_transformed(folder):
    source = ImageFolder(folder, (6, 8), transform=lambda image: image[..., 0] / np.float32(255))
    image, label = source.read(7)
    assert image.shape == (1, 6, 8) and image[0, 0, 0] == np.float32(52 / 255) and label == [1]


def test_broken_images_are_named(folder):
    (folder / "cat" / "9.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"cat/9.png\] cannot be read as an image"):
        list(StreamLoader(ImageFolder(folder, (2, 2))))
    with pytest.raises(DataError, match="there are no images"):
        ImageFolder(folder / "cat", (2, 2))
