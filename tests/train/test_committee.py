"""Which rows the members of a network learn from, and the linear model beside it, against NumPy and
scikit-learn.
"""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression, RidgeCV

import chainrule as cr
from chainrule import nn, train
from chainrule.advisor import choose
from chainrule.data import prepare, read
from chainrule.train.fitting import Watcher
from chainrule.train.recipe import build, make_loss, make_metrics
from chainrule.train.tables.committee import apart, left_out, lessons, unseeing
from chainrule.train.tables.fitting import train_network
from chainrule.train.tables.linear import beside, share_of


def table(rows: int, target, seed: int = 0, classes: bool = True) -> pl.DataFrame:
    """Three columns of noise, and a target of them."""
    x = np.random.default_rng(seed).normal(size=(rows, 3))
    frame = pl.DataFrame(x, schema=["a", "b", "c"])
    y = target(x, np.random.default_rng(seed + 1))
    return frame.with_columns(pl.Series("y", np.where(y, "yes", "no") if classes else y))


def plane(x, generator):
    return x @ [2.0, -1.0, 0.5] - 1 + generator.logistic(size=len(x)) > 0


def ring(x, generator):
    return np.square(x).sum(axis=1) + 0.3 * generator.normal(size=len(x)) > 2.4


@pytest.mark.parametrize("members", [2, 4, 6])
def test_each_member_leaves_other_rows_out(members):
    problem = prepare(read("breast-cancer"))
    out = left_out(problem, choose(problem, members=members))
    taught, held = (len(problem.parts[name].y) for name in ("training", "validation"))
    assert out.shape == (taught + held, members)
    assert (out.sum(axis=1) <= 1).all() and out[taught:, 0].all() and not out[:taught, 0].any()
    sizes = out[:, 1:].sum(axis=0)
    assert sizes.max() - sizes.min() <= 1 and sizes.max() <= held + 2
    if members == 4:
        assert (out.sum(axis=1) == 1).all()
    y = problem.rows_but_test[1]
    shares = [y[column].mean() for column in out.T]
    assert np.ptp(shares) < 0.03


def test_high_and_low_targets_are_dealt_alike():
    problem = prepare(read("diabetes"))
    out = left_out(problem, choose(problem))
    y = problem.rows_but_test[1]
    assert np.ptp([y[column].mean() for column in out.T[1:]]) < 0.1 * y.std()


def test_without_a_committee_all_leave_the_validation_part_out():
    problem = prepare(read("iris"))
    recipe = choose(problem, committee=False)
    assert left_out(problem, recipe).sum(axis=0).tolist() == [len(problem.parts["validation"].y)]
    assert lessons(problem, recipe, left_out(problem, recipe))["data"][0].shape == (90, 4)


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_no_member_learns_from_what_it_leaves_out(name):
    """Other targets of the validation part change all members but the first, which is that of the
    report.
    """
    problem = prepare(read(name))
    recipe = choose(problem, epochs=1, linear=False)
    part = problem.parts["validation"]
    other = replace(problem, parts={**problem.parts, "validation": replace(part, y=part.y[::-1])})
    models = [train_network(one, recipe, Watcher())[0] for one in (problem, other)]
    before, after = [model.member(0).state_dict() for model in models]
    assert all(np.array_equal(before[path], after[path]) for path in before)
    before, after = [model.member(1).state_dict() for model in models]
    assert not all(np.array_equal(before[path], after[path]) for path in before)
    x = problem.parts["test"].x
    alone = unseeing(models[0], recipe)(x)
    assert np.array_equal(np.asarray(alone), np.asarray(models[0].member(0)(x)))


def test_figures_are_those_of_the_members_that_have_not_seen_a_row():
    problem = prepare(read("iris"))
    recipe = choose(problem, epochs=3, linear=False, class_weights="balanced")
    model, history = train_network(problem, recipe, Watcher())
    out = left_out(problem, recipe)
    x, y = problem.rows_but_test
    with apart(model, recipe):
        answers = np.asarray(model(x))
    found = answers[out.argmax(axis=1), np.arange(len(y))].astype(np.float64)
    odds = np.exp(found) / np.exp(found).sum(axis=1, keepdims=True)
    best = history.best()
    assert best["validation_loss"] == pytest.approx(
        -np.log(odds[np.arange(len(y)), y]).mean(), 1e-5
    )
    assert best["validation_accuracy"] == pytest.approx((odds.argmax(axis=1) == y).mean())


