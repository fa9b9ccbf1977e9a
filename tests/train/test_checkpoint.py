"""Runs that are killed at any moment go on with the same bits, and their folders can be read."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import ArgumentError, DataError
from chainrule.train import Callback, EarlyStopping, Trainer
from chainrule.train.saving import written
from chainrule.train.trainer.checkpoint import BEFORE, LAST, Checkpoints
from chainrule.train.trainer.loggers import LOG

SCRIPT = Path(__file__).with_name("killed.py")
KILLS = int(os.environ.get("CHAINRULE_KILLS", "3"))  # Twenty by hand.
EPOCHS = 6

X = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def start(folder, *words):
    command = [sys.executable, SCRIPT, folder, str(EPOCHS), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def finished(process):
    told, _ = process.communicate()
    assert process.returncode == 0
    return told.split()


@pytest.mark.parametrize("kind", ["arrays", "stream"])
def test_killed_runs_end_with_the_same_bits(kind, tmp_path):
    started = start(tmp_path / "whole", kind)
    begun = time.perf_counter()
    expected, seconds = finished(started), time.perf_counter() - begun
    moments, left = random.Random(0), KILLS
    for number in range(KILLS):
        folder = tmp_path / str(number)
        while left:
            process = start(folder, kind)
            time.sleep(moments.uniform(0, seconds))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            left -= 1
            state = Checkpoints(folder, 0.0, resume=True).load()
            if state is not None and len(state["epochs"]) == EPOCHS:
                break
        assert finished(start(folder, kind)) == expected
        if not left:
            break


# ---- What a checkpoint holds ----


def fit(folder, epochs, callbacks=(), **options):
    cr.random.seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
    trainer = Trainer(model, nn.losses.cross_entropy, optim.Adam(model), callbacks=callbacks)
    options = {"save_seconds": 0.0, "folder": folder, "quiet": True, **options}
    history = trainer.fit((X, Y), epochs=epochs, validation_data=(X, Y), **options)
    return trainer, history


def test_finished_runs_are_not_repeated(tmp_path):
    stopping = EarlyStopping(patience=None)
    trainer, history = fit(tmp_path / "run", 3, [stopping])
    steps = []

    class Counting(Callback):
        def stretch_end(self, trainer):
            steps.append(1)

    again, same = fit(tmp_path / "run", 3, [EarlyStopping(patience=None), Counting()], resume=True)
    assert same.epochs == history.epochs and again.resumed and not steps
    for name, array in trainer.model.state_dict().items():
        np.testing.assert_array_equal(again.model.state_dict()[name], array)


def test_more_epochs_go_on_from_the_last(tmp_path):
    longer = fit(tmp_path / "five", 5)[1]
    fit(tmp_path / "three", 3)
    history = fit(tmp_path / "three", 5, resume=True)[1]
    assert history["loss"] == longer["loss"]


def test_a_run_is_not_overwritten_by_mistake(tmp_path):
    fit(tmp_path, 1)
    with pytest.raises(ArgumentError) as caught:
        fit(tmp_path, 1)
    assert str(caught.value) == (
        f"[fit] the folder '{tmp_path}' holds a run; it would be overwritten; "
        "pass resume=True to go on with it, or another folder"
    )


def test_another_order_of_rows_is_an_error(tmp_path):
    fit(tmp_path, 1, batch_size=16)
    with pytest.raises(ArgumentError, match="the state has batch_size=16, this loader 8"):
        fit(tmp_path, 2, batch_size=8, resume=True)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path):
    expected = fit(tmp_path / "whole", 4)[1]
    fit(tmp_path / "run", 3)
    path = tmp_path / "run" / LAST
    path.write_bytes(path.read_bytes()[:-100])
    assert fit(tmp_path / "run", 4, resume=True)[1]["loss"] == expected["loss"]


def test_a_folder_without_a_readable_checkpoint_is_an_error(tmp_path):
    fit(tmp_path, 2)
    for name in (LAST, BEFORE):
        (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(DataError, match="the checkpoints in '.*' cannot be read; .*; train anew"):
        fit(tmp_path, 2, resume=True)


def test_saving_waits_for_its_time(tmp_path):
    fit(tmp_path, 5, save_seconds=3600.0)
    # The one at the end alone.
    assert sorted(os.listdir(tmp_path)) == [LAST, LOG]


def test_an_interrupted_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), written(path) as new:
        new.write_text("half")
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ["file"] and path.read_text() == "old"


def test_what_a_killed_process_left_is_removed(tmp_path):
    left = tmp_path / f".{LAST}.1"
    left.write_text("half")
    Checkpoints(tmp_path, 0.0, resume=True)
    assert not left.exists()


def test_states_come_back_as_they_were(tmp_path):
    state = {
        "numbers": [1, 2.5, float("inf"), None, True],
        "arrays": {"a": np.arange(3), "b": np.float32(2.0) * np.ones(())},
        "array": "a text",
        "empty": {},
    }
    checkpoints = Checkpoints(tmp_path, 0.0, resume=False)
    checkpoints.save(state)
    found = checkpoints.load()
    for name, array in state["arrays"].items():
        np.testing.assert_array_equal(found["arrays"][name], array)
        assert found["arrays"][name].dtype == array.dtype
    assert {**found, "arrays": None} == {**state, "arrays": None}
