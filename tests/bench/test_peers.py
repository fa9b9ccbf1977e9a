"""The networks of the peers are ours: from equal weights, the same losses step by step."""

from dataclasses import replace

import numpy as np
import pytest

from chainrule.bench import ours
from chainrule.bench.workloads import WORKLOADS, Workload

pytest.importorskip("torch")
pytest.importorskip("jax")
pytest.importorskip("optax")
pytorch = pytest.importorskip("chainrule.bench.peers.pytorch")
xla = pytest.importorskip("chainrule.bench.peers.xla")

pytestmark = pytest.mark.peers

SMALL = {
    "mlp": ((5, 6), {"widths": (6, 8, 4)}),
    "lenet": ((3, 28, 28, 1), {}),
    "resnet": ((3, 16, 16, 3), {"widths": (4, 8), "blocks": 2}),
    "mobilenet": ((3, 16, 16, 3), {"widths": ((40, 1), (48, 2))}),
    "lstm": ((3, 5, 6), {"inputs": 6, "hidden": 8}),
    "gpt": ((2, 7), {"layers": 2, "width": 16, "heads": 2, "tokens": 7, "vocabulary": 11}),
    "vit": ((2, 8, 8, 3), {"layers": 2, "width": 16, "heads": 2, "patch": 4, "size": 8}),
}


def test_every_network_is_compared():
    assert {workload.network for workload in WORKLOADS.values()} == SMALL.keys()


@pytest.mark.parametrize("group", ["small", "inference"])
@pytest.mark.parametrize("network", SMALL)
def test_equal_weights_give_equal_results(network, group):
    shape, sizes = SMALL[network]
    if network == "mlp" and group == "small":
        sizes = {"widths": (6, 8, 1)}
    workload = Workload(network, network, group, network, shape, sizes)
    session = ours.Session(workload, {}, None)
    weights = session.weights()
    settings = [(pytorch, {"threads": 1, "channels_last": last}) for last in (False, True)]
    settings += [(xla, {"at_once": True, **({"unroll": 2} if network == "lstm" else {})})]
    others = [module.Session(workload, setting, weights) for module, setting in settings]
    for _ in range(2):
        expected = session.run()
        for other in others:
            np.testing.assert_allclose(other.run(), expected, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("group", ["small", "inference"])
@pytest.mark.parametrize("network", SMALL)
def test_mixed_precision_is_near(network, group):
    """Each rounds elsewhere; but to bfloat16 all of them do, and none is float32."""
    shape, sizes = SMALL[network]
    if network == "mlp" and group == "small":
        sizes = {"widths": (6, 8, 1)}
    workload = Workload(network, network, group, network, shape, sizes)
    mixed = replace(workload, precision="mixed")
    exact, session = (ours.Session(w, {}, None) for w in (workload, mixed))
    weights, options = session.weights(), {"threads": 1, "at_once": True}
    others = [module.Session(mixed, options, weights) for module in (pytorch, xla)]
    wanted = exact.run()
    for found in (session.run(), *[other.run() for other in others]):
        assert found.dtype == np.float32 and not np.array_equal(found, wanted)
        np.testing.assert_allclose(found, wanted, atol=0.06 * max(1, np.abs(wanted).max()))


def test_epochs_are_equal():
    sizes = {"widths": (3, 4, 1)}
    workload = Workload("epoch", "epoch", "epoch", "mlp", (20, 3), sizes, 6)
    session = ours.Session(workload, {}, None)
    other = xla.Session(workload, {}, session.weights())
    for _ in range(2):
        np.testing.assert_allclose(other.run(), session.run(), rtol=1e-4)
