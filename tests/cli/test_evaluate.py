"""`chainrule evaluate` as a user meets it."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from chainrule import train
from chainrule.cli.app import app
from chainrule.data import read
from chainrule.train.report.words import figure_text


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
        (("diabetes",), "there are no columns"),
    ],
)
def test_one_line_for_what_is_wrong(model, folder, words, message):
    result = run(model, *words)
    assert result.exit_code == 2
    assert message in result.stderr and result.stderr.count("\n") == 1
    assert list(folder.iterdir()) == []


# ---- Texts and images ----


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    """A run of a text, beside it."""
    above = tmp_path_factory.mktemp("texts")
    (above / "sky.txt").write_text("the sun and the moon over the sea.\n" * 100)
    fitted = train.fit(above / "sky.txt", steps=2, layers=1, width=16, context=16, batch_size=4)
    return train.save(fitted, above / "writer")


@pytest.fixture(scope="module")
def seer(tmp_path_factory):
    """A run of images, beside them."""
    above, draw = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for number in range(60):
        path = above / "shades" / ("dark", "light")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(0, 120, (6, 6)) + 100 * (number % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    return train.save(train.fit(above / "shades", epochs=1, width=8), above / "seer")


def test_a_text(writer, folder):
    (folder / "other.txt").write_text("the sea and the sun over the moon.\n" * 60)
    result = run(writer, "other.txt", "--report", "out.html", "--json", "out.json")
    assert (result.exit_code, result.stderr) == (0, "")
    written = json.loads((folder / "out.json").read_text())
    figures = written["comparison"]["figures"]["network"]
    lines = result.stdout.splitlines()
    assert lines[0].endswith("writer on other.txt: 2,099 characters")
    for name, one in figures.items():
        (line,) = [line for line in lines if line.startswith(f"  {name} ")]
        assert line.removeprefix(f"  {name}").split()[0] == figure_text(one["value"])
    assert "bits per character of simpler models" in lines
    assert lines[-1].startswith("Is it as good as its training promised? ")
    assert "perplexity" in (folder / "out.html").read_text()


def test_images(seer, folder):
    result = run(seer, seer.parent / "shades", "--report", "out.html")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "shades: 60 images" in result.stdout.splitlines()[0]
    assert "accuracy of simpler models" in result.stdout
    assert "true class by row, predicted by column" in result.stdout
    assert "by class: of its rows so many are found" in result.stdout
    assert result.stdout.splitlines()[-1].endswith("the run was trained on these data.")
    assert "Confusion matrix" in (folder / "out.html").read_text()


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        ("writer", "iris", "'iris' is not a text"),
        ("writer", ".", "'.' is not a text"),
        ("writer", "short.txt", "has 5 characters"),
        ("writer", "bytes.txt", "is not UTF-8"),
        ("writer", "none.txt", "there is no file 'none.txt'"),
        ("seer", "short.txt", "is not a folder with one folder a class"),
        ("seer", ".", "there are no images in its folders"),
        ("seer", "none", "there is no file 'none'"),
        ("model", "short.txt", "is not a table"),
        ("model", ".", "is not a table"),
    ],
)
def test_data_of_another_kind(request, folder, kind, data, message):
    (folder / "short.txt").write_text("short")
    (folder / "bytes.txt").write_bytes(b"\xff\xfe" * 500)
    result = run(request.getfixturevalue(kind), data, "--json", "out.json")
    assert result.exit_code == 2
    assert message in result.stderr and result.stderr.count("\n") == 1
    assert sorted(file.name for file in folder.iterdir()) == ["bytes.txt", "short.txt"]
