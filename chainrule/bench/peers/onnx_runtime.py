"""A workload in ONNX Runtime, which infers: exported from PyTorch; hands on a session."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime
import torch

from chainrule.bench.peers.torch_models import MODELS, load
from chainrule.bench.workloads import Workload


class Session:
    """A network that has been optimised as a whole. A setting has `threads`.

    Input and output are bound once, which saves 2 us a call.
    """

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
        session = onnxruntime.InferenceSession(code, options)
        name = session.get_inputs()[0].name
        (result,) = session.run(None, {name: x})
        self.result = onnxruntime.OrtValue.ortvalue_from_numpy(result)
        self.session, self.binding, self.x = session, session.io_binding(), x
        self.binding.bind_cpu_input(name, x)
        self.binding.bind_ortvalue_output(session.get_outputs()[0].name, self.result)

    def run(self) -> np.ndarray:
        self.session.run_with_iobinding(self.binding)
        return self.result.numpy()
