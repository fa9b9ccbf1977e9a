"""check_grad: what it accepts, what it catches, and that it leaves no trace."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import tree
from chainrule.errors import DTypeError, GradientError, TraceError

X = cr.asarray([0.5, -1.0, 2.0])


class Layer:
    def __init__(self):
        self.w = cr.Box(np.array([[0.3, -0.2], [0.1, 0.5], [-0.4, 0.2]], np.float32), "w")
        self.calls = cr.Box(np.array(0.0, np.float32), "calls")


tree.register(
    Layer, lambda layer: ((layer.w,), ("w",)), lambda names, leaves: dict(zip(names, leaves))
)


def test_smooth_functions_are_perfect():
    check = cr.check_grad(lambda x: cr.sum(cr.sin(x) * cr.exp(x)), X)
    assert check.verdict == "perfect"
    assert check.second is not None


def test_several_results_and_arguments():
    assert (
        cr.check_grad(lambda x, d: (x * d["y"], cr.tanh(x)), X, {"y": 2.0, "n": 3}).verdict
        == "perfect"
    )


def test_float32_layers_are_checked_in_float64_and_left_as_they_were():
    layer = Layer()
    before = layer.w.numpy().copy()

    def loss(layer, x):
        layer.calls.assign(layer.calls + 1)
        return cr.mean(cr.tanh(x @ layer.w) ** 2)

    assert cr.check_grad(loss, layer, X).verdict == "perfect"
    assert layer.w.dtype is cr.float32
    np.testing.assert_array_equal(layer.w.numpy(), before)
    assert layer.calls.item() == 0
    assert cr.config.float64 is False


def test_random_numbers_are_the_same_at_each_point():
    state = cr.random.get_state().numpy()
    noisy = lambda x: cr.sum(cr.sin(x) * cr.random.uniform((3,)))  # noqa: E731
    assert cr.check_grad(noisy, X).verdict == "perfect"
    np.testing.assert_array_equal(cr.random.get_state().numpy(), state)


def test_a_wrong_rule_is_caught():
    @cr.custom_gradient
    def wrong(x):
        return cr.sin(x), lambda g: g * cr.sin(x)

    with pytest.raises(GradientError, match=r"^\[check_grad\] relative errors are .* in first"):
        cr.check_grad(lambda x: cr.sum(wrong(x)), X)
    assert cr.check_grad(lambda x: cr.sum(wrong(x)), X, tolerance=1.0, order=1).verdict == "wrong"


def test_a_wrong_second_derivative_is_caught():
    @cr.custom_gradient
    def once(x):
        slope = cr.stop_gradient(cr.cos(x))
        return cr.sin(x), lambda g: g * slope

    assert cr.check_grad(lambda x: cr.sum(once(x)), X, order=1).verdict == "perfect"
    with pytest.raises(GradientError, match="in second"):
        cr.check_grad(lambda x: cr.sum(once(x)), X)


def test_kinks_are_reported():
    with pytest.raises(GradientError, match="away from kinks"):
        cr.check_grad(lambda x: cr.sum(cr.relu(x)), cr.zeros(3))


def test_errors():
    with pytest.raises(DTypeError, match="hold no floats"):
        cr.check_grad(lambda n: n, 3)
    with pytest.raises(TraceError, match="called inside a transform"):
        cr.grad(lambda x: cr.check_grad(cr.sin, x).first)(1.0)
