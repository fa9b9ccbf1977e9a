"""The imperative front end: gradients equal `cr.grad`, and the famous mistakes can be shown."""

import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, tape
from chainrule.errors import DTypeError, ShapeError, TraceError

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]])


@pytest.fixture(autouse=True)
def in_float64(monkeypatch):
    monkeypatch.setattr(cr.config, "float64", True)
    yield
    tape.train()


def close(found, expected):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-12, atol=1e-14)


# ---- requires_grad ----


@pytest.mark.covers("B-015")
def test_only_what_needs_a_gradient_is_recorded():
    x, w = tape.Variable(X), tape.Variable(X, requires_grad=True)
    assert not (x * 2 + 1).requires_grad
    assert (x * 2 + 1)._record is None
    assert (x * w).requires_grad
    (x * w).sum().backward()
    close(w.grad, X)
    assert x.grad is None


@pytest.mark.covers("B-015")
def test_parameters_require_gradients_unless_frozen():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    model.freeze("layers.0")
    assert not tape.Variable(X).requires_grad
    weights = tape.parameters(model)
    assert [path for path, w in weights.items() if w.requires_grad] == [
        "layers.2.weight",
        "layers.2.bias",
    ]
    tape.apply(model, X).sum().backward()
    assert weights["layers.0.weight"].grad is None
    assert weights["layers.2.weight"].grad.shape == (4, 2)


def test_integers_have_no_gradient():
    with pytest.raises(DTypeError, match="only floats have gradients"):
        tape.Variable([1, 2], requires_grad=True)
    w = tape.Variable([3.0, 1.0], requires_grad=True)
    assert not tape.apply(cr.argmax, w).requires_grad


# ---- backward ----


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda a, b: a + b,) * 2,
        (lambda a, b: a - b * 2.0,) * 2,
        (lambda a, b: 1.0 / a + X * b,) * 2,
        (lambda a, b: (a**2) ** b,) * 2,
        (lambda a, b: a @ tape.apply(cr.matrix_transpose, b), lambda a, b: a @ b.T),
        (lambda a, b: X.T @ a - b[0, 1],) * 2,
        (lambda a, b: -(3.0 - a).mean(0) / b.sum(1, True),) * 2,
        (lambda a, b: tape.apply(cr.logaddexp, a, b), cr.logaddexp),
    ],
)
def test_operators_equal_grad(ours, theirs):
    a, b = tape.Variable(X, requires_grad=True), tape.Variable(X[::-1] ** 2, requires_grad=True)
    result = ours(a, b)
    result.sum().backward()
    expected = cr.grad(lambda a, b: theirs(a, b).sum(), argnums=(0, 1))(a.value, b.value)
    close(result.value, theirs(a.value, b.value))
    close(a.grad, expected[0])
    close(b.grad, expected[1])


@pytest.mark.covers("B-016")
def test_forgetting_zero_grad_doubles_the_gradient():
    w = tape.Variable(X, requires_grad=True)
    for times in (1, 2):
        (w * w).sum().backward()
        close(w.grad, times * 2 * X)
    w.zero_grad()
    assert w.grad is None
    (w * w).sum().backward()
    close(w.grad, 2 * X)


@pytest.mark.covers("B-016")
def test_backward_twice_needs_the_graph():
    w = tape.Variable(X, requires_grad=True)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    close(w.grad, 2 * 2 * X)
    with pytest.raises(TraceError, match="an earlier call has freed the records"):
        loss.backward()
    close(w.grad, 2 * 2 * X)


@pytest.mark.covers("B-014")
def test_a_vector_needs_a_cotangent():
    w = tape.Variable(X, requires_grad=True)
    with pytest.raises(ShapeError, match="only one number has a gradient"):
        (w * w).backward()
    direction = np.arange(6.0).reshape(2, 3)
    (w * w).backward(direction)
    close(w.grad, 2 * X * direction)
    with pytest.raises(ShapeError, match="a cotangent has shape"):
        (w * w).backward(np.ones(2))


@pytest.mark.covers("B-014")
@pytest.mark.parametrize(("reduce", "factor"), [("sum", 1.0), ("mean", 1 / 6)])
def test_sum_and_mean_of_a_vector_loss(reduce, factor):
    w = tape.Variable(X, requires_grad=True)
    getattr(w * w * w, reduce)().backward()
    close(w.grad, factor * 3 * X**2)


@pytest.mark.covers("B-010")
def test_diamonds_add_and_each_record_is_walked_once():
    x = tape.Variable(1.5, requires_grad=True)
    calls = []

    def double(value):
        @cr.custom_gradient
        def doubled(value):
            return value * 2, lambda g: calls.append(1) or g * 2

        return doubled(value)

    y = x
    for _ in range(20):
        y = tape.apply(double, y)
        y = y * 0.25 + y * 0.25
    y.backward()
    close(x.grad, 1.0)
    assert len(calls) == 20


def test_intermediate_variables_get_no_grad():
    x = tape.Variable(2.0, requires_grad=True)
    y = x * 3
    (y * y).backward()
    assert y.grad is None
    close(x.grad, 36.0)


