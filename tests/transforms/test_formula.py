"""Printed formulas: their values in NumPy are those of the derivatives, and they read well."""

import inspect

import numpy as np
import pytest
from scipy import special

import chainrule as cr
from chainrule.errors import ArgumentError, ShapeError, TraceError

NAMES = {name: getattr(np, name) for name in dir(np) if not name.startswith("_")} | {
    "erf": special.erf,
    "sigmoid": special.expit,
    "atan2": np.arctan2,
}

FUNCTIONS = [
    lambda x: x * cr.exp(-(x**2)),
    lambda x: cr.sin(x) ** 3 / x,
    lambda x: (x + 1) * (x - 1) * cr.cos(x),
    lambda x: cr.sqrt(x**2 + 1) / (1 + cr.exp(x)),
    lambda x: cr.log(cr.abs(x)) + cr.log1p(x**2) + cr.expm1(x),
    lambda x: 2**x + x**-2 + cr.abs(x) ** 0.5,
    lambda x: cr.where(x > 0.5, x**2, cr.where(x < -0.5, -x, x)) * cr.tanh(x),
    lambda x: cr.maximum(x, 0.3) * cr.minimum(x**2, 1.0),
    lambda x: cr.atan2(x, 1 + x**2) - (x - 1) ** 2 / (x - 1),
    lambda x: cr.checkpoint(lambda y: cr.tanh(y) * y)(x),
    cr.sigmoid,
    cr.softplus,
    cr.silu,
    cr.gelu,
    cr.relu,
    cr.leaky_relu,
    cr.tan,
]
X = np.random.default_rng(0).normal(size=40) * 1.5


@pytest.fixture(autouse=True)
def in_float64(monkeypatch):
    monkeypatch.setattr(cr.config, "float64", True)


def value(text, x):
    with np.errstate(all="ignore"):
        return eval(text, NAMES, {"x": x})


@pytest.mark.covers("B-007")
@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__ + str(inspect.getsource(f))[4:40])
def test_the_formula_has_the_values_of_the_derivative(f, order):
    for _ in range(order):
        f = cr.grad(f)
    text = cr.formula(f)
    for x in X:
        assert value(text, x) == pytest.approx(f(x).item(), rel=1e-9, abs=1e-12), text


@pytest.mark.covers("B-007")
@pytest.mark.parametrize(
    ("f", "text", "latex"),
    [
        (
            cr.grad(lambda x: x * cr.exp(-(x**2))),
            "exp(-x**2) - 2*x**2*exp(-x**2)",
            r"\exp\left(-x^{2}\right) - 2 x^{2} \exp\left(-x^{2}\right)",
        ),
        (
            cr.grad(cr.grad(cr.tanh)),
            "2*tanh(x)**3 - 2*tanh(x)",
            r"2 \tanh\left(x\right)^{3} - 2 \tanh\left(x\right)",
        ),
        (cr.grad(cr.sqrt), "1/(2*sqrt(x))", r"\frac{1}{2 \sqrt{x}}"),
        (lambda x: 2 / (x - 1) / x, "2/(x*(x - 1))", r"\frac{2}{x \left(x - 1\right)}"),
        (lambda x: (x + 1) * cr.exp(x), "x*exp(x) + exp(x)", None),
        (lambda x: x * x / x, "x", "x"),
        (lambda x: x - x, "0", "0"),
        (lambda x: -x / 2 - 3, "-x/2 - 3", r"-\frac{x}{2} - 3"),
        (lambda rate, x: rate * x + x * rate, "2*rate*x", "2 rate x"),
        (cr.sqrt, "sqrt(x)", r"\sqrt{x}"),
        (lambda x: cr.sqrt(x**2), "sqrt(x**2)", r"\sqrt{x^{2}}"),
        (lambda x: x ** (x + 1), "x**(x + 1)", "x^{x + 1}"),
        (
            cr.grad(cr.leaky_relu),
            "where(x > 0, 1, 0.01)",
            r"\begin{cases} 1 & \text{if } x > 0 \\ 0.01 & \text{otherwise} \end{cases}",
        ),
        (
            lambda x: cr.abs(x) + cr.erf(x),
            "abs(x) + erf(x)",
            r"\left|x\right| + \operatorname{erf}\left(x\right)",
        ),
    ],
)
def test_formulas_read_well(f, text, latex):
    assert cr.formula(f) == text
    assert latex is None or cr.formula(f, latex=True) == latex


def test_float32_and_boxes_make_no_difference(monkeypatch):
    monkeypatch.setattr(cr.config, "float64", False)
    scale = cr.nn.Parameter(0.5)
    assert cr.formula(cr.grad(lambda x: 0.1 * x * scale)) == "0.05"


def test_many_conditions_stay_where_they_are():
    f = lambda x: sum(cr.where(x > k, x, k) for k in range(6))  # noqa: E731
    text = cr.formula(f)
    assert text.count("where") == 6
    assert value(text, 2.5) == f(2.5).item()


def test_errors():
    with pytest.raises(ShapeError, match="a formula is of one number"):
        cr.formula(lambda x: cr.stack([x, x]))
    with pytest.raises(ArgumentError, match=r"the function uses concat .*elementwise"):
        cr.formula(lambda x: cr.sum(cr.stack([x, x])))
    with pytest.raises(TraceError, match=r"use cr\.where"):
        cr.formula(lambda x: x if x > 0 else -x)
