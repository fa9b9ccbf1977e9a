"""Cards against what is known of the functions from papers and textbooks."""

import re

import matplotlib.figure
import numpy as np
import pytest

import chainrule as cr
from chainrule.activations.facts import FACTS
from chainrule.errors import ArgumentError

every = pytest.mark.parametrize("name", cr.activations.names())
INF = np.inf


def properties(name):
    return cr.activations.card(name).properties


RANGES = {
    "identity": "(-inf, inf)",
    "heaviside": "[0, 1]",
    "sign": "[-1, 1]",
    "relu": "[0, inf)",
    "leaky_relu": "(-inf, inf)",
    "prelu": "(-inf, inf)",
    "relu6": "[0, 6]",
    "hard_tanh": "[-1, 1]",
    "hard_sigmoid": "[0, 1]",
    "hard_swish": "[-0.375, inf)",
    "sigmoid": "(0, 1)",
    "log_sigmoid": "(-inf, 0)",
    "softplus": "(0, inf)",
    "softsign": "(-1, 1)",
    "tanh": "(-1, 1)",
    "tanh_shrink": "(-inf, inf)",
    "elu": "(-1, inf)",
    "selu": "(-1.758, inf)",
    "swish": "[-0.2785, inf)",
    "mish": "[-0.3088, inf)",
    "gelu": "[-0.17, inf)",
    "softmax": "(0, 1)",
    "sparsemax": "[0, 1]",
}


@pytest.mark.parametrize(("name", "text"), RANGES.items())
def test_ranges(name, text):
    assert str(properties(name).range) == text


# The largest derivative, and where: a point, or an interval.
PEAKS = {
    "sigmoid": (0.25, 0, 0),
    "tanh": (1, 0, 0),
    "softsign": (1, 0, 0),
    "relu": (1, 0, INF),
    "identity": (1, -INF, INF),
    "hard_sigmoid": (1 / 6, -3, 3),
    "hard_swish": (1.5, 3, 3),
    "softplus": (1, INF, INF),
    "log_sigmoid": (1, -INF, -INF),
    "swish": (1.09984, 2.39936, 2.39936),
    "gelu": (1.12890, np.sqrt(2), np.sqrt(2)),
    "selu": (1.0507009873554805 * 1.6732632423543772, 0, 0),
    "heaviside": (0, -INF, INF),
}


@pytest.mark.parametrize(("name", "peak"), PEAKS.items())
def test_largest_derivatives(name, peak):
    found = properties(name).peak
    ((low, high),) = found.places
    np.testing.assert_allclose((found.value, low, high), peak, rtol=1e-5, atol=1e-7)


@pytest.mark.covers("A-030")
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("sigmoid", -3.63689, 3.63689),
        ("tanh", -np.arctanh(np.sqrt(0.9)), np.arctanh(np.sqrt(0.9))),
        ("relu", 0, INF),
        ("elu", np.log(0.1), INF),
        ("softplus", -np.log(9), INF),
        ("softsign", 1 - np.sqrt(10), np.sqrt(10) - 1),
        ("hard_tanh", -1, 1),
    ],
)
def test_sensitive_regions_lie_between_saturated_ones(name, low, high):
    found = properties(name)
    np.testing.assert_allclose(found.sensitive, [(low, high)], rtol=1e-5, atol=1e-7)
    sides = [side for side in ((-INF, low), (high, INF)) if side[0] < side[1]]
    np.testing.assert_allclose(found.saturated, sides, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["identity", "leaky_relu", "prelu", "soft_shrink", "tanh_shrink"])
def test_what_never_saturates(name):
    assert properties(name).saturated == ()


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("gelu", -0.751792, -0.169971),
        ("swish", -1.278465, -0.278465),
        ("silu", -1.278465, -0.278465),
        ("mish", -1.192431, -0.308843),
        ("hard_swish", -1.5, -0.375),
    ],
)
def test_extremes_of_what_is_not_monotonic(name, place, value):
    found = properties(name)
    np.testing.assert_allclose(found.extremes, [(place, value)], atol=1e-6)
    assert not found.monotonic


def test_all_others_are_monotonic():
    others = set(cr.activations.names()) - {
        "gelu", "swish", "silu", "mish", "hard_swish", "geglu", "swiglu"}  # fmt: skip
    assert {name for name in cr.activations.names() if properties(name).monotonic} == others


