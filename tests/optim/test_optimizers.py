"""What optimizers may be given, what they hold, and what their errors say; clipping."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

R = np.random.default_rng(0)
START = {"a": R.normal(size=(3, 2)), "b": R.normal(size=2)}
GRADS = [{path: R.normal(size=x.shape) for path, x in START.items()} for _ in range(20)]


def parameters(dtype="float64"):
    return {path: nn.Parameter(cr.asarray(x, dtype=dtype)) for path, x in START.items()}


def tensors(grads, dtype="float64"):
    return {path: cr.asarray(g, dtype=dtype) for path, g in grads.items()}


# ---- What it may be given ----


def test_module_dict_and_list():
    for make in (lambda m: m, lambda m: {"net": m}, lambda m: list(m.parameters().values())):
        cr.random.seed(0)
        model = nn.Linear(3, 2)
        given = make(model)
        optimizer = optim.SGD(given, 1.0)
        before = model.weight.numpy().copy()
        gradient = cr.grad(lambda given, m=model: cr.sum(m(cr.ones((1, 3)))))(given)
        optimizer.update(gradient)
        np.testing.assert_allclose(model.weight.numpy(), before - 1, rtol=1e-6)


def test_missing_gradients_leave_parameters_alone():
    held = parameters()
    optimizer = optim.Adam(held, 0.1)
    optimizer.update({"b": cr.asarray(START["b"], dtype="float64"), "a": None})
    np.testing.assert_array_equal(held["a"].numpy(), START["a"])
    assert (held["b"].numpy() != START["b"]).all()


def test_frozen_parameters_have_no_state():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    model.freeze("layers.0")
    assert list(optim.Adam(model).m) == ["layers.1.weight", "layers.1.bias"]


def test_freezing_later_stops_a_parameter():
    model = nn.Linear(3, 1)
    optimizer = optim.Adam(model, 0.1)
    model.bias.trainable = False
    before = model.bias.item()
    optimizer.update(cr.grad(lambda m: cr.sum(m(cr.ones((2, 3)))))(model))
    assert model.bias.item() == before


# ---- Learning rates ----


def test_learning_rate_may_be_set_without_a_new_program():
    model = nn.Linear(3, 1)
    optimizer = optim.SGD(model, 0.5)

    @cr.jit
    def step(model, optimizer, x):
        optimizer.update(cr.grad(lambda m: cr.sum(m(x)))(model))

    x = cr.ones((1, 3))
    start = model.bias.item()
    step(model, optimizer, x)
    assert optimizer.learning_rate.item() == 0.5
    optimizer.learning_rate *= 0.5
    step(model, optimizer, x)
    assert model.bias.item() == pytest.approx(start - 0.75)
    assert len(step.compiled) == 1


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
def test_schedule_counts_steps_from_0(compiled):
    held = {"a": nn.Parameter(cr.asarray(0.0, dtype="float64"))}
    schedule = optim.schedules.Cosine(1.0, steps=4, end=0.1)
    optimizer = optim.SGD(held, schedule)
    update = optim.SGD.update
    update = cr.jit(update) if compiled else update
    moved = 0.0
    for step in range(6):
        assert optimizer.learning_rate.item() == pytest.approx(schedule(step), rel=1e-15)
        update(optimizer, {"a": cr.asarray(1.0, dtype="float64")})
        moved -= 0.1 + 0.45 * (1 + math.cos(math.pi * min(step / 4, 1)))
        assert held["a"].item() == pytest.approx(moved, rel=1e-12)


def test_own_schedule():
    held = {"a": nn.Parameter(0.0)}
    optimizer = optim.SGD(held, lambda step: 1 / (1 + step))
    step = cr.jit(lambda optimizer: optimizer.update({"a": cr.ones(())}))
    for _ in range(4):
        step(optimizer)
    assert held["a"].item() == pytest.approx(-(1 + 1 / 2 + 1 / 3 + 1 / 4))


# ---- Saving, and what jit sees ----


def test_state_has_paths():
    assert list(optim.AdamW(parameters()).state_dict()) == [
        "steps", "hyperparameters.learning_rate", "hyperparameters.betas.0",
        "hyperparameters.betas.1", "m.a", "m.b", "v.a", "v.b",
    ]  # fmt: skip


def test_parameters_keep_the_names_of_their_module():
    model = nn.Sequential(nn.Linear(2, 2))
    optimizer = optim.Adam(model)
    optimizer.named_boxes()
    assert model[0].weight.describe() == "Parameter Sequential.layers.0.weight"
    assert optimizer.m["layers.0.weight"].describe() == "Buffer Adam.m.layers.0.weight"


def test_captured_optimizer_under_jit_is_named():
    optimizer = optim.Adam(parameters())
    with pytest.raises(cr.ChainruleError) as caught:
        cr.jit(lambda grads: optimizer.update(grads))(tensors(GRADS[0]))
    assert str(caught.value).startswith(
        "[jit] Buffer Adam.steps is used in a compiled function but was not passed to it; "
    )


def test_optimizer_of_another_module_is_another_program():
    def step(model, optimizer):
        optimizer.update(cr.grad(lambda m: cr.sum(m(cr.ones((1, 2)))))(model))

    compiled = cr.jit(step)
    first, second = nn.Linear(2, 1), nn.Linear(2, 1)
    optimizer = optim.SGD(first, 1.0)
    start, other = first.bias.item(), second.bias.item()
    compiled(first, optimizer)
    compiled(second, optimizer)
    assert first.bias.item() == pytest.approx(start - 2)
    assert second.bias.item() == other
    compiled(second, optim.SGD(second, 1.0))
    assert second.bias.item() == pytest.approx(other - 1)
    assert len(compiled.compiled) == 2


# ---- Clipping ----


@pytest.mark.covers("B-046")
@pytest.mark.parametrize("most", [0.5, 1e9])
def test_clip_by_global_norm(most):
    norm = math.sqrt(sum((g**2).sum() for g in GRADS[0].values()))
    clipped, found = optim.clip_by_global_norm(tensors(GRADS[0]), most)
    assert found.item() == pytest.approx(norm, rel=1e-14)
    scale = min(1, most / (norm + 1e-6))
    for path, g in GRADS[0].items():
        np.testing.assert_allclose(clipped[path].numpy(), g * scale, rtol=1e-14)


@pytest.mark.covers("B-047")
def test_clip_by_value():
    clipped = optim.clip_by_value(tensors(GRADS[0], "float32"), 0.5)
    for path, g in GRADS[0].items():
        assert clipped[path].dtype is cr.float32
        np.testing.assert_allclose(clipped[path].numpy(), np.clip(g, -0.5, 0.5), rtol=1e-6)


def test_clip_to_nothing():
    with pytest.raises(cr.ChainruleError) as caught:
        optim.clip_by_global_norm(tensors(GRADS[0]), 0)
    assert str(caught.value) == (
        "[clip_by_global_norm] max_norm is 0; no gradient could be as short; choose max_norm > 0"
    )


# ---- Errors ----


def frozen():
    model = nn.Linear(2, 2)
    model.freeze()
    return model


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: optim.Adam(frozen()),
            "[Adam] there is no parameter to train; all are frozen, or the module holds none; "
            "unfreeze some, and hold modules and nn.Parameter in attributes",
        ),
        (
            lambda: optim.Adam({"w": cr.ones(2)}),
            "[Adam] w is a Tensor; an optimizer assigns new values; "
            "pass a module, or a dict or list of nn.Parameter",
        ),
        (
            lambda: optim.SGD(parameters(), -0.1),
            "[SGD] learning_rate is -0.1; it scales each step; "
            "choose a number that is not negative",
        ),
        (
            lambda: optim.SGD(parameters(), nesterov=True),
            "[SGD] nesterov=True without momentum; it looks ahead along the momentum; "
            "choose momentum=0.9",
        ),
        (
            lambda: optim.SGD(parameters()).update({"c": cr.ones(2)}),
            "[SGD.update] got a gradient for c; this optimizer has a, b; pass the second result of "
            "value_and_grad; after unfreezing, make a new one",
        ),
        (
            lambda: optim.SGD(parameters()).update((cr.ones(()), tensors(GRADS[0]))),
            "[SGD.update] got a gradient for 0; this optimizer has a, b; pass the second result of "
            "value_and_grad; after unfreezing, make a new one",
        ),
        (
            lambda: optim.SGD(parameters()).update({"a": "g"}),
            "[SGD.update] got a str; gradients are tensors by path; "
            "pass what cr.grad returns for the parameters",
        ),
        (
            lambda: optim.SGD(parameters()).update({"b": cr.ones(3)}),
            "[SGD.update] the gradient of b has shape [3]; the parameter has [2]",
        ),
        (
            lambda: optim.schedules.Cosine(0.1, 0),
            "[Cosine] steps is 0; it is where the rate ends; choose steps >= 1",
        ),
    ],
)
def test_errors(call, text):
    with pytest.raises(cr.ChainruleError) as caught:
        call()
    assert str(caught.value) == text
