"""Optimizers against PyTorch and optax on a network whose gradients each library takes itself, and
clipping.
"""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers
o, t = optim, torch.optim

STEPS = 200
R = np.random.default_rng(2)
X, Y = R.normal(size=(16, 6)), R.normal(size=(16, 3))
# Weights as here, (in, out); PyTorch gets them turned.
START = [
    R.normal(size=(6, 8)) / 2,
    R.normal(size=8) / 2,
    R.normal(size=(8, 3)) / 2,
    R.normal(size=3),
]


@pytest.fixture(autouse=True)
def float64():
    """PyTorch keeps numbers of its own, such as NAdam's product, in the default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


SLOW = {"momentum": 0.8, "weight_decay": 0.1}
COUPLED = {"betas": (0.7, 0.95), "eps": 1e-4, "weight_decay": 0.1}
CENTERED = {"alpha": 0.9, "momentum": 0.7, "centered": True, "eps": 1e-2}

# The last number is the learning rate. With rates some times as high the problem is chaotic: two
# runs that differ in the last digit part exponentially.
# fmt: off
CASES = {
    "SGD": (o.SGD, {}, t.SGD, {}, 0.05),
    "SGD A": (o.SGD, {"momentum": 0.9}, t.SGD, {"momentum": 0.9}, 0.05),
    "SGD A L2": (o.SGD, SLOW, t.SGD, SLOW, 0.05),
    "SGD B": (o.SGD, {"accumulates": "steps"} | SLOW, t.SGD, SLOW, 0.05),
    "Nesterov": (o.SGD, {"nesterov": True} | SLOW, t.SGD, {"nesterov": True} | SLOW, 0.05),
    "Nesterov B": (o.SGD, {"nesterov": True, "accumulates": "steps"} | SLOW,
                   t.SGD, {"nesterov": True} | SLOW, 0.05),
    "AdaGrad": (o.AdaGrad, {}, t.Adagrad, {}, 0.02),
    "AdaGrad L2": (o.AdaGrad, {"weight_decay": 0.1}, t.Adagrad, {"weight_decay": 0.1}, 0.02),
    "RMSProp": (o.RMSProp, {}, t.RMSprop, {}, 0.002),
    "RMSProp centered": (o.RMSProp, CENTERED, t.RMSprop, CENTERED, 0.002),
    "Adadelta": (o.Adadelta, {}, t.Adadelta, {}, 1.0),
    "Adadelta L2": (o.Adadelta, {"rho": 0.8, "weight_decay": 0.1},
                    t.Adadelta, {"rho": 0.8, "weight_decay": 0.1}, 0.5),
    "Adam": (o.Adam, {}, t.Adam, {}, 0.002),
    "Adam L2": (o.Adam, COUPLED, t.Adam, COUPLED, 0.002),
    "AMSGrad": (o.Adam, {"amsgrad": True}, t.Adam, {"amsgrad": True}, 0.002),
    "AdamW": (o.AdamW, {}, t.AdamW, {}, 0.002),
    "AdamW amsgrad": (o.AdamW, {"weight_decay": 0.3, "amsgrad": True},
                      t.AdamW, {"weight_decay": 0.3, "amsgrad": True}, 0.002),
    "NAdam": (o.NAdam, {}, t.NAdam, {}, 0.002),
    "NAdam L2": (o.NAdam, COUPLED, t.NAdam, COUPLED, 0.002),
    "NAdamW": (o.NAdam, {"decoupled": True, "momentum_decay": 0.1} | COUPLED,
               t.NAdam, {"decoupled_weight_decay": True, "momentum_decay": 0.1} | COUPLED, 0.002),
    "RAdam": (o.RAdam, {}, t.RAdam, {}, 0.002),
    "RAdamW": (o.RAdam, {"decoupled": True} | COUPLED,
               t.RAdam, {"decoupled_weight_decay": True} | COUPLED, 0.002),
    "AdaMax": (o.AdaMax, {}, t.Adamax, {}, 0.002),
    "AdaMax L2": (o.AdaMax, COUPLED, t.Adamax, COUPLED, 0.001),
    "Adafactor": (o.Adafactor, {}, t.Adafactor, {}, 0.003),
    "Adafactor decay": (o.Adafactor, {"weight_decay": 0.3},
                        t.Adafactor, {"weight_decay": 0.3}, 0.01),
}
# fmt: on


def our_loss(w, x, y):
    return cr.mean((cr.tanh(x @ w[0] + w[1]) @ w[2] + w[3] - y) ** 2)


def trained(optimizer, held):
    """Our weights after all steps."""

    @cr.jit
    def step(held, optimizer, x, y):
        optimizer.update(cr.grad(our_loss)(held, x, y))

    x, y = cr.asarray(X, dtype="float64"), cr.asarray(Y, dtype="float64")
    for _ in range(STEPS):
        step(held, optimizer, x, y)
    return [w.numpy() for w in held]


def parameters():
    return [nn.Parameter(cr.asarray(x, dtype="float64")) for x in START]


def torch_parameters():
    return [torch.tensor(x.T.copy(), requires_grad=True) for x in START]


def torch_trained(optimizers, w):
    x, y = torch.tensor(X), torch.tensor(Y)
    for _ in range(STEPS):
        loss = ((torch.tanh(x @ w[0].T + w[1]) @ w[2].T + w[3] - y) ** 2).mean()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    return [v.detach().numpy().T for v in w]


def assert_same(ours, theirs):
    for x, y, start in zip(ours, theirs, START, strict=True):
        assert np.abs(x - start).max() > 1e-2
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_training(name):
    ours, our_options, theirs, their_options, rate = CASES[name]
    held, peers = parameters(), torch_parameters()
    expected = torch_trained([theirs(peers, lr=rate, **their_options)], peers)
    assert_same(trained(ours(held, rate, **our_options), held), expected)


def test_groups():
    held, peers = parameters(), torch_parameters()
    groups = {**optim.undecayed(), "0": {"learning_rate": 0.001, "betas": (0.5, 0.9)}}
    theirs = t.AdamW(
        [
            {"params": [peers[0]], "lr": 0.001, "betas": (0.5, 0.9)},
            {"params": [peers[2]]},
            {"params": [peers[1], peers[3]], "weight_decay": 0.0},
        ],
        lr=0.01,
        weight_decay=0.3,
    )
    ours = optim.AdamW(held, 0.01, weight_decay=0.3, groups=groups)
    assert_same(trained(ours, held), torch_trained([theirs], peers))


@pytest.mark.parametrize("adaptive", [False, True])
def test_one_cycle_drives_rate_and_momentum(adaptive):
    held, peers = parameters(), torch_parameters()
    cycle = optim.schedules.OneCycle(0.01, STEPS)
    ours = (
        optim.Adam(held, cycle, (cycle.momentum, 0.999))
        if adaptive
        else optim.SGD(held, cycle, cycle.momentum)
    )
    theirs = t.Adam(peers, lr=0.01) if adaptive else t.SGD(peers, lr=0.01, momentum=0.9)
    rates = t.lr_scheduler.OneCycleLR(theirs, 0.01, STEPS)
    # The last step has no next one, which the scheduler would refuse to name.
    theirs.register_step_post_hook(lambda *_: rates.last_epoch + 1 < STEPS and rates.step())
    assert_same(trained(ours, held), torch_trained([theirs], peers))


@pytest.mark.parametrize("options", [{}, {"nesterov": False, "momentum": 0.8}])
@pytest.mark.parametrize("match", [False, True])
def test_muon(options, match, monkeypatch):
    """PyTorch's own code, in float64 where it would round to bfloat16."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda x: x.clone())
    held, peers = parameters(), torch_parameters()
    adjust = {"adjust_lr_fn": "match_rms_adamw"} if match else {}
    theirs = [
        t.Muon([peers[0], peers[2]], lr=0.005, **adjust, **options),
        t.AdamW([peers[1], peers[3]], lr=0.005, weight_decay=0.1),
    ]
    ours = optim.Muon(held, 0.005, match_rms=match, **options)
    assert_same(trained(ours, held), torch_trained(theirs, peers))


