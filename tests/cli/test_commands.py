"""The commands as a user meets them: what they print and write, and one line for each error."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from typer.testing import CliRunner

import chainrule as cr
from chainrule import cli, train
from chainrule.checks import FAMILIES
from chainrule.checks.row import Check
from chainrule.cli.app import app
from chainrule.cli.screens.search import SearchScreen
from chainrule.data import pieces, read
from chainrule.train.trainer.loop import Loop

X = [0.37 * i % 1 for i in range(40)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, list(words))


def fails(message, *words, code=2):
    result = run(*words)
    assert (result.stderr, result.exit_code) == (message + "\n", code)
    return result


def record(folder):
    return json.loads(Path(folder, "run.json").read_text())


# ---- fit ----


def test_fit_tells_its_story_and_writes_a_run():
    result = run("fit", "iris", "--epochs", "20")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "iris: 150 rows"
    found = record("runs/iris-1")
    accuracy = found["metrics"]["network"]["accuracy"]
    assert f"test accuracy {accuracy:.4f}" in lines
    for choice, reason in found["recipe"]["reasons"].items():
        assert any(line.startswith(f"  {choice} ") and line.endswith(reason) for line in lines)
    table = [line for line in lines if line.startswith(("  network  ", "  logistic", "  majority"))]
    assert len({len(line) for line in table[-3:]}) == 1
    assert table[-3].split()[:2] == ["network", f"{accuracy:.4f}"]
    assert sum(line.startswith("  epoch ") for line in lines) == 11
    assert lines[-1].startswith("run folder runs/iris-1: model.safetensors, run.json")
    assert "\x1b" not in result.stdout


def test_regression_prints_its_error_in_original_units():
    result = run("fit", "diabetes", "--epochs", "5", "-o", "out")
    assert result.exit_code == 0
    rmse = record("out")["metrics"]["network"]["RMSE"]
    assert f"test RMSE {rmse:.2f}" in result.stdout.splitlines()


def test_fit_reads_a_file_and_follows_its_options():
    read("wine").frame.rename({"target": "grape"}).write_parquet("cellar.parquet")
    words = ["--target", "grape", "--drop", "alcohol", "--seed", "4", "--epochs", "2"]
    result = run("fit", "cellar.parquet", *words, "-o", "out")
    assert result.exit_code == 0, result.stderr
    found = record("out")
    assert (found["target"]["name"], found["seed"]) == ("grape", 4)
    assert "alcohol" not in found["columns"]


def test_fit_takes_any_choice_of_the_recipe_by_name():
    words = ["hidden=16,8", "activation=gelu", "residual=false", "momentum=0.8", "optimizer=sgd"]
    words += ["committee=no", "linear=yes"]
    settings = [part for word in words for part in ("--set", word)]
    result = run("fit", "iris", "--epochs", "2", "-o", "out", *settings)
    assert result.exit_code == 0, result.stderr
    recipe = record("out")["recipe"]
    assert (recipe["hidden"], recipe["activation"], recipe["epochs"]) == ([16, 8], "gelu", 2)
    assert (recipe["residual"], recipe["momentum"], recipe["optimizer"]) == (False, 0.8, "SGD")
    assert (recipe["committee"], recipe["linear"]) == (False, True)


def test_interruption_keeps_the_best_network_so_far(monkeypatch):
    step = Loop._stretch

    def interrupted(self, loader, *arguments):
        if loader.epoch == 3:
            raise KeyboardInterrupt
        return step(self, loader, *arguments)

    monkeypatch.setattr(Loop, "_stretch", interrupted)
    result = run("fit", "iris", "-o", "out")
    assert result.exit_code == 0
    assert "  ended           interrupted: the best network so far is kept" in result.stdout
    assert record("out")["training"]["epochs"] == 3
    assert train.load("out").predict(read("iris")).values.shape == (150,)


def test_interruption_before_the_first_epoch_writes_nothing(monkeypatch, folder):
    def interrupted(self, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Loop, "_stretch", interrupted)
    fails("[chainrule] interrupted before there was a result", "fit", "iris", code=130)
    assert os.listdir(folder) == []


def test_progress_bar_is_drawn_on_a_terminal():
    command = [sys.executable, "-m", "chainrule", "fit", "iris", "--epochs", "3", "-o", "out"]
    code = f"import pty, sys; sys.exit(pty.spawn({command!r}) >> 8)"
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, stdin=subprocess.DEVNULL, env=environment
    )
    assert found.returncode == 0, found.stdout
    assert "━".encode() in found.stdout
    assert b"3/3" in found.stdout
    assert b"\x1b[" in found.stdout


# ---- predict ----


@pytest.fixture
def trained():
    run("fit", "iris", "--epochs", "5", "-o", "model")
    return read("iris").frame.drop("target")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_predict_writes_what_the_model_says_in_memory(trained, ending):
    trained.write_csv("new.csv")
    result = run("predict", "model", "new.csv", "-o", f"out.{ending}")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"150 predictions written to out.{ending}\n"
    frame = pl.read_csv("out.csv") if ending == "csv" else pl.read_parquet("out.parquet")
    expected = train.load("model").predict(read("iris"))
    assert frame["prediction"].to_list() == expected.values.tolist()
    probabilities = frame.select(pl.col("^probability_.*$")).to_numpy()
    np.testing.assert_array_equal(probabilities, expected.probabilities)


@pytest.fixture
def in_pieces(monkeypatch):
    """Every file is large, and a piece has 40 rows."""
    monkeypatch.setattr(pieces, "WHOLE", 0)
    monkeypatch.setattr(pieces, "ROWS", 40)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_predict_in_pieces_writes_the_same(trained, ending, in_pieces):
    trained.write_csv("new.csv")
    trained.write_parquet("new.parquet")
    found = {}
    for source in ("new.csv", "new.parquet"):
        result = run("predict", "model", source, "-o", f"out.{ending}", "--force")
        assert result.stdout == f"150 predictions written to out.{ending}\n"
        found[source] = Path(f"out.{ending}").read_bytes()
    frame = pl.read_csv("out.csv") if ending == "csv" else pl.read_parquet("out.parquet")
    expected = train.load("model").predict(read("iris"))
    assert frame["prediction"].to_list() == expected.values.tolist()
    assert ending == "parquet" or found["new.csv"] == found["new.parquet"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_predict_in_pieces_names_rows_of_the_file(trained, ending, in_pieces, folder):
    broken = trained.cast(pl.String)
    broken[100, 0] = "tall"
    broken.write_csv("new.csv")
    fails(
        f"[new.csv] column '{trained.columns[0]}' has text among its numbers; row 101: 'tall'; "
        "correct these cells, or leave them empty",
        *("predict", "model", "new.csv", "-o", f"out.{ending}"),
    )
    assert sorted(os.listdir(folder)) == ["model", "new.csv"]


def test_predict_in_pieces_gives_a_notice_once(trained, in_pieces):
    trained.with_columns(shop=pl.lit("x")).write_csv("new.csv")
    result = run("predict", "model", "new.csv", "-o", "out.csv")
    assert result.stdout == "notice: columns not read: shop\n150 predictions written to out.csv\n"


def test_predict_gives_notices(trained):
    trained.with_columns(shop=pl.lit("x")).write_csv("new.csv")
    result = run("predict", "model", "new.csv", "-o", "out.csv")
    assert result.stdout == "notice: columns not read: shop\n150 predictions written to out.csv\n"


def test_predict_replaces_a_file_only_when_forced(trained, folder):
    trained.write_csv("new.csv")
    (folder / "out.csv").write_text("precious")
    fails(
        "[predict] the file 'out.csv' already exists; it would be lost; "
        "choose another name, or pass --force",
        *("predict", "model", "new.csv", "-o", "out.csv"),
    )
    assert (folder / "out.csv").read_text() == "precious"
    assert run("predict", "model", "new.csv", "-o", "out.csv", "--force").exit_code == 0
    assert pl.read_csv("out.csv").height == 150
    assert sorted(os.listdir(folder)) == ["model", "new.csv", "out.csv"]


def test_predict_names_a_missing_column(trained):
    trained.drop("petal width (cm)").write_csv("new.csv")
    fails(
        "[new.csv] there is no column 'petal width (cm)'; the model reads it; "
        "add it, with empty cells where nothing is known",
        *("predict", "model", "new.csv", "-o", "out.csv"),
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["none", "iris", "-o", "out.csv"],
            "[run] the run folder 'none' does not exist; `chainrule fit` writes run folders; "
            "check the path",
        ),
        (
            ["none", "iris", "-o", "out.xlsx"],
            "[predict] cannot write 'out.xlsx'; predictions are written as CSV or Parquet; "
            "choose a name that ends in .csv or .parquet",
        ),
        (
            ["none", "iris", "-o", "no/out.csv"],
            "[predict] there is no folder 'no'; the output would lie there; make it first",
        ),
    ],
)
def test_predict_error_is_one_line(words, message):
    fails(message, "predict", *words)


def test_predictions_of_a_table_need_a_file():
    train.save(train.fit("iris", epochs=1), "model")
    fails(
        "[predict] output is missing; tables need it; pass --output",
        *("predict", "model", "iris"),
    )


# ---- Texts ----


def test_text_is_fitted_and_continued(folder):
    Path("sea.txt").write_text("the sun and the moon over the sea\n" * 100)
    result = run("fit", "sea.txt", "--steps", "20")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "sea.txt: 3,400 characters"
    found = record("runs/sea-1")
    for choice, reason in found["recipe"]["reasons"].items():
        assert any(line.startswith(f"  {choice} ") and line.endswith(reason) for line in lines)
    bits = found["metrics"]["network"]["bits per character"]
    assert f"test bits per character {bits:.4f}" in lines
    words = ["predict", "runs/sea-1", "--length", "30", "--seed", "2"]
    result = run(*words, "--prompt", "the sun")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("the sun")
    assert len(result.stdout) == len("the sun") + 30 + 1
    Path("start.md").write_text("the sun")
    assert run(*words, "start.md").stdout == result.stdout


def test_options_of_another_kind_of_data_are_an_error():
    Path("sea.txt").write_text("the sun and the moon over the sea\n" * 100)
    result = run("fit", "sea.txt", "--target", "sun")
    assert result.exit_code == 2
    assert result.stderr.startswith("[fit] target is for tables; the data are texts; leave it out")
    train.save(train.fit("sea.txt", steps=2, width=16, layers=1), "model")
    result = run("predict", "model", "-o", "out.csv")
    assert result.exit_code == 2
    assert result.stderr.startswith("[predict] output is for tables and images; the data are texts")


# ---- Images ----


def test_folder_of_images_is_fitted_and_applied(folder):
    for number in range(40):
        path = Path("shades", "dark" if number % 2 else "light", f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 10 + number if number % 2 else 200 + number).save(path)
    Path("shades/dark/broken.png").write_bytes(b"no image")
    result = run("fit", "shades", "--epochs", "3", "-o", "model")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "shades: 40 images"
    assert "  warning  shades/dark/broken.png: cannot be read: it is no image" in lines
    found = record("model")
    for choice, reason in found["recipe"]["reasons"].items():
        assert any(line.startswith(f"  {choice} ") and line.endswith(reason) for line in lines)
    result = run("predict", "model", "shades", "-o", "out.csv")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "left out: shades/dark/broken.png: it is no image",
        "40 predictions written to out.csv",
    ]
    assert pl.read_csv("out.csv").columns == [
        "path",
        "prediction",
        "probability_dark",
        "probability_light",
    ]


# ---- audit ----


def test_audit_tells_what_is_wrong_and_ends_with_1(folder):
    rows = [(x, 2.0 * x if x < 0.9 else -999.0, i % 2) for i, x in enumerate(X * 3)]
    pl.DataFrame(rows, schema=["a", "b", "y"], orient="row").write_csv("table.csv")
    result = run("audit", "table.csv")
    assert (result.stderr, result.exit_code) == ("", 1)
    lines = result.stdout.splitlines()
    assert lines[0].startswith("table.csv: 1 error")
    assert lines[1].startswith("  error    column 'b', rows ") and "-999" in lines[1]


def test_audit_of_clean_data_ends_with_0():
    result = run("audit", "iris")
    assert (result.stdout, result.exit_code) == ("iris: nothing found\n", 0)


def test_audit_of_texts_and_of_images(folder):
    Path("a.txt").write_text("a" * 200_000)
    result = run("audit", "a.txt")
    assert result.exit_code == 1
    assert "error  training part: there is no character but 'a'" in result.stdout
    draw = np.random.default_rng(0)
    for number in range(80):
        path = Path("pictures", "ab"[number % 2], f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 255, (8, 8), np.uint8)).save(path)
    result = run("audit", "pictures")
    assert (result.exit_code, result.stdout) == (0, "pictures: nothing found\n")
    result = run("audit", "pictures", "--target", "y")
    assert result.exit_code == 2
    assert "data of the kind images have no columns" in result.stderr


def test_fit_tells_what_the_audit_found(folder):
    frame = pl.DataFrame({"a": X * 3, "y": [i % 2 for i in range(120)]})
    frame.with_columns(b=pl.col("y") + 0.1 * pl.col("a")).write_csv("table.csv")
    lines = run("fit", "table.csv", "--target", "y", "--epochs", "2").stdout.splitlines()
    assert any("it tells the target by itself" in line for line in lines)


# ---- check ----


def test_check_prints_one_aligned_table():
    result = run("check", "relu", "nn.losses.mse")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["first", "second", "verdict"]
    assert [line for line in lines[1:-1] if line[:1].strip()] == ["activations", "losses"]
    rows = {line.split()[0]: line for line in lines[1:] if line.startswith("  ")}
    assert rows["relu"].endswith("  perfect")
    assert rows["nn.losses.mse"].endswith("  perfect")
    assert len({line.index("perfect") for line in rows.values() if "perfect" in line}) == 1
    assert lines[-1].startswith(f"{len(rows)} checked in ")
    assert "\x1b" not in result.stdout


def test_check_takes_a_seed():
    first, second, again = (run("check", "tanh", "--seed", s).stdout for s in ("1", "2", "1"))
    row = [next(line for line in text.splitlines() if "tanh" in line) for text in (first, second)]
    assert row[0] != row[1]
    assert row[0] in again


def test_check_ends_with_1_where_a_derivative_is_wrong(monkeypatch):
    @cr.custom_gradient
    def wrong(x):
        return cr.sin(x), lambda g: g * 2 * cr.cos(x)

    rows = (
        Check("wrong", wrong, lambda random: (random.normal(size=3),)),
        Check("kinked", cr.relu, lambda random: (np.zeros(3),)),
        Check("failing", lambda x: cr.sum(x @ x[:2]), lambda random: (random.normal(size=3),)),
        Check("right", cr.sin, lambda random: (random.normal(size=3),)),
    )
    monkeypatch.setattr("chainrule.checks.FAMILIES", {"odd": rows})
    result = run("check")
    assert result.exit_code == 1
    assert "  perfect" in result.stdout
    assert "wrong; the point lies on a kink or a tie" in result.stdout
    assert "wrong; [matmul] " in result.stdout
    assert result.stdout.splitlines()[-1].endswith(" s: 1 perfect, 3 wrong")


def test_check_shows_progress_on_a_terminal():
    command = [sys.executable, "-m", "chainrule", "check", "relu", "tanh"]
    code = f"import pty, sys; sys.exit(pty.spawn({command!r}) >> 8)"
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, stdin=subprocess.DEVNULL, env=environment
    )
    assert found.returncode == 0, found.stdout
    assert "━".encode() in found.stdout
    assert b"2 checked in" in found.stdout


def test_check_names_what_it_does_not_know():
    fails(
        f"[check] there is no check 'lossess'; families are {', '.join(FAMILIES)}; "
        "did you mean 'losses'?",
        *("check", "lossess"),
    )


# ---- One line for each error ----


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        (
            None,
            [],
            "[data] there is no file 't.csv'; check the path",
        ),
        (
            {"price": X, "rooms": X},
            ["--target", "prize"],
            "[t.csv] there is no column 'prize'; the columns are price, rooms; "
            "did you mean 'price'?",
        ),
        (
            "a,b\n",
            [],
            "[t.csv] the table has no rows; there is nothing to learn from; check how it was saved",
        ),
        (
            {"a": X, "y": ["no"] * 40},
            [],
            "[t.csv] the target 'y' is 'no' in every row; telling classes apart takes two at "
            "least; check the data, or choose another --target",
        ),
        (
            {"a": ["1", "2", "3", "four"] * 10, "y": X},
            [],
            "[t.csv] column 'a' has text among its numbers; 10 rows, the first is row 4: 'four'; "
            "correct these cells, or leave them empty",
        ),
        (
            {"a": X, "b": [None] * 40, "y": X},
            [],
            "[t.csv] column 'b' has no values; nothing can be learned from it; "
            "remove it, or leave it out with --drop 'b'",
        ),
        (
            {"a": [*X[:-1], float("inf")], "y": X},
            [],
            "[t.csv] column 'a' has values beyond float32; row 40: inf; "
            "correct these cells, or leave them empty",
        ),
        (
            "a,b,a\n1,2,3\n",
            [],
            "[t.csv] 2 columns are called 'a'; a column is known by its name; rename all but one",
        ),
        (
            {"a": X, "y": X},
            ["--epochs", "0"],
            "[fit] epochs is 0; it must be a whole number, 1 or more",
        ),
        (
            {"a": X, "y": X},
            ["--learning-rate", "1e30"],
            "[fit] the training loss is nan in epoch 1; the steps were too large, values far "
            "out of the ordinary, or labels of no class; lower the learning rate, or check the "
            "columns' ranges and the labels; train.NanGuard says which operation it was",
        ),
        (
            {"a": X, "y": X},
            ["--epoch", "3"],
            "[chainrule] No such option: --epoch (Possible options: --epochs); "
            "see chainrule fit --help",
        ),
    ],
)
def test_fit_error_is_one_line(folder, content, words, message):
    if isinstance(content, str):
        (folder / "t.csv").write_text(content)
    elif content is not None:
        pl.DataFrame(content).write_csv("t.csv")
    fails(message, "fit", "t.csv", *words)
    assert not os.path.exists("runs")


def test_run_folder_that_exists_is_an_error_before_any_work(folder):
    (folder / "out").mkdir()
    result = fails(
        "[fit] the run folder 'out' already exists; a run is never overwritten; "
        "choose another with --output",
        *("fit", "iris", "-o", "out"),
    )
    assert result.stdout == ""


def test_folder_that_cannot_be_made_is_an_error(folder):
    (folder / "file").write_text("")
    fails("[chainrule] file: file exists", "fit", "iris", "--epochs", "1", "-o", "file/out")


# ---- The command itself ----


def test_version_and_help():
    assert run("--version").stdout == f"chainrule {cr.__version__}\n"
    for words in (
        [],
        ["--help"],
        ["fit", "--help"],
        ["predict", "--help"],
        ["check", "--help"],
        ["audit", "--help"],
    ):
        result = run(*words)
        assert result.exit_code == 0
        assert result.stdout.startswith("Usage: ")
        assert max(map(len, result.stdout.splitlines())) <= 80


def test_missing_packages_are_named_with_their_cure(monkeypatch, capsys):
    absent = {"typer", "sklearn"}
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name in absent else name)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert capsys.readouterr().err == (
        "[chainrule] not installed: scikit-learn, typer; the command needs more than the library; "
        "run pip install 'chainrule[all]'\n"
    )


def test_command_can_be_imported_without_its_packages():
    code = "import sys; sys.modules['typer'] = None; from chainrule import cli; cli.main()"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode == 2
    assert found.stderr.startswith("[chainrule] not installed: typer; ")


# ---- compare ----


def test_compare_prints_an_aligned_table_and_a_verdict(folder):
    words = ["--model", "naive bayes", "--model", "k-NN", "--folds", "3", "--repeats", "1"]
    files = ["--json", "found.json", "--plot", "found.svg"]
    result = run("compare", "iris", *words, "--epochs", "3", *files)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    found = json.loads(Path("found.json").read_text())
    start = next(i for i, line in enumerate(lines) if line.startswith("accuracy of 3 folds"))
    names = [line.split("  ")[1] for line in lines[start + 2 : start + 5]]
    assert names == [model["name"] for model in found["models"]]
    assert len({len(line) for line in lines[start + 1 : start + 5]}) == 1
    assert lines[start + 5].startswith("  * more than chance explains; times to fit one fold")
    assert " ".join(lines[start + 7 :]) == found["verdict"]
    assert Path("found.svg").exists()


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            "[chainrule] cannot write 'a.jpg'; the name ends in none of .png, .svg; choose another "
            "name",
            ["--plot", "a.jpg"],
        ),
        (
            "[chainrule] 'none/a.json' lies in no folder: 'none' is none; choose another name, or "
            "make it",
            ["--json", "none/a.json"],
        ),
        (
            "[compare] there is no metric 'r3' for a classification; there are AUC, accuracy, "
            "balanced accuracy, F1, log loss; choose one of them",
            ["--metric", "r3"],
        ),
    ],
)
def test_compare_finds_bad_options_at_once(message, words):
    fails(message, "compare", "iris", *words)


# ---- search ----


def test_search_tells_its_trials_and_writes_a_run(folder):
    pytest.importorskip("optuna")
    words = ["search", "iris", "--trials", "2", "--parts", "2", "--epochs", "3"]
    result = run(*words)
    assert (result.exit_code, result.stderr) == (0, "")
    found = record("runs/iris-search/run")
    lines = result.stdout.splitlines()
    assert " ".join(line.strip() for line in lines).count(found["search"]["verdict"]) >= 1
    assert [line.split()[:2] for line in lines if line.startswith("  trial ")][:2] == [
        ["trial", "0"],
        ["trial", "1"],
    ]
    assert lines[-1].startswith("run folder runs/iris-search/run: model.safetensors")
    assert "learning rate: learning rate" not in result.stdout
    fails(
        "[search] the search in 'runs/iris-search' is done, of 2 trials; its run lies in "
        "'runs/iris-search/run'; choose another --output, or more --trials to go on",
        *words,
    )


def test_an_interrupted_search_says_how_it_goes_on(folder, monkeypatch):
    pytest.importorskip("optuna")
    tried = SearchScreen.tried

    def stopping(self, trial):
        tried(self, trial)
        raise KeyboardInterrupt

    monkeypatch.setattr(SearchScreen, "tried", stopping)
    result = run("search", "iris", "--trials", "3", "--parts", "2", "--epochs", "2")
    assert result.exit_code == 1
    assert "interrupted after 1 trial: the same command goes on" in result.stdout
    assert sorted(os.listdir("runs/iris-search")) == ["trials.jsonl"]


@pytest.mark.parametrize("verb", ["compare", "search"])
def test_set_does_not_reach_what_has_an_option(folder, verb):
    word = {"compare": "count=3", "search": "trials=3"}[verb]
    fails(
        f"[chainrule] --set {word}; {word.partition('=')[0]} is no choice of a recipe; "
        "--help lists what has an option of its own",
        verb,
        "iris",
        "--set",
        word,
    )


def test_search_finds_bad_options_at_once(folder):
    fails(
        "[search] trials=40, seconds=-1.0, parts=None; they must be positive; choose others",
        "search",
        "iris",
        "--seconds",
        "-1",
    )
