"""A workload in PyTorch, eager or compiled: receives it with a setting; hands on a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch.nn import functional as f

from chainrule.bench.peers.torch_models import MODELS, load
from chainrule.bench.workloads import Workload


class Session:
    """One network and its optimizer. A setting has `threads`, `channels_last` and `compile`."""

    version = torch.__version__

    def __init__(self, workload: Workload, setting: dict, weights: Sequence[np.ndarray]) -> None:
        torch.set_num_threads(setting["threads"])
        self.model = MODELS[workload.network](**workload.sizes)
        load(self.model, weights)
        x, y = map(torch.from_numpy, workload.data())
        if workload.images:
            last = setting.get("channels_last")
            order = torch.channels_last if last else torch.contiguous_format
            x = x.permute(0, 3, 1, 2).contiguous(memory_format=order)
            self.model.to(memory_format=order)
        self.x, self.y = x, y
        self.compile = torch.compile if setting.get("compile") else lambda function: function
        # What autocast converts within a forward pass, a weight used twice, it converts once.
        self.autocast = partial(torch.autocast, "cpu", torch.bfloat16, enabled=workload.mixed)
        self.run = self._training() if workload.trains else self._inference()

    def _training(self) -> Callable[[], np.ndarray]:
        model, x, y, autocast = self.model.train(), self.x, self.y, self.autocast
        optimizer = torch.optim.Adam(model.parameters(), fused=True)

        def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            prediction = model(x)
            if prediction.shape[-1] == 1:
                return f.binary_cross_entropy_with_logits(prediction[:, 0], y)
            return f.cross_entropy(prediction.flatten(0, -2), y.flatten())

        compiled = self.compile(loss_of)

        def run() -> np.ndarray:
            optimizer.zero_grad()
            with autocast():
                loss = compiled(x, y)
            loss.backward()
            optimizer.step()
            return loss.detach().numpy()

        return run

    def _inference(self) -> Callable[[], np.ndarray]:
        model = self.compile(self.model.eval())

        def run() -> np.ndarray:
            with torch.inference_mode(), self.autocast():
                return model(self.x).float().numpy()

        return run