@pytest.mark.parametrize("name", ["lion", "lamb"])
def test_what_optax_has(name):
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    held = parameters()
    if name == "lion":
        ours, theirs = optim.Lion(held, 1e-3, weight_decay=0.1), optax.lion(1e-3, weight_decay=0.1)
    else:
        ours, theirs = optim.LAMB(held, 0.01, weight_decay=0.1), optax.lamb(0.01, weight_decay=0.1)
    with jax.enable_x64(True):
        w = [jax.numpy.asarray(x) for x in START]

        def loss(w):
            return ((jax.numpy.tanh(X @ w[0] + w[1]) @ w[2] + w[3] - Y) ** 2).mean()

        @jax.jit
        def step(w, state):
            moves, state = theirs.update(jax.grad(loss)(w), state, w)
            return optax.apply_updates(w, moves), state

        state = theirs.init(w)
        for _ in range(STEPS):
            w, state = step(w, state)
        assert_same(trained(ours, held), [np.asarray(x) for x in w])


def test_defaults_are_theirs():
    """Without arguments one step moves as far."""
    pairs = (
        (o.SGD, t.SGD), (o.AdaGrad, t.Adagrad), (o.RMSProp, t.RMSprop), (o.Adadelta, t.Adadelta),
        (o.Adam, t.Adam), (o.AdamW, t.AdamW), (o.NAdam, t.NAdam), (o.RAdam, t.RAdam),
        (o.AdaMax, t.Adamax), (o.Adafactor, t.Adafactor),
    )  # fmt: skip
    for ours, theirs in pairs:
        held = nn.Parameter(cr.asarray(START[0], dtype="float64"))
        peer = torch.tensor(START[0], requires_grad=True)
        g = R.normal(size=START[0].shape)
        ours(held).update(cr.asarray(g, dtype="float64"))
        peer.grad = torch.tensor(g)
        theirs([peer]).step()
        np.testing.assert_allclose(held.numpy(), peer.detach().numpy(), rtol=1e-14)


