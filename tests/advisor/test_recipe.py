"""Recipes: what they accept, and what they say of what they do not."""

import json

import pytest

from chainrule.advisor import CHOICES, TUNABLE, Recipe, described
from chainrule.errors import ArgumentError


def test_names_are_found_whatever_their_capitals_and_underscores():
    recipe = Recipe(optimizer="adamw", activation="LeakyReLU", schedule="OneCycle", loss="BCE")
    found = recipe.optimizer, recipe.activation, recipe.schedule, recipe.loss
    assert found == ("AdamW", "leaky_relu", "one_cycle", "bce")


def test_every_choice_is_told_in_one_line():
    told = [name for names in CHOICES.values() for name in names]
    assert sorted(told) == sorted(TUNABLE)


def test_a_recipe_comes_back_from_json():
    recipe = Recipe(
        hidden=(8,),
        class_weights=(1.0, 2.0),
        loss="quantile",
        loss_options={"quantile": 0.9},
        reasons={"loss": "as asked"},
    )
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_runs_of_earlier_versions_can_be_read():
    old = {"hidden": [64, 32], "activation": "relu", "initialisation": "he_normal", "epochs": 3}
    assert Recipe.from_json(old) == Recipe(initialisation="he_normal", epochs=3)


def test_what_is_left_out_is_not_told():
    told = described(Recipe(), 4, 3)
    assert told["network"] == "4-64-32-3"
    assert "norm" not in told and "averaging" not in told
    assert described(Recipe(norm="batch", residual=True), 4, 3).keys() > told.keys()


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"optimizer": "AdamWW"}, "did you mean 'AdamW'?"),
        ({"activation": "sign"}, "there is no activation 'sign'"),
        ({"loss": 3}, "there is no loss 3"),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": -1}, "batch_size is -1"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1"),
        ({"hidden": (0,)}, "hidden is (0,)"),
        ({"class_weights": "heavy"}, "there is no class_weights 'heavy'"),
        ({"loss": "hinge", "label_smoothing": 0.1}, "only cross_entropy and bce smooth labels"),
        ({"averaging": "swa", "norm": "batch"}, "mean weights need"),
    ],
)
def test_what_cannot_be_is_said_at_once(choice, words):
    with pytest.raises(ArgumentError) as caught:
        Recipe(**choice)
    assert words in str(caught.value)
