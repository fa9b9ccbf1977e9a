"""Normalisation that remembers, beside PyTorch: running averages over steps, and use after them."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

RANDOM = np.random.default_rng(0)


def theirs_of(x):
    return torch.movedim(torch.tensor(x), -1, 1)


@pytest.mark.parametrize("momentum", [0.1, 0.3, None])
@pytest.mark.parametrize("track", [True, False])
@pytest.mark.parametrize(
    ("ours", "theirs", "shape"),
    [
        (nn.BatchNorm, torch.nn.BatchNorm1d, (8, 6)),
        (nn.BatchNorm, torch.nn.BatchNorm1d, (8, 5, 6)),
        (nn.BatchNorm, torch.nn.BatchNorm2d, (4, 3, 5, 6)),
        (nn.InstanceNorm, torch.nn.InstanceNorm1d, (8, 5, 6)),
        (nn.InstanceNorm, torch.nn.InstanceNorm2d, (4, 3, 5, 6)),
    ],
)
def test_running_averages(ours, theirs, shape, momentum, track):
    if momentum is None and ours is nn.InstanceNorm:
        pytest.skip("PyTorch's InstanceNorm does not count batches")
    cr.config.float64 = True
    try:
        layer = ours(6, momentum=momentum, affine=True, track_running_stats=track)
    finally:
        cr.config.float64 = False
    other = theirs(6, momentum=momentum, affine=True, track_running_stats=track).double()
    for _ in range(20):
        x = RANDOM.normal(size=shape) * 3 + 2
        with cr.training():
            found = layer(cr.asarray(x, dtype=cr.float64)).numpy()
        expected = torch.movedim(other(theirs_of(x)), 1, -1).detach().numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    for path, value in other.state_dict().items():
        if path == "num_batches_tracked" and ours is nn.InstanceNorm:
            continue
        np.testing.assert_allclose(layer.state_dict()[path], value.numpy(), rtol=1e-9)
    other.eval()
    expected = torch.movedim(other(theirs_of(x)), 1, -1).detach().numpy()
    found = layer(cr.asarray(x, dtype=cr.float64)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_options_of_layer_norm():
    x = RANDOM.normal(size=(4, 3, 6)).astype(np.float32)
    for options in ({}, {"bias": False}, {"elementwise_affine": False}, {"eps": 0.1}):
        expected = torch.nn.LayerNorm((3, 6), **options)(torch.tensor(x)).detach().numpy()
        found = nn.LayerNorm((3, 6), **options)(cr.asarray(x)).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_epsilon_of_rms_norm():
    x = (RANDOM.normal(size=(4, 6)) * 1e-4).astype(np.float32)
    expected = torch.nn.RMSNorm(6)(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(nn.RMSNorm(6)(cr.asarray(x)).numpy(), expected, rtol=1e-5)
