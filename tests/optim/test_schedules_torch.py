"""Schedules against PyTorch's and optax's, step by step."""

import math
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.optim import schedules as ours

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers
theirs = torch.optim.lr_scheduler

STEPS = 60
RATE = 0.3


def walk(make, steps=STEPS, momentum=0.9):
    """(rate, momentum) of each step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE, momentum=momentum)
    schedule = make(optimizer)
    for _ in range(steps):
        yield optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]
        optimizer.step()
        with warnings.catch_warnings():
            # SequentialLR itself calls step(epoch), which warns.
            warnings.simplefilter("ignore")
            schedule.step()


def sequential(optimizer):
    parts = [theirs.LinearLR(optimizer, 1e-3, 1.0, 10), theirs.CosineAnnealingLR(optimizer, 40)]
    return theirs.SequentialLR(optimizer, parts, [10])


def chained(optimizer):
    return theirs.ChainedScheduler(
        [theirs.ExponentialLR(optimizer, 0.9), theirs.StepLR(optimizer, 20, 0.5)]
    )


CASES = {
    "constant": (ours.Constant(RATE), lambda o: theirs.ConstantLR(o, 1.0)),
    "step": (ours.Step(RATE, 7), lambda o: theirs.StepLR(o, 7)),
    "multistep": (
        ours.MultiStep(RATE, [9, 9, 31], 0.5),
        lambda o: theirs.MultiStepLR(o, [9, 9, 31], 0.5),
    ),
    "exponential": (
        ours.Exponential(RATE, -math.log(0.9)),
        lambda o: theirs.ExponentialLR(o, 0.9),
    ),
    "polynomial": (ours.Polynomial(RATE, 40, 2.5), lambda o: theirs.PolynomialLR(o, 40, 2.5)),
    "linear": (ours.Linear(RATE / 3, 40, RATE), lambda o: theirs.LinearLR(o, total_iters=40)),
    "cosine": (ours.Cosine(RATE, STEPS, 0.01), lambda o: theirs.CosineAnnealingLR(o, STEPS, 0.01)),
    "restarts": (
        ours.CosineRestarts(RATE, 7, end=0.01),
        lambda o: theirs.CosineAnnealingWarmRestarts(o, 7, eta_min=0.01),
    ),
    "longer restarts": (
        ours.CosineRestarts(RATE, 4, growth=3),
        lambda o: theirs.CosineAnnealingWarmRestarts(o, 4, 3),
    ),
    "noam": (
        ours.Noam(64, 16),
        lambda o: theirs.LambdaLR(
            o, lambda t: 64**-0.5 * min((t + 1) ** -0.5, (t + 1) * 16**-1.5) / RATE
        ),
    ),
    "triangular": (ours.Cyclic(0.1, 0.5, 8), lambda o: theirs.CyclicLR(o, 0.1, 0.5, 8)),
    "triangular2": (
        ours.Cyclic(0.1, 0.5, 4, 6, mode="triangular2"),
        lambda o: theirs.CyclicLR(o, 0.1, 0.5, 4, 6, mode="triangular2"),
    ),
    "exp_range": (
        ours.Cyclic(0.1, 0.5, 4, 6, mode="exp_range", factor=0.97),
        lambda o: theirs.CyclicLR(o, 0.1, 0.5, 4, 6, mode="exp_range", gamma=0.97),
    ),
    "one cycle": (ours.OneCycle(RATE, STEPS), lambda o: theirs.OneCycleLR(o, RATE, STEPS)),
    "one cycle, straight": (
        ours.OneCycle(RATE, STEPS, 0.17, 10, 100, "linear"),
        lambda o: theirs.OneCycleLR(
            o, RATE, STEPS, pct_start=0.17, div_factor=10, final_div_factor=100,
            anneal_strategy="linear",
        ),
    ),
    "one cycle, three phases": (
        ours.OneCycle(RATE, STEPS, 0.4, three_phase=True, momentum_range=(0.5, 0.99)),
        lambda o: theirs.OneCycleLR(
            o, RATE, STEPS, pct_start=0.4, three_phase=True, base_momentum=0.5, max_momentum=0.99
        ),
    ),
    "one cycle, all down": (
        ours.OneCycle(RATE, STEPS, 0.0),
        lambda o: theirs.OneCycleLR(o, RATE, STEPS, pct_start=0.0),
    ),
    "warm-up, cosine": (
        ours.Chain([ours.Linear(RATE / 1000, 10, RATE), ours.Cosine(RATE, 40)], [10]),
        sequential,
    ),
    "warm-up, cosine in a word": (ours.WarmupCosine(RATE / 1000, RATE, 10, 50), sequential),
    "product": (
        ours.Exponential(RATE, -math.log(0.9)) * ours.Step(1.0, 20, 0.5),
        chained,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("schedule", "make"), CASES.values(), ids=CASES)
def test_steps(schedule, make):
    steps = 50 if "warm-up" in str(make) or make is sequential else STEPS
    rates, momenta = zip(*walk(make, steps), strict=True)
    np.testing.assert_allclose([schedule(t) for t in range(steps)], rates, rtol=1e-12, atol=1e-14)
    if schedule.momentum is not None:
        found = [schedule.momentum(t) for t in range(steps)]
        np.testing.assert_allclose(found, momenta, rtol=1e-12)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize(
    "options", [{}, {"patience": 1, "cooldown": 2, "threshold": 0.05}], ids=str
)
def test_plateau(mode, threshold_mode, options):
    options = {"mode": mode, "threshold_mode": threshold_mode, **options}
    peer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE)
    rates = theirs.ReduceLROnPlateau(peer, eps=0.0, min_lr=1e-9, **options)
    plateau = ours.Plateau(RATE, end=1e-9, **options)
    for t, metric in enumerate(1 + np.random.default_rng(1).uniform(size=100)):
        rates.step(metric)
        plateau.update(metric)
        assert plateau(t) == pytest.approx(rates.get_last_lr()[0], rel=1e-12)


def test_warmup_cosine_is_optax():
    optax = pytest.importorskip("optax")
    options = (0.01, 0.3, 10, 50, 0.05)
    schedule, peer = ours.WarmupCosine(*options), optax.warmup_cosine_decay_schedule(*options)
    for t in range(STEPS):
        assert schedule(t) == pytest.approx(float(peer(t)), rel=1e-5)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_one_cycle_drives_rate_and_momentum(name):
    """Weights in 60 compiled steps, beside those of PyTorch's optimizer and OneCycleLR."""
    generator = np.random.default_rng(3)
    start, gradients = generator.normal(size=5), generator.normal(size=(STEPS, 5))
    schedule = ours.OneCycle(RATE, STEPS)
    beta = {"SGD": {"momentum": schedule.momentum}, "Adam": {"betas": (schedule.momentum, 0.99)}}
    held = {"x": nn.Parameter(cr.asarray(start, dtype="float64"))}
    optimizer = getattr(optim, name)(held, schedule, **beta[name])
    update = cr.jit(lambda optimizer, g: optimizer.update({"x": g}))
    x = torch.tensor(start, requires_grad=True)
    options = {"SGD": {"momentum": 0.9}, "Adam": {"betas": (0.9, 0.99)}}
    peer = getattr(torch.optim, name)([x], lr=RATE, **options[name])
    rates = theirs.OneCycleLR(peer, RATE, STEPS)
    for step, g in enumerate(gradients):
        update(optimizer, cr.asarray(g, dtype="float64"))
        x.grad = torch.tensor(g)
        peer.step()
        if step < STEPS - 1:
            rates.step()
        np.testing.assert_allclose(held["x"].numpy(), x.detach().numpy(), rtol=1e-11)
    assert len(update.compiled) == 1
