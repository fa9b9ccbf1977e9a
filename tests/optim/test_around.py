"""What goes around an optimizer, or replaces its step: compiled, in both widths, saved, frozen."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

R = np.random.default_rng(3)
X, Y = R.normal(size=(12, 4)), R.normal(size=(12, 3))


def model(kind="float64"):
    cr.random.seed(0)
    return nn.Sequential(
        nn.Linear(4, 5, dtype=kind), nn.Tanh(), nn.Linear(5, 3, dtype=kind), nn.Identity()
    )


def loss(network, x, y):
    return cr.mean((network(x) - y) ** 2)


def by_gradients(network, parts, x, y):
    optimizer, *averages = parts
    value, gradients = cr.value_and_grad(loss)(network, x, y)
    optimizer.update(gradients)
    for average in averages:
        average.update()
    return value


def by_evaluation(network, parts, x, y):
    return parts[0].update(lambda: cr.value_and_grad(loss)(network, x, y))


def by_loss(network, parts, x, y):
    return parts[0].update(loss, network, x, y)


def momentum(network):
    return optim.SGD(network, 0.1, 0.9)


CASES = {
    "lookahead": (by_gradients, lambda m: [optim.Lookahead(momentum(m), k=3)]),
    "lookahead adamw": (by_gradients, lambda m: [optim.Lookahead(optim.AdamW(m, 0.05), k=2)]),
    "proximal": (by_gradients, lambda m: [optim.ProximalL1(momentum(m), 0.3)]),
    "fista": (by_gradients, lambda m: [optim.ProximalL1(optim.SGD(m, 0.1), 0.3, accelerate=True)]),
    "max norm": (by_gradients, lambda m: [optim.MaxNorm(momentum(m), 0.4)]),
    "nested": (by_gradients, lambda m: [optim.Lookahead(optim.MaxNorm(optim.Adam(m, 0.1), 0.5))]),
    "schedule-free": (by_gradients, lambda m: [optim.ScheduleFreeAdamW(m, 0.1, weight_decay=0.1)]),
    "ema": (by_gradients, lambda m: [momentum(m), optim.EMA(m, 0.9)]),
    "ema corrected": (by_gradients, lambda m: [momentum(m), optim.EMA(m, 0.9, True)]),
    "swa": (by_gradients, lambda m: [momentum(m), optim.SWA(m, start=2, every=2)]),
    "sam": (by_evaluation, lambda m: [optim.SAM(momentum(m))]),
    "sam adaptive": (by_evaluation, lambda m: [optim.MaxNorm(optim.SAM(momentum(m), 0.5, True))]),
    "newton": (by_loss, lambda m: [optim.Newton(m, 0.5, damping=1.0, iterations=10)]),
}


def states(parts):
    return [part.state_dict() for part in parts]


def run(step, network, parts, steps, kind="float64"):
    for _ in range(steps):
        value = step(network, parts, cr.asarray(X, dtype=kind), cr.asarray(Y, dtype=kind))
    return value


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_compiled_as_eager(name, kind):
    step, make = CASES[name]
    results = []
    for compiled in (False, True):
        network = model(kind)
        parts = make(network)
        value = run(cr.jit(step) if compiled else step, network, parts, 7, kind)
        assert value.dtype is getattr(cr, kind)
        assert value.item() < loss(model(), cr.asarray(X, dtype="float64"), Y).item()
        results.append([network.state_dict(), *states(parts)])
    close = {"rtol": 1e-9, "atol": 1e-12} if kind == "float64" else {"rtol": 1e-4, "atol": 1e-5}
    for first, second in zip(*results, strict=True):
        assert first.keys() == second.keys()
        for path, value in first.items():
            assert value.dtype == second[path].dtype
            np.testing.assert_allclose(value, second[path], **close)


@pytest.mark.parametrize("name", CASES)
def test_steps_within_a_scan(name):
    """As the trainer takes them: an epoch is one program."""
    step, make = CASES[name]
    one, other = model(), model()
    run(step, one, make(one), 4)

    @cr.jit
    def epoch(network, parts, x, y):
        return cr.scan(lambda _, i: (_, step(network, parts, x, y)), 0, cr.arange(4))[1]

    epoch(other, make(other), cr.asarray(X, dtype="float64"), cr.asarray(Y, dtype="float64"))
    for path, value in one.state_dict().items():
        np.testing.assert_allclose(value, other.state_dict()[path], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_resuming_continues_exactly(name):
    step, make = CASES[name]
    network, other = model(), model()
    first, second = make(network), make(other)
    run(step, network, first, 3)
    for part, state in zip(second, states(first), strict=True):
        assert not [path for path in state if path.split(".")[0] == "parameters"]
        part.load_state_dict(state)
    other.load_state_dict(network.state_dict())
    run(step, network, first, 4)
    run(step, other, second, 4)
    for path, value in network.state_dict().items():
        np.testing.assert_array_equal(value, other.state_dict()[path])


@pytest.mark.parametrize("name", CASES)
def test_frozen_parameters_stay(name):
    step, make = CASES[name]
    network = model()
    parts = make(network)
    run(step, network, parts, 1)
    network.freeze("layers.0")
    before = network.state_dict()
    run(step, network, parts, 4)
    for path, value in network.state_dict().items():
        assert (value == before[path]).all() == path.startswith("layers.0")


def test_wrappers_share_rate_steps_and_groups():
    network = model()
    inner = optim.SGD(network, lambda t: 0.1 / (1 + t), groups={"*.bias": {"learning_rate": 0.5}})
    outer = optim.Lookahead(optim.MaxNorm(inner))
    run(by_gradients, network, [outer], 3)
    assert outer.steps.item() == inner.steps.item() == 3
    assert outer.learning_rate.item() == inner.learning_rate.item() == pytest.approx(0.1 / 4)
    outer.learning_rate = 0.3
    outer.groups[0].learning_rate = 0.2
    assert inner.learning_rate.item() == 0.3
    assert inner.now((0,)).learning_rate.item() == 0.2
    assert isinstance(outer, optim.Optimizer)


def test_parameters_keep_the_names_of_their_module():
    network = model()
    wrapper = optim.Lookahead(optim.Adam(network))
    wrapper.named_boxes()
    network.walk()
    assert network[0].weight.describe() == "Parameter Sequential.layers.0.weight"
    assert wrapper.slow["layers.0.bias"].describe() == "Buffer Lookahead.slow.layers.0.bias"


def sgd():
    return optim.SGD([nn.Parameter([1.0])], 0.1)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: optim.Lookahead(nn.Linear(1, 1)),
            "[Lookahead] got a Linear; it goes around an optimizer; "
            "write Lookahead(cr.optim.SGD(model, 0.1))",
        ),
        (
            lambda: optim.Lookahead(sgd(), k=0),
            "[Lookahead] k is 0, alpha 0.5; after k steps slow weights go the share alpha of the "
            "way; choose k >= 1 and 0 < alpha <= 1",
        ),
        (
            lambda: optim.SAM(sgd(), rho=0),
            "[SAM] rho is 0; it is how far the loss is explored; choose rho > 0",
        ),
        (
            lambda: optim.ProximalL1(sgd(), -1),
            "[ProximalL1] strength is -1; it pulls to 0; choose strength >= 0",
        ),
        (
            lambda: optim.MaxNorm(sgd(), 0),
            "[MaxNorm] most is 0; only 0 is as short; choose most > 0",
        ),
        (
            lambda: optim.EMA(nn.Linear(1, 1), 1),
            "[EMA] decay is 1; it is the weight of the past; choose 0 <= decay < 1",
        ),
        (
            lambda: optim.SWA(nn.Linear(1, 1), every=0),
            "[SWA] start is 0, every 0; they count updates; choose start >= 0 and every >= 1",
        ),
        (
            lambda: optim.SWA(nn.Sequential(nn.Linear(1, 1))).assign_to(nn.Linear(1, 1)),
            "[SWA.assign_to] there is no parameter layers.0.weight, layers.0.bias; weights are "
            "known by their paths, and frozen parameters stay; pass the averaged model or one that "
            "was built in the same way",
        ),
        (
            lambda: optim.Newton([nn.Parameter([1.0])], damping=-1),
            "[Newton] damping is -1, iterations are 100; damping makes steps shorter, each "
            "iteration makes them better; choose damping >= 0 and iterations >= 1",
        ),
        (
            lambda: optim.LBFGS([nn.Parameter([1.0])], history=0),
            "[LBFGS] history is 0; it counts moves to remember; choose 10",
        ),
        (
            lambda: optim.LBFGS([nn.Parameter([1.0])], line_search="armijo"),
            "[LBFGS] line_search is 'armijo'; there are None and \"strong_wolfe\"",
        ),
    ],
)
def test_errors(call, text):
    with pytest.raises(cr.ChainruleError) as caught:
        call()
    assert str(caught.value) == text