@pytest.mark.parametrize("name", ["cross_entropy", "mse"])
def test_the_loss_weighs_each_member_by_itself(name):
    generator = np.random.default_rng(0)
    classes = name == "cross_entropy"
    problem = prepare(read("iris" if classes else "diabetes"))
    recipe = choose(problem, loss=name)
    said = generator.normal(size=(4, 5, 3 if classes else 1))
    y = generator.integers(0, 3, 5) if classes else generator.normal(size=5)
    weights = generator.uniform(size=(5, 4))
    targets = np.repeat(y[:, None], 4, axis=1)
    loss = make_loss(recipe)(*map(cr.asarray, (said, targets)), sample_weight=cr.asarray(weights))
    if classes:
        shifted = said - np.log(np.exp(said).sum(axis=-1, keepdims=True))
        each = -np.take_along_axis(shifted, y[None, :, None], axis=-1)[..., 0]
    else:
        each = np.square(said[..., 0] - y)
    assert float(loss) == pytest.approx((each.T * weights).sum() / weights.sum(), 1e-5)
    metric = next(iter(make_metrics(replace(problem.target, mean=0.0, scale=1.0)).values()))
    state = metric.streaming()
    state.update(*map(cr.asarray, (said, targets, weights)))
    right = said.argmax(axis=-1) == y if classes else each
    mean = (right.T * weights).sum() / weights.sum()
    assert float(state.value()) == pytest.approx(mean if classes else mean**0.5, 1e-5)


def test_where_effects_add_up_the_linear_model_answers():
    problem = prepare(read(table(900, plane)), "y")
    recipe = choose(problem, epochs=2)
    cr.random.seed(0)
    net, out = build(recipe, 3, 2), left_out(problem, recipe)
    model = beside(net, problem, recipe, out)
    assert share_of(model) > 0.8  # The network is as it was drawn.
    x, y = problem.rows_but_test
    fits = [LogisticRegression(max_iter=2000).fit(x[~one], y[~one]) for one in out.T]
    test = problem.parts["test"].x
    theirs = np.mean([one.decision_function(test) for one in fits], axis=0)
    lines = np.asarray(model.models[1](test))
    np.testing.assert_allclose(lines[:, 1] - lines[:, 0], theirs, rtol=1e-4, atol=1e-4)
    odds = np.asarray(model(test)), np.asarray(net(test))
    share = share_of(model)
    np.testing.assert_allclose(odds[0], (1 - share) * odds[1] + share * lines, atol=1e-5)


def test_the_linear_model_of_numbers_is_the_baseline():
    problem = prepare(read("diabetes"))
    recipe = choose(problem, committee=False)
    model = beside(build(recipe, 10, 1), problem, recipe, left_out(problem, recipe))
    part, x = problem.parts["training"], problem.parts["test"].x
    ridge = RidgeCV(np.logspace(-3, 3, 13)).fit(part.x, part.y)
    np.testing.assert_allclose(np.asarray(model.models[1](x))[:, 0], ridge.predict(x), atol=1e-4)


def test_a_plane_of_logarithms_stands_beside_no_network():
    prices = table(300, lambda x, generator: np.exp(x @ [1.0, 0.5, 0.2]), classes=False)
    recipe = choose(prepare(read(prices), "y"))
    assert recipe.committee and not recipe.linear


def test_where_they_do_not_it_has_no_say():
    run = train.fit(table(600, ring), "y", epochs=60)
    assert run.record["linear_share"] < 0.1
    assert run.record["metrics"]["network"]["AUC"] > 0.9
    assert run.record["metrics"]["logistic regression"]["AUC"] < 0.6


def test_a_class_that_was_never_seen_leaves_the_network_alone():
    problem = prepare(read("iris"))
    part = problem.parts["training"]
    known = part.y < 2
    fewer = replace(part, x=part.x[known], y=part.y[known])
    problem = replace(problem, parts={**problem.parts, "training": fewer})
    recipe = choose(problem, committee=False)
    net = build(recipe, 4, 3)
    assert beside(net, problem, recipe, left_out(problem, recipe)) is net


@pytest.mark.parametrize("wanted", [{}, {"committee": False}, {"members": 1}])
def test_a_run_comes_back_with_both(tmp_path, wanted):
    frame = table(300, plane)
    run = train.fit(frame, "y", epochs=3, **wanted)
    assert run.record["linear_share"] > 0 and isinstance(run.model, nn.Ensemble)
    again = train.load(train.save(run, tmp_path / "run"))
    assert again.predictions(read(frame)).equals(run.predictions(read(frame)))
    told = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert f"a linear model, {run.record['linear_share']:.0%} of the answer" in told


def test_rows_that_depend_on_each_other_are_left_out_by_all(monkeypatch):
    """Members of a committee would know the groups of the rows that judge them."""
    from chainrule.train.comparing import running

    seen = []
    monkeypatch.setattr(
        running,
        "train_network",
        lambda problem, recipe, watcher: (
            seen.append(recipe) or train_network(problem, recipe, watcher)
        ),
    )
    frame = table(120, plane).with_columns(group=pl.int_range(120) // 4)
    options = {"models": ["logistic regression"], "count": 2, "repeats": 1, "epochs": 1}
    train.compare(frame, "y", groups="group", **options)
    train.compare(frame.drop("group"), "y", **options)
    assert [recipe.committee for recipe in seen] == [False, False, True, True]
