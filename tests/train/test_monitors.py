"""Monitors against gradients and activations that NumPy and plain loops find."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.train import Activations, GradientNorms, Trainer, watched

X = np.random.default_rng(0).normal(size=(48, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def network():
    cr.random.seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


@pytest.mark.covers("B-053")
def test_norms_of_gradients_by_layer():
    model, plain = network(), network()
    trainer = Trainer(
        model,
        nn.losses.cross_entropy,
        optim.SGD(model, 0.5),
        callbacks=[GradientNorms(model)],
        clip_norm=0.01,
    )
    history = trainer.fit((X, Y), epochs=2, batch_size=16, shuffle=False, quiet=True)
    optimizer = optim.SGD(plain, 0.5)
    for row in history.epochs:
        norms = []
        for start in range(0, 48, 16):
            x, y = X[start : start + 16], Y[start : start + 16]
            g = cr.grad(lambda m, x=x, y=y: nn.losses.cross_entropy(m(x), y))(plain)
            pairs = [(g[f"layers.{n}.weight"], g[f"layers.{n}.bias"]) for n in (0, 2)]
            norms.append(
                [np.sqrt(sum((np.asarray(part) ** 2).sum() for part in pair)) for pair in pairs]
            )
            optimizer.update(optim.clip_by_global_norm(g, 0.01)[0])
        for place, layer in enumerate(("layers.0", "layers.2")):
            of_layer = np.asarray(norms)[:, place]
            assert row[f"gradient_norm/{layer}"] == pytest.approx(of_layer.mean(), rel=1e-4)
            assert row[f"greatest_gradient_norm/{layer}"] == pytest.approx(of_layer.max(), rel=1e-4)


@pytest.mark.covers("B-054", "B-055")
def test_activations_and_dead_units():
    model = network()
    # Two units of eight never fire for these inputs.
    model[0].bias.assign(cr.asarray([-1e3, -1e3, 0, 0, 0, 0, 0, 0], dtype=cr.float32))
    hidden = X @ model[0].weight.numpy() + model[0].bias.numpy()
    found = watched(model, X)
    assert found["activation_mean/layers.0"] == pytest.approx(hidden.mean(), rel=1e-5)
    assert found["activation_std/layers.0"] == pytest.approx(hidden.std(), rel=1e-5)
    assert found["dead/layers.1"] == 0.25
    trainer = Trainer(
        model, nn.losses.cross_entropy, optim.SGD(model, 1e-12), callbacks=[Activations(X)]
    )
    row = trainer.fit((X, Y), quiet=True).epochs[0]
    assert {name: row[name] for name in found} == pytest.approx(found, rel=1e-5)


def test_members_that_are_mapped_are_told_as_a_whole():
    model = nn.Sequential(nn.Together(lambda: nn.Linear(4, 2), count=3), nn.ReLU())
    found = watched(model, X)
    told = model[0](X).numpy()
    assert found["activation_mean/layers.0"] == pytest.approx(told.mean(), rel=1e-5)
    assert not any("members" in name for name in found)
