"""Options of losses that no row of the checks has, against PyTorch: values and gradients."""

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


@pytest.mark.parametrize("weight", [np.asarray(3.5), W])
def test_positive_weights(weight):
    target = cr.asarray(P, dtype=cr.float64)
    compare(
        lambda z: losses.binary_cross_entropy(z, target, positive_weight=weight),
        lambda z: F.binary_cross_entropy_with_logits(
            z, torch.tensor(P), pos_weight=torch.tensor(weight)
        ),
        Z,
    )


def test_squared_hinge():
    compare(
        lambda z: losses.multiclass_hinge(z, LABELS, squared=True, margin=0.5),
        lambda z: F.multi_margin_loss(z, torch.tensor(LABELS), p=2, margin=0.5),
        Z,
    )


@pytest.mark.parametrize("margin", [0.2, 3.0])
def test_margins(margin):
    positive, negative = R.normal(size=(2, 16, 5))
    compare(
        lambda z: losses.triplet(z, positive, negative, margin=margin),
        lambda z: F.triplet_margin_loss(
            z, torch.tensor(positive), torch.tensor(negative), margin=margin, eps=0
        ),
        Z,
    )


def test_ctc_in_parts():
    """Repeated labels, lengths of every kind, and one sequence that does not fit into its steps."""
    logits = R.normal(size=(5, 9, 5)) * 3
    labels = np.asarray([[1, 1, 2, 0], [4, 3, 4, 3], [2, 0, 0, 0], [3, 3, 3, 3], [1, 2, 1, 1]])
    steps, counts = np.asarray([9, 4, 1, 6, 7]), np.asarray([3, 4, 0, 4, 4])
    labels = np.where(labels == 2, 0, labels)
    compare(
        lambda z: losses.ctc(
            z, labels, steps, counts, blank=2, zero_infinity=True, reduction="sum"
        ),
        lambda z: F.ctc_loss(
            F.log_softmax(z, -1).transpose(0, 1), *map(torch.tensor, (labels, steps, counts)),
            blank=2, zero_infinity=True, reduction="sum",
        ),
        logits,
    )  # fmt: skip
