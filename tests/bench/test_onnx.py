"""ONNX Runtime infers what we infer: from equal weights, with its input and output bound."""

import numpy as np
import pytest

from chainrule.bench import ours
from chainrule.bench.workloads import WORKLOADS

pytest.importorskip("torch")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")
onnx_runtime = pytest.importorskip("chainrule.bench.peers.onnx_runtime")

# PyTorch's exporter warns of its own calls.
pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("name", ["xor-1", "lenet-1"])
def test_equal_weights_give_equal_results(name):
    session = ours.Session(WORKLOADS[name], {}, None)
    other = onnx_runtime.Session(WORKLOADS[name], {"threads": 2}, session.weights())
    for _ in range(2):
        np.testing.assert_allclose(other.run(), session.run(), rtol=2e-3, atol=1e-4)
