"""Plateau against its description in plain Python, in compiled steps, and saved."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.optim.schedules import Plateau, Warmup


def position():
    return {"x": nn.Parameter(cr.asarray(0.0, dtype="float64"))}


class Reference:
    """Sentence by sentence what the docstring says."""

    def __init__(self, better, factor=0.1, patience=10, cooldown=0, end=0.0, rate=0.1):
        self.better, self.factor, self.patience = better, factor, patience
        self.cooldown, self.end, self.rate = cooldown, end, rate
        self.best, self.stalled, self.cooling = None, 0, 0

    def update(self, metric):
        if self.best is None or self.better(metric, self.best):
            self.best, self.stalled = metric, 0
        else:
            self.stalled += 1
        if self.cooling:
            self.cooling, self.stalled = self.cooling - 1, 0
        if self.stalled > self.patience:
            self.rate = max(self.rate * self.factor, self.end)
            self.stalled, self.cooling = 0, self.cooldown
        return self.rate


PLATEAUS = [
    ({"patience": 2}, lambda new, best: new < best * (1 - 1e-4)),
    (
        {"patience": 1, "mode": "max", "threshold": 0.1, "factor": 0.5},
        lambda new, best: new > best * 1.1,
    ),
    (
        {"patience": 0, "threshold_mode": "abs", "threshold": 0.2, "cooldown": 3, "end": 1e-3},
        lambda new, best: new < best - 0.2,
    ),
    (
        {"mode": "max", "threshold_mode": "abs", "threshold": 0.1, "patience": 3},
        lambda new, best: new > best + 0.1,
    ),
]


@pytest.mark.covers("A-087")
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
@pytest.mark.parametrize(("options", "better"), PLATEAUS)
def test_plateau(options, better, compiled):
    names = ("factor", "patience", "cooldown", "end")
    reference = Reference(better, **{k: v for k, v in options.items() if k in names})
    plateau = Plateau(0.1, **options)
    update = cr.jit(Plateau.update) if compiled else Plateau.update
    for t, noise in enumerate(np.random.default_rng(0).normal(size=60)):
        metric = 1 / (1 + t / 10) + 0.2 * noise
        update(plateau, cr.asarray(metric, dtype="float64"))
        assert plateau(t) == pytest.approx(reference.update(metric), rel=1e-12)


def test_plateau_lowers_the_rate_of_a_compiled_step():
    held = position()
    plateau = Plateau(0.1, patience=0)
    optimizer = optim.SGD(held, plateau)
    step = cr.jit(lambda optimizer: optimizer.update({"x": cr.ones((), dtype="float64")}))
    for loss, moved in ((1.0, 0.1), (2.0, 0.11), (0.5, 0.12), (float("nan"), 0.121)):
        plateau.update(loss)
        step(optimizer)
        assert held["x"].item() == pytest.approx(-moved, rel=1e-12)
    assert len(step.compiled) == 1


def test_plateau_is_saved_with_its_optimizer():
    plateau = Plateau(Warmup(0.1, 4), patience=0)
    optimizer = optim.SGD(position(), plateau)
    for loss in (1.0, 2.0, 3.0):
        plateau.update(loss)
    again = optim.SGD(position(), Plateau(Warmup(0.1, 4), patience=0))
    again.load_state_dict(optimizer.state_dict())
    assert again.hyperparameters.learning_rate(2) == plateau(2) == pytest.approx(0.0005, rel=1e-12)
