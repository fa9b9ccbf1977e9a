"""From recipes to parts: each name makes what it says, against formulas in NumPy."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.activations.registry import FUNCTIONS
from chainrule.advisor import Recipe, names
from chainrule.errors import ArgumentError
from chainrule.train.recipe import (
    build,
    fit_options,
    make_callbacks,
    make_loss,
    make_optimizer,
    make_schedule,
)

LOGITS = np.float32([[2.0, -1.0], [0.5, 0.25], [-3.0, 1.0]])
LABELS = np.int64([0, 1, 0])


def kinds(model):
    return [type(layer).__name__ for layer in model]


def test_layers_stand_in_order():
    model = build(Recipe(hidden=(8,), norm="batch", dropout=0.1, input_dropout=0.1), 4, 3)
    assert kinds(model) == ["Dropout", "Linear", "BatchNorm", "ReLU", "Dropout", "Linear"]


def test_layers_of_one_width_add_to_each_other():
    model = build(Recipe(hidden=(8, 8, 4), residual=True), 4, 3)
    assert kinds(model) == ["Linear", "ReLU", "Add", "Linear", "ReLU", "Linear"]


@pytest.mark.parametrize("name", names.ACTIVATIONS)
def test_activations_are_those_of_their_names(name):
    model = build(Recipe(hidden=(5,), activation=name), 3, 2)
    x = np.float32([[1.0, -2.0, 0.5]])
    hidden = model[0](cr.asarray(x))
    slope = (0.25,) if name == "prelu" else ()
    np.testing.assert_array_equal(model[1](hidden).numpy(), FUNCTIONS[name](hidden, *slope).numpy())


@pytest.mark.parametrize("name", names.INITIALISATIONS)
def test_initialisations_are_those_of_their_names(name):
    weights = build(Recipe(hidden=(64,), initialisation=name), 64, 2)[0].weight.numpy()
    factor = 2 if name.startswith("he") else 1  # Of 1 / fan, where both fans are 64.
    assert weights.var() == pytest.approx(factor / 64, rel=0.1)


def probabilities(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


TRUE = probabilities(LOGITS)[np.arange(3), LABELS]


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (Recipe(loss="cross_entropy"), -np.log(TRUE).mean()),
        (
            Recipe(loss="focal", loss_options={"gamma": 2.0}),
            -((1 - TRUE) ** 2 * np.log(TRUE)).mean(),
        ),
        # The softmax of two logits is the sigmoid of their difference.
        (Recipe(loss="bce"), -np.log(TRUE).mean()),
        (Recipe(loss="hinge"), (0 + 1.25 + 5.0) / 3 / 2),
    ],
)
def test_losses_of_classes(recipe, expected):
    assert float(make_loss(recipe)(LOGITS, LABELS)) == pytest.approx(expected, rel=1e-6)


def test_several_labels_a_row_are_independent():
    labels = np.float32([[1, 0], [1, 1], [0, 0]])
    p = 1 / (1 + np.exp(-LOGITS.astype(float)))
    expected = -(labels * np.log(p) + (1 - labels) * np.log(1 - p)).mean()
    found = make_loss(Recipe(loss="bce"))(cr.asarray(LOGITS), labels)
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_bce_of_three_classes_is_refused():
    with pytest.raises(ArgumentError, match="choose loss='cross_entropy'"):
        make_loss(Recipe(loss="bce"))(cr.ones((2, 3)), np.int64([0, 2]))


ERROR = np.float64([0.5, -2.0, 4.0])


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (Recipe(loss="mse"), (ERROR**2).mean()),
        (Recipe(loss="mae"), abs(ERROR).mean()),
        (Recipe(loss="huber"), (0.125 + 1.5 + 3.5) / 3),
        (Recipe(loss="smooth_l1", loss_options={"beta": 0.5}), (0.25 + 1.75 + 3.75) / 3),
        (Recipe(loss="log_cosh"), np.log(np.cosh(ERROR)).mean()),
        (Recipe(loss="quantile", loss_options={"quantile": 0.9}), (0.05 + 1.8 + 0.4) / 3),
        (Recipe(loss="mape"), 100 * abs(ERROR / [1, 2, 4]).mean()),
    ],
)
def test_losses_of_numbers(recipe, expected):
    target = np.float32([1, 2, 4])
    prediction = cr.asarray((target + ERROR).astype(np.float32)[:, None])
    assert float(make_loss(recipe)(prediction, target)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", [*names.OPTIMIZERS, *names.WRAPPERS])
def test_optimizers_lower_a_loss(name):
    model = build(Recipe(hidden=()), 2, 1)
    optimizer = make_optimizer(Recipe(optimizer=name, learning_rate=0.01), model, rows=32)
    assert type(optimizer).__name__ == name

    def loss(model):
        return cr.mean((model(cr.ones((4, 2))) - 3) ** 2)

    values = [float(optimizer.step(lambda: cr.value_and_grad(loss)(model))) for _ in range(3)]
    assert values[2] < values[0]


def test_numbers_reach_the_optimizer():
    recipe = Recipe(
        optimizer="SGD", momentum=0.8, weight_decay=0.3, optimizer_options={"nesterov": True}
    )
    numbers = make_optimizer(recipe, build(recipe, 2, 2), 32).hyperparameters
    assert numbers.weight_decay == 0.3
    assert float(cr.asarray(numbers.momentum)) == pytest.approx(0.8)


def test_one_cycle_moves_the_momentum_too():
    recipe = Recipe(optimizer="SGD", schedule="one_cycle")
    optimizer = make_optimizer(recipe, build(recipe, 2, 2), 32)
    assert callable(vars(optimizer.hyperparameters)["momentum"])


def test_what_an_optimizer_does_not_have_is_an_error():
    recipe = Recipe(optimizer="AdamW", momentum=0.9)
    with pytest.raises(ArgumentError, match="the optimizer AdamW has no momentum; it has"):
        make_optimizer(recipe, build(recipe, 2, 2), 32)


@pytest.mark.parametrize("name", names.SCHEDULES)
@pytest.mark.parametrize("steps", [1, 100])
def test_schedules_stay_within_the_rate(name, steps):
    schedule = make_schedule(Recipe(schedule=name, learning_rate=0.1), steps)
    rates = [schedule(step) for step in range(steps)]
    assert min(rates) >= 0 and max(rates) <= 0.1 * (1 + 1e-9)
    assert steps == 1 or max(rates) > 0.05


def test_schedules_take_options():
    recipe = Recipe(
        schedule="step", learning_rate=1.0, schedule_options={"every": 2, "factor": 0.5}
    )
    schedule = make_schedule(recipe, 100)
    assert [schedule(step) for step in range(5)] == [1, 1, 0.5, 0.5, 0.25]


def test_averages_and_plateaus_are_told_of_epochs():
    recipe = Recipe(averaging="ema", schedule="plateau")
    model = build(recipe, 2, 2)
    optimizer = make_optimizer(recipe, model, 32)
    assert isinstance(vars(optimizer.hyperparameters)["learning_rate"], optim.schedules.Plateau)
    averaging, plateau = make_callbacks(recipe, model, optimizer)
    assert isinstance(averaging.average, optim.EMA)
    assert type(plateau).__name__ == "OnPlateau"


def test_models_differ_in_their_weights_alone():
    cr.random.seed(0)
    first = build(Recipe(), 4, 3)
    second = build(Recipe(), 4, 3)
    assert isinstance(first, nn.Sequential)
    assert first.parameters().keys() == second.parameters().keys()
    assert (first[0].weight.numpy() != second[0].weight.numpy()).all()


def test_members_have_the_mean_loss():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(4, 6, 3)).astype(np.float32)
    labels, weights = generator.integers(0, 3, 6), generator.random(6).astype(np.float32)
    for name in ("cross_entropy", "hinge"):
        together, alone = make_loss(Recipe(loss=name, members=4)), make_loss(Recipe(loss=name))
        expected = np.mean([float(alone(one, labels, sample_weight=weights)) for one in logits])
        found = together(cr.asarray(logits), labels, sample_weight=weights)
        assert float(found) == pytest.approx(expected, rel=1e-5)
        assert float(together(logits[0], labels)) == float(alone(logits[0], labels))


def test_members_learn_more_than_one():
    one, four = Recipe(hidden=(8,), limit=3.0), Recipe(hidden=(8,), limit=3.0, members=4)
    assert kinds(build(one, 4, 3)) == ["Limit", "Linear", "ReLU", "Linear"]
    count = [sum(p.size for p in build(r, 4, 3).parameters().values()) for r in (one, four)]
    assert count[1] == 4 * count[0]


def test_biases_do_not_decay():
    model = build(Recipe(members=2), 4, 3)
    optimizer = make_optimizer(Recipe(weight_decay=0.5), model, 32)
    before = {path: p.numpy().copy() for path, p in model.parameters().items()}
    optimizer.update({path: cr.zeros_like(p) for path, p in model.parameters().items()})
    moved = {path for path, p in model.parameters().items() if (p.numpy() != before[path]).any()}
    assert moved == {path for path in before if path.endswith("weight")}


def test_batch_norms_get_no_single_row():
    sizes = [fit_options(Recipe(batch_size=b, norm="batch"), 97)["batch_size"] for b in (32, 2, 7)]
    assert all(97 % size != 1 for size in sizes) and sizes[2] == 7
    assert fit_options(Recipe(batch_size=32), 97)["batch_size"] == 32
