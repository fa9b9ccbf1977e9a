"""Calls like the one before take a short way past Python: what they notice all the same."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.compiler import engine
from chainrule.runtime.entry import is_readable

X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=(4, 2)).astype(np.float32)


@pytest.fixture(autouse=True)
def way_in() -> None:
    if not is_readable():
        pytest.skip("objects of this Python lie in memory otherwise")


def calls_of(function: cr.jit, monkeypatch: pytest.MonkeyPatch) -> list:
    """Grows with each call that does not take the short way."""
    found: list = []
    called = type(function)._called

    def counted(self: object, *arguments: object) -> object:
        found.append(arguments)
        return called(self, *arguments)

    monkeypatch.setattr(type(function), "_called", counted)
    return found


def warm(function: Callable, *arguments: object) -> None:
    """Until state is in place, and an entry made."""
    for _ in range(3):
        function(*arguments)


def make_step() -> cr.jit:
    def loss(model: nn.Module, x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
        return cr.mean((model(x) - y) ** 2)

    @cr.jit
    def step(model, optimizer, x, y):
        value, gradients = cr.value_and_grad(loss)(model, x, y)
        optimizer.update(gradients)
        return value

    return step


def trained(model: nn.Module, steps: int, take: Callable) -> list[float]:
    optimizer = optim.Adam(model)
    return [float(take(model, optimizer, X + number, Y)) for number in range(steps)]


def test_like_calls_take_the_short_way_and_equal_eager_ones(monkeypatch):
    step, models = make_step(), [nn.Linear(3, 2), nn.Linear(3, 2)]
    models[1].load_state_dict(models[0].state_dict())
    others = calls_of(step, monkeypatch)
    losses = trained(models[0], 20, step)
    assert len(others) < 5
    np.testing.assert_allclose(losses, trained(models[1], 20, step.function), rtol=1e-5)
    for path, value in models[0].state_dict().items():
        np.testing.assert_allclose(value, models[1].state_dict()[path], rtol=1e-4, atol=1e-6)


def test_tensors_and_arrays_and_several_results(monkeypatch):
    both = cr.jit(lambda x, y: {"sum": x + y, "rest": (cr.sum(x), None, x > y)})
    warm(both, X, X)
    others = calls_of(both, monkeypatch)
    for x, y in ((X, 2 * X), (cr.asarray(3 * X), X), (X, cr.asarray(X))):
        result = both(x, y)
        assert np.array_equal(result["sum"], np.asarray(x) + np.asarray(y))
        assert np.array_equal(result["rest"][2], np.asarray(x) > np.asarray(y))
        np.testing.assert_allclose(result["rest"][0], np.asarray(x).sum(), rtol=1e-5)
    assert not others


@pytest.mark.parametrize("result", [lambda y: (y,), lambda y: [cr.sum(y)], lambda y: None])
def test_results_in_containers(result):
    function = cr.jit(lambda x: result(2 * x))
    warm(function, X)
    found, due = function(X), result(cr.asarray(2 * X))
    assert type(found) is type(due)
    np.testing.assert_allclose(found or [0], due or [0], rtol=1e-6)


def test_results_stay_as_they_are():
    double = cr.jit(lambda x: 2 * x)
    warm(double, X)
    first, second = double(X), double(-X)
    assert np.array_equal(first, 2 * X) and np.array_equal(second, -2 * X)


@pytest.mark.parametrize(
    "other",
    [
        X[:2],
        X.T.copy().T,
        X[::2],
        np.asfortranarray(X),
        X.astype(np.float64),
        X.astype(">f4"),
        np.arange(12).reshape(4, 3),
        X[0],
        X.reshape(4, 3, 1),
        X[:0],
        np.frombuffer(b"\0" + X.tobytes(), np.float32, offset=1).reshape(4, 3),
        2.0,
        np.float32(3),
    ],
    ids=lambda other: f"{type(other).__name__}{getattr(other, 'shape', '')}",
)
def test_other_arrays(other):
    double = cr.jit(lambda x: 2 * x)
    warm(double, X)
    for _ in range(3):
        np.testing.assert_allclose(double(other), 2 * np.asarray(other, np.float32), rtol=1e-6)
        assert np.array_equal(double(X), 2 * X)


def test_a_shape_that_is_set_in_place_is_noticed():
    rows, x = cr.jit(lambda x: cr.sum(x, axis=1)), X.copy()
    warm(rows, x)
    x.shape = 2, 6
    np.testing.assert_allclose(rows(x), x.sum(1), rtol=1e-5)


def test_other_numbers_of_arguments():
    total = cr.jit(lambda *arrays: sum(cr.sum(array) for array in arrays))
    warm(total, X)
    assert float(total(X, X)) == pytest.approx(2 * X.sum(), rel=1e-5)
    assert float(total()) == 0
    with pytest.raises(TypeError):
        cr.jit(lambda x: x)()


def test_another_object_of_the_same_kind_is_another_state():
    infer = cr.jit(lambda model, x: model(x))
    models = [nn.Linear(3, 2) for _ in range(2)]
    warm(infer, models[0], X)
    for model in models * 3:
        np.testing.assert_allclose(infer(model, X), np.asarray(model(X)), rtol=1e-5, atol=1e-6)


def test_models_that_are_gone_are_not_kept():
    """Nor by the programs for other shapes."""
    step, gone = make_step(), []
    for rows in (4, 3, 2):
        model = nn.Linear(3, 2)
        warm(step, model, optim.Adam(model), X[:rows], Y[:rows])
        gone.append(weakref.ref(model.weight))
    model = nn.Linear(3, 2)
    step(model, optim.Adam(model), X, Y)
    gc.collect()
    assert [reference() for reference in gone] == [None] * 3


def test_state_that_somebody_looks_at_is_not_overwritten():
    step, model = make_step(), nn.Linear(3, 2)
    optimizer = optim.Adam(model, learning_rate=0.1)
    warm(step, model, optimizer, X, Y)
    looks = [
        lambda: model.weight.numpy(),
        lambda: np.asarray(model.weight),
        lambda: np.from_dlpack(model.weight),
        lambda: model.weight.T.numpy(),
        lambda: model.state_dict()["weight"],
        lambda: cr.jit(lambda m: m.weight * 1)(model).numpy(),
    ]
    for look in looks:
        held = look()
        copy = held.copy()
        warm(step, model, optimizer, X, Y)
        assert np.array_equal(held, copy)
        assert not np.array_equal(model.weight.numpy(), copy.reshape(model.weight.shape))


def test_state_is_shared_with_other_programs_and_eager_code():
    """Each kind of step sees what the others have written, in any order."""
    orders = np.random.default_rng(0).integers(0, 4, 60)
    weights = []
    for compiled in (True, False):
        cr.random.seed(0)
        model = nn.Linear(3, 2)
        optimizer = optim.SGD(model, learning_rate=0.05)
        steps = [make_step(), make_step()]
        infer = cr.jit(lambda model, x: model(x))
        seen = []
        for order in orders:
            if order < 2:
                step = steps[order] if compiled else steps[order].function
                seen.append(float(step(model, optimizer, X, Y)))
            elif order == 2:
                found = (infer if compiled else infer.function)(model, X)
                seen.append(float(cr.sum(found)))
            else:
                model.weight.assign(model.weight * 0.5)
        weights.append((seen, model.weight.numpy()))
    for compiled, eager in zip(*weights, strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-4, atol=1e-5)


def test_content_that_is_replaced_is_noticed():
    infer, model = cr.jit(lambda model, x: model(x)), nn.Linear(3, 2)
    warm(infer, model, X)
    model.weight.assign(cr.ones((3, 2)))
    model.bias.assign(cr.zeros(2))
    np.testing.assert_allclose(infer(model, X), X @ np.ones((3, 2)), rtol=1e-5, atol=1e-6)


def test_settings_and_modes_are_noticed():
    layer = nn.Sequential(nn.Dropout(0.5))
    ones = np.ones(1000, np.float32)
    infer = cr.jit(lambda layer, x: layer(x))
    warm(infer, layer, ones)
    with cr.training():
        assert np.count_nonzero(infer(layer, ones)) < 700
    assert np.count_nonzero(infer(layer, ones)) == 1000
    layer[0].p = 0.25
    with cr.training():
        warm(infer, layer, ones)
        assert 650 < np.count_nonzero(infer(layer, ones)) < 850
    assert np.count_nonzero(infer(layer, ones)) == 1000


def test_precision_is_noticed():
    infer, model = cr.jit(lambda model, x: model(x)), nn.Linear(3, 2)
    warm(infer, model, X)
    assert cr.mixed_precision(infer)(model, X).dtype is cr.bfloat16
    assert infer(model, X).dtype is cr.float32


def test_the_configuration_is_noticed():
    double = cr.jit(lambda x: 2 * x)
    wide = X.astype(np.float64)
    warm(double, wide)
    cr.config.float64 = True
    try:
        assert double(wide).dtype is cr.float64
    finally:
        cr.config.float64 = False
    assert double(wide).dtype is cr.float32
    logs = cr.jit(lambda x: cr.log(x))
    warm(logs, X + 10)
    cr.config.debug_nans = True
    try:
        with pytest.raises(cr.errors.NanError):
            logs(X - 10)
    finally:
        cr.config.debug_nans = False


def test_frozen_parameters_are_noticed():
    step, model = make_step(), nn.Linear(3, 2)
    optimizer = optim.Adam(model)
    warm(step, model, optimizer, X, Y)
    model.weight.trainable = False
    before = model.weight.numpy().copy()
    bias = model.bias.numpy().copy()
    step(model, optim.Adam(model), X, Y)
    assert np.array_equal(model.weight.numpy(), before)
    assert not np.array_equal(model.bias.numpy(), bias)


def test_inside_a_transform_the_function_is_called():
    total = cr.jit(lambda x: cr.sum(x * x))
    warm(total, cr.asarray(X))
    np.testing.assert_allclose(cr.grad(total)(cr.asarray(X)), 2 * X, rtol=1e-6)
    np.testing.assert_allclose(cr.vmap(total)(cr.asarray(X[None]))[0], (X * X).sum(), rtol=1e-5)


def test_settings_that_compare_by_value_are_compared_by_value():
    class Power:
        def __init__(self, exponent: int) -> None:
            self.exponent = exponent

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Power) and other.exponent == self.exponent

        def __hash__(self) -> int:
            return hash(self.exponent)

    raised, power = cr.jit(lambda x, power: x**power.exponent), Power(2)
    warm(raised, X, power)
    power.exponent = 3
    np.testing.assert_allclose(raised(X, power), X**3, rtol=1e-5)


def test_other_numbers_of_threads_have_the_same_bits():
    wide = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    infer, x = cr.jit(lambda model, x: model(x)), np.ones((1, 256), np.float32)
    warm(infer, wide, x)
    first, before = infer(wide, x).numpy(), engine.threads
    try:
        for threads in (3, 1, 2, 4, 2):
            engine.set_threads(threads)
            for _ in range(4):
                assert np.array_equal(infer(wide, x), first)
    finally:
        engine.set_threads(before)


def test_threads_that_share_a_function_get_their_own_results():
    models = [nn.Linear(3, 2) for _ in range(3)]
    infer = cr.jit(lambda model, x: (model(x), cr.sum(x)))
    wrong = []

    def work(number: int) -> None:
        x = X + number
        due = np.asarray(infer.function(models[number], x)[0])
        for turn in range(3000):
            found, total = infer(models[number], x)
            if not np.allclose(found, due, rtol=1e-4) or not np.isclose(total, x.sum(), rtol=1e-4):
                wrong.append((number, turn))
            if turn % 100 == 0:
                np.asarray(models[number].weight)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_a_loop_of_unknown_length_does_not_keep_python_waiting():
    """Another thread goes on while it runs."""
    count = cr.jit(lambda n: cr.while_loop(lambda i: i < n, lambda i: i + 1.0, 0.0))
    for _ in range(3):
        count(np.float32(3).reshape(()))
    finished = []
    worker = threading.Thread(target=lambda: finished.append(count(np.asarray(5e6, np.float32))))
    worker.start()
    turns = 0
    while not finished:
        turns += 1
    worker.join()
    assert float(finished[0]) == 5e6 and turns > 10
