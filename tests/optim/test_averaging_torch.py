"""EMA, SWA and statistics of batch norms against torch.optim.swa_utils, 200 updates."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

swa = torch.optim.swa_utils
R = np.random.default_rng(7)
WEIGHTS = R.normal(size=(200, 4, 3))


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (lambda m: optim.EMA(m), {"multi_avg_fn": swa.get_ema_multi_avg_fn()}),
        (lambda m: optim.EMA(m, 0.8), {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.8)}),
        (lambda m: optim.SWA(m), {}),
    ],
)
def test_averages(make, options):
    model, peer = nn.Linear(4, 3, bias=False, dtype="float64"), torch.nn.Linear(4, 3, False)
    peer = peer.double()
    average, theirs = make(model), swa.AveragedModel(peer, **options)
    for weight in WEIGHTS:
        model.weight.assign(cr.asarray(weight, dtype="float64"))
        peer.weight.data = torch.tensor(weight.T)
        average.update()
        theirs.update_parameters(peer)
        np.testing.assert_allclose(
            average.mean["weight"].numpy().T, theirs.module.weight.detach().numpy(), rtol=1e-9
        )


def test_update_bn():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm(3))
    peer = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    peer[0].weight.data = torch.tensor(model[0].weight.numpy().T.copy())
    peer[0].bias.data = torch.tensor(model[0].bias.numpy().copy())
    batches = [R.normal(size=(8, 4)).astype("float32") for _ in range(6)]
    optim.update_statistics(model, batches)
    swa.update_bn([torch.tensor(batch) for batch in batches], peer)
    for ours, theirs in (("running_mean", "running_mean"), ("running_var", "running_var")):
        found = getattr(model[1], ours).numpy()
        np.testing.assert_allclose(found, getattr(peer[1], theirs).numpy(), rtol=1e-5, atol=1e-6)
