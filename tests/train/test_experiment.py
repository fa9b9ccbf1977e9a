"""The whole way, on real tables: how well networks do, and what is told and recorded."""

import itertools
import json
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

import chainrule as cr
from chainrule import advisor, train
from chainrule.data import read, split
from chainrule.errors import ArgumentError
from chainrule.train.trainer import clock


@pytest.fixture(scope="module")
def digits():
    return train.fit("digits")


@pytest.fixture(scope="module")
def diabetes():
    return train.fit("diabetes")


def test_digits_reach_97_percent(digits):
    scores = digits.record["metrics"]
    assert scores["network"]["accuracy"] >= 0.97
    assert scores["network"]["accuracy"] > scores["logistic regression"]["accuracy"]


@pytest.mark.parametrize("name", ["iris", "wine", "breast-cancer"])
def test_small_sets_are_classified_about_as_well_as_by_a_linear_model(name):
    scores = train.fit(name).record["metrics"]
    network = scores["network"]
    assert network["accuracy"] >= scores["logistic regression"]["accuracy"] - 0.05
    assert network["accuracy"] > scores["majority class"]["accuracy"] + 0.2
    assert network["log loss"] < scores["majority class"]["log loss"] / 2


def test_regression_answers_in_original_units(diabetes):
    scores = diabetes.record["metrics"]
    assert scores["network"]["RMSE"] < 1.1 * scores["linear regression"]["RMSE"]
    assert scores["network"]["RMSE"] < 0.8 * scores["mean"]["RMSE"]
    target = read("diabetes").frame["target"]
    values = diabetes.predict(read("diabetes")).values
    assert values.mean() == pytest.approx(target.mean(), rel=0.1)


def test_recorded_scores_are_those_of_the_test_rows(digits):
    """Computed anew from the definition, on the rows that the seed leaves to the test part."""
    table = read("digits")
    target = table.frame["target"].to_numpy()
    rows = split(target, seed=0)["test"]
    found = digits.predict(table)
    assert digits.record["metrics"]["network"]["accuracy"] == np.mean(
        found.values[rows] == target[rows]
    )
    true = found.probabilities[rows, target[rows]]
    assert digits.record["metrics"]["network"]["log loss"] == pytest.approx(-np.log(true).mean())


def test_record_is_json_and_says_how_the_run_came_to_be(digits):
    record = json.loads(json.dumps(digits.record, allow_nan=False))
    assert record["data"]["rows"] == 1797
    assert record["split"] == {"training": 1079, "validation": 359, "test": 359}
    assert record["left_out"].keys() == {"pixel_0_0", "pixel_4_0", "pixel_4_7"}
    assert record["target"]["classes"] == list(range(10))
    assert record["versions"].keys() >= {"chainrule", "numpy", "llvmlite", "python"}
    assert len(record["history"]) == record["training"]["epochs"]
    told = advisor.described(advisor.Recipe.from_json(record["recipe"]), 61, 10)
    assert record["recipe"]["reasons"].keys() == told.keys()


def test_global_random_stream_is_left_as_it_was():
    cr.random.seed(5)
    expected = cr.random.uniform((3,)).numpy()
    cr.random.seed(5)
    train.fit("iris", epochs=1)
    np.testing.assert_array_equal(cr.random.uniform((3,)).numpy(), expected)


def test_wanted_choices_win_and_are_marked():
    recipe = train.fit("iris", epochs=2, batch_size=30, learning_rate=0.5).record["recipe"]
    assert (recipe["epochs"], recipe["batch_size"], recipe["learning_rate"]) == (2, 30, 0.5)
    asked = {choice for choice, reason in recipe["reasons"].items() if reason == "as asked"}
    assert asked == {"epochs", "batch size", "optimizer"}


def test_choices_that_the_recipe_does_not_have_are_errors():
    with pytest.raises(ArgumentError) as caught:
        train.fit("iris", depth=3)
    assert str(caught.value) == (
        f"[fit] there is no choice 'depth'; there are {', '.join(advisor.TUNABLE)}; choose one of "
        "them"
    )


@pytest.mark.parametrize("schedule", ["linear", "one_cycle", "plateau"])
def test_training_ends_when_the_time_is_up(schedule):
    found = train.fit("iris", minutes=1e-6, schedule=schedule, optimizer="SGD").record
    assert found["training"]["stopped"] == "time" and found["training"]["epochs"] == 1
    assert found["recipe"]["minutes"] == 1e-6
    assert found["recipe"]["reasons"]["epochs"] == "as asked"


def test_the_rate_falls_with_the_time_that_is_left(monkeypatch):
    seconds = itertools.count()  # A look at the clock takes one of 60.
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    run = train.fit("iris", minutes=1, schedule="linear", learning_rate=0.01, patience="none")
    rates = [row["learning_rate"] for row in run.record["history"]]
    assert run.record["training"]["stopped"] == "time"
    assert len(rates) < run.record["recipe"]["epochs"] and rates[-1] < 0.1 * rates[0]


def test_patience_can_be_none():
    assert train.fit("iris", epochs=1, patience="none").record["recipe"]["patience"] is None


def test_every_part_of_a_recipe_can_be_chosen():
    wanted = {
        "hidden": (16, 16),
        "residual": True,
        "activation": "Mish",
        "norm": "batch",
        "loss": "focal",
        "loss_options": {"gamma": 1.0},
        "class_weights": "balanced",
        "optimizer": "sgd",
        "momentum": 0.9,
        "clip_norm": 1.0,
        "learning_rate": 0.05,
        "schedule": "one_cycle",
        "averaging": "ema",
        "averaging_options": {"decay": 0.9},
        "epochs": 30,
    }
    run = train.fit("iris", **wanted)
    recipe = advisor.Recipe.from_json(run.record["recipe"])
    assert recipe.optimizer == "SGD" and recipe.norm == "batch" and recipe.hidden == (16, 16)
    assert run.record["metrics"]["network"]["accuracy"] > 0.8


class Told(train.Watcher):
    def __init__(self):
        self.steps = []

    def prepared(self, problem):
        self.steps.append("prepared")

    def chosen(self, recipe, model):
        self.steps.append("chosen")

    def epoch_end(self, trainer):
        self.steps.append(trainer.row["epoch"])

    def trained(self, history):
        self.steps.append("trained")

    def scored(self, scores):
        self.steps.append(list(scores))


def test_watcher_is_told_in_order():
    told = Told()
    train.fit("iris", epochs=3, watcher=told)
    models = ["network", "logistic regression", "majority class"]
    assert told.steps == ["prepared", "chosen", 1, 2, 3, "trained", models]


def test_all_kinds_of_columns_train_together():
    generator = np.random.default_rng(0)
    rows = 300
    frame = pl.DataFrame(
        {
            "size": generator.normal(size=rows),
            "colour": generator.choice(["red", "green", "blue"], rows),
            "open": generator.random(rows) < 0.5,
            "since": pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 10, 26), eager=True),
        }
    )
    score = pl.col("size") + pl.col("open") + 2 * (pl.col("colour") == "red")
    frame = frame.with_columns(y=pl.when(score > 1).then(pl.lit("yes")).otherwise(pl.lit("no")))
    run = train.fit(frame, "y")
    assert run.record["metrics"]["network"]["accuracy"] > 0.9
    assert list(run.kinds.values()) == ["number", "category", "boolean", "date"]
