"""`chainrule evaluate` as a user meets it."""

import json

import pytest
from typer.testing import CliRunner

from chainrule import train
from chainrule.cli.app import app
from chainrule.data import read


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return train.save(train.fit("iris", epochs=20), tmp_path_factory.mktemp("runs") / "model")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, ["evaluate", *map(str, words)])


def test_figures_verdict_and_files(model, folder):
    result = run(model, "iris", "--report", "out.html", "--json", "out.json")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    found = train.evaluate(train.load(model), read("iris"))
    accuracy = next(iter(found.comparison.figures.values()))["accuracy"].value
    assert any(line.split()[:2] == ["accuracy", f"{accuracy:.4f}"] for line in lines)
    assert lines[-1].endswith(found.verdict.sentence)
    assert json.loads((folder / "out.json").read_text())["verdict"]["answer"] == "not yet"
    assert (folder / "out.html").read_text().startswith("<!DOCTYPE html>")


def test_notices(model):
    frame = read("iris").frame
    frame.with_columns(shop=1, **{"petal width (cm)": frame["petal width (cm)"] + 3}).write_csv(
        "new.csv"
    )
    result = run(model, "new.csv")
    assert "notice: columns not read: shop" in result.stdout
    assert "not spread as in training: 'petal width (cm)'" in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("new.csv",), "there is no file 'new.csv'"),
        (("iris", "--report", "out.pdf"), "the name ends in none of .html"),
        (("iris", "--json", "no/out.json"), "'no' is none"),
        (("diabetes",), "there is no column"),
    ],
)
def test_one_line_for_what_is_wrong(model, folder, words, message):
    result = run(model, *words)
    assert result.exit_code == 2
    assert message in result.stderr and result.stderr.count("\n") == 1
    assert list(folder.iterdir()) == []
