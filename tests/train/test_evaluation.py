"""A run on labelled tables: its figures against scikit-learn, and what is noticed of other data."""

import json
import math

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as sk

from chainrule import train
from chainrule.data import read
from chainrule.errors import DataError
from chainrule.train.report import page
from chainrule.train.report.facts import plain

RNG = np.random.default_rng(5)


def table(frame):
    return read(frame)


@pytest.fixture(scope="module")
def iris():
    return train.fit("iris", epochs=40)


@pytest.fixture(scope="module")
def numbers():
    """600 rows of y = 2 a - b + noise, and a category that shifts it."""
    frame = made(600)
    # A linear model would go on beyond the rows.
    return train.fit(frame, "y", epochs=20, linear=False)


def made(rows, shift=0.0, names=("p", "q")):
    a, b = RNG.normal(shift, 1, rows), RNG.normal(size=rows)
    group = np.asarray(names)[RNG.integers(0, len(names), rows)]
    y = 2 * a - b + (group == "p") + 0.1 * RNG.normal(size=rows)
    return pl.DataFrame({"a": a, "b": b, "group": group, "y": y})


def test_figures_are_those_of_scikit_learn(iris):
    data = read("iris")
    found = train.evaluate(iris, data).comparison
    now, then = found.figures.values()
    prediction = iris.predict(data)
    true = data.frame["target"].to_numpy()
    expected = {
        "accuracy": sk.accuracy_score(true, prediction.values),
        "balanced accuracy": sk.balanced_accuracy_score(true, prediction.values),
        "F1": sk.f1_score(true, prediction.values, average="macro"),
        "AUC": sk.roc_auc_score(true, prediction.probabilities, multi_class="ovr"),
        "log loss": sk.log_loss(true, prediction.probabilities),
    }
    assert {name: one.value for name, one in now.items()} == pytest.approx(expected, rel=1e-5)
    assert all(one.low <= one.value <= one.high for one in now.values())
    assert {name: one.value for name, one in then.items()} == iris.record["metrics"]["network"]


def test_the_same_data_are_as_good_as_before(numbers):
    found = train.evaluate(numbers, table(made(300)))
    assert found.verdict.answer == "yes"
    assert not any(move.far for move in found.drift.columns.values())
    assert found.residuals.bias == pytest.approx(0, abs=0.3)


def test_rows_of_the_training_are_noticed(tmp_path):
    frame = made(1000)
    train.save(train.fit(frame[:500], "y", epochs=5), tmp_path / "run")
    run = train.load(tmp_path / "run")
    fresh = train.evaluate(run, table(frame[500:]))
    assert not any("trained on" in notice for notice in fresh.drift.notices)
    half = train.evaluate(run, table(frame[250:750]))
    share, by_chance = run.seen(table(frame[250:750]))  # Four fifths of half the rows, or so.
    assert 0.35 < share < 0.45 and by_chance == 0
    told = f"the run was trained on {share:.0%} of these rows, which flatters it"
    assert told.replace("%", " %") in half.drift.notices
    assert half.verdict.answer == "not yet" and "trained on" in half.verdict.sentence
    few = train.evaluate(run, table(frame[460:]))  # About 32 of 540 rows.
    assert any("trained on" in notice for notice in few.drift.notices)
    assert "trained on" not in few.verdict.sentence


def test_rows_that_are_alike_by_chance_are_not_taken_for_those_of_the_training():
    def dice(rows):
        a, b = RNG.integers(1, 7, (2, rows))
        return pl.DataFrame({"a": a, "b": b, "y": a + b + RNG.normal(size=rows)})

    run = train.fit(dice(600), "y", epochs=20)
    found = train.evaluate(run, table(dice(300)))
    assert not any("trained on" in notice for notice in found.drift.notices)
    assert found.verdict.answer == "yes"


def test_moved_columns_and_a_fallen_score_are_noticed(numbers):
    found = train.evaluate(numbers, table(made(300, shift=6.0)))
    assert found.verdict.answer == "no"
    assert next(iter(found.drift.columns)) == "a"
    assert found.drift.columns["a"].far and not found.drift.columns["b"].far
    assert any("'a'" in notice for notice in found.drift.notices)


def test_moved_columns_alone_are_a_warning(numbers):
    found = train.evaluate(numbers, table(made(300, names=("p", "p", "p", "p", "p", "q"))))
    assert found.verdict.answer == "not yet"
    assert [name for name, move in found.drift.columns.items() if move.far] == ["group"]


def test_a_fall_by_chance_is_none(numbers):
    """Of 20 samples of 30 rows each, one at most may look worse."""
    answers = [train.evaluate(numbers, table(made(30))).verdict.answer for _ in range(20)]
    assert answers.count("no") <= 1


def test_rows_without_a_target_are_left_out_and_counted_on(numbers):
    frame = made(60)
    frame = frame.with_columns(y=pl.Series([None] * 7 + frame["y"].to_list()[7:]))
    found = train.evaluate(numbers, table(frame))
    assert found.comparison.rows == 53
    assert "7 rows without a target left out" in found.drift.notices
    for number, true, *_ in found.mistakes.rows:
        assert float(true) == pytest.approx(frame["y"][number - 1], rel=1e-3)


@pytest.mark.parametrize("classes", [["no", "yes"], [0, 1], [False, True]])
def test_classes_come_back_as_what_they_were(classes, tmp_path):
    x = RNG.normal(size=80)
    frame = pl.DataFrame({"x": x, "y": [classes[int(v > 0)] for v in x]})
    run = train.load(train.save(train.fit(frame, "y", epochs=20), tmp_path / "run"))
    frame.write_csv(tmp_path / "same.csv")
    found = train.evaluate(run, read(tmp_path / "same.csv"))
    assert next(iter(found.comparison.figures.values()))["accuracy"].value > 0.9


def test_some_classes_may_be_absent(iris):
    frame = read("iris").frame
    found = train.evaluate(iris, table(frame.filter(pl.col("target") == "setosa")))
    assert np.sum(found.confusion.counts) == 50
    assert math.isnan(next(iter(found.comparison.figures.values()))["AUC"].value)
    assert "NaN" not in json.dumps(plain(found), allow_nan=False)
    assert "<section" in page(found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop("target"), "there is no column 'target'"),
        (lambda f: f.rename({"target": "targets"}), "did you mean 'targets'?"),
        (lambda f: f.with_columns(target=pl.lit("rose")), "classes that the run does not know"),
        (lambda f: f.drop("sepal width (cm)"), "there is no column 'sepal width (cm)'"),
        (lambda f: f.with_columns(target=pl.lit(None, pl.String)), "has no values"),
    ],
)
def test_tables_that_cannot_be_scored(iris, change, message):
    with pytest.raises(DataError) as caught:
        train.evaluate(iris, table(change(read("iris").frame)))
    assert message in str(caught.value)


def test_report_of_an_evaluation_is_json_and_a_page(iris):
    found = train.evaluate(iris, read("iris"))
    written = json.loads(json.dumps(plain(found), allow_nan=False))
    assert written["verdict"]["answer"] == found.verdict.answer
    figures = written["comparison"]["figures"]["on new rows"]
    assert figures["accuracy"].keys() == {"low", "high", "value"}
    assert "Are these data like the training" in page(found)
