"""Groups of parameters with numbers of their own, and numbers that change while training."""

import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim


def network():
    cr.random.seed(0)
    return nn.Sequential(nn.Linear(3, 4), cr.tanh, nn.LayerNorm(4), nn.Linear(4, 2))


def ones(model):
    return {path: cr.ones(x.shape) for path, x in model.trainable().items()}


def updates(optimizer, grads):
    optimizer.update(grads)


def moved(model, optimizer, step=updates):
    """How far the first element of each parameter goes down in one step."""
    before = {path: x.numpy().copy() for path, x in model.parameters().items()}
    step(optimizer, ones(model))
    return {
        path: float((before[path] - x.numpy()).flat[0]) for path, x in model.parameters().items()
    }


def nearly(expected):
    return pytest.approx(expected, rel=1e-5, abs=1e-7)


FIRST = ["layers.0.weight", "layers.0.bias"]


@pytest.mark.covers("A-074")
@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        ("layers.0", FIRST),
        ("layers.0.bias", FIRST[1:]),
        ("*.bias", ["layers.0.bias", "layers.2.bias", "layers.3.bias"]),
        (lambda path, x: x.shape == (3, 4), FIRST[:1]),
        (lambda path, x: False, []),
    ],
)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
def test_pre_trained_layers_have_a_rate_of_their_own(selection, chosen, compiled):
    model = network()
    optimizer = optim.SGD(model, 1.0, groups={selection: {"learning_rate": 0.25}})
    expected = {path: 0.25 if path in chosen else 1.0 for path in model.parameters()}
    assert moved(model, optimizer, cr.jit(updates) if compiled else updates) == nearly(expected)


@pytest.mark.covers("A-121", "B-057")
@pytest.mark.parametrize("kind", [optim.AdamW, optim.SGD, optim.Lion, optim.LAMB, optim.Adafactor])
def test_vectors_need_not_decay(kind):
    model = network()
    before = {path: x.numpy().copy() for path, x in model.parameters().items()}
    optimizer = kind(model, 0.1, weight_decay=0.5, groups=optim.undecayed())
    optimizer.update({path: 0 * g for path, g in ones(model).items()})
    for path, x in model.parameters().items():
        assert (x.numpy() == before[path]).all() == (x.ndim < 2), path


def test_undecayed_takes_selections():
    assert optim.undecayed("*.bias", "norm") == {
        "*.bias": {"weight_decay": 0.0},
        "norm": {"weight_decay": 0.0},
    }
    assert list(optim.undecayed()) == [optim.vectors]


def test_groups_meet_and_later_ones_win():
    model = network()
    groups = {
        **optim.undecayed(),
        "layers.0": {"learning_rate": 0.5},
        "layers.0.bias": {"learning_rate": 0.125, "momentum": 0.5},
    }
    optimizer = optim.SGD(model, 1.0, 0.25, weight_decay=0.1, groups=groups)
    now = {path: optimizer.now(members) for path, members in optimizer.members.items()}
    numbers = {
        path: (float(n.learning_rate), float(n.momentum), n.weight_decay) for path, n in now.items()
    }
    assert numbers["layers.0.weight"] == (0.5, 0.25, 0.1)
    assert numbers["layers.0.bias"] == (0.125, 0.5, 0.0)
    assert numbers["layers.2.weight"] == (1.0, 0.25, 0.0)
    assert numbers["layers.3.weight"] == (1.0, 0.25, 0.1)


def test_rates_of_groups_change_without_a_new_program():
    model = network()
    optimizer = optim.SGD(model, 1.0, 0.5, groups={"layers.0": {"learning_rate": 0.5}})
    step = cr.jit(updates)
    step(optimizer, ones(model))
    optimizer.groups[0].learning_rate = 0.125
    optimizer.learning_rate = 2.0
    optimizer.hyperparameters.momentum = 0.0
    before = {path: x.numpy().copy() for path, x in model.parameters().items()}
    step(optimizer, ones(model))
    for path, x in model.parameters().items():
        rate = 0.125 if path in FIRST else 2.0
        np.testing.assert_allclose(before[path] - x.numpy(), rate, rtol=1e-5)
    assert len(step.compiled) == 1


def test_other_numbers_need_a_new_program_and_get_it():
    model = network()
    optimizer = optim.SGD(model, 1.0)
    step = cr.jit(updates)
    step(optimizer, ones(model))
    optimizer.hyperparameters.weight_decay = 0.5
    before = model[0].weight.numpy().copy()
    step(optimizer, ones(model))
    np.testing.assert_allclose(model[0].weight.numpy(), before - 1 - 0.5 * before, rtol=1e-5)
    assert len(step.compiled) == 2


