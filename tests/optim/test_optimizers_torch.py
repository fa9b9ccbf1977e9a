"""Optimizers, schedules and clipping against PyTorch, step by step."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

STEPS = 50
R = np.random.default_rng(2)
START = [R.normal(size=(4, 3)), R.normal(size=3)]
GRADS = [[R.normal(size=x.shape) for x in START] for _ in range(STEPS)]

CASES = [
    (optim.SGD, {}, torch.optim.SGD, {}),
    (optim.SGD, {"momentum": 0.9}, torch.optim.SGD, {"momentum": 0.9}),
    (
        optim.SGD,
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
        torch.optim.SGD,
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
    ),
    (optim.Adam, {}, torch.optim.Adam, {}),
    (
        optim.Adam,
        {"betas": (0.7, 0.95), "eps": 1e-4, "weight_decay": 0.1},
        torch.optim.Adam,
        {"betas": (0.7, 0.95), "eps": 1e-4, "weight_decay": 0.1},
    ),
    (optim.AdamW, {}, torch.optim.AdamW, {}),
    (optim.AdamW, {"weight_decay": 0.3}, torch.optim.AdamW, {"weight_decay": 0.3}),
]


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize(("ours", "our_options", "theirs", "their_options"), CASES)
def test_steps(ours, our_options, theirs, their_options, kind):
    held = [nn.Parameter(cr.asarray(x, dtype=kind)) for x in START]
    peers = [torch.tensor(x.astype(kind), requires_grad=True) for x in START]
    optimizer, peer = ours(held, 0.05, **our_options), theirs(peers, lr=0.05, **their_options)
    for grads in GRADS:
        optimizer.update([cr.asarray(g, dtype=kind) for g in grads])
        for x, g in zip(peers, grads, strict=True):
            x.grad = torch.tensor(g.astype(kind))
        peer.step()
        for x, y in zip(held, peers, strict=True):
            close = {"rtol": 1e-13, "atol": 1e-14} if kind == "float64" else {"atol": 5e-6}
            np.testing.assert_allclose(x.numpy(), y.detach().numpy(), **close)


def test_defaults_are_theirs():
    """Without arguments one step moves as far."""
    for ours, theirs in ((optim.SGD, torch.optim.SGD), (optim.Adam, torch.optim.Adam),
                         (optim.AdamW, torch.optim.AdamW)):  # fmt: skip
        held = nn.Parameter(cr.asarray(START[0], dtype="float64"))
        peer = torch.tensor(START[0], requires_grad=True)
        ours(held).update(cr.asarray(GRADS[0][0], dtype="float64"))
        peer.grad = torch.tensor(GRADS[0][0])
        theirs([peer]).step()
        np.testing.assert_allclose(held.numpy(), peer.detach().numpy(), rtol=1e-14)


def test_cosine():
    schedule = optim.schedules.Cosine(0.3, steps=STEPS, end=0.01)
    peer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(peer, STEPS, 0.01)
    for step in range(STEPS + 1):
        assert schedule(step) == pytest.approx(rates.get_last_lr()[0], rel=1e-12)
        peer.step()
        rates.step()


@pytest.mark.parametrize("most", [0.5, 100.0])
def test_clipping(most):
    peers = [torch.zeros(x.shape, dtype=torch.float64, requires_grad=True) for x in START]
    for x, g in zip(peers, GRADS[0], strict=True):
        x.grad = torch.tensor(g)
    expected = torch.nn.utils.clip_grad_norm_(peers, most)
    grads = [cr.asarray(g, dtype="float64") for g in GRADS[0]]
    clipped, norm = optim.clip_by_global_norm(grads, most)
    np.testing.assert_allclose(norm.numpy(), expected.numpy(), rtol=1e-14)
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
    optimizer = optim.AdamW(model, optim.schedules.Cosine(0.02, steps=STEPS))
    their_optimizer = torch.optim.AdamW(peer.parameters(), lr=0.02)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(their_optimizer, STEPS)

    @cr.jit
    def step(model, optimizer, x, y):
        def loss(model):
            return nn.losses.cross_entropy(model(x), y, label_smoothing=0.1)

        value, grads = cr.value_and_grad(loss)(model)
        optimizer.update(optim.clip_by_global_norm(grads, 0.3)[0])
        return value

    for _ in range(STEPS):
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
