"""What starting values do: why equal weights and one scale for all widths fail, LSUV, transfer."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.nn import init

WIDTH, DEPTH = 256, 20


def network(initializer, activation, sizes, bias_init=None):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs, init=initializer, bias_init=bias_init), activation]
    return nn.Sequential(*layers[:-1])


# ---- Weights that are all equal ----


def trained(initializer, steps=100):
    """A network for XOR-like data after some steps, and the losses on the way."""
    cr.random.seed(0)
    model = network(initializer, cr.tanh, (2, 8, 1), bias_init=init.zeros())
    optimizer = optim.SGD(model, 0.03, momentum=0.9)
    x = cr.asarray([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    y = cr.asarray([[1.0], [-1.0], [-1.0], [1.0]])

    @cr.jit
    def step(model, optimizer):
        loss, grads = cr.value_and_grad(lambda model: cr.mean((model(x) - y) ** 2))(model)
        optimizer.update(grads)
        return loss

    return model, [step(model, optimizer).item() for _ in range(steps)]


@pytest.mark.covers("A-089", "A-090")
@pytest.mark.parametrize("initializer", [init.zeros(), init.constant(0.3)], ids=["0", "c"])
def test_equal_units_stay_equal(initializer):
    model, losses = trained(initializer)
    hidden = model[0].weight.numpy()
    np.testing.assert_array_equal(hidden, np.broadcast_to(hidden[:, :1], hidden.shape))
    # One unit cannot tell the four points apart.
    assert losses[-1] > 0.9


@pytest.mark.covers("A-089")
def test_zeros_do_not_move():
    model, _ = trained(init.zeros())
    assert not model[0].weight.numpy().any() and not model[2].weight.numpy().any()


def test_random_weights_learn_the_same_task():
    _, losses = trained(init.xavier_normal())
    assert losses[-1] < 0.01


# ---- Scales ----


def growth(initializer, activation, dtype="float64"):
    """The mean square of signals and of gradients behind 20 layers, from a mean square of 1."""
    cr.random.seed(0)
    weights = [initializer((WIDTH, WIDTH), cr.float64) for _ in range(DEPTH)]
    x = cr.random.normal((64, WIDTH), dtype=dtype)

    def run(x):
        for weight in weights:
            x = activation(x @ weight)
        return x

    y, back = cr.vjp(run, x)
    (g,) = back(cr.random.normal(y.shape, dtype=dtype))
    return cr.mean(y**2).item(), cr.mean(g**2).item()


@pytest.mark.covers("A-091", "A-097")
def test_one_scale_for_all_widths_explodes_or_vanishes():
    """Each ReLU layer multiplies by width * variance / 2."""
    for initializer, variance in (
        (init.normal(0, 1), 1),
        (init.uniform(-1, 1), 1 / 3),
        (init.normal(0, 0.01), 1e-4),
    ):
        expected = DEPTH * math.log(WIDTH * variance / 2)
        for found in growth(initializer, cr.relu):
            assert math.log(found) == pytest.approx(expected, abs=DEPTH * 0.1)
        assert abs(expected) > 70


@pytest.mark.covers("A-091")
def test_large_weights_saturate_tanh():
    """Signals cannot explode, but they lie at +-1, where no gradient passes unhurt."""
    signal, gradient = growth(init.normal(0, 1), cr.tanh)
    assert signal > 0.9 and not 1e-2 < gradient < 1e2
    assert growth(init.normal(0, 0.01), cr.tanh)[0] < 1e-25


@pytest.mark.covers("A-092", "A-093", "A-094", "A-095", "A-096", "A-099")
@pytest.mark.parametrize(
    ("initializer", "activation"),
    [
        pytest.param(init.he_normal(), cr.relu, id="he_normal"),
        pytest.param(init.he_uniform(), cr.relu, id="he_uniform"),
        pytest.param(init.he_normal("fan_out"), cr.relu, id="fan_out"),
        pytest.param(init.he_normal(slope=0.3), lambda x: cr.leaky_relu(x, 0.3), id="slope"),
        pytest.param(init.xavier_normal(), lambda x: x, id="xavier_normal"),
        pytest.param(init.xavier_uniform(), lambda x: x, id="xavier_uniform"),
        pytest.param(init.lecun_normal(), lambda x: x, id="lecun_normal"),
        pytest.param(init.orthogonal(), lambda x: x, id="orthogonal"),
        pytest.param(init.orthogonal(init.gain("relu")), cr.relu, id="orthogonal_relu"),
    ],
)
def test_fitting_scale_keeps_signals_and_gradients(initializer, activation):
    for found in growth(initializer, activation):
        assert 1 / 3 < found < 3


def test_fitting_scale_of_tanh_loses_little():
    """tanh shrinks what is large: 20 layers bring the mean square to some hundredths, not 0."""
    assert growth(init.xavier_normal(), cr.tanh)[0] > 0.01
    assert 0.1 < growth(init.xavier_normal(init.gain("tanh")), cr.tanh)[0] < 1


# ---- LSUV ----


def test_lsuv_gives_unit_variance_in_all_layers():
    cr.random.seed(0)
    model = network(None, cr.tanh, (10, 50, 40, 30, 20))
    batch = cr.random.normal((200, 10))
    init.lsuv(model, 3 * batch + 1)
    x = 3 * batch + 1
    for layer in model:
        x = layer(x)
        if isinstance(layer, nn.Linear):
            assert x.numpy().var() == pytest.approx(1, rel=1e-4)
            assert not layer.bias.numpy().any()
            weight = layer.weight.numpy()
            product = weight @ weight.T if weight.shape[0] < weight.shape[1] else weight.T @ weight
            np.testing.assert_allclose(product / product[0, 0], np.eye(len(product)), atol=1e-5)


def test_lsuv_of_a_single_layer_and_of_parts():
    class Net(nn.Module):
        def __init__(self):
            self.body = nn.Linear(4, 8, bias=False, dtype="float64")
            self.head = nn.Linear(8, 3, dtype="float64")

        def __call__(self, x):
            return self.head(cr.relu(self.body(self.body(x)[:, :4])))

    x = cr.random.normal((50, 4), dtype="float64")
    for model in (nn.Linear(4, 8, dtype="float64"), Net()):
        init.lsuv(model, x)
        assert cr.var(model(x)).item() == pytest.approx(1, rel=1e-12)


def test_lsuv_errors():
    with pytest.raises(cr.ChainruleError, match="the outputs of layers.0 are all the same"):
        init.lsuv(nn.Sequential(nn.Linear(2, 3)), cr.zeros((5, 2)))
    with pytest.raises(cr.ChainruleError, match="no module has a weight"):
        init.lsuv(nn.Sequential(cr.relu), cr.zeros((5, 2)))


# ---- Pre-trained weights ----


@pytest.mark.covers("A-098")
def test_pretrained_body_with_a_new_head(tmp_path):
    file = tmp_path / "pretrained.safetensors"
    pretrained = network(init.for_activation("relu"), cr.relu, (6, 8, 8, 10))
    pretrained.save_weights(file)
    model = network(init.for_activation("relu"), cr.relu, (6, 8, 8, 3))
    head = model[-1].weight.numpy().copy()
    missing, unknown = model[:-1].load_weights(file, strict=False)
    assert (missing, unknown) == ([], ["layers.4.bias", "layers.4.weight"])
    for layer in (0, 2):
        np.testing.assert_array_equal(model[layer].weight.numpy(), pretrained[layer].weight.numpy())
    np.testing.assert_array_equal(model[-1].weight.numpy(), head)
    x = cr.random.normal((5, 6))
    np.testing.assert_array_equal(model[:-1](x).numpy(), pretrained[:-1](x).numpy())


@pytest.mark.covers("A-098")
def test_pretrained_layers_below_new_ones(tmp_path):
    file = tmp_path / "pretrained.safetensors"
    network(None, cr.relu, (6, 8)).save_weights(file)
    model = network(None, cr.relu, (6, 8, 3))
    missing, unknown = model.load_weights(file, strict=False)
    assert (missing, unknown) == (["layers.2.weight", "layers.2.bias"], [])
