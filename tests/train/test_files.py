"""The run folder: what is in it, that it comes back the same, and that it is whole or absent."""

import json
import os

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from chainrule import train
from chainrule.data import read
from chainrule.errors import DataError
from chainrule.train import files


@pytest.fixture(scope="module")
def run():
    return train.fit("iris", epochs=5)


@pytest.fixture
def folder(run, tmp_path):
    return train.save(run, tmp_path / "new" / "run")


def test_folder_holds_what_it_should(run, folder):
    assert sorted(os.listdir(folder)) == [
        "loss.png",
        "model.safetensors",
        "preprocessing.json",
        "report.html",
        "run.json",
    ]
    assert json.loads((folder / "run.json").read_text()) == run.record
    weights = load_file(folder / "model.safetensors")
    assert {name: array.shape for name, array in weights.items()} == {
        name: array.shape for name, array in run.model.state_dict().items()
    }
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert len({(folder / name).stat().st_mode for name in os.listdir(folder)}) == 1


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_run_comes_back_with_the_same_predictions(name, tmp_path):
    run = train.fit(name, epochs=3)
    back = train.load(train.save(run, tmp_path / "run"))
    table = read(name)
    ours, theirs = run.predict(table), back.predict(table)
    np.testing.assert_array_equal(theirs.values, ours.values)
    if name == "iris":
        np.testing.assert_array_equal(theirs.probabilities, ours.probabilities)
    assert back.record == run.record
    assert back.target == run.target


def test_folder_that_exists_is_an_error(run, folder):
    with pytest.raises(DataError) as caught:
        train.save(run, folder)
    assert str(caught.value) == (
        f"[fit] the run folder '{folder}' already exists; a run is never overwritten; "
        "choose another with --output"
    )


def test_runs_are_numbered(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [str(train.save(run)) for _ in range(2)] == ["runs/iris-1", "runs/iris-2"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("stage", ["draw", "_write_json"])
def test_failure_while_writing_leaves_nothing(run, tmp_path, monkeypatch, error, stage):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(files, stage, fail)
    with pytest.raises(error):
        train.save(run, tmp_path / "run")
    assert os.listdir(tmp_path) == []


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(DataError) as caught:
        train.load(tmp_path / "none")
    assert str(caught.value) == (
        f"[run] the run folder '{tmp_path}/none' does not exist; `chainrule fit` writes run "
        "folders; check the path"
    )


def test_folder_without_a_part_is_an_error(folder):
    (folder / "run.json").unlink()
    with pytest.raises(DataError) as caught:
        train.load(folder)
    assert str(caught.value) == (
        f"[run] the run folder '{folder}' has no run.json; `chainrule fit` writes run "
        "folders; check the path"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda record: {**record, "format": 2}, "ValueError: format 2, this version reads 1"),
        (lambda record: {"format": 1}, "KeyError: 'kind'"),
    ],
)
def test_damaged_folder_is_an_error(folder, change, reason):
    path = folder / "run.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(DataError) as caught:
        train.load(folder)
    assert str(caught.value) == (
        f"[run] the run folder '{folder}' is damaged; {reason}; train anew with chainrule fit"
    )


def test_damaged_weights_are_an_error(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="is damaged; .+; train anew"):
        train.load(folder)


# ---- Predicting for new tables ----


def test_predictions_stand_beside_the_rows(run):
    table = read("iris")
    frame = run.predictions(table)
    labels = ["setosa", "versicolor", "virginica"]
    assert frame.columns == [
        *table.frame.columns,
        "prediction",
        *(f"probability_{label}" for label in labels),
    ]
    probabilities = frame.select(f"probability_{label}" for label in labels).to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert frame["prediction"].to_list() == [labels[i] for i in probabilities.argmax(axis=1)]


def test_target_and_order_of_columns_do_not_matter(run):
    frame = read("iris").frame
    shuffled = frame.drop("target").select(reversed(frame.columns[:-1]))
    np.testing.assert_array_equal(
        run.predict(read(shuffled)).probabilities, run.predict(read("iris")).probabilities
    )


def test_missing_column_is_an_error_with_a_suggestion(run):
    frame = read("iris").frame.rename({"petal width (cm)": "petal_width"})
    with pytest.raises(DataError) as caught:
        run.predict(read(frame))
    assert str(caught.value) == (
        "[table] there is no column 'petal width (cm)'; the model reads it; "
        "did you mean 'petal_width'?"
    )
    with pytest.raises(DataError) as caught:
        run.predict(read(frame.select("target")))
    assert str(caught.value) == (
        "[table] there are no columns 'sepal length (cm)', 'sepal width (cm)', "
        "'petal length (cm)', 'petal width (cm)'; the model reads nothing else; pass a table like "
        "iris, or take another run"
    )


def test_taken_name_is_an_error(run):
    frame = read("iris").frame.with_columns(prediction=pl.lit(1))
    with pytest.raises(DataError) as caught:
        run.predictions(read(frame))
    assert str(caught.value) == (
        "[table] there already is a column 'prediction'; the result has one of this name; rename it"
    )


def test_notices_tell_of_columns_and_values_that_training_never_saw():
    frame = pl.DataFrame({"x": ["a", "b"] * 20, "n": [0.1, 0.4, 0.2, 0.9] * 10})
    run = train.fit(frame.with_columns(y=pl.Series(["p", "q"] * 20)), epochs=1)
    new = read(pl.DataFrame({"x": ["a", "z"], "n": [None, 0.5], "more": [1, 2]}))
    assert run.notices(new) == [
        "columns not read: more",
        "'x' has values that training never saw: z",
    ]
    assert np.isfinite(run.predict(new).probabilities).all()