KINKS = {
    "relu": (0,),
    "leaky_relu": (0,),
    "prelu": (0,),
    "selu": (0,),
    "reglu": (0,),
    "relu6": (0, 6),
    "hard_tanh": (-1, 1),
    "sparsemax": (-1, 1),
    "hard_sigmoid": (-3, 3),
    "hard_swish": (-3, 3),
    "soft_shrink": (-0.5, 0.5),
}
JUMPS = {"heaviside": (0,), "sign": (0,), "hard_shrink": (-0.5, 0.5)}
BENDS = {"elu": (0,), "celu": (0,), "softsign": (0,)}


@every
def test_kinks(name):
    found = properties(name)
    assert found.kinks == KINKS.get(name, ())
    assert found.jumps == JUMPS.get(name, ())
    assert found.bends == BENDS.get(name, ())
    assert cr.activations.card(name).smooth == (name not in KINKS and name not in JUMPS)


def test_means_of_normal_inputs():
    normal = 1 / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(properties("relu").mean, normal, rtol=1e-5)
    np.testing.assert_allclose(properties("leaky_relu").mean, 0.99 * normal, rtol=1e-5)
    np.testing.assert_allclose(properties("gelu").mean, normal / np.sqrt(2), rtol=1e-5)
    np.testing.assert_allclose(properties("selu").mean, 0, atol=1e-5)
    np.testing.assert_allclose(properties("elu").mean, 0.160521, rtol=1e-4)
    centred = {name for name in cr.activations.names() if cr.activations.card(name).zero_centred}
    assert centred == {
        "identity", "sign", "hard_tanh", "hard_shrink", "soft_shrink", "softsign", "tanh",
        "tanh_shrink", "selu"}  # fmt: skip


def test_table():
    text = str(cr.activations.card("sigmoid"))
    cost = re.search(r"^cost +(\d+\.\d) x relu$", text, re.MULTILINE)
    assert float(cost[1]) > 0
    assert text.replace(cost[0], "") == (
        "function            sigmoid(z)\n"
        "range               (0, 1)\n"
        "saturated           z < -3.637, z > 3.637\n"
        "sensitive           -3.637 < z < 3.637\n"
        "largest derivative  0.25 at z = 0\n"
        "zero-centred        no, mean 0.5 of normal z\n"
        "monotonic           yes\n"
        "smooth              yes\n"
        "\n"
        "paired loss         binary_cross_entropy, which takes what enters it\n"
        "usage               output for two classes or several labels; gates of LSTM and GRU\n"
        "pros                its output is a probability\n"
        "cons                vanishing gradients, saturated on both sides; outputs are not centred"
    )


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("elu", "smooth              once, second derivative jumps at z = 0"),
        ("relu6", "smooth              no, kinks at z = 0, 6"),
        ("sign", "smooth              no, jumps at z = 0"),
        ("gelu", "monotonic           no, extreme -0.17 at z = -0.7518"),
        ("tanh_shrink", "largest derivative  1 at z -> -inf, z -> inf"),
        ("relu", "largest derivative  1 at z > 0"),
        ("relu", "cost                1.0 x relu"),
        ("softmax", "function            softmax([z, 0])[0]"),
        ("glu", "function            glu([1, z])"),
        ("heaviside", "sensitive           nowhere"),
        ("identity", "sensitive           all z"),
    ],
)
def test_lines(name, line):
    assert line in str(cr.activations.card(name)).splitlines()


def test_facts_are_complete():
    assert list(FACTS) == list(cr.activations.names())
    assert all(all(facts) for facts in FACTS.values())


def test_every_function_of_one_input_can_be_drawn():
    figure = cr.activations.card("gelu").plot()
    assert isinstance(figure, matplotlib.figure.Figure)
    curve, slope = figure.axes[0].lines
    z = curve.get_xdata()
    np.testing.assert_allclose(np.gradient(curve.get_ydata(), z)[1:-1], slope.get_ydata()[1:-1],
                               atol=1e-3)  # fmt: skip


@every
def test_names_are_public_functions(name):
    assert cr.activations.get(name) is getattr(cr, name)


def test_names_of_other_spelling():
    assert cr.activations.get("LeakyReLU") is cr.leaky_relu
    assert cr.activations.card("hardswish") == cr.activations.card("hard_swish")


SIMILAR = "[activations.get] there is no 'sigmod'; similar names are sigmoid, log_sigmoid"
NONE = "[activations.get] there is no 'zzz'; there are identity, heaviside, sign, relu, "


@pytest.mark.parametrize(("name", "message"), [("sigmod", SIMILAR), ("zzz", NONE)])
def test_unknown_names(name, message):
    for function in (cr.activations.get, cr.activations.card):
        with pytest.raises(ArgumentError, match=re.escape(message)):
            function(name)
