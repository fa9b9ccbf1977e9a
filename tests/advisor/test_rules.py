"""The rules: all guides are there, what they name exists, and the special one wins."""

import re
import subprocess
import sys
from functools import reduce

import pytest

import chainrule as cr
import chainrule.train
from chainrule.advisor import FACTS, RULES, TASKS, TUNABLE, Recipe, advise
from chainrule.advisor.rule import Condition, Rule, at_least, below, one_of
from chainrule.errors import ArgumentError


def test_all_guides_are_there():
    """F-001 to F-078."""
    found = {name for rule in RULES for name in rule.ids}
    assert found == {f"F-{number:03d}" for number in range(1, 79)}


@pytest.mark.parametrize("use", sorted({use for rule in RULES for use in rule.uses}))
def test_what_rules_name_exists(use):
    assert reduce(getattr, use.split("."), cr) is not None


def scenario(rule):
    """Facts for which a rule applies."""
    facts = {"rows": 2_000, "inputs": 10, "batch_size": 32, "epochs": 50}
    for name, test in rule.when.items():
        known = (
            [*getattr(test, "known", ()), 0, 0.01, 1, 10**9]
            if isinstance(test, Condition)
            else [test]
        )
        facts[name] = next(
            value for value in known if not isinstance(test, Condition) or test.holds(value)
        )
    return facts


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.topic}: {rule.scenario}")
def test_each_rule_applies_somewhere_and_says_why(rule):
    facts = scenario(rule)
    assert rule.applies(facts)
    assert rule.reason and rule.decided(facts).choice is not None
    if rule.topic in TUNABLE and rule.when.get("data") == "table":
        Recipe(**{rule.topic: rule.decided(facts).choice})


def test_a_rule_of_unknown_facts_does_not_apply():
    rule = Rule("norm", "group", "", when={"task": one_of(("detection",)), "batch_size": below(16)})
    assert rule.applies({"task": "detection", "batch_size": 8})
    assert not rule.applies({"task": "detection"})
    assert not rule.applies({"task": "detection", "batch_size": 16})
    assert rule.scenario == "detection, batch size below 16"
    assert Rule("a", 1, "", when={"rows": at_least(5)}).applies({"rows": 5})


@pytest.mark.parametrize(
    ("task", "facts", "topic", "value"),
    [
        ("image classification", {}, "norm", "batch"),
        ("image classification", {"batch_size": 4}, "norm", "group, 32 channels a group"),
        ("text generation", {}, "activation", "gelu"),
        ("text generation", {}, "schedule", "warmup_cosine"),
        ("text generation", {"activation": "relu"}, "activation", "relu"),
        ("sequence", {}, "optimizer", "RMSProp"),
        ("sequence", {}, "clip_norm", 5.0),
        ("image classification", {"goal": "quality"}, "optimizer", "SGD"),
        ("image classification", {"goal": "quality"}, "momentum", 0.9),
        ("image classification", {"goal": "quality"}, "learning_rate", 0.05),
        ("detection", {}, "box loss", "smooth L1"),
        ("differentiation", {"variables": "few"}, "mode", "forward"),
        ("regression", {"quality": "unknown"}, "loss", "huber"),
        ("multi-label", {}, "loss", "bce"),
        (
            "medical images",
            {"rows": 10**5},
            "augmentation",
            "light and geometric: turns, shifts, zooms",
        ),
    ],
)
def test_scenarios_of_the_guides(task, facts, topic, value):
    assert advise(task, **facts)[topic].value == value


def test_initialisation_follows_the_activation():
    found = {
        name: advise("classification", activation=name)["initialisation"].value
        for name in ("relu", "tanh", "selu")
    }
    assert found == {"relu": "he_normal", "tanh": "xavier_normal", "selu": "lecun_normal"}


def test_tools_are_no_networks():
    assert "activation" not in advise("differentiation")
    assert "activation" in advise("GAN")


