"""Streams: what threads hand over, exact resumption, errors, and that nothing is left running."""

import gc
import json
import signal
import threading
import time

import numpy as np
import polars as pl
import pytest

from chainrule.data import IterableSource, ParquetSource, Source, StreamLoader, windows
from chainrule.errors import ArgumentError, DataError

LENGTHS = [7, 3, 11, 1, 9, 6]
ROWS = sum(LENGTHS)


class Numbers(Source):
    """Rows 0, 1, 2, ... in uneven chunks; chunk `bad` cannot be read."""

    def __init__(self, bad=None, pause=0.0):
        self.lengths, self.bad, self.pause = np.array(LENGTHS), bad, pause

    def where(self, chunk):
        return f"numbers, chunk {chunk}"

    def read(self, chunk):
        time.sleep(self.pause)
        if chunk == self.bad:
            raise RuntimeError("no paper")
        start = sum(LENGTHS[:chunk])
        rows = np.arange(start, start + LENGTHS[chunk])
        return {"x": np.stack([rows, rows], 1).astype(np.float32), "y": rows}


def iterable():
    return IterableSource(lambda: ({"x": np.full(2, i, np.float32), "y": i} for i in range(ROWS)))


def stream(source, **options):
    return StreamLoader(source, **{"batch_size": 4, "buffer": 9, "seed": 1, **options})


def seen(batches):
    found = []
    for batch in batches:
        assert (batch["x"] == batch["y"][:, None]).all()
        found += batch["y"].tolist()
    return found


def threads():
    return [t for t in threading.enumerate() if t.name.startswith("chainrule-data")]


SOURCES = pytest.mark.parametrize("source", [Numbers, iterable])


@SOURCES
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.covers("A-244", "B-058")
def test_each_row_comes_once_an_epoch_in_a_new_order(source, workers):
    batches = stream(source(), workers=workers)
    first, second = seen(batches), seen(batches)
    assert sorted(first) == sorted(second) == list(range(ROWS))
    assert first != second and first != sorted(first)
    assert not threads()


@SOURCES
def test_orders_do_not_depend_on_the_threads(source):
    assert seen(stream(source(), workers=1)) == seen(stream(source(), workers=4))


@SOURCES
def test_unshuffled_rows_keep_their_order(source):
    assert seen(stream(source(), shuffle=False)) == list(range(ROWS))


@SOURCES
def test_all_batches_are_full_but_the_last(source):
    assert [len(batch["y"]) for batch in stream(source())] == [4] * 9 + [1]


@SOURCES
@pytest.mark.parametrize("stop", range(11))
def test_interrupted_and_resumed_every_row_is_seen_once(source, stop):
    whole, started = stream(source()), stream(source())
    expected = seen(whole) + seen(whole)
    found = []
    for number, batch in enumerate(started, 1):
        found += batch["y"].tolist()
        if number >= stop:
            break
    state = json.loads(json.dumps(started.state_dict()))
    again = stream(source())
    again.load_state_dict(state)
    rest = seen(again)
    assert sorted(found + rest) == list(range(ROWS))
    assert found + rest + seen(again) == expected


@SOURCES
@pytest.mark.parametrize("batches", [2, 3, 100])
def test_runs_are_batches_in_a_row(source, batches):
    runs = [run["y"].tolist() for run in stream(source()).runs(batches)]
    assert [len(run) for run in runs[:-1]] == [4 * batches] * (len(runs) - 1)
    assert sum(runs, []) == seen(stream(source()))


def test_windows_mix_distant_chunks():
    first = seen(stream(Numbers(), buffer=ROWS))[:12]
    assert max(first) > 20 > min(first)


def test_an_error_in_a_thread_names_its_place():
    with pytest.raises(DataError, match=r"\[numbers, chunk 2\] RuntimeError: no paper"):
        seen(stream(Numbers(bad=2)))
    assert not threads()


def test_batches_before_an_error_are_handed_on():
    found = []
    with pytest.raises(DataError):
        for batch in stream(Numbers(bad=4), shuffle=False, buffer=3):
            found += batch["y"].tolist()
    assert found == list(range(20))


def test_an_error_in_an_iterable_names_its_row():
    def rows():
        yield 1.0
        yield 1 / 0

    with pytest.raises(DataError, match=r"\[mine, row 2\] ZeroDivisionError"):
        list(StreamLoader(IterableSource(rows, "mine")))
    with pytest.raises(DataError, match=r"row 2\] arrays of shapes \[\(3,\)\]"):
        list(StreamLoader(IterableSource(lambda: [np.ones(2), np.ones(3)])))


def test_an_iterable_can_be_walked_through_anew():
    with pytest.raises(ArgumentError, match="a list_iterator"):
        IterableSource(iter([1.0]))


