"""The trainer: measures its epochs in turns with those of a loop by hand; hands on what it adds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np

import chainrule as cr
from chainrule import optim
from chainrule.bench import models
from chainrule.bench.ours import epoch, loss_of
from chainrule.bench.report import machine
from chainrule.bench.workloads import WORKLOADS, Workload
from chainrule.train import Callback, Trainer
from chainrule.train.trainer.training import Training

DIGITS = Workload(
    "trainer", "MLP 784-256-128-10, batch 64", "epoch", "mlp", (19_200, 784),
    {"widths": (784, 256, 128, 10)}, 64,
)  # fmt: skip
EPOCHS = 6  # Measured in each round, behind one that is not.


@dataclass(frozen=True)
class Trained:
    """Seconds a step of one workload: medians over the rounds, and of the ratios less 1."""

    title: str
    by_hand: float
    trainer: float
    overhead: float


def training(rounds: int) -> list[Trained]:
    """Each workload in so many rounds: an epoch by hand, an epoch by the trainer, which shuffles as
    the loop does and tells a callback at its end.
    """
    return [_measured(workload, rounds) for workload in (DIGITS, WORKLOADS["epoch"])]


def write(found: list[Trained], path: Path) -> None:
    """All figures as JSON."""
    record = {"machine": machine(), "trainer": [asdict(row) for row in found]}
    path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def _measured(workload: Workload, rounds: int) -> Trained:
    sides = [_by_hand(workload), _by_trainer(workload)]
    for side in sides:
        side(2)  # Compiled before the clock starts.
    steps = len(workload.order())
    times = [[_seconds(side) / steps for side in sides] for _ in range(rounds)]
    hand, trainer = zip(*times, strict=True)
    ratios = [b / a for a, b in times]
    return Trained(workload.title, median(hand), median(trainer), median(ratios) - 1)


def _seconds(side: Callable[[int], list[float]]) -> float:
    """What an epoch takes among others: what a call does once is left out."""
    ends = side(EPOCHS + 1)
    return median(after - before for before, after in pairwise(ends))


def _by_hand(workload: Workload) -> Callable[[int], list[float]]:
    """Epochs in a loop; the moments at which they end."""
    model = models.mlp(**workload.sizes)
    optimizer, compiled = optim.Adam(model), cr.jit(epoch)
    x, y = map(cr.asarray, workload.data())
    generator, shape = np.random.default_rng(0), workload.order().shape

    def run(epochs: int) -> list[float]:
        ends = []
        for _ in range(epochs):
            order = generator.permutation(len(x))[: shape[0] * shape[1]].reshape(shape)
            float(compiled(model, optimizer, x, y, order))
            ends.append(time.perf_counter())
        return ends

    return run


class _Told(Callback):
    def fit_start(self, trainer: Training) -> None:
        self.ends: list[float] = []

    def epoch_end(self, trainer: Training) -> None:
        self.ends.append(time.perf_counter())


def _by_trainer(workload: Workload) -> Callable[[int], list[float]]:
    model, told = models.mlp(**workload.sizes), _Told()
    trainer = Trainer(model, loss_of, optim.Adam(model), callbacks=[told])
    data = workload.data()

    def run(epochs: int) -> list[float]:
        trainer.fit(data, epochs=epochs, batch_size=workload.batch, quiet=True)
        return told.ends

    return run