@pytest.mark.parametrize("most", [0.5, 100.0])
def test_clipping(most):
    grads = [R.normal(size=x.shape) for x in START]
    for theirs, ours in (
        (torch.nn.utils.clip_grad_norm_, lambda g: optim.clip_by_global_norm(g, most)[0]),
        (torch.nn.utils.clip_grad_value_, lambda g: optim.clip_by_value(g, most)),
    ):
        peers = [torch.zeros(x.shape, dtype=torch.float64, requires_grad=True) for x in START]
        for x, g in zip(peers, grads, strict=True):
            x.grad = torch.tensor(g)
        theirs(peers, most)
        clipped = ours([cr.asarray(g, dtype="float64") for g in grads])
        for g, x in zip(clipped, peers, strict=True):
            np.testing.assert_allclose(g.numpy(), x.grad.numpy(), rtol=1e-14)


def test_network_trained_step_by_step():
    """The whole path: model, loss, gradient, clipping, AdamW with a schedule, compiled."""
    cr.random.seed(0)
    model = nn.Sequential(nn.Linear(6, 8, dtype="float64"), cr.tanh,
                          nn.Linear(8, 3, dtype="float64"))  # fmt: skip
    first, second = torch.nn.Linear(6, 8), torch.nn.Linear(8, 3)
    peer = torch.nn.Sequential(first, torch.nn.Tanh(), second).double()
    with torch.no_grad():
        for theirs, ours in ((first, model[0]), (second, model[2])):
            theirs.weight.copy_(torch.tensor(ours.weight.numpy().T.copy()))
            theirs.bias.copy_(torch.tensor(ours.bias.numpy().copy()))
    optimizer = optim.AdamW(model, optim.schedules.Cosine(0.02, steps=50))
    their_optimizer = torch.optim.AdamW(peer.parameters(), lr=0.02)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(their_optimizer, 50)

    @cr.jit
    def step(model, optimizer, x, y):
        def loss(model):
            return nn.losses.cross_entropy(model(x), y, label_smoothing=0.1)

        value, grads = cr.value_and_grad(loss)(model)
        optimizer.update(optim.clip_by_global_norm(grads, 0.3)[0])
        return value

    for _ in range(50):
        x, y = R.normal(size=(32, 6)), R.integers(0, 3, 32)
        value = step(model, optimizer, cr.asarray(x, dtype="float64"), y)
        their_optimizer.zero_grad()
        logits = peer(torch.tensor(x))
        their_value = torch.nn.functional.cross_entropy(
            logits, torch.tensor(y), label_smoothing=0.1
        )
        their_value.backward()
        torch.nn.utils.clip_grad_norm_(peer.parameters(), 0.3)
        their_optimizer.step()
        rates.step()
        np.testing.assert_allclose(value.numpy(), their_value.detach().numpy(), rtol=1e-10)
        np.testing.assert_allclose(
            model[2].weight.numpy().T, second.weight.detach().numpy(), rtol=1e-9, atol=1e-12
        )
