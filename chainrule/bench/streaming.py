"""Streaming: receives a size; makes a Parquet file of it, trains on the file for one epoch, and
hands on the memory that took and how long steps waited.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

import chainrule as cr
from chainrule import nn, optim
from chainrule.bench.report import machine
from chainrule.data import ParquetSource, StreamLoader

COLUMNS, WIDTHS = 128, (128, 256, 128, 1)
BATCH, BATCHES_A_CALL = 256, 32
PIECE = 65_536  # Rows made at a time.
BYTES_A_ROW = 478  # In the file: 129 random float32 and a number of the row, compressed.
INTERRUPTED = 1 / 3  # After this share of the epoch a new loader takes over from a saved state.
SPANS = 10  # The epoch is cut into these, and the longest wait of any is told.
ROW = "row"


@dataclass(frozen=True)
class Streamed:
    """One epoch over a file: sizes in bytes, times in seconds; `waits` are shares of each span's
    time, `once` says whether every row was seen exactly once.
    """

    file: int
    rows: int
    seconds: float
    waited: float
    waits: list[float]
    memory: int
    once: bool

    def write(self, path: Path) -> None:
        """All figures as JSON."""
        record = {"machine": machine(), "streaming": asdict(self)}
        path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def streaming(gigabytes: float) -> Streamed:
    """Train on a file of so many gigabytes, interrupted once. The file is made by another process,
    whose memory does not count, and removed afterwards.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder, "rows.parquet")
        rows = int(gigabytes * 1e9) // BYTES_A_ROW
        maker = multiprocessing.get_context("spawn").Process(target=make, args=(path, rows))
        maker.start()
        maker.join()
        return train(path)


def make(path: Path, rows: int) -> None:
    """Write a table of random numbers, piece by piece: `row`, x0, x1, ..., y."""
    names = [f"x{place}" for place in range(COLUMNS)]
    schema = {ROW: pl.Int64, **dict.fromkeys([*names, "y"], pl.Float32)}

    def pieces(*_: Any) -> Iterator[pl.DataFrame]:
        generator = np.random.default_rng(0)
        for start in range(0, rows, PIECE):
            count = min(PIECE, rows - start)
            x = generator.standard_normal((count, COLUMNS), np.float32)
            y = np.tanh(x[:, 0]) * x[:, 1]
            number = pl.Series(ROW, np.arange(start, start + count))
            yield pl.DataFrame(x, schema=names).select(number, pl.all(), pl.Series("y", y))

    register_io_source(pieces, schema=schema).sink_parquet(path)


def _arrays(frame: pl.DataFrame) -> tuple[np.ndarray, ...]:
    x = frame.drop(ROW, "y").to_numpy(order="c")
    return x, frame["y"].to_numpy(), frame[ROW].to_numpy()


def _steps(model: nn.Module, optimizer: optim.Optimizer, x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
    """A step on each batch of a run."""

    def loss(model: nn.Module, x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
        return cr.mean((model(x)[:, 0] - y) ** 2)

    def step(total: cr.Tensor, batch: tuple[cr.Tensor, ...]) -> tuple[cr.Tensor, None]:
        value, gradients = cr.value_and_grad(loss)(model, *batch)
        optimizer.update(gradients)
        return total + value, None

    size = min(BATCH, x.shape[0])
    batches = cr.reshape(x, (-1, size, x.shape[1])), cr.reshape(y, (-1, size))
    return cr.scan(step, cr.asarray(0.0), batches)[0]


def train(path: Path) -> Streamed:
    """One epoch over a file made by `make`, interrupted and gone on with."""
    layers: list = []
    for before, after in zip(WIDTHS, WIDTHS[1:]):
        layers += [nn.Linear(before, after), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimizer, steps = optim.Adam(model, learning_rate=1e-3), cr.jit(_steps)
    blank = np.zeros((BATCH * BATCHES_A_CALL, COLUMNS), np.float32)
    steps(model, optimizer, blank, blank[:, 0])  # Compiled before the clock starts.
    seen = np.zeros(ParquetSource(path).lengths.sum(), np.uint8)
    began, memory = time.perf_counter(), 0
    told = [(0.0, 0.0)]
    for waited, (x, y, rows) in _runs(path):
        seen[rows] += 1
        full = len(x) - len(x) % BATCH
        for part in (slice(full), slice(full, None)):
            if len(x[part]):
                steps(model, optimizer, x[part], y[part])
        memory = max(memory, _resident())
        told.append((time.perf_counter() - began, waited))
    seconds, waits = zip(*told)
    # A small file has fewer calls than spans.
    ends = np.unique(np.linspace(0, len(told) - 1, SPANS + 1).astype(int))
    shares = np.diff(np.take(waits, ends)) / np.diff(np.take(seconds, ends))
    return Streamed(
        path.stat().st_size,
        len(seen),
        seconds[-1],
        waits[-1],
        shares.tolist(),
        memory,
        bool((seen == 1).all()),
    )


def _runs(path: Path) -> Iterator[tuple[float, Any]]:
    """(seconds waited so far, the rows of the next call): of one loader, and then of another that
    has only the first one's state.
    """
    first = _loader(path)
    for run in first.runs(BATCHES_A_CALL):
        yield first.waited, run
        if first.position > INTERRUPTED * len(first):
            break
    second = _loader(path)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    for run in second.runs(BATCHES_A_CALL):
        yield first.waited + second.waited, run


def _loader(path: Path) -> StreamLoader:
    return StreamLoader(ParquetSource(path, transform=_arrays), BATCH)


def _resident() -> int:
    """The bytes of this process that lie in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
