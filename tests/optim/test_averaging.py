"""Averages of weights against their definitions in NumPy, and that the model gets its own back."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

R = np.random.default_rng(6)
WEIGHTS = R.normal(size=(200, 3, 2))


def averaged(make, compiled, kind="float64"):
    """The mean after each update with the weights of WEIGHTS."""
    model = nn.Linear(3, 2, bias=False, dtype=kind)
    average = make(model)

    def step(model, average, weight):
        model.weight.assign(weight)
        average.update()

    step = cr.jit(step) if compiled else step
    for weight in WEIGHTS:
        step(model, average, cr.asarray(weight, dtype=kind))
        yield average.mean["weight"].numpy().copy()


def weighted(shares):
    """The means that these weights of each new value lead to."""
    mean = np.zeros(WEIGHTS.shape[1:])
    for share, weight in zip(shares, WEIGHTS, strict=True):
        mean = (1 - share) * mean + share * weight
        yield mean


def sums(decay):
    """Weighted by decay**age, from the definition."""
    for t in range(1, len(WEIGHTS) + 1):
        ages = decay ** np.arange(t)[::-1]
        yield np.tensordot(ages / ages.sum(), WEIGHTS[:t], 1)


def uniform(start, every):
    chosen = []
    for t, weight in enumerate(WEIGHTS, 1):
        if t > start and (t - start) % every == 0:
            chosen.append(weight)
        yield np.mean(chosen, axis=0) if chosen else weight


COUNT = np.arange(1, len(WEIGHTS) + 1)
CASES = [
    (lambda m: optim.EMA(m, 0.9), lambda: weighted([1.0, *[0.1] * (len(WEIGHTS) - 1)])),
    (lambda m: optim.EMA(m), lambda: weighted([1.0, *[0.001] * (len(WEIGHTS) - 1)])),
    (lambda m: optim.EMA(m, 0.97, bias_correction=True), lambda: sums(0.97)),
    (
        lambda m: optim.EMA(m, lambda t: cr.minimum(0.9, (1 + t) / (10 + t))),
        lambda: weighted([1.0, *(1 - np.minimum(0.9, (1 + COUNT) / (10 + COUNT)))[1:]]),
    ),
    (lambda m: optim.SWA(m), lambda: uniform(0, 1)),
    (lambda m: optim.SWA(m, start=20, every=7), lambda: uniform(20, 7)),
]


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
@pytest.mark.parametrize(("make", "reference"), CASES)
def test_means(make, reference, compiled):
    for found, expected in zip(averaged(make, compiled), reference(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("make", "reference"), CASES)
def test_means_in_float32(make, reference):
    for found, expected in zip(averaged(make, True, "float32"), reference(), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [optim.EMA, optim.SWA])
def test_the_first_update_copies(make):
    model = nn.Linear(3, 2)
    average = make(model)
    model.weight.assign(cr.asarray(WEIGHTS[0], dtype="float32"))
    average.update()
    np.testing.assert_array_equal(average.mean["weight"].numpy(), model.weight.numpy())


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
def test_evaluation_borrows_the_weights(compiled):
    model = nn.Linear(3, 2)
    average = optim.SWA(model)
    for weight in WEIGHTS[:4]:
        model.weight.assign(cr.asarray(weight, dtype="float32"))
        average.update()
    before = model.weight.numpy().tobytes()

    def evaluate(model, average, x):
        with average.evaluation():
            inside = model(x)
        return inside, model(x)

    x = cr.asarray(R.normal(size=(5, 3)), dtype="float32")
    inside, after = (cr.jit(evaluate) if compiled else evaluate)(model, average, x)
    bias = model.bias.numpy()
    np.testing.assert_allclose(inside, x.numpy() @ WEIGHTS[:4].mean(0) + bias, atol=1e-5)
    np.testing.assert_allclose(after, x.numpy() @ WEIGHTS[3] + bias, atol=1e-5)
    assert model.weight.numpy().tobytes() == before


def test_compiled_steps_inside_evaluation_leave_the_mean_alone():
    """The model's boxes must not share memory with the mean that they show."""
    model = nn.Linear(3, 2)
    average = optim.SWA(model)
    average.update()
    mean, own = average.mean["weight"].numpy().copy(), model.weight.numpy().copy()
    step = cr.jit(lambda model: model.weight.assign(model.weight * 2))
    step(model)
    model.weight.assign(cr.asarray(own))
    with average.evaluation():
        step(model)
        np.testing.assert_array_equal(model.weight.numpy(), mean * 2)
    np.testing.assert_array_equal(average.mean["weight"].numpy(), mean)
    np.testing.assert_array_equal(model.weight.numpy(), own)


def test_weights_come_back_after_an_error():
    model = nn.Linear(3, 2)
    average = optim.EMA(model)
    own = model.weight.numpy() + 1
    model.weight.assign(cr.asarray(own))
    with pytest.raises(ZeroDivisionError), average.evaluation():
        _ = 1 / 0
    np.testing.assert_array_equal(model.weight.numpy(), own)


def test_assign_to_another_model():
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    average = optim.EMA(model)
    average.update()
    average.assign_to(other)
    model.weight.assign(model.weight * 2)
    np.testing.assert_array_equal(other.weight.numpy() * 2, model.weight.numpy())


def test_update_statistics():
    """Batch norms have the mean of the batches' moments, of layers below in their new weights."""
    model = nn.Sequential(
        nn.Linear(4, 3), nn.BatchNorm(3), nn.ReLU(), nn.BatchNorm(3, momentum=0.3)
    )
    batches = [R.normal(size=(8, 4)).astype("float32") for _ in range(5)]
    optim.update_statistics(model, batches)
    weight, bias = model[0].weight.numpy(), model[0].bias.numpy()
    first = [x @ weight + bias for x in batches]
    second = [np.maximum((z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5) * 1, 0) for z in first]
    for norm, values in ((model[1], first), (model[3], second)):
        mean = np.mean([z.mean(0) for z in values], axis=0)
        variance = np.mean([z.var(0, ddof=1) for z in values], axis=0)
        np.testing.assert_allclose(norm.running_mean.numpy(), mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(norm.running_var.numpy(), variance, rtol=1e-5, atol=1e-6)
    assert [model[1].momentum, model[3].momentum] == [0.1, 0.3]


def test_update_statistics_after_swa():
    """Pairs of (x, y) will do, and without batch norms nothing happens."""
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm(3))
    average = optim.SWA(model)
    average.update()
    average.assign_to(model)
    x, y = cr.ones((6, 4)), cr.ones(6)
    optim.update_statistics(model, [(x, y)])
    np.testing.assert_allclose(model[1].running_mean.numpy(), model[0](x).numpy()[0], rtol=1e-6)
    linear = nn.Linear(4, 3)
    before = linear.state_dict()
    optim.update_statistics(linear, [x])
    np.testing.assert_array_equal(linear.weight.numpy(), before["weight"])
