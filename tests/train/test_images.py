"""Folders of images: what is read, what is chosen, and that a model of them tells their classes."""

import json
import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from chainrule import train
from chainrule.data.images import prepare_images
from chainrule.errors import ArgumentError, DataError
from chainrule.train.images.recipe import SPEED, choose_for_images, operations


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """400 digits as files, and one that is no image."""
    folder, found = tmp_path_factory.mktemp("images") / "digits", load_digits()
    for number, (image, label) in enumerate(zip(found.images[:400], found.target, strict=False)):
        path = folder / str(label) / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 15.9).astype(np.uint8)).save(path)
    (folder / "3" / "broken.png").write_bytes(b"no image")
    (folder / "notes.txt").write_text("no class")
    return folder


@pytest.fixture(scope="module")
def run(digits):
    return train.fit(digits, epochs=40, width=8)


def save(folder, name, size=(6, 4), mode="RGB", colour=0):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


def problem_files(folder):
    return {str(file.relative_to(folder)) for file in folder.rglob("0*.png")}


# ---- Reading ----


def test_pixels_classes_and_parts_are_those_of_the_files(digits):
    problem = prepare_images(digits)
    assert problem.target.classes == tuple("0123456789")
    assert problem.size == (8, 8, 1)
    assert problem.unreadable == {str(digits / "3" / "broken.png"): "it is no image"}
    parts = problem.parts
    assert {name: len(part.y) for name, part in parts.items()} == pytest.approx(
        {"training": 240, "validation": 80, "test": 80}, abs=8
    )
    assert sum(len(part.y) for part in parts.values()) == 400
    for part in parts.values():
        assert set(part.values) == set("0123456789")
    files = {
        np.asarray(Image.open(file)).tobytes(): file.parent.name for file in digits.glob("*/0*.png")
    }
    for part in parts.values():
        assert [files[image.tobytes()] for image in part.x] == part.values.tolist()


def test_folders_of_parts_are_kept_and_missing_parts_held_out(tmp_path):
    for kind, colour in (("cat", 10), ("dog", 200)):
        for number in range(20):
            save(tmp_path, f"train/{kind}/{number}.png", colour=(colour, number, 0))
        for number in range(5):
            save(tmp_path, f"test/{kind}/{number}.png", colour=(colour, 0, 100 + number))
    problem = prepare_images(tmp_path)
    assert {name: len(part.y) for name, part in problem.parts.items()} == {
        "training": 32,
        "validation": 8,
        "test": 10,
    }
    assert problem.parts["test"].x[:, 0, 0, 2].min() == 100
    assert problem.size == (4, 6, 3)


def test_sizes_are_the_median_and_large_images_are_made_smaller(tmp_path):
    for kind in "ab":
        for number in range(6):
            size = (200, 100) if number < 4 else (300, 100)
            save(tmp_path, f"{kind}/{number}.jpg", size, colour=(40 * number, 0, 90))
    problem = prepare_images(tmp_path)
    assert problem.size == (32, 64, 3)
    assert problem.size_reason == "the median of 2 sizes, made smaller from 100 x 200"
    assert prepare_images(tmp_path, size=16).size == (8, 16, 3)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "there are no images in its folders"),
        ({"a/1.png": b"x", "b/2.png": b"x"}, "none of its 2 images can be read"),
    ],
)
def test_folders_without_images_are_an_error(tmp_path, files, message):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        train.fit(tmp_path)


def test_classes_need_images(tmp_path):
    for number in range(9):
        save(tmp_path, f"a/{number}.png")
    with pytest.raises(DataError, match="is 'a' in every row"):
        prepare_images(tmp_path)
    save(tmp_path, "b/1.png")
    with pytest.raises(DataError, match=r"fewer than 5 rows: 'b' \(1\)"):
        prepare_images(tmp_path)


# ---- The recipe ----


def test_flips_are_for_images_whose_mirror_images_are_as_well_known(digits):
    problem = prepare_images(digits)
    known = {"as they are": 0.8, "horizontal": 0.79, "vertical": 0.3, "of the largest class": 0.1}
    recipe = choose_for_images(problem, known)
    assert recipe.flips == ("horizontal",)
    assert set(recipe.reasons) == set(recipe.described())
    # Who knows nothing cannot tell.
    recipe = choose_for_images(problem, dict.fromkeys(known, 0.1))
    assert recipe.flips == ()


