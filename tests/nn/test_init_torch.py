"""Initializers and gains against PyTorch's: moments where they draw, values where they do not."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import init

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers


@pytest.mark.parametrize("name", ["linear", "sigmoid", "tanh", "relu", "selu", "leaky_relu"])
def test_gain(name):
    assert init.gain(name) == pytest.approx(torch.nn.init.calculate_gain(name), rel=1e-15)


def test_gain_of_slope():
    theirs = torch.nn.init.calculate_gain("leaky_relu", 0.3)
    assert init.gain("leaky_relu", 0.3) == init.gain(nn.LeakyReLU(0.3)) == pytest.approx(theirs)


PAIRS = {
    "xavier_normal": (init.xavier_normal(2.0), lambda w: torch.nn.init.xavier_normal_(w, 2.0)),
    "xavier_uniform": (init.xavier_uniform(), torch.nn.init.xavier_uniform_),
    "he_normal": (
        init.he_normal(slope=0.3),
        lambda w: torch.nn.init.kaiming_normal_(w, 0.3),
    ),
    "he_uniform": (
        init.he_uniform("fan_out"),
        lambda w: torch.nn.init.kaiming_uniform_(w, mode="fan_out", nonlinearity="relu"),
    ),
    "truncated": (
        init.truncated_normal(0.1, 0.5, -1, 3),
        lambda w: torch.nn.init.trunc_normal_(w, 0.1, 0.5, 0.1 - 0.5, 0.1 + 1.5),
    ),
    "orthogonal": (init.orthogonal(1.5), lambda w: torch.nn.init.orthogonal_(w, 1.5)),
}


@pytest.mark.parametrize(("ours", "theirs"), PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("shape", [(150, 250), (3, 3, 40, 60)])
def test_moments(ours, theirs, shape):
    """Their weights are (outputs, inputs, kernel...)."""
    cr.random.seed(0)
    torch.manual_seed(0)
    weight = torch.empty(*shape[:-3:-1], *shape[:-2])
    x, y = (w.numpy().astype(np.float64) for w in (ours(shape, cr.float32), theirs(weight)))
    assert x.std() == pytest.approx(y.std(), rel=6 / math.sqrt(x.size))
    assert x.mean() == pytest.approx(y.mean(), abs=6 * y.std() / math.sqrt(x.size))
    assert abs(x).max() == pytest.approx(abs(y).max(), rel=0.25)


@pytest.mark.parametrize("groups", [1, 2])
def test_dirac(groups):
    weight = torch.nn.init.dirac_(torch.empty(6, 4, 3, 5), groups)
    ours = init.identity(groups=groups)((3, 5, 4, 6), cr.float32).numpy()
    np.testing.assert_array_equal(ours, weight.permute(2, 3, 1, 0).numpy())
