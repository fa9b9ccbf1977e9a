"""A workload in chainrule: receives it with a setting; hands on a session, which runs steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn, optim
from chainrule.bench import models
from chainrule.bench.memory import allocated, forget_peak, most_allocated
from chainrule.bench.workloads import Workload
from chainrule.compiler import engine
from chainrule.inspection.limits import least_time, peak, runs
from chainrule.inspection.traffic import least_bytes
from chainrule.ir.count import bytes_moved, flops

CALLS = 200


class Session:
    """One network and its optimizer. `weights`, where given, are where its parameters start."""

    version = cr.__version__

    def __init__(
        self, workload: Workload, setting: dict, weights: Sequence[np.ndarray] | None
    ) -> None:
        cr.random.seed(0)
        if "threads" in setting:
            cr.set_threads(setting["threads"])
        self.model = getattr(models, workload.network)(**workload.sizes)
        x, y = workload.data()
        optimizer = optim.Adam(self.model)
        self.arguments: tuple = (self.model, optimizer, x, y)
        step: Callable = _step
        if workload.batch:
            step = epoch
            self.arguments += (workload.order(),)
        elif not workload.trains:
            step, self.arguments = _infer, (self.model, x)
        self.step = cr.jit(cr.mixed_precision(step) if workload.mixed else step)

    def weights(self) -> list[np.ndarray]:
        """All parameters in order."""
        return [np.array(parameter) for parameter in self.model.parameters().values()]

    def run(self) -> np.ndarray:
        """One step; its loss, or what the network says."""
        return np.asarray(self.step(*self.arguments))

    def facts(self) -> dict[str, Any]:
        """Bytes that steps used, and seconds of the quickest call that takes the same arguments and
        computes nothing. The last that a session can do.
        """
        most, overhead = most_allocated(), self._overhead()
        return {"overhead": overhead, "used_bytes": most - self._given_up()}

    def _overhead(self) -> float:
        nothing = cr.jit(lambda *arguments: 0.0)
        times = []
        for _ in range(CALLS):
            start = time.perf_counter()
            float(nothing(*self.arguments))
            times.append(time.perf_counter() - start)
        return min(times)

    def _given_up(self) -> int:
        """What stays when the program, its state and its inputs are gone: its graph, not its
        memory.
        """
        graphs = [call.program.traced for call in self.step.compiled.values()]
        del self.model, self.arguments, self.step
        forget_peak()
        kept = allocated()
        del graphs
        return kept


def described(workload: Workload) -> dict[str, Any]:
    """What the program for a workload does in a call, and the least time of that here."""
    session = Session(workload, {}, None)
    memory = session.step.plan(*session.arguments)
    (call,) = session.step.compiled.values()
    block = call.program.program.block
    kernels = list(runs(block))
    return {
        "kernels": len(kernels),
        "flops": sum(times * flops(kernel) for kernel, times in kernels),
        "bytes": sum(times * bytes_moved(kernel) for kernel, times in kernels),
        "least_bytes": least_bytes(block),
        "least_seconds": least_time(block),
        "peak_flops": peak(cr.bfloat16 if workload.mixed else cr.float32, engine.threads).best,
        "planned_bytes": memory.peak_bytes,
        "threads": 1 if block.serial else engine.threads,
    }


def _step(model: nn.Module, optimizer: optim.Optimizer, x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
    loss, gradients = cr.value_and_grad(_loss)(model, x, y)
    optimizer.update(gradients)
    return loss


def epoch(
    model: nn.Module, optimizer: optim.Optimizer, x: cr.Tensor, y: cr.Tensor, order: cr.Tensor
) -> cr.Tensor:
    """A step for each row of the order; the mean of their losses."""

    def turn(_: tuple, rows: cr.Tensor) -> tuple:
        return (), _step(model, optimizer, x[rows], y[rows])

    return cr.mean(cr.scan(turn, (), order)[1])


def _loss(model: nn.Module, x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
    return loss_of(model(x), y)


def loss_of(prediction: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
    """Of single logits beside truth values, of several beside labels."""
    if prediction.shape[-1] == 1:
        return nn.losses.binary_cross_entropy(prediction[:, 0], y)
    return nn.losses.cross_entropy(prediction, y)


def _infer(model: nn.Module, x: cr.Tensor) -> cr.Tensor:
    return model(x)
