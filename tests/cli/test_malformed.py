"""Malformed input of every kind: one clear line, exit code 2, no traceback, no half file."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from typer.testing import CliRunner

from chainrule import train
from chainrule.cli.app import app
from chainrule.data import read
from chainrule.train import files
from chainrule.train.tables.run import PREPROCESSING

ROWS = "a,b,y\n" + "".join(f"{n},{n * 7 % 11},{'pq'[n % 2]}\n" for n in range(30))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a good table and a run of it, to be damaged in copies."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "good.csv").write_text(ROWS)
    read("iris").frame.write_csv(folder / "iris.csv")
    run = train.fit(folder / "good.csv", "y", epochs=1)
    train.save(run, folder / "run")
    return folder


@pytest.fixture(autouse=True)
def folder(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def everything(folder):
    """All paths, hidden ones too, with what is in the files."""
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def fails_clearly(folder, words, says):
    before = everything(folder)
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    line = result.stderr
    assert result.exit_code == 2, line
    assert line.startswith("[") and line.count("\n") == 1 and line.endswith("\n"), line
    assert "Traceback" not in line and "Error(" not in line
    assert says.lower() in line.lower(), line
    assert everything(folder) == before


# ---- Files ----

FILES = {
    "empty.csv": b"",
    "blank.csv": b"\n\n\n",
    "header.csv": b"a,b,y\n",
    "ragged.csv": b"a,b,y\n1,2,3\n1,2\n1,2,3,4,5\n" * 10,
    "twice.csv": b"a,a,y\n" + b"1,2,p\n3,4,q\n" * 20,
    "zeros.csv": b"\x00" * 4096,
    "noise.csv": np.random.default_rng(0).bytes(4096),
    "latin.csv": "größe,farbe\n".encode("latin-1") + "1,grün\n2,weiß\n".encode("latin-1") * 20,
    "wide.csv": ROWS.encode("utf-16"),
    "table.xlsx": b"PK\x03\x04 not really",
    "noise.parquet": b"PAR1 and then nothing of the kind",
    "empty.parquet": b"",
    "text.parquet": ROWS.encode(),
    "quote.csv": b'a,b,y\n"1,2,3\n' + b"1,2,3\n" * 20,
    "no_suffix": ROWS.encode(),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("verb", ["fit", "audit"])
def test_files_that_are_no_tables(folder, verb, name):
    Path(name).write_bytes(FILES[name])
    fails_clearly(folder, [verb, name], name)


def test_a_parquet_file_that_ends_too_early(folder):
    read("iris").frame.write_parquet("whole.parquet")
    Path("half.parquet").write_bytes(Path("whole.parquet").read_bytes()[:-40])
    fails_clearly(folder, ["fit", "half.parquet"], "half.parquet")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("nowhere.csv", "nowhere.csv"),
        ("nowhere/at/all.csv", "all.csv"),
        ("iriss", "iris"),
        ("", "is a folder"),
        ("/dev/null", "[null]"),
        ("x" * 300 + ".csv", "x"),
    ],
)
def test_data_that_is_not_there(folder, data, says):
    fails_clearly(folder, ["fit", data], says)


# ---- Tables ----

TABLES = {
    "target has no values": ("a,y\n" + "1,\n2,NA\n" * 20, "'y' has no values"),
    "target in one value": ("a,y\n" + "1,p\n2,p\n" * 20, "'p' in every row"),
    "numbers in one value": ("a,y\n" + "1,2.5\n2,2.5\n" * 20, "2.5 in every row"),
    "a class of one row": (ROWS + "1,2,r\n", "'r'"),
    "three rows": ("a,y\n1,p\n2,q\n3,p\n", "rows"),
    "the target alone": ("y\n" + "1\n2\n" * 20, "no column to learn from"),
    "no column that changes": ("a,b,y\n" + "1,7,p\n1,7,q\n" * 20, "no column to learn from"),
    "an empty column": ("a,b,y\n" + ",1,p\n,2,q\n" * 20, "'a' has no values"),
    "nearly numbers": (ROWS.replace("3,10,q", "three,10,q"), "three"),
    "dates to predict": (
        "a,y\n" + "".join(f"{n},2024-01-{n + 1:02d}\n" for n in range(28)),
        "date",
    ),
    "infinite": (ROWS.replace("\n4,", "\ninf,"), "inf"),
    "beyond float32": (ROWS.replace("\n4,", "\n1e300,"), "1e+300"),
}


@pytest.mark.parametrize("fault", TABLES)
def test_tables_nobody_can_learn_from(folder, fault):
    text, says = TABLES[fault]
    Path("table.csv").write_text(text)
    fails_clearly(folder, ["fit", "table.csv", "--target", "y"], says)


def test_columns_that_hold_lists(folder):
    pl.DataFrame({"a": [[1, 2]] * 20, "y": [0, 1] * 10}).write_parquet("lists.parquet")
    fails_clearly(folder, ["fit", "lists.parquet"], "'a'")


# ---- Options ----

OPTIONS = {
    "unknown verb": (["fti", "good.csv"], "fti"),
    "unknown option": (["fit", "good.csv", "--epoch", "3"], "--epoch"),
    "option without a value": (["fit", "good.csv", "--epochs"], "--epochs"),
    "too many words": (["fit", "good.csv", "iris.csv"], "iris.csv"),
    "an unknown choice": (
        ["fit", "good.csv", "--set", "activatoin=relu"],
        "there is no choice 'activatoin'; did you mean 'activation'?\n",
    ),
    "an unknown value": (
        ["fit", "good.csv", "--set", "schedule=Consine"],
        "there is no schedule 'Consine'; did you mean 'cosine'?\n",
    ),
    "a word for a share": (["fit", "good.csv", "--set", "dropout=high"], "dropout is 'high'"),
    "a word for a count": (["fit", "good.csv", "--set", "members=two"], "members is 'two'"),
    "half an epoch": (["fit", "good.csv", "--set", "epochs=2.5"], "epochs is 2.5"),
    "half a row": (["fit", "good.csv", "--set", "batch_size=2.5"], "batch_size is 2.5"),
    "neither true nor false": (["fit", "good.csv", "--set", "residual=maybe"], "true or false"),
    "a committee of maybe": (["fit", "good.csv", "--set", "committee=maybe"], "true or false"),
    "options without names": (["fit", "good.csv", "--set", "loss_options=3"], "options by name"),
    "weights in words": (["fit", "good.csv", "--set", "class_weights=1,x"], "class_weights"),
    "the loss of another task": (["fit", "good.csv", "--set", "loss=mse"], "cross_entropy"),
    "no time": (["fit", "good.csv", "--minutes", "0"], "minutes is 0"),
    "steps for a table": (["fit", "good.csv", "--steps", "3"], "steps is for texts"),
    "a misspelled task": (["fit", "good.csv", "--task", "clasification"], "': 'clasification' is "),
    "a misspelled model": (["compare", "good.csv", "--model", "forrest"], "[compare] there is no"),
    "epochs in words": (["fit", "good.csv", "--epochs", "many"], "--epochs"),
    "no epochs": (["fit", "good.csv", "--epochs", "0"], "epochs is 0"),
    "fewer than none": (["fit", "good.csv", "--epochs", "-3"], "epochs is -3"),
    "no rows a step": (["fit", "good.csv", "--batch-size", "0"], "batch_size is 0"),
    "rate of zero": (["fit", "good.csv", "--learning-rate", "0"], "learning_rate is 0"),
    "rate below zero": (["fit", "good.csv", "--learning-rate=-1"], "learning_rate is -1"),
    "rate of nan": (["fit", "good.csv", "--learning-rate", "nan"], "learning_rate is nan"),
    "rate without end": (["fit", "good.csv", "--learning-rate", "inf"], "learning_rate is inf"),
    "a choice without a value": (["fit", "good.csv", "--set", "hidden"], "--set hidden"),
    "a choice made twice": (["fit", "good.csv", "--epochs", "3", "--set", "epochs=4"], "twice"),
    "no choice of a recipe": (["fit", "good.csv", "--set", "colour=red"], "colour"),
    "no choice at all": (["fit", "good.csv", "--set", "seed=1"], "--set seed=1"),
    "an unknown activation": (["fit", "good.csv", "--set", "activation=rello"], "rello"),
    "layers in words": (["fit", "good.csv", "--set", "hidden=wide"], "wide"),
    "a share above one": (["fit", "good.csv", "--set", "dropout=1.5"], "dropout is 1.5"),
    "seed below zero": (["fit", "good.csv", "--seed", "-1"], "--seed"),
    "unknown task": (["fit", "good.csv", "--task", "guess"], "guess"),
    "regression on words": (["fit", "good.csv", "--task", "regression"], "'y'"),
    "unknown target": (["fit", "good.csv", "--target", "z"], "'z'"),
    "unknown column to drop": (["fit", "good.csv", "--drop", "z"], "'z'"),
    "target dropped": (["fit", "good.csv", "--target", "y", "--drop", "y"], "'y'"),
    "all dropped": (["fit", "good.csv", "--drop", "a", "--drop", "b"], "no column"),
    "run there already": (["fit", "good.csv", "-o", "run"], "'run' already exists"),
    "file in the place of a run": (["fit", "good.csv", "-o", "iris.csv"], "iris.csv"),
    "run below a file": (["fit", "good.csv", "-o", "iris.csv/run"], "iris.csv"),
    "run in no place": (["fit", "good.csv", "-o", "/proc/nowhere/run"], "/proc/nowhere"),
    "no data to predict": (["predict", "run"], "data"),
    "no output": (["predict", "run", "good.csv"], "output"),
    "no such run": (["predict", "runn", "good.csv", "-o", "out.csv"], "'runn' does not exist"),
    "a table as a run": (["predict", "good.csv", "good.csv", "-o", "out.csv"], "good.csv"),
    "unknown form": (["predict", "run", "good.csv", "-o", "out.xlsx"], "out.xlsx"),
    "output nowhere": (["predict", "run", "good.csv", "-o", "no/out.csv"], "'no'"),
    "output there already": (["predict", "run", "good.csv", "-o", "iris.csv"], "iris.csv"),
    "output a folder": (["predict", "run", "good.csv", "-o", "d.csv", "--force"], "d.csv"),
    "another table": (["predict", "run", "iris.csv", "-o", "out.csv"], "'a'"),
    "prompt for a table": (["predict", "run", "--prompt", "x"], "prompt"),
    "unknown component": (["check", "reluu"], "relu"),
    "unknown workload": (["bench", "mnistt"], "mnistt"),
    "unknown peer": (["bench", "xor", "--peers", "torchh"], "torchh"),
    "rounds of nothing": (["bench", "xor", "--rounds", "0"], "--rounds"),
    "unknown target to audit": (["audit", "good.csv", "--target", "z"], "'z'"),
}


@pytest.mark.parametrize("fault", OPTIONS)
def test_options(folder, fault):
    words, says = OPTIONS[fault]
    Path("d.csv").mkdir()
    fails_clearly(folder, words, says)


# ---- Runs ----


def damaged(name, content):
    Path("run", name).write_bytes(content)


def without(name):
    Path("run", name).unlink()


def record(**changes):
    path = Path("run", files.RECORD)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def half(name):
    path = Path("run", name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


RUNS = {
    "no record": lambda: without(files.RECORD),
    "no model": lambda: without(files.MODEL),
    "no preprocessing": lambda: without(PREPROCESSING),
    "half a record": lambda: half(files.RECORD),
    "half a model": lambda: half(files.MODEL),
    "half a preprocessing": lambda: half(PREPROCESSING),
    "an empty model": lambda: damaged(files.MODEL, b""),
    "noise as a model": lambda: damaged(files.MODEL, np.random.default_rng(0).bytes(500)),
    "a record of nothing": lambda: damaged(files.RECORD, b"{}"),
    "a record in a list": lambda: damaged(files.RECORD, b"[1, 2]"),
    "a record in no encoding": lambda: damaged(files.RECORD, b"\xff\xfe\xff"),
    "a later format": lambda: record(format=99),
    "an unknown kind": lambda: record(kind="smell"),
    "a recipe of another size": lambda: record(recipe={"hidden": [3]}),
}


@pytest.mark.parametrize("fault", RUNS)
def test_damaged_runs(folder, fault):
    RUNS[fault]()
    fails_clearly(folder, ["predict", "run", "good.csv", "-o", "out.csv"], "'run'")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "new.csv"),
        ("a,b\n", "new.csv"),
        ("a\n1\n", "'b'"),
        ("a,b\nx,y\n", "'a'"),
        ("a,b,prediction\n1,2,3\n", "prediction"),
        ("a,b\n1,2\n3,4,5,6\n", "new.csv"),
        ("a,b\ninf,1\n", "inf"),
    ],
)
def test_tables_to_predict(folder, text, says):
    Path("new.csv").write_text(text)
    fails_clearly(folder, ["predict", "run", "new.csv", "-o", "out.csv"], says)


# ---- Texts ----


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "note.txt"),
        (b"too short", "note.txt"),
        (b"\xff\xfe\x00\xd8" * 5_000, "note.txt"),
        (np.random.default_rng(0).bytes(50_000), "note.txt"),
    ],
)
def test_texts(folder, content, says):
    Path("note.txt").write_bytes(content)
    fails_clearly(folder, ["fit", "note.txt", "--steps", "2"], says)


@pytest.mark.parametrize(
    "words", [["--target", "y"], ["--minutes", "0"], ["--minutes=-1"], ["--steps", "0"]]
)
def test_options_of_texts(folder, words):
    Path("note.txt").write_text("to be or not to be, that is the question. " * 2_000)
    fails_clearly(folder, ["fit", "note.txt", *words], words[0].split("=")[0].strip("-"))


# ---- Folders of images ----


def images(name, count, size=(8, 8)):
    Path(name).mkdir(parents=True)
    draw = np.random.default_rng(0)
    for number in range(count):
        pixels = draw.integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(Path(name, f"{number}.png"))


def one_class():
    images("pictures/cat", 20)


def two_of_a_class():
    images("pictures/cat", 20)
    images("pictures/dog", 2)


def no_pictures():
    Path("pictures/cat").mkdir(parents=True)
    Path("pictures/dog").mkdir()
    Path("pictures/dog/note.txt").write_text("none")


def unreadable():
    for name in ("cat", "dog"):
        Path("pictures", name).mkdir(parents=True)
        for number in range(20):
            Path("pictures", name, f"{number}.png").write_bytes(b"\x89PNG but not really")


@pytest.mark.parametrize(
    "make", [one_class, two_of_a_class, no_pictures, unreadable, lambda: Path("pictures").mkdir()]
)
def test_folders_of_images(folder, make):
    make()
    fails_clearly(folder, ["fit", "pictures"], "pictures")


# ---- Disks ----


def limited(words, size):
    """The command where no file may grow beyond `size` bytes, like a disk that is full."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size})); "
        f"sys.argv = ['chainrule', *{words!r}]; from chainrule import cli; cli.main()"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("words", "size"),
    [
        (["fit", "good.csv", "--epochs", "1", "-o", "out"], 1_000),
        (["fit", "good.csv", "--epochs", "1", "-o", "out"], 20_000),
        (["predict", "run", "good.csv", "-o", "out.csv"], 100),
        (["predict", "run", "good.csv", "-o", "out.parquet"], 100),
        (["predict", "run", "good.csv", "-o", "iris.csv", "--force"], 100),
    ],
)
def test_a_disk_that_fills_up(folder, words, size):
    before = everything(folder)
    result = limited(words, size)
    assert result.returncode == 2, result.stderr
    assert result.stderr.count("\n") == 1 and "too large" in result.stderr
    assert everything(folder) == before


def test_an_audit_of_the_target_alone(folder):
    Path("one.csv").write_text("y\n" + "1\n2\n" * 20)
    result = CliRunner().invoke(app, ["audit", "one.csv"])
    assert result.exit_code == 1 and "Traceback" not in result.output, result.output


def test_an_interrupted_write_leaves_nothing(folder, monkeypatch):
    def interrupted(*arguments, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", interrupted)
    before = everything(folder)
    result = CliRunner().invoke(app, ["fit", "good.csv", "--epochs", "1", "-o", "out"])
    assert result.exit_code == 130
    assert result.stderr == "[chainrule] interrupted before there was a result\n"
    assert everything(folder) == before


def test_a_run_that_is_killed_while_it_is_written_is_never_half_there(folder):
    """A killed process can clean nothing up, but the folder's name is given last."""
    code = (
        "import os, signal, sys; from chainrule import cli; "
        "os.rename = lambda *names: os.kill(os.getpid(), signal.SIGKILL); "
        "sys.argv = ['chainrule', 'fit', 'good.csv', '--epochs', '1', '-o', 'out']; cli.main()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert result.returncode == -signal.SIGKILL
    assert not Path("out").exists()
