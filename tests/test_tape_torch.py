"""The imperative front end does what the same lines do in PyTorch."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import tape

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

X = np.random.default_rng(0).normal(size=(6, 3))
Y = np.random.default_rng(1).normal(size=(6, 2))


@pytest.fixture(autouse=True)
def in_float64(monkeypatch):
    monkeypatch.setattr(cr.config, "float64", True)


def start(requires_grad):
    """Weight and bias on both sides."""
    random = np.random.default_rng(2)
    arrays = random.normal(size=(3, 2)), random.normal(size=2)
    ours = [tape.Variable(a, requires_grad=requires_grad) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=requires_grad) for a in arrays]
    return ours, theirs


def losses(ours, theirs):
    (w, b), (v, c) = ours, theirs
    x, y = torch.tensor(X), torch.tensor(Y)
    return ((X @ w + b - Y) ** 2).mean(), ((x @ v + c - y) ** 2).mean()


def assert_same(ours, theirs):
    for mine, other in zip(ours, theirs):
        np.testing.assert_allclose(np.asarray(mine.grad), other.grad.numpy(), rtol=1e-12)


@pytest.mark.covers("B-015", "B-016")
def test_accumulated_gradients():
    ours, theirs = start(True)
    for _ in range(3):
        for loss in losses(ours, theirs):
            loss.backward()
        assert_same(ours, theirs)


@pytest.mark.covers("B-016")
def test_descent():
    ours, theirs = start(True)
    for _ in range(20):
        for variable in ours:
            variable.zero_grad()
        for tensor in theirs:
            tensor.grad = None
        for loss in losses(ours, theirs):
            loss.backward()
        for w in ours:
            w.value = w.value - 0.1 * w.grad
        with torch.no_grad():
            for w in theirs:
                w -= 0.1 * w.grad
    for mine, other in zip(ours, theirs):
        np.testing.assert_allclose(np.asarray(mine.value), other.detach().numpy(), rtol=1e-12)


@pytest.mark.covers("B-014", "B-017")
def test_errors_come_where_pytorch_has_them():
    ours, theirs = start(True)
    for variable in (ours[0] * 2.0, theirs[0] * 2.0):
        with pytest.raises((ValueError, RuntimeError)):
            variable.backward()
    for loss in losses(ours, theirs):
        loss.backward()
        with pytest.raises((TypeError, RuntimeError)):
            loss.backward()
    with tape.no_grad(), torch.no_grad():
        for loss in losses(ours, theirs):
            assert not loss.requires_grad
