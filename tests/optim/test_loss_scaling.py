"""Loss scaling, step by step as torch.amp.GradScaler does it; what was skipped leaves no trace."""

import numpy as np
import pytest

import chainrule as cr

BAD = (2, 3, 9)  # Steps whose gradients overflow.


def slopes(step):
    g = np.random.default_rng(step).normal(size=3).astype(np.float32)
    g[step % 3] = np.inf if step in BAD else g[step % 3]
    return g


@pytest.mark.covers("B-049", "E-072")
@pytest.mark.peers
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_as_pytorch(compiled, name):
    torch = pytest.importorskip("torch")
    start = np.array([1.0, -2.0, 0.5], np.float32)
    theirs = torch.nn.Parameter(torch.from_numpy(start.copy()))
    options = {"SGD": {"momentum": 0.9}, "Adam": {}}[name]
    optimizer = getattr(torch.optim, name)([theirs], lr=0.1, **options)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=3)
    ours = cr.nn.Parameter(start)
    inner = getattr(cr.optim, name)([ours], 0.1, **options)
    scaling = cr.optim.LossScaling(inner, scale=2.0**10, interval=3)

    def step(x, scaling, slope):
        value, grads = scaling.value_and_grad(lambda x: cr.sum(x[0] * slope))(x)
        scaling.update(grads)
        return value

    step = cr.jit(step) if compiled else step
    for number in range(16):
        value = step([ours], scaling, slopes(number))
        optimizer.zero_grad()
        loss = torch.sum(theirs * torch.from_numpy(slopes(number)))
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        np.testing.assert_allclose(value, loss.detach().numpy(), rtol=1e-5)
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-5)
        assert scaling.scale.item() == scaler.get_scale()
    assert scaling.steps == 16 - len(BAD)


def test_a_skipped_step_changes_nothing_else():
    x = cr.nn.Parameter([1.0, 2.0])
    optimizer = cr.optim.LossScaling(cr.optim.Lookahead(cr.optim.Adam([x], 0.1), k=2))
    optimizer.update([cr.asarray([1.0, 2.0])])
    before = optimizer.inner.state_dict() | {"x": x.numpy().copy()}
    for bad in (cr.inf, cr.nan):
        optimizer.update([cr.asarray([0.5, bad])])
        now = optimizer.inner.state_dict() | {"x": x.numpy()}
        assert all(np.array_equal(before[path], now[path]) for path in before)
    assert optimizer.scale == 2.0**14 and optimizer.steps == 1
    optimizer.load_state_dict(optimizer.state_dict())
    with pytest.raises(cr.errors.ArgumentError, match="interval=0"):
        cr.optim.LossScaling(cr.optim.SGD([x], 0.1), interval=0)


def test_the_scale_does_not_grow_to_infinity():
    x = cr.nn.Parameter([1.0])
    optimizer = cr.optim.LossScaling(cr.optim.SGD([x], 0.1), scale=2.0**127, interval=1)
    optimizer.update([cr.asarray([1.0])])
    assert optimizer.scale == 2.0**127 and optimizer.good == 0


def test_gradients_that_vanish_without_a_scale():
    """Half of them lie below what float16 holds: gone at scale 1, right with one (E-072)."""
    model = cr.nn.Linear(8, 1, bias=False)
    x = np.geomspace(1e-9, 1.0, 8, dtype=np.float32)[None]

    def loss(model):
        return cr.sum(cr.asarray(model(x), dtype=cr.float32)) * 1e-5

    gradient = {}
    for scale in (1.0, 2.0**16):
        optimizer = cr.optim.LossScaling(cr.optim.SGD(model, 0.1), scale=scale)
        mixed = cr.mixed_precision(loss, cr.float16)
        gradient[scale] = optimizer.value_and_grad(mixed)(model)[1]
    lost, kept = (cr.optim.gradient_shares(g) for g in gradient.values())
    assert lost.zero >= 0.5 and kept.zero < lost.zero and kept.not_finite == 0
    big = gradient[2.0**16]["weight"].numpy()[-3:, 0]
    np.testing.assert_allclose(big, 1e-5 * x[0, -3:], rtol=2e-3)
