"""Layers against their definitions in NumPy."""

import numpy as np
import pytest
from scipy import special

import chainrule as cr
from chainrule import nn

X = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)


@pytest.mark.parametrize(
    ("layer", "definition"),
    [
        (nn.ReLU(), lambda x: np.maximum(x, 0)),
        (nn.LeakyReLU(), lambda x: np.where(x > 0, x, 0.01 * x)),
        (nn.LeakyReLU(0.3), lambda x: np.where(x > 0, x, 0.3 * x)),
        (nn.Sigmoid(), special.expit),
        (nn.LogSigmoid(), special.log_expit),
        (nn.Tanh(), np.tanh),
        (nn.GELU(), lambda x: x * special.ndtr(x)),
        (
            nn.GELU("tanh"),
            lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
        ),
        (nn.SiLU(), lambda x: x * special.expit(x)),
        (nn.Softplus(), lambda x: np.log1p(np.exp(x))),
        (nn.Softmax(), lambda x: special.softmax(x, -1)),
        (nn.Softmax(axis=0), lambda x: special.softmax(x, 0)),
        (nn.LogSoftmax(), lambda x: special.log_softmax(x, -1)),
        (nn.Identity(), lambda x: x),
    ],
    ids=lambda part: repr(part) if isinstance(part, nn.Module) else "definition",
)
def test_activation(layer, definition):
    np.testing.assert_allclose(
        layer(cr.asarray(X)).numpy(), definition(X.astype(np.float64)), rtol=2e-6, atol=1e-7
    )


@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 3, 5), (0, 5)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(shape, bias):
    layer = nn.Linear(5, 3, bias)
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    expected = x.astype(np.float64) @ layer.weight.numpy()
    expected = expected + layer.bias.numpy() if bias else expected
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-5, atol=1e-6)
    assert (layer.bias is None) is not bias


def test_linear_arguments():
    layer = nn.Linear(2, 3, init=nn.init.constant(0.5), bias_init=nn.init.zeros(), dtype="float64")
    assert layer.weight.tolist() == [[0.5] * 3] * 2
    assert layer.bias.tolist() == [0.0] * 3
    assert layer.weight.dtype is cr.float64
    with pytest.raises(cr.ChainruleError, match="a count is not negative"):
        nn.Linear(-1, 2)


def test_flatten():
    x = cr.reshape(cr.arange(24), (2, 3, 4))
    assert nn.Flatten()(x).tolist() == np.arange(24).reshape(2, 12).tolist()
    assert nn.Flatten(0)(x).shape == (24,)
    assert nn.Flatten()(cr.ones((0, 3, 4))).shape == (0, 12)
    assert nn.Flatten()(cr.ones(3)).shape == (3, 1)
    with pytest.raises(cr.ChainruleError, match=r"^\[Flatten\] Flatten expects at least 1 axes"):
        nn.Flatten()(cr.ones(()))


# ---- Sequential ----


def test_sequential_is_a_sequence():
    layers = [nn.Linear(5, 4), cr.relu, nn.Linear(4, 2)]
    model = nn.Sequential(*layers)
    assert len(model) == 3
    assert list(model) == layers
    assert model[-1] is layers[-1]
    assert isinstance(model[:2], nn.Sequential)
    assert model[:2][0] is layers[0]
    assert list(model.parameters()) == [
        "layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias",
    ]  # fmt: skip
    x = cr.asarray(X)
    np.testing.assert_array_equal(model(x).numpy(), layers[2](cr.relu(layers[0](x))).numpy())


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ((nn.ReLU,), "[Sequential] ReLU is a class; layers are objects; write ReLU()"),
        (
            ([nn.ReLU()],),
            "[Sequential] got a list; layers are modules or functions; "
            "pass them one by one: Sequential(*layers)",
        ),
        ((3,), "[Sequential] got a int; layers are modules or functions"),
    ],
)
def test_sequential_of_what_is_no_layer(layers, text):
    with pytest.raises(cr.ChainruleError) as caught:
        nn.Sequential(*layers)
    assert str(caught.value) == text


# ---- Dropout ----


def test_dropout_acts_in_training_alone():
    layer, x = nn.Dropout(0.5), cr.ones(1000)
    assert layer(x) is x
    assert 0 in cr.grad(lambda x: cr.sum(layer(x)))(x)
    with cr.training():
        assert 0 in layer(x)
    with cr.training(False):
        assert 0 not in cr.grad(lambda x: cr.sum(layer(x)))(x)


def test_dropout_keeps_the_expectation():
    cr.random.seed(0)
    p, count = 0.3, 100_000
    with cr.training():
        y = nn.Dropout(p)(cr.ones(count)).numpy()
    np.testing.assert_allclose(np.unique(y), [0, 1 / (1 - p)], rtol=1e-6)
    # Five standard deviations of a share of `count` draws.
    assert abs((y == 0).mean() - p) < 5 * np.sqrt(p * (1 - p) / count)


def test_dropout_limits():
    x = cr.asarray([1.0, float("inf")])
    with cr.training():
        assert nn.Dropout(0)(x) is x
        assert nn.Dropout(1)(x).tolist() == [0, 0]
    with pytest.raises(cr.ChainruleError) as caught:
        nn.Dropout(20)
    assert str(caught.value) == (
        "[Dropout] p is 20; it is the probability to drop an element; choose 0 <= p <= 1"
    )


def test_dropout_draws_the_same_under_jit():
    layer, x = nn.Dropout(0.5), cr.ones(64)
    gradient = cr.grad(lambda x: cr.sum(layer(x)))
    compiled = cr.jit(gradient)
    cr.random.seed(3)
    plain = [gradient(x).tolist() for _ in range(3)]
    cr.random.seed(3)
    assert [compiled(x).tolist() for _ in range(3)] == plain
    assert plain[0] != plain[1]
