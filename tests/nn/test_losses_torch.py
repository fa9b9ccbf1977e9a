"""Losses and their gradients against PyTorch."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn import losses

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = pytest.mark.peers

R = np.random.default_rng(1)
Z = R.normal(size=(16, 5)) * 4
LABELS = R.integers(0, 5, 16)
P = R.dirichlet(np.ones(5), 16)
W = R.uniform(0.2, 3, 5)


def compare(ours, theirs, prediction):
    x = torch.tensor(prediction, requires_grad=True)
    expected = theirs(x)
    expected.backward()
    value, gradient = cr.value_and_grad(ours)(cr.asarray(prediction, dtype=cr.float64))
    np.testing.assert_allclose(value.numpy(), expected.detach().numpy(), rtol=1e-13)
    np.testing.assert_allclose(gradient.numpy(), x.grad.numpy(), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, W])
@pytest.mark.parametrize("target", [LABELS, P])
def test_cross_entropy(target, weights, smoothing, reduction):
    compare(
        lambda z: losses.cross_entropy(
            z, cr.asarray(target, dtype=cr.float64 if target is P else cr.int64),
            class_weights=weights, label_smoothing=smoothing, reduction=reduction,
        ),
        lambda z: F.cross_entropy(
            z, torch.tensor(target), weight=None if weights is None else torch.tensor(weights),
            label_smoothing=smoothing, reduction=reduction,
        ),
        Z,
    )  # fmt: skip


@pytest.mark.parametrize("weights", [None, W])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_ignored_labels(weights, smoothing):
    target = np.where(np.arange(16) % 3, LABELS, -100)
    compare(
        lambda z: losses.cross_entropy(
            z, target, ignore_index=-100, class_weights=weights, label_smoothing=smoothing
        ),
        lambda z: F.cross_entropy(
            z, torch.tensor(target), weight=None if weights is None else torch.tensor(weights),
            label_smoothing=smoothing,
        ),
        Z,
    )  # fmt: skip


@pytest.mark.parametrize("weight", [1.0, 3.5])
def test_binary_cross_entropy(weight):
    target = cr.asarray(P, dtype=cr.float64)
    compare(
        lambda z: losses.binary_cross_entropy(z, target, positive_weight=weight),
        lambda z: F.binary_cross_entropy_with_logits(
            z, torch.tensor(P), pos_weight=torch.tensor(weight)
        ),
        Z,
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (losses.mse, F.mse_loss),
        (losses.mae, F.l1_loss),
        (losses.huber, F.huber_loss),
        (
            lambda x, y: losses.huber(x, y, delta=0.3),
            lambda x, y: F.huber_loss(x, y, delta=0.3),
        ),
    ],
)
def test_regression(ours, theirs):
    target = cr.asarray(P, dtype=cr.float64)
    compare(lambda x: ours(x, target), lambda x: theirs(x, torch.tensor(P)), Z)