@pytest.mark.covers("F-065")
def test_few_images_are_varied_more_and_mixed(digits):
    problem = prepare_images(digits)
    known = dict.fromkeys(("as they are", "horizontal", "vertical", "of the largest class"), 0.5)
    few = choose_for_images(problem, known)
    parts = dict(problem.parts)
    part = parts["training"]
    parts["training"] = replace(part, y=np.tile(part.y, 30))
    many = choose_for_images(replace(problem, parts=parts), known)
    assert few.affine
    assert few.mixup > 0
    assert not many.affine
    assert many.mixup == 0


def test_the_recipe_tells_how_long_it_takes(digits):
    problem = prepare_images(digits)
    known = dict.fromkeys(("as they are", "horizontal", "vertical", "of the largest class"), 0.5)
    assert choose_for_images(problem, known).reasons["epochs"].endswith("a minute or two")
    recipe = choose_for_images(problem, known, width=1024, epochs=50)
    images = len(problem.parts["training"].y) * recipe.epochs
    minutes = images * operations(recipe, problem) / SPEED / 60
    assert recipe.reasons["epochs"].endswith(f"about {round(minutes)} minutes")


def test_width_follows_the_time(digits):
    problem = prepare_images(digits)
    known = dict.fromkeys(("as they are", "horizontal", "vertical", "of the largest class"), 0.5)
    widths = [choose_for_images(problem, known, minutes=m).width for m in (1e-3, 10)]
    assert widths == [8, 16]
    with pytest.raises(ArgumentError, match="epochs is 0"):
        choose_for_images(problem, known, epochs=0)


# ---- The run ----


def test_digits_are_told_better_than_by_chance_and_beside_baselines(run):
    scores = run.record["metrics"]
    assert list(scores) == ["network", "logistic regression", "majority class"]
    assert scores["network"]["accuracy"] > 0.6
    assert run.record["recipe"]["flips"] == []
    assert run.record["split"]["test"] == 80


def test_normalisation_is_of_the_training_part(digits, run):
    pixels = prepare_images(digits).parts["training"].x / 255
    numbers = run.record["normalisation"]
    np.testing.assert_allclose(numbers["mean"], pixels.mean((0, 1, 2)))
    np.testing.assert_allclose(numbers["deviation"], pixels.std((0, 1, 2)))


def test_same_seed_gives_the_same_run(digits, run):
    again = train.fit(digits, epochs=40, width=8)
    assert again.record["history"][-1]["loss"] == run.record["history"][-1]["loss"]
    assert again.record["metrics"] == run.record["metrics"]


def test_run_comes_back_and_predicts_files_and_folders(digits, run, tmp_path):
    folder = train.save(run, tmp_path / "run")
    page = (folder / "report.html").read_text()
    assert "logistic regression" in page
    assert problem_files(digits) & set(re.findall(r"\d/\d{4}\.png", page))
    back = train.load(folder)
    assert isinstance(back, train.ImageRun)
    frame, unreadable = back.predictions(digits)
    assert unreadable == {str(digits / "3" / "broken.png"): "it is no image"}
    assert frame.height == 400
    assert frame.columns[:3] == ["path", "prediction", "probability_0"]
    truth = [path.split("/")[-2] for path in frame["path"]]
    assert np.mean(np.array(truth) == frame["prediction"].to_numpy()) > 0.6
    sums = frame.select(pl.sum_horizontal(pl.col("^probability_.*$"))).to_series()
    np.testing.assert_allclose(sums, 1, atol=1e-6)
    one, _ = run.predictions(frame["path"][7])
    assert one.row(0) == frame.row(7)
    with pytest.raises(DataError, match="holds no image that can be read"):
        back.predictions(digits / "3" / "broken.png")


def test_a_shipped_name_stays_a_table_beside_a_folder_of_that_name(digits, monkeypatch):
    monkeypatch.chdir(digits.parent)
    assert train.kind_of("digits").name == "table"
    assert train.kind_of("./digits").name == "images"


def test_record_is_json(run):
    assert json.loads(json.dumps(run.record)) == run.record
