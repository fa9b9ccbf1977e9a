"""Activations and their kin: values and derivatives against SciPy, in both tails and at kinks."""

import numpy as np
import pytest
import scipy.special as special

import chainrule as cr
from chainrule.errors import ArgumentError, DTypeError, IndexingError, ShapeError

X = np.array([-1e4, -88.0, -20.0, -1.0, -1e-3, -0.0, 0.0, 1e-3, 0.5, 1.0, 20.0, 88.0, 1e4])


def density(x):
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def falling(x):
    """The derivative of the sigmoid."""
    return special.expit(x) * special.expit(-x)


def mish_slope(x):
    gate = np.tanh(np.logaddexp(x, 0))
    return gate + x * (1 - gate**2) * special.expit(x)


# name: (function, value, derivative), the last two in double precision
ROWS = {
    "relu": (cr.relu, lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "leaky_relu": (
        lambda x: cr.leaky_relu(x, 0.1),
        lambda x: np.where(x > 0, x, 0.1 * x),
        lambda x: np.where(x > 0, 1, 0.1),
    ),
    "sigmoid": (cr.sigmoid, special.expit, falling),
    "tanh": (cr.tanh, np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "erf": (cr.erf, special.erf, lambda x: 2 * density(x * np.sqrt(2)) * np.sqrt(2)),
    "gelu": (cr.gelu, lambda x: x * special.ndtr(x), lambda x: special.ndtr(x) + x * density(x)),
    "silu": (cr.silu, lambda x: x * special.expit(x), lambda x: special.expit(x) + x * falling(x)),
    "softplus": (cr.softplus, lambda x: np.logaddexp(x, 0), special.expit),
    "softplus of 3 x": (
        lambda x: cr.softplus(x, 3.0),
        lambda x: np.logaddexp(3 * x, 0) / 3,
        lambda x: special.expit(3 * x),
    ),
    "mish": (cr.mish, lambda x: x * np.tanh(np.logaddexp(x, 0)), mish_slope),
    "elu": (
        lambda x: cr.elu(x, 0.7),
        lambda x: np.where(x > 0, x, 0.7 * np.expm1(np.minimum(x, 0))),
        lambda x: np.where(x > 0, 1, 0.7 * np.exp(np.minimum(x, 0))),
    ),
    "softsign": (cr.softsign, lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2),
    "log_sigmoid": (cr.log_sigmoid, special.log_expit, lambda x: special.expit(-x)),
    "logaddexp": (lambda x: cr.logaddexp(x, 0.5), lambda x: np.logaddexp(x, 0.5),
                  lambda x: special.expit(x - 0.5)),
    "atan": (cr.atan, np.arctan, lambda x: 1 / (1 + x * x)),
    "asinh": (cr.asinh, np.arcsinh, lambda x: 1 / np.sqrt(1 + x * x)),
    "square": (lambda x: x**2, np.square, lambda x: 2 * x),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("function", "value", "derivative"), ROWS.values(), ids=ROWS)
def test_value_and_derivative(function, value, derivative, dtype):
    x = cr.asarray(X, dtype=dtype)
    # erf(x) + 1 loses the left tail of gelu: its error is one of 1, not of the result.
    tolerance = {"rtol": 20 * np.finfo(dtype).eps, "atol": 20 * np.finfo(dtype).eps}
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(np.asarray(function(x)), value(X), **tolerance)
        slope = cr.grad(lambda x: cr.sum(function(x)))(x)
        np.testing.assert_allclose(np.asarray(slope), derivative(X), **tolerance)


@pytest.mark.parametrize("name", ["sigmoid", "log_sigmoid", "softplus"])
def test_tails_keep_relative_precision(name):
    x = np.linspace(-80, 80, 33, dtype=np.float32)
    want = {"sigmoid": special.expit, "log_sigmoid": special.log_expit,
            "softplus": lambda x: np.logaddexp(x, 0)}[name](x.astype(float))  # fmt: skip
    np.testing.assert_allclose(np.asarray(getattr(cr, name)(cr.asarray(x))), want, rtol=1e-6)


def test_gelu_approximation():
    x = np.linspace(-5, 5, 21)
    want = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    got = cr.gelu(cr.asarray(x, dtype="float64"), approximate="tanh")
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize(
    "name", sorted({*cr.activations.names()} - {"glu", "reglu", "geglu", "swiglu"})
)
def test_nan_stays(name):
    assert np.isnan(cr.activations.get(name)(cr.asarray([cr.nan])).numpy()).all()


# (function, where it has a kink, the derivative there)
KINKS = [
    (cr.relu, 0.0, 0.0),
    (cr.abs, 0.0, 0.0),
    (cr.leaky_relu, 0.0, 0.01),
    (cr.elu, 0.0, 1.0),
    (cr.relu6, 6.0, 0.0),
    (cr.hard_tanh, -1.0, 0.0),
    (cr.hard_sigmoid, 3.0, 0.0),
    (cr.soft_shrink, 0.5, 0.0),
    (cr.hard_shrink, 0.5, 0.0),
    (cr.heaviside, 0.0, 0.0),
    (cr.sign, 0.0, 0.0),
]


@pytest.mark.covers("B-021")
@pytest.mark.parametrize(("function", "kink", "slope"), KINKS)
def test_derivatives_at_kinks(function, kink, slope):
    for derivative in (cr.grad(function), cr.jit(cr.grad(function))):
        assert derivative(cr.asarray(kink)).item() == pytest.approx(slope)


@pytest.mark.covers("B-023")
@pytest.mark.parametrize("name", ["sigmoid", "softplus", "softmax", "log_softmax", "logsumexp"])
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_large_inputs_stay_finite_with_their_derivatives(name, size):
    function = getattr(cr, name)
    x = cr.asarray([-size, 0.0, size])
    total = cr.value_and_grad(lambda x: cr.sum(function(x)))
    for result in (*total(x), *cr.jit(total)(x)):
        assert np.isfinite(result.numpy()).all()


LOGITS = np.array([[1e4, -1e4, 0.0], [0.1, 0.2, 0.3], [-1e4, -1e4, -1e4]])


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 1)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_softmax(name, axis):
    got = getattr(cr, name)(cr.asarray(LOGITS, dtype="float64"), axis=axis)
    np.testing.assert_allclose(
        np.asarray(got), getattr(special, name)(LOGITS, axis=axis), rtol=1e-12
    )


def test_logsumexp_of_infinities():
    x = np.array([[-np.inf, -np.inf], [np.inf, 1.0], [-np.inf, 3.0]])
    got = cr.logsumexp(cr.asarray(x, dtype="float32"), axis=1, keepdims=True)
    assert np.asarray(got).tolist() == [[-np.inf], [np.inf], [3.0]]


@pytest.mark.parametrize("shift", [-1e4, 0.0, 1e4])
def test_softmax_derivatives_do_not_depend_on_the_shift(shift):
    x = np.array([0.5, -1.0, 2.0])
    given = cr.asarray(x + shift, dtype="float64")
    share = special.softmax(x)
    loss = cr.grad(lambda x: -cr.log_softmax(x)[0])(given)
    np.testing.assert_allclose(np.asarray(loss), share - [1, 0, 0], rtol=1e-9)
    total = cr.grad(lambda x: cr.logsumexp(x))(given)
    np.testing.assert_allclose(np.asarray(total), share, rtol=1e-9)
    first = cr.grad(lambda x: cr.softmax(x)[0])(given)
    np.testing.assert_allclose(np.asarray(first), share[0] * ([1, 0, 0] - share), rtol=1e-9)


def test_masked_softmax_has_clean_derivatives():
    slope = cr.grad(lambda x: cr.softmax(x)[0])(cr.asarray([1.0, -cr.inf, 0.0])).numpy()
    np.testing.assert_allclose(slope, [0.19661193, 0, -0.19661193], rtol=1e-6)


def test_second_derivatives_at_zero():
    for function, want in [
        (cr.sigmoid, 0),
        (cr.softplus, 0.25),
        (cr.silu, 0.5),
        (cr.gelu, 2 * density(0)),
    ]:
        got = cr.grad(lambda y, f=function: cr.grad(f)(y))(cr.asarray(0.0, dtype="float64"))
        np.testing.assert_allclose(got.item(), want, atol=1e-15)


INVERSES = {
    "erfinv": lambda x: np.sqrt(np.pi) / 2 * np.exp(special.erfinv(x) ** 2),
    "logit": lambda x: 1 / (x * (1 - x)),
    "log2": lambda x: 1 / (x * np.log(2)),
    "asin": lambda x: 1 / np.sqrt(1 - x * x),
    "acos": lambda x: -1 / np.sqrt(1 - x * x),
    "atanh": lambda x: 1 / (1 - x * x),
}


@pytest.mark.parametrize(("name", "derivative"), INVERSES.items(), ids=INVERSES)
def test_derivatives_of_inverses(name, derivative):
    x = np.array([0.01, 0.3, 0.5, 0.7, 0.99])
    slope = cr.grad(lambda x: cr.sum(getattr(cr, name)(x)))(cr.asarray(x, dtype="float64"))
    np.testing.assert_allclose(np.asarray(slope), derivative(x), rtol=1e-12)


def test_roots_at_zero_have_derivative_zero():
    zeros = cr.zeros(2)
    assert cr.grad(lambda x: cr.std(x))(zeros + 3).tolist() == [0, 0]
    assert cr.grad(lambda x: cr.sum(cr.hypot(x, cr.zeros(2))))(zeros).tolist() == [0, 0]


def test_values_at_steps():
    x = cr.asarray([-2.0, 0.0, 2.0])
    assert cr.heaviside(x, 0.5).tolist() == [0.0, 0.5, 1.0]
    assert cr.sign(x).tolist() == [-1.0, 0.0, 1.0]


def test_integers_become_floats():
    for name in {*cr.activations.names()} - {"relu", "sign"}:
        assert cr.activations.get(name)(cr.asarray([1, 2])).dtype is cr.float32


def test_swish_becomes_relu():
    x = np.linspace(-5, 5, 101)
    found = cr.swish(cr.asarray(x, dtype="float64"), 1e3).numpy()
    np.testing.assert_allclose(found, np.maximum(x, 0), atol=1e-3)


def test_selu_keeps_mean_and_variance():
    x = cr.asarray(special.ndtri((np.arange(100_000) + 0.5) / 100_000), dtype="float64")
    y = cr.selu(x).numpy()
    np.testing.assert_allclose([y.mean(), y.var()], [0, 1], atol=1e-4)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_sparsemax_is_the_nearest_distribution(axis):
    random = np.random.default_rng(0)
    x = random.normal(size=(4, 5)) * 3
    p = cr.sparsemax(cr.asarray(x, dtype="float64"), axis=axis).numpy()
    np.testing.assert_allclose(p.sum(axis), 1, rtol=1e-12)
    assert (p >= 0).all() and (p == 0).any()
    for _ in range(100):
        other = np.moveaxis(random.dirichlet(np.full(x.shape[axis], 0.3), 20 // x.shape[axis]),
                            -1, axis)  # fmt: skip
        assert (((x - p) ** 2).sum(axis) <= ((x - other) ** 2).sum(axis)).all()


@pytest.mark.parametrize("x", [[1.0, 1.0], [2.0, 2.0, 2.0], [0.0], [-1e30, 1e30], [3.0, 3.0, -5.0]])
def test_sparsemax_of_ties(x):
    best = np.isclose(x, np.max(x))
    assert cr.sparsemax(cr.asarray(x)).tolist() == pytest.approx(list(best / best.sum()))


def test_one_hot():
    np.testing.assert_array_equal(np.asarray(cr.one_hot(cr.asarray([2, 0]), 3)), np.eye(3)[[2, 0]])
    assert cr.one_hot(cr.asarray([[1], [0]]), 4, axis=0, dtype=cr.int32).shape == (4, 2, 1)
    np.testing.assert_array_equal(
        np.asarray(cr.one_hot(cr.asarray([255, 1], dtype=cr.uint8), 300)), np.eye(300)[[255, 1]]
    )


ERRORS = [
    (lambda: cr.one_hot(cr.asarray([0, 3]), 3), IndexingError,
     "[one_hot] labels run from 0 to 3; 3 classes are numbered 0 to 2; check the labels, or the "
     "number of outputs of the last layer"),
    (lambda: cr.one_hot(cr.asarray([0.0]), 3), DTypeError,
     "[one_hot] labels are float32; they count classes; cast them to an integer"),
    (lambda: cr.gelu(1.0, approximate="erf"), ArgumentError,
     "[gelu] approximate='erf'; only \"none\" and \"tanh\" exist"),
    (lambda: cr.softmax(cr.zeros((2, 0))), ShapeError,
     "[softmax] of no elements ([2, 0], axis -1); it has no maximum"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS)
def test_errors(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message
