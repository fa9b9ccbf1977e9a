"""A workload in ONNX Runtime, which infers: exported from PyTorch; hands on a session."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime
import torch

from chainrule.bench.peers.torch_models import MODELS, load
from chainrule.bench.workloads import Workload


class Session:
    """A network that has been optimised as a whole. A setting has `threads`."""

    version = onnxruntime.__version__

    def __init__(self, workload: Workload, setting: dict, weights: Sequence[np.ndarray]) -> None:
        model = MODELS[workload.network](**workload.sizes).eval()
        load(model, weights)
        x, _ = workload.data()
        x = x.transpose(0, 3, 1, 2).copy() if workload.images else x
        exported = torch.onnx.export(model, (torch.from_numpy(x),), dynamo=True, verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = setting["threads"]
        code = exported.model_proto.SerializeToString()
        self.session = onnxruntime.InferenceSession(code, options)
        self.inputs = {self.session.get_inputs()[0].name: x}

    def run(self) -> np.ndarray:
        (result,) = self.session.run(None, self.inputs)
        return result
