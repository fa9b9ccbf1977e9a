"""Drift: the index by its formula, and that chance is told from change."""

import json

import numpy as np
import polars as pl
import pytest

from chainrule.data.columns import CATEGORY, NUMBER
from chainrule.data.drift import Profile, moves, profile

RNG = np.random.default_rng(3)


def move(then, now, kind=NUMBER):
    return moves({"a": profile(pl.Series("a", then), kind)}, pl.DataFrame({"a": now}))["a"]


def test_index_is_that_of_the_formula():
    then, now = RNG.normal(size=1000), RNG.normal(0.5, 1.2, size=700)
    edges = np.quantile(then, np.arange(1, 10) / 10)
    counts = [np.histogram(x, [-np.inf, *edges, np.inf])[0] for x in (then, now)]
    p, q = ((np.append(c, 0) + 0.5) / (np.append(c, 0) + 0.5).sum() for c in counts)
    assert move(then, now).distance == pytest.approx(np.sum((p - q) * np.log(p / q)))


def test_chance_is_rarely_taken_for_change():
    """Of 300 tables of four columns, few rows each, about one in a hundred gives an alarm."""
    alarms = 0
    for _ in range(300):
        then = pl.DataFrame({name: RNG.normal(size=200) for name in "abcd"})
        now = pl.DataFrame({name: RNG.normal(size=60) for name in "abcd"})
        found = moves({name: profile(then[name], NUMBER) for name in "abcd"}, now)
        alarms += any(one.far for one in found.values())
    assert alarms <= 12


@pytest.mark.parametrize("shift", [1.0, -1.0])
def test_a_shift_by_a_deviation_is_seen_in_a_hundred_rows(shift):
    then = RNG.normal(size=500)
    assert move(then, RNG.normal(shift, size=100)).far
    assert not move(then, RNG.normal(size=100)).far


def test_missing_values_and_new_categories_are_changes():
    then = RNG.choice(["a", "b", "c"], 400).tolist()
    assert not move(then, RNG.choice(["a", "b", "c"], 200).tolist(), CATEGORY).far
    assert move(then, ["a"] * 60 + ["new"] * 140, CATEGORY).far
    assert move(then, ["a", "b", "c"] * 30 + [None] * 90, CATEGORY).far
    numbers = RNG.normal(size=400)
    assert move(numbers, [*numbers[:100], *[None] * 100]).far


def test_profile_comes_back_from_json():
    for values, kind in (([1.0, 2.0, 5.0, None], NUMBER), (["a", "b", None], CATEGORY)):
        found = profile(pl.Series("a", values), kind)
        assert Profile.from_json(json.loads(json.dumps(found.to_json()))) == found
        assert sum(found.counts) == len(values)


def test_the_farthest_comes_first():
    then = pl.DataFrame({"still": RNG.normal(size=300), "moved": RNG.normal(size=300)})
    profiles = {name: profile(then[name], NUMBER) for name in then.columns}
    found = moves(profiles, then.with_columns(pl.col("moved") + 2))
    assert list(found) == ["moved", "still"]
    assert found["still"].distance == pytest.approx(0)