def test_values_are_set_between_steps_and_never_on_results():
    w = tape.Variable(X, requires_grad=True)
    (w * w).sum().backward()
    w.value = w.value - 0.1 * w.grad
    close(w.value, 0.8 * X)
    with pytest.raises(TraceError, match="only what nothing made can be set"):
        (w * w).value = 1.0


def test_nothing_to_differentiate():
    with pytest.raises(TraceError, match="there is nothing to differentiate"):
        tape.Variable(1.0).backward()


# ---- Modules ----


def test_a_model_trains_as_with_value_and_grad():
    x, y = np.repeat(X, 4, 0), np.arange(8) % 2

    def network():
        cr.random.seed(0)
        return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))

    def loss_of(model):
        return nn.losses.cross_entropy(model(x), y)

    ours, theirs = network(), network()
    weights = tape.parameters(ours)
    optimizer = cr.optim.SGD(theirs, 0.5)
    for _ in range(5):
        for w in weights.values():
            w.zero_grad()
        loss = tape.apply(loss_of, ours)
        loss.backward()
        expected, gradient = cr.value_and_grad(loss_of)(theirs)
        close(loss.value, expected)
        for path, w in weights.items():
            close(w.grad, gradient[path])
            w.value = w.value - 0.5 * w.grad
        optimizer.update(gradient)
    for path, array in ours.state_dict().items():
        close(array, theirs.state_dict()[path])


def test_parameters_of_a_model_are_the_same_variables():
    model = nn.Linear(3, 2)
    first = tape.parameters(model)
    assert tape.parameters(model)["weight"] is first["weight"]
    assert first["weight"].value is model.weight


# ---- no_grad, train, eval ----


@pytest.mark.covers("B-017")
def test_no_grad_records_nothing():
    w = tape.Variable(X, requires_grad=True)
    with tape.no_grad():
        y = (w * w).sum()
        close(y.value, (X * X).sum())
    assert y._record is None
    with pytest.raises(TraceError, match=r"no_grad\(\)"):
        y.backward()
    assert (w * w).requires_grad


@pytest.mark.covers("B-017", "B-036")
def test_no_grad_is_not_eval():
    dropout, ones = nn.Dropout(0.5), np.ones(1000)
    with tape.no_grad():
        assert 0 in np.asarray(tape.apply(dropout, ones).value)
    tape.eval()
    close(tape.apply(dropout, ones).value, ones)
    w = tape.Variable(ones, requires_grad=True)
    tape.apply(dropout, w).sum().backward()
    close(w.grad, ones)
    tape.train()
    assert 0 in np.asarray(tape.apply(dropout, ones).value)


@pytest.mark.covers("B-036")
def test_normalisation_takes_running_statistics_in_eval():
    norm, x = nn.BatchNorm(3), X * 3 + 1
    trained = np.asarray(tape.apply(norm, x).value)
    close(trained.mean(0), np.zeros(3))
    running = norm.state_dict()
    tape.eval()
    used = np.asarray(tape.apply(norm, x).value)
    assert np.abs(used.mean(0)).max() > 0.1
    assert all(np.array_equal(running[path], now) for path, now in norm.state_dict().items())


def test_modes_belong_to_threads():
    seen = []
    tape.eval()
    with tape.no_grad():
        worker = threading.Thread(
            target=lambda: seen.append((tape._state.recording, tape._state.training))
        )
        worker.start()
        worker.join()
    assert seen == [(True, True)]


# ---- GradientTape ----


@pytest.mark.covers("B-018")
def test_gradient_tape():
    x, w = tape.Variable(X), tape.Variable(2.0, requires_grad=True)
    with tape.GradientTape() as recorded:
        recorded.watch(x)
        loss = (w * x * x).sum()
    by_x, by_w = recorded.gradient(loss, (x, w))
    close(by_x, 4 * X)
    close(by_w, (X * X).sum())
    assert w.grad is None
    assert not x.requires_grad


@pytest.mark.covers("B-018")
def test_gradient_of_intermediate_results_and_of_strangers():
    x = tape.Variable(3.0, requires_grad=True)
    stranger = tape.Variable(1.0, requires_grad=True)
    with tape.GradientTape() as recorded:
        y = x * x
        z = y * y
    gradient = recorded.gradient(z, {"x": x, "y": y, "stranger": stranger})
    close(gradient["x"], 4 * 27.0)
    close(gradient["y"], 18.0)
    assert gradient["stranger"] is None


@pytest.mark.covers("B-018")
def test_a_tape_runs_once_unless_it_is_persistent():
    x = tape.Variable(3.0, requires_grad=True)
    with tape.GradientTape() as once:
        y = x * x
    close(once.gradient(y, x), 6.0)
    with pytest.raises(TraceError, match="persistent=True"):
        once.gradient(y, x)
    with tape.GradientTape(persistent=True) as often:
        y = x * x
        z = y * x
    close(often.gradient(y, x), 6.0)
    close(often.gradient(z, x), 27.0)
    close(often.gradient(z, x, cotangent=2.0), 54.0)


@pytest.mark.covers("B-018")
def test_what_was_made_before_the_tape_is_constant():
    x = tape.Variable(3.0, requires_grad=True)
    before = x * x
    with tape.GradientTape() as recorded:
        y = before * x
    close(recorded.gradient(y, x), 9.0)
