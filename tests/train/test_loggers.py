"""What is written of each epoch: JSON lines, TensorBoard's events, lines and bars."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.train import TensorBoard, Trainer

X = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def fit(epochs, callbacks=(), **options):
    cr.random.seed(0)
    model = nn.Linear(4, 2)
    trainer = Trainer(
        model, nn.losses.cross_entropy, optim.Adam(model), [cr.metrics.accuracy], callbacks
    )
    return trainer.fit((X, Y), epochs=epochs, validation_data=(X, Y), **options)


def lines(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_each_epoch_is_a_line_of_json(tmp_path):
    history = fit(3, folder=tmp_path)
    assert lines(tmp_path) == history.epochs
    assert {"accuracy", "validation_accuracy", "learning_rate"} <= history.epochs[0].keys()


def test_resumed_runs_drop_lines_behind_their_checkpoint(tmp_path):
    fit(3, folder=tmp_path)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"epoch": 4, "loss": 9.0}\n')
    history = fit(5, folder=tmp_path, resume=True)
    assert lines(tmp_path) == history.epochs and len(history.epochs) == 5


def test_tensorboard_reads_the_same_scalars(tmp_path):
    pytest.importorskip("tensorboardX")
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log, board = tmp_path / "run", tmp_path / "events"
    fit(3, [TensorBoard(board)], folder=log, save_seconds=0.0)
    fit(5, [TensorBoard(board)], folder=log, save_seconds=0.0, resume=True)
    read = events.EventAccumulator(str(board)).Reload()
    rows = lines(log)
    assert set(read.Tags()["scalars"]) == rows[0].keys() - {"epoch"}
    for name in read.Tags()["scalars"]:
        found = [(event.step, event.value) for event in read.Scalars(name)]
        # Events hold float32.
        assert found == [(row["epoch"], float(np.float32(row[name]))) for row in rows]


def test_lines_where_nobody_looks_on(capsys):
    fit(2)
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("epoch 1/2  loss ") and last.startswith("epoch 2/2  loss ")
    assert "  validation accuracy " in last and last.endswith(" s")
    fit(2, quiet=True)
    assert capsys.readouterr().out == ""


def test_many_epochs_are_not_many_lines(capsys):
    fit(200)
    told = capsys.readouterr().out.splitlines()
    assert len(told) < 100 and told[-1].startswith("epoch 200/200  ")


TERMINAL = """
import numpy as np
import chainrule as cr
from chainrule import nn, optim
from chainrule.train import Trainer
model = nn.Linear(4, 1)
trainer = Trainer(model, nn.losses.mse, optim.SGD(model, 0.1))
trainer.fit((np.ones((64, 4), np.float32), np.ones((64, 1), np.float32)), epochs=3)
"""


def test_a_bar_on_a_terminal():
    command = [sys.executable, "-c", TERMINAL]
    code = f"import pty, sys; sys.exit(pty.spawn({command!r}) >> 8)"
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "150"}
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, stdin=subprocess.DEVNULL, env=environment
    )
    assert found.returncode == 0, found.stdout
    assert "━".encode() in found.stdout and b"epoch 3/3" in found.stdout
