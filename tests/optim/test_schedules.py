"""Schedules against their formulas in plain Python, in compiled loops, optimizers and pictures."""

import itertools
import math
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.optim.schedules import (
    WSD,
    Chain,
    Constant,
    Cosine,
    CosineRestarts,
    Cyclic,
    Exponential,
    InverseSqrt,
    Linear,
    MultiStep,
    Noam,
    OneCycle,
    Piecewise,
    Plateau,
    Polynomial,
    Product,
    Schedule,
    Step,
    Warmup,
    WarmupCosine,
)

STEPS = 60


def cosine(start, end, share):
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1))) / 2


def line(start, end, share):
    return start + (end - start) * min(share, 1)


def restarts(t, rate=0.3, length=5, growth=2, end=0.01):
    while t >= length:
        t, length = t - length, length * growth
    return cosine(rate, end, t / length)


def noam(t, width=32, warmup=20):
    s = t + 1
    return width**-0.5 * min(s**-0.5, s * warmup**-1.5)


def triangle(t, up=4, down=6):
    place = t % (up + down)
    return place / up if place <= up else (up + down - place) / down


def one_cycle(t, top=0.5, steps=50, first=0.02, last=0.02 / 1e4):
    rise = 0.3 * steps - 1
    if t <= rise:
        return cosine(first, top, t / rise)
    return cosine(top, last, (t - rise) / (steps - 1 - rise))