def test_rows_that_a_source_loses_are_missed():
    class Short(Numbers):
        def read(self, chunk):
            return {name: rows[1:] for name, rows in super().read(chunk).items()}

    with pytest.raises(DataError, match="6 rows came, 7 were announced"):
        seen(stream(Short(), shuffle=False))


@SOURCES
def test_leaving_the_loop_ends_the_threads(source):
    for _ in stream(source(), workers=3):
        assert threads()
        break
    gc.collect()
    assert not threads()


@pytest.fixture
def interruptible():
    """Background jobs ignore Ctrl-C, and so would the tests in them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_while_waiting_ends_the_threads(interruptible):
    main = threading.main_thread().ident
    timer = threading.Timer(0.3, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        seen(stream(Numbers(pause=0.2), workers=2))
    timer.join()
    gc.collect()
    assert not threads()


def test_no_more_is_read_ahead_than_there_are_threads():
    read = []

    class Counted(Numbers):
        def read(self, chunk):
            read.append(chunk)
            return super().read(chunk)

    batches = iter(stream(Counted(), buffer=1, workers=2, shuffle=False))
    next(batches)
    time.sleep(0.05)
    assert len(read) <= 3
    batches.close()


def test_waiting_is_counted():
    batches = stream(Numbers(pause=0.02), workers=1)
    seen(batches)
    assert 0.05 < batches.waited < 5


def test_a_state_of_another_stream_is_refused(tmp_path):
    pl.DataFrame({"a": [1.0, 2.0]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(ArgumentError, match="rows=37"):
        stream(ParquetSource(tmp_path / "a.parquet")).load_state_dict(
            stream(Numbers()).state_dict()
        )


@pytest.mark.parametrize("options", [{"buffer": 0}, {"workers": 0}])
def test_something_is_read_ahead(options):
    with pytest.raises(ArgumentError, match="read ahead"):
        stream(Numbers(), **options)


class Table:
    """A Parquet file of so many rows, with what a transform was called with."""

    def __init__(self, tmp_path, rows, transform=lambda frame: frame["a"], **options):
        pl.DataFrame({"a": np.arange(rows)}).write_parquet(tmp_path / "a.parquet")
        self.calls = []
        self.transform = transform
        self.source = ParquetSource(tmp_path / "a.parquet", transform=self.made, **options)

    def made(self, frame):
        self.calls.append(len(frame))
        return self.transform(frame)


@pytest.mark.parametrize("block", [7, 64, 10_000])
@pytest.mark.parametrize("shuffle", [True, False])
def test_the_order_of_a_table_does_not_depend_on_its_blocks(tmp_path, monkeypatch, block, shuffle):
    def batches():
        source = Table(tmp_path, 500, chunk=30).source
        return [x.tolist() for x in stream(source, buffer=100, shuffle=shuffle).runs(9)]

    expected = batches()
    monkeypatch.setattr(windows, "BLOCK", block)
    assert batches() == expected
    assert sorted(sum(expected, [])) == list(range(500))


def test_the_first_rows_of_a_window_come_before_its_last_are_made(tmp_path, monkeypatch):
    monkeypatch.setattr(windows, "BLOCK", 10)
    seen_one = threading.Event()

    def transform(frame):
        if len(table.calls) > 1:
            assert seen_one.wait(20)
        return frame["a"]

    table = Table(tmp_path, 40, transform)
    batches = iter(stream(table.source, workers=1, buffer=40))
    next(batches)
    seen_one.set()
    assert len(list(batches)) == 9


def test_a_resumed_table_makes_only_what_is_left_of_a_window(tmp_path, monkeypatch):
    monkeypatch.setattr(windows, "BLOCK", 10)
    table = Table(tmp_path, 60, chunk=30)
    batches = stream(table.source, buffer=30)
    batches.position = 13  # Of 4 rows each: 22 of the second window.
    assert len(list(batches)) == 2
    assert table.calls == [8]


def test_batches_of_tables_can_be_written_to(tmp_path):
    for rows in stream(Table(tmp_path, 10).source):
        rows += 1


@pytest.mark.parametrize(
    ("transform", "text"),
    [
        (lambda frame: frame["b"], "ColumnNotFoundError"),
        (lambda frame: frame["a"][1:], "8 rows came, 9 were announced"),
    ],
)
def test_what_goes_wrong_in_a_transform_names_file_and_rows(tmp_path, transform, text):
    source = Table(tmp_path, 9, transform, chunk=3).source
    with pytest.raises(DataError, match=rf"\[a.parquet, rows 1 to 3, and 2 others\] {text}"):
        list(stream(source, shuffle=False))
    assert not threads()


def test_a_file_that_shrinks_is_noticed(tmp_path):
    table = Table(tmp_path, 9, chunk=3)
    Table(tmp_path, 4)
    with pytest.raises(DataError, match=r"\[a.parquet, rows"):
        list(stream(table.source, shuffle=False))