def test_rates_of_groups_may_be_schedules_and_are_saved():
    model = network()
    groups = {"layers.0": {"learning_rate": lambda step: 1 / (1 + step)}, "layers.3": {}}
    optimizer = optim.SGD(model, 1.0, groups=groups)
    assert moved(model, optimizer)["layers.0.bias"] == nearly(1.0)
    assert moved(model, optimizer)["layers.0.bias"] == nearly(0.5)
    rates = {"layers.0": {"learning_rate": 0.5}}
    state = optim.SGD(model, 1.0, groups=rates).state_dict()
    other = optim.SGD(model, 1.0, groups={"layers.0": {"learning_rate": 0.1}})
    other.load_state_dict(state)
    assert other.groups[0].learning_rate.item() == 0.5


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
def test_momentum_may_be_a_schedule(compiled):
    """Of SGD, RMSProp and Adam: one-cycle training lowers it while the rate rises."""

    def falling(step):
        return 0.9 / (1 + step)

    x = [nn.Parameter(cr.asarray(1.0, dtype="float64")) for _ in range(3)]
    made = [
        optim.SGD({"x": x[0]}, 0.1, falling),
        optim.Adam({"x": x[1]}, 0.1, (falling, 0.5), bias_correction=False),
        optim.RMSProp({"x": x[2]}, 0.1, alpha=0.0, eps=0.0, momentum=falling),
    ]
    expected, m, v = np.ones(3), np.zeros(3), 0.0
    update = cr.jit(updates) if compiled else updates
    for t, g in enumerate((1.0, -2.0, 3.0, 0.5)):
        for optimizer in made:
            update(optimizer, {"x": cr.asarray(g, dtype="float64")})
        b = falling(t)
        v = 0.5 * v + 0.5 * g * g
        m = np.array([b * m[0] + g, b * m[1] + (1 - b) * g, b * m[2] + np.sign(g)])
        expected -= 0.1 * m / np.array([1, np.sqrt(v) + 1e-8, 1])
        np.testing.assert_allclose([box.item() for box in x], expected, rtol=1e-12)


def test_copies_are_apart():
    model = network()
    one = optim.Adam(model, 0.5, groups={"layers.0": {"betas": [0.5, 0.9]}})
    two = copy.deepcopy(one)
    two.learning_rate, two.groups[0].betas = 0.25, (0.75, 0.9)
    assert one.learning_rate.item() == 0.5 and one.groups[0].betas[0].item() == 0.5
    assert two.learning_rate.item() == 0.25 and two.groups[0].betas[0].item() == 0.75


# ---- Freezing ----


def test_frozen_parameters_stay_and_thaw():
    model = network()
    optimizer = optim.Adam(model, 0.1)
    model.freeze("layers.0")
    first = moved(model, optimizer)
    assert first["layers.0.bias"] == 0 and first["layers.3.bias"] == nearly(0.1)
    model.unfreeze("layers.0")
    assert moved(model, optimizer)["layers.0.bias"] != 0


def test_what_was_frozen_before_is_unknown():
    model = network()
    model.freeze("layers.0")
    optimizer = optim.Adam(model, 0.1)
    model.unfreeze()
    with pytest.raises(cr.ChainruleError, match="after unfreezing, make a new one"):
        optimizer.update(ones(model))


# ---- Errors ----


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: optim.Adam(network(), groups={"head": {"learning_rate": 0.1}}),
            "[Adam] the group 'head' has no parameter; there are layers.0.weight, layers.0.bias, "
            "layers.2.weight, layers.2.bias, layers.3.weight and 1 more; frozen ones are in no "
            'group; choose a path, the path of a module, or a pattern such as "*.bias"',
        ),
        (
            lambda: optim.Adam(network(), groups={"layers.0": {"lr": 0.1}}),
            "[Adam] the group 'layers.0' sets lr; there are learning_rate, weight_decay, betas, "
            "eps",
        ),
        (
            lambda: optim.Adam(network(), groups={"layers.0": {"eps": -1}}),
            "[Adam] eps is -1; it scales each step; choose a number that is not negative",
        ),
        (
            lambda: optim.Adam(network(), betas=(0.9, 1.0)),
            "[Adam] betas is (0.9, 1.0); it is the share that a mean keeps; "
            "choose numbers of at least 0 and below 1",
        ),
        (
            lambda: optim.Adam(network(), weight_decay=lambda step: 0.1),
            "[Adam] weight_decay is a function; schedules may drive learning_rate, momentum, betas",
        ),
        (
            lambda: setattr(optim.SGD(network(), 0.1, 0.9), "momentum", 0.5),
            "[SGD.momentum] it would have no effect here; hyperparameters lie together; "
            "write .hyperparameters.momentum = 0.5",
        ),
        (
            lambda: setattr(optim.SGD(network(), 0.1).hyperparameters, "momentum", 0.9),
            "[SGD] momentum is set; what can be set is learning_rate, weight_decay",
        ),
    ],
)
def test_errors(call, text):
    with pytest.raises(cr.ChainruleError) as caught:
        call()
    assert str(caught.value) == text