def test_what_gave_way_is_told_with_the_reason():
    advice = advise("text generation")
    assert [rule.choice for rule in advice["activation"].over] == ["relu"]
    assert "not relu (cheap" in str(advice) and "this is for text" in str(advice)
    asked = advise("text generation", activation="mish")["activation"]
    assert asked.reason == "as asked" and [rule.choice for rule in asked.over] == ["gelu", "relu"]


def test_advice_for_a_table_is_the_recipe_of_fit():
    advice = advise("classification", "iris", epochs=3)
    run = chainrule.train.fit("iris", epochs=3)
    assert advice.recipe.to_json() == {**run.record["recipe"]}
    assert advice.facts["classes"] == 3 and advice.facts["rows"] == 90
    assert advise("regression", rows=500, inputs=8).recipe.loss == "mse"
    assert advise("GAN").recipe is None


def test_facts_of_classes_are_counted():
    import polars as pl

    rows = 2_000
    frame = pl.DataFrame(
        {
            "x": [(i * 37 % 101) / 10 for i in range(rows)],
            "y": ["ab"[i % 20 == 0] for i in range(rows)],
        }
    )
    advice = advise("classification", frame, target="y")
    found = {name: advice.facts[name] for name in ("rows", "classes", "rarest", "imbalance")}
    assert found == {"rows": 1_200, "classes": 2, "rarest": 60, "imbalance": 19.0}
    assert advice.recipe.weight_decay == 1.0


def test_outliers_of_a_target_change_the_loss():
    import polars as pl

    x = [(i * 37 % 101) / 10 - 5 for i in range(200)]
    y = [value + (1e4 if place == 7 else 0) for place, value in enumerate(x)]
    plain, outlying = (pl.DataFrame({"x": x, "y": values}) for values in (x, y))
    assert advise("regression", plain, target="y").recipe.loss == "mse"
    assert advise("regression", outlying, target="y").recipe.loss == "huber"


def test_few_rows_of_a_rare_class_change_the_decay_and_not_the_loss():
    many = {"rows": 6_000, "inputs": 3, "classes": 2}
    even = advise("classification", **many, rarest=3_000, imbalance=1.0).recipe
    rare = advise("classification", **many, rarest=200, imbalance=29.0)
    assert (even.weight_decay, rare.recipe.weight_decay) == (0.1, 1.0)
    assert rare.recipe.class_weights == "none" and rare.recipe.loss == "cross_entropy"
    assert rare["rare classes"].ids == ("F-069",)


def test_no_topic_takes_the_name_of_a_fact_of_another_kind():
    """What is chosen becomes a fact: one that is compared with numbers must be a number."""
    compared = {
        name
        for rule in RULES
        for name, test in rule.when.items()
        if isinstance(test, Condition) and not test.known
    }
    words = {rule.topic for rule in RULES if isinstance(rule.choice, str)}
    assert not compared & words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"task": "classificaton"}, "did you mean 'classification'?"),
        ({"task": "GAN", "row": 3}, "did you mean 'rows'?"),
        ({"task": "GAN", "data": "iris"}, "facts are found in tables"),
        ({"task": "GAN", "activation": "rely"}, "did you mean 'relu'?"),
    ],
)
def test_what_is_unknown_is_an_error(arguments, words):
    with pytest.raises(ArgumentError) as caught:
        advise(**arguments)
    assert words in str(caught.value)


def test_names_of_tasks_and_facts_are_few_words():
    assert {"classification", "detection", "text generation"} <= set(TASKS)
    assert {"rows", "goal", "symptom"} <= set(FACTS)


def test_advice_is_told_once_and_in_words():
    advice = advise("classification", "iris")
    lines = [line.strip() for line in str(advice["dropout"]).splitlines()]
    assert sum(line.startswith("not 0.5 ") for line in lines) == 1
    assert str(advice["hidden"]) == repr(advice["hidden"]) and "function" not in str(advice)
    assert not re.search(r"\b[A-G]-\d{3}\b", str(advice))


def test_the_advisor_is_found_without_an_import_of_its_own():
    code = (
        "import chainrule as cr; print(cr.advisor.advise('GAN')['loss'].topic, cr.data.SHIPPED[0])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (found.stdout, found.stderr) == ("loss digits\n", "")