CASES = {
    "constant": (Constant(0.3), lambda t: 0.3),
    "step": (Step(0.3, every=7), lambda t: 0.3 * 0.1 ** (t // 7)),
    "step halved": (Step(0.3, 7, factor=0.5), lambda t: 0.3 / 2 ** (t // 7)),
    "multistep": (MultiStep(0.3, [9, 9, 31], 0.5), lambda t: 0.3 / [1, 4, 8][(t > 8) + (t > 30)]),
    "exponential": (Exponential(0.3, 0.05), lambda t: 0.3 * math.exp(-0.05 * t)),
    "gamma": (Exponential(0.3, -math.log(0.9)), lambda t: 0.3 * 0.9**t),
    "polynomial": (
        Polynomial(0.3, 40, power=2.5, end=0.01),
        lambda t: 0.01 + 0.29 * (1 - min(t, 40) / 40) ** 2.5,
    ),
    "polynomial of the notes": (Polynomial(0.3, 60), lambda t: 0.3 * (1 - t / 60)),
    "linear": (Linear(0.3, 40, 0.02), lambda t: line(0.3, 0.02, t / 40)),
    "cosine": (Cosine(0.3, 40, 0.01), lambda t: cosine(0.3, 0.01, t / 40)),
    "restarts": (CosineRestarts(0.3, 7), lambda t: cosine(0.3, 0, t % 7 / 7)),
    "longer restarts": (CosineRestarts(0.3, 5, growth=2, end=0.01), restarts),
    "root": (
        InverseSqrt(0.3, 16),
        lambda t: 0.3 * (t + 1) / 16 if t < 16 else 0.3 * 4 / math.sqrt(t + 1),
    ),
    "noam": (Noam(32, warmup=20), noam),
    "triangular": (Cyclic(0.1, 0.5, 4, 6), lambda t: 0.1 + 0.4 * triangle(t)),
    "symmetric": (Cyclic(0.1, 0.5, 4), lambda t: 0.1 + 0.4 * triangle(t, 4, 4)),
    "triangular2": (
        Cyclic(0.1, 0.5, 4, 6, mode="triangular2"),
        lambda t: 0.1 + 0.4 * triangle(t) / 2 ** (t // 10),
    ),
    "exp_range": (
        Cyclic(0.1, 0.5, 4, 6, mode="exp_range", factor=0.97),
        lambda t: 0.1 + 0.4 * triangle(t) * 0.97**t,
    ),
    "cyclic momentum": (Cyclic(0.1, 0.5, 4, 6).momentum, lambda t: 0.9 - 0.1 * triangle(t)),
    "one cycle": (OneCycle(0.5, 50), one_cycle),
    "one cycle momentum": (
        OneCycle(0.5, 50).momentum,
        lambda t: 0.95 - 0.1 * one_cycle(t, 1, 50, 0, 0),
    ),
    "one cycle, all down": (
        OneCycle(0.5, 50, pct_start=0.0),
        lambda t: cosine(0.5, 2e-6, (t + 1) / 50),
    ),
    "piecewise": (
        Piecewise([(10, 0.1), (20, 0.5), (40, 0.2)]),
        lambda t: np.interp(t, [10, 20, 40], [0.1, 0.5, 0.2]),
    ),
    "chain": (
        Chain([Linear(0.1, 9, 0.4), 0.3, lambda t: 1 / (1 + t)], [9, 20]),
        lambda t: line(0.1, 0.4, t / 9) if t < 9 else 0.3 if t < 29 else 1 / (t - 28),
    ),
    "warm-up": (Warmup(0.3, 10), lambda t: line(0, 0.3, t / 10)),
    "warm-up and decay": (
        Warmup(Exponential(0.3, 0.1), 10, start=1e-4),
        lambda t: line(1e-4, 0.3, t / 10) if t < 10 else 0.3 * math.exp(-0.1 * (t - 10)),
    ),
    "warm-up and cosine": (
        WarmupCosine(0.1, 0.3, 10, 50, 0.05),
        lambda t: line(0.1, 0.3, t / 10) if t < 10 else cosine(0.3, 0.05, (t - 10) / 40),
    ),
    "stable": (
        WSD(0.3, 10, 20, 15, 0.03),
        lambda t: min(line(0, 0.3, t / 10), line(0.3, 0.03, max(t - 30, 0) / 15)),
    ),
    "product": (
        Product([Exponential(0.3, 0.1), lambda t: 1 / (1 + t), 2]),
        lambda t: 0.6 * math.exp(-0.1 * t) / (1 + t),
    ),
    "scaled": (0.5 * Step(0.3, 7) * 4.0, lambda t: 0.6 * 0.1 ** (t // 7)),
}  # fmt: skip
each = pytest.mark.parametrize(("schedule", "formula"), CASES.values(), ids=CASES)


@pytest.mark.covers("A-076", "A-077", "A-078", "A-079", "A-080", "A-081")
@pytest.mark.covers("A-082", "A-083", "A-084", "A-085", "A-086")
@each
def test_formula(schedule, formula):
    expected = [formula(t) for t in range(STEPS + 1)]
    numbers = [schedule(t) for t in range(STEPS + 1)]
    assert {type(number) for number in numbers} == {float}
    np.testing.assert_allclose(numbers, expected, rtol=1e-12, atol=1e-15)
    together = schedule(cr.arange(STEPS + 1))
    assert together.dtype is cr.float64
    np.testing.assert_allclose(together.numpy(), numbers, rtol=1e-15)


@each
def test_compiled_loop(schedule, formula):
    """One program walks through all steps and finds the same rates."""
    walk = cr.jit(lambda t: cr.scan(lambda t, _: (t + 1, schedule(t)), t, length=STEPS + 1)[1])
    eager = [schedule(t) for t in range(STEPS + 1)]
    np.testing.assert_allclose(walk(cr.asarray(0)).numpy(), eager, rtol=1e-12, atol=1e-15)


@each
def test_equal_schedules_are_one_program(schedule, formula):
    """A schedule is part of the key of a compiled function, so it must be hashable."""
    assert isinstance(schedule, Schedule)
    assert hash(schedule) == hash(schedule) and schedule == schedule
    assert schedule != Constant(0.12345)


def test_constructors_compare_by_value():
    assert Warmup(Cosine(0.1, 10), 5) == Warmup(Cosine(0.1, 10), 5)
    assert MultiStep(0.1, [1, 2]) == MultiStep(0.1, (1, 2))
    assert Linear(0.1, 10) != Polynomial(0.1, 10, 1.0)


def test_restarts_are_not_missed():
    """Far out, where the logarithm's rounding would put a restart one step late."""
    for steps, growth in itertools.product((1, 3, 7, 10), (2, 3, 10)):
        schedule, start, length = CosineRestarts(1.0, steps, growth), 0, steps
        while start < 1e7:
            assert schedule(start) == pytest.approx(1, rel=1e-12)
            if length > 1:
                last = cosine(1, 0, (length - 1) / length)
                assert schedule(start + length - 1) == pytest.approx(last, abs=1e-12)
            start, length = start + length, length * growth


def test_noam_starts_at_the_first_step_of_the_paper():
    """Step 0 of the optimizer is the paper's step 1: a rate that is neither 0 nor infinite."""
    assert Noam(512)(0) == pytest.approx(512**-0.5 * 4000**-1.5, rel=1e-12)
    peak = max(range(5000), key=lambda t: Noam(512)(cr.asarray(t)).item())
    assert peak == 3999


def test_three_versions_of_one_cycle():
    """The notes' two-phase formula and their 10/30/60 diagram, beside PyTorch's cycle."""
    formula = WarmupCosine(0.004, 0.1, 30, 100, end=4e-7)
    assert [formula(t) for t in (0, 15, 30, 65, 100)] == pytest.approx(
        [0.004, 0.052, 0.1, (0.1 + 4e-7) / 2, 4e-7], rel=1e-12
    )
    diagram = Piecewise([(0, 0.004), (10, 0.1), (40, 0.1), (100, 4e-7)], anneal="cos")
    assert [diagram(t) for t in (0, 10, 25, 40, 70)] == pytest.approx(
        [0.004, 0.1, 0.1, 0.1, (0.1 + 4e-7) / 2], rel=1e-12
    )


def test_three_phases():
    schedule = OneCycle(0.1, 100, 0.4, three_phase=True)
    assert [schedule(t) for t in (0, 39, 78, 99)] == pytest.approx(
        [0.004, 0.1, 0.004, 4e-7], rel=1e-12
    )
    assert [schedule.momentum(t) for t in (0, 39, 78, 90)] == pytest.approx(
        [0.95, 0.85, 0.95, 0.95]
    )


# ---- In an optimizer ----


def position():
    return {"x": nn.Parameter(cr.asarray(0.0, dtype="float64"))}


@pytest.mark.parametrize(
    "schedule", [OneCycle(0.5, 50), Warmup(lambda t: 0.1, 3)], ids=["one cycle", "warmup"]
)
def test_compiled_epoch(schedule):
    """20 updates in one program: the parameter has moved by the sum of the rates."""
    held = position()
    optimizer = optim.SGD(held, schedule)

    @cr.jit
    def epoch(optimizer):
        def step(carry, _):
            optimizer.update({"x": cr.ones((), dtype="float64")})
            return carry, None

        cr.scan(step, 0, length=20)

    epoch(optimizer)
    epoch(optimizer)
    assert held["x"].item() == pytest.approx(-sum(schedule(t) for t in range(40)), rel=1e-12)
    assert len(epoch.compiled) == 1


# ---- Tables and pictures ----


@pytest.mark.covers("A-088")
def test_table():
    assert OneCycle(0.1, 101).table(100, rows=3) == (
        "step  learning_rate  momentum\n"
        "   0          0.004      0.95\n"
        "  50      0.0802984  0.869702\n"
        " 100          4e-07      0.95"
    )
    assert Constant(0.1).table(1).splitlines()[1:] == ["   0            0.1", "   1            0.1"]


@pytest.mark.covers("A-088")
def test_plot(tmp_path):
    pytest.importorskip("matplotlib")
    schedule = OneCycle(0.1, 100)
    figure = schedule.plot(99)
    rates, momentum = figure.axes
    assert [axes.get_ylabel() for axes in figure.axes] == ["learning rate", "momentum"]
    for axes, part in ((rates, schedule), (momentum, schedule.momentum)):
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), part(cr.arange(100)).numpy())
    figure.savefig(tmp_path / "rate.png")
    assert len(Cosine(0.1, 10).plot(10).axes) == 1


def test_plot_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(cr.ChainruleError, match="matplotlib is not installed"):
        Constant(0.1).plot(3)


# ---- What cannot be ----


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: Linear(0.1, -1),
            "[Linear] steps is -1; it is where the rate ends; choose steps >= 1",
        ),
        (
            lambda: Polynomial(0.1, 5, 0),
            "[Polynomial] power is 0; a power of 0 would not fall; choose power > 0",
        ),
        (lambda: Step(0.1, 0), "[Step] every is 0; so many steps keep one rate; choose every >= 1"),
        (lambda: Step(0.1, 5, 0), "[Step] factor is 0; it multiplies the rate; choose factor > 0"),
        (
            lambda: Noam(0),
            "[Noam] d_model is 0; it is the width of the model; choose d_model >= 1",
        ),
        (
            lambda: Cyclic(0.1, 1, mode="sine"),
            '[Cyclic] mode is \'sine\'; choose "triangular", "triangular2" or "exp_range"',
        ),
        (
            lambda: OneCycle(0.1, 100, 1.0),
            "[OneCycle] pct_start is 1.0; it is the share of the steps that lead up, "
            "and some must lead down; choose 0 <= pct_start < 1",
        ),
        (
            lambda: OneCycle(0.1, 100, anneal="exp"),
            '[Piecewise] anneal is \'exp\'; choose "linear" or "cos"',
        ),
        (
            lambda: Piecewise([(3, 0.1), (3, 0.2)]),
            "[Piecewise] the points have steps [3, 3]; the rate goes from one to the next; "
            "give at least one point, each at a later step than the one before",
        ),
        (
            lambda: Chain([0.1, 0.2], [5, 5]),
            "[Chain] 2 schedules with 2 lengths; the last schedule has no end; "
            "give a length for each of the others",
        ),
        (
            lambda: Warmup("fast", 5),
            "[Warmup] got a str; pass schedules, functions of the step, or rates",
        ),
        (
            lambda: WarmupCosine(0, 0.1, 10, 10),
            "[WarmupCosine] steps is 10; 10 of them are warm-up; choose steps >= 11",
        ),
        (
            lambda: Warmup(Plateau(0.1), 5),
            "[Warmup] got a Plateau; it has state, which compiled steps find only where the "
            "optimizer holds it; put it outermost: Plateau(Warmup(...))",
        ),
        (
            lambda: Plateau(0.1, factor=1.0),
            "[Plateau] factor is 1.0; it lowers the rate; choose 0 < factor < 1",
        ),
        (
            lambda: Plateau(0.1, "low"),
            '[Plateau] mode is \'low\'; choose "min" or "max"',
        ),
        (
            lambda: Constant(0.1).table(0),
            "[table] steps is 0; the table ends there; choose steps >= 1",
        ),
    ],
)
def test_errors(call, text):
    with pytest.raises(cr.ChainruleError) as caught:
        call()
    assert str(caught.value) == text
